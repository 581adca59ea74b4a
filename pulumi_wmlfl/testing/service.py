"""A local WML service in a process of its own, for tests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from ..client import Scope, WmlClient
from ..config import resolve_settings
from ..errors import ServiceError
from .control import Control

__all__ = ["LocalService", "spawn", "start_service", "wait_until"]

T = TypeVar("T")
_COMMAND = "from pulumi_wmlfl.cli import main; main()"


class LocalService:
    """A running service: what its ready file says, a client for it, and its control side."""

    def __init__(
        self, process: subprocess.Popen[str], data_dir: Path, ready_file: Path | None = None
    ) -> None:
        self.process = process
        self.data_dir = data_dir
        self.ready_file = ready_file or data_dir / "ready.json"
        self.ready: dict[str, Any] = json.loads(self.ready_file.read_text(encoding="utf-8"))
        self.url = str(self.ready["url"])
        self.ca_file = str(self.ready["ca_file"])
        self.apikey = str(self.ready["apikey"])
        self.user_id = str(self.ready["user_id"])
        self.project_id = str(self.ready["project_id"])
        self.space_id = str(self.ready["space_id"])
        self.control = Control(self.ready)
        self.log_file: Path | None = None

    def log(self) -> str:
        """Return what the service has written so far."""
        return self.log_file.read_text(encoding="utf-8") if self.log_file else ""

    @property
    def scope(self) -> Scope:
        """The project of this service, or of this test."""
        return Scope("project_id", self.project_id)

    def environment(self) -> dict[str, str]:
        """Return the variables that send a program, a provider or a command to this service."""
        return {"WMLFL_READY_FILE": str(self.ready_file), "WMLFL_PLATFORM": "local"}

    def client(self) -> WmlClient:
        """Return a client of the development user; it repeats nothing."""
        return WmlClient(resolve_settings({}, {**self.environment(), "WMLFL_RETRIES": "0"}))

    def with_fresh_scopes(self, folder: Path) -> LocalService:
        """Return this service with a project and a space of its own, named in a ready file in `folder`."""
        scopes = {kind: self.control.new_scope(kind) for kind in ("project_id", "space_id")}
        ready_file = folder / "ready.json"
        ready_file.write_text(json.dumps({**self.ready, **scopes}), encoding="utf-8")
        scoped = type(self)(self.process, self.data_dir, ready_file)
        scoped.log_file = self.log_file
        return scoped

    def kill(self) -> None:
        """End it as a power loss would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)


def spawn(data_dir: Path, *options: str, command: str = "serve", **popen: Any) -> subprocess.Popen[str]:
    """Start `wmlfl serve` (or another command) on `data_dir`; returns the process at once."""
    port = () if command != "serve" or "--port" in options else ("--port", "0")
    return subprocess.Popen(
        [sys.executable, "-c", _COMMAND, *command.split(), *port, *options, "--data-dir", str(data_dir)],
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        **{"stdout": subprocess.PIPE, **popen},
    )


@contextmanager
def start_service(
    data_dir: Path,
    *options: str,
    popen: Mapping[str, Any] | None = None,
    kind: type[LocalService] = LocalService,
    **named: object,
) -> Iterator[Any]:
    """Run a service on `data_dir` until the block ends; `pending_seconds=0.2` is `--pending-seconds 0.2`.

    Raises:
        ServiceError: it cannot start; the text is what it said.
    """
    for name, value in named.items():
        options += (f"--{name.replace('_', '-')}", str(value))
    (data_dir / "ready.json").unlink(missing_ok=True)
    # A file: a pipe that nobody reads would stop the service when it is full.
    with tempfile.NamedTemporaryFile("w+", prefix="wmlfl-", suffix=".log", encoding="utf-8") as log:
        process = spawn(data_dir, *options, **{"stdout": log, **(popen or {})})
        try:
            wait_until(lambda: (data_dir / "ready.json").exists() or process.poll() is not None)
            if process.poll() is not None:
                said = Path(log.name).read_text(encoding="utf-8")
                raise ServiceError(f"The local service did not start: {said}")
            running = kind(process, data_dir)
            running.log_file = Path(log.name)
            yield running
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(15)


def wait_until(done: Callable[[], T], seconds: float = 30.0) -> T:
    """Wait for a condition; return what made it true.

    Raises:
        TimeoutError: it did not come true within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not (found := done()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"gave up waiting after {seconds:g} s")
        time.sleep(0.02)
    return found
