"""The file backend: where stacks, locks, history and backups are, in the layout of Pulumi's own.

Layout and formats: pkg/backend/diy of pulumi/pulumi (project-scoped, version 1). A stack made by either
engine is found by the other; files are replaced as a whole, never written in place.
"""

from __future__ import annotations

import getpass
import json
import os
import shutil
import socket
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from ..errors import EngineError, StackLocked, StackNotFound
from .project import StackName
from .state import now


class Backend:
    """One folder with `.pulumi` in it."""

    def __init__(self, folder: Path, url: str) -> None:
        self.url = url
        self._root = folder / ".pulumi"

    def prepare(self) -> None:
        """Make the folder if it is missing.

        Raises:
            EngineError: it has the older layout without projects, or cannot be written.
        """
        meta = self._root / "meta.yaml"
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not meta.exists():
                if any((self._root / "stacks").glob("*.json")):
                    raise EngineError(
                        f"The backend {self.url} has the older layout without projects.",
                        hint="Upgrade it with the Pulumi CLI: pulumi state upgrade",
                    )
                replace_file(meta, b"version: 1\n")
        except OSError as error:
            raise EngineError(f"The backend {self.url} cannot be used: {error.strerror}.") from None
        if meta.read_text().split() != ["version:", "1"]:
            raise EngineError(f"The backend {self.url} has a layout that this engine does not know.")

    def file(self, stack: StackName, suffix: str = ".json") -> Path:
        """Return the path of a stack's state, or of a file beside it."""
        return self._root / "stacks" / stack.project / f"{stack.name}{suffix}"

    def stacks(self, project: str) -> list[StackName]:
        """Return the stacks of a project."""
        found = sorted((self._root / "stacks" / project).glob("*.json"))
        return [StackName(project, path.stem) for path in found if not path.name.startswith(".")]

    def read(self, stack: StackName) -> dict[str, Any]:
        """Return the content of a stack's file.

        Raises:
            StackNotFound: there is none.
            EngineError: it is not one that this engine reads.
        """
        path = self.file(stack)
        try:
            content = json.loads(path.read_bytes())
        except FileNotFoundError:
            for suffix in (".json.gz", ".json.zst"):
                if self.file(stack, suffix).exists():
                    raise EngineError(
                        f"The state of {stack.name} is compressed; this engine reads plain JSON only."
                    ) from None
            raise StackNotFound(
                f"no stack named '{stack.name}' found.",
                hint=f"Make it with `wmlfl stack init {stack.name}`; `wmlfl stack ls` lists the others.",
            ) from None
        except ValueError:
            raise EngineError(f"The state of {stack.name} is not valid JSON: {path}") from None
        if not isinstance(content, dict) or content.get("version") not in (3, 4):
            raise EngineError(
                f"The state of {stack.name} has a version that this engine does not know: {path}"
            )
        return content

    def write(self, stack: StackName, deployment: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
        """Replace a stack's file and return its content; the one before stays as `.bak`.

        `more` goes beside the checkpoint.
        """
        path = self.file(stack)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        checkpoint: dict[str, Any] = {"stack": stack.qualified}
        if deployment is not None:
            checkpoint["latest"] = deployment
        content = {"version": 4 if more else 3, **more, "checkpoint": checkpoint}
        if path.exists():
            shutil.copyfile(path, self.file(stack, ".json.bak"))
        replace_file(path, _compact(content))
        return content

    def remove(self, stack: StackName) -> None:
        """Remove a stack and its history; the last state stays as `.bak`."""
        self.file(stack).replace(self.file(stack, ".json.bak"))
        self.file(stack, ".json.attrs").unlink(missing_ok=True)
        shutil.rmtree(self._folder("history", stack), ignore_errors=True)

    def backup(self, stack: StackName) -> None:
        """Keep a copy of the state as it is."""
        folder = self._folder("backups", stack)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(self.file(stack), folder / f"{stack.name}.{time.time_ns()}.json")

    def record(self, stack: StackName, update: dict[str, Any]) -> None:
        """Add an update to the history, with a copy of the state it led to."""
        folder = self._folder("history", stack)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        prefix = f"{stack.name}-{time.time_ns()}"
        replace_file(folder / f"{prefix}.history.json", _compact(update))
        shutil.copyfile(self.file(stack), folder / f"{prefix}.checkpoint.json")

    def _folder(self, kind: str, stack: StackName) -> Path:
        return self._root / kind / stack.project / stack.name

    def _locks(self, stack: StackName) -> Path:
        return self._root / "locks" / "organization" / stack.project / stack.name

    @contextmanager
    def lock(self, stack: StackName) -> Iterator[None]:
        """Keep every other run, of this engine and of the CLI, away from the stack.

        A lock that a killed run of this engine left on this machine is taken away.

        Raises:
            StackLocked: another run works on the stack.
        """
        folder = self._locks(stack)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        mine = folder / f"{uuid.uuid4()}.json"
        self._check_locks(folder, mine)
        replace_file(mine, _compact({**_whoami(), "timestamp": now()}))
        try:
            self._check_locks(folder, mine)
            yield
        finally:
            mine.unlink(missing_ok=True)

    def is_locked(self, stack: StackName) -> bool:
        """Say whether a run works on the stack now."""
        return any(not _is_dead(lock) for _, lock in _read_locks(self._locks(stack)))

    def cancel(self, stack: StackName) -> int:
        """Take every lock of the stack away; returns how many there were."""
        locks = _read_locks(self._locks(stack))
        for path, _ in locks:
            path.unlink(missing_ok=True)
        return len(locks)

    def _check_locks(self, folder: Path, mine: Path) -> None:
        held = []
        for path, lock in _read_locks(folder):
            if path == mine:
                continue
            if _is_dead(lock):
                path.unlink(missing_ok=True)
            else:
                held.append(
                    f"{lock.get('username')}@{lock.get('hostname')} (pid {lock.get('pid')}) at {_when(lock)}"
                )
        if held:
            raise StackLocked(
                f"the stack is currently locked by {len(held)} lock(s): {'; '.join(held)}.",
                hint="Wait for the other process(es) to end, or take the lock away with `wmlfl cancel`.",
            )


def replace_file(path: Path, content: bytes) -> None:
    """Write a file as a whole: readers see the old content or the new, also after a crash."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _read_locks(folder: Path) -> Sequence[tuple[Path, dict[str, Any]]]:
    found = []
    for path in sorted(folder.glob("*.json")):
        if path.name.startswith("."):
            continue
        try:
            lock = json.loads(path.read_bytes())
        except FileNotFoundError:
            continue
        except ValueError:
            lock = {}
        found.append((path, lock if isinstance(lock, dict) else {}))
    return found


def _when(lock: dict[str, Any]) -> str:
    try:
        return datetime.fromisoformat(str(lock.get("timestamp"))).isoformat(timespec="seconds")
    except ValueError:
        return "an unknown time"


def _whoami() -> dict[str, Any]:
    return {
        "pid": os.getpid(),
        "username": _user(),
        "hostname": socket.gethostname(),
        "wmlfl": {"boot": _boot(), "started": _started(os.getpid())},
    }


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _is_dead(lock: dict[str, Any]) -> bool:
    """Say whether the lock is of a run of this engine, on this machine, that no longer lives."""
    ours = lock.get("wmlfl")
    if not isinstance(ours, dict) or lock.get("hostname") != socket.gethostname():
        return False
    pid = int(lock.get("pid") or 0)
    if ours.get("boot") != _boot():
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return bool(ours.get("started") != _started(pid))


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _started(pid: int) -> str:
    """Return when a process started, in the kernel's ticks; a later process may get the same number."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
