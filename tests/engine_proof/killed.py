"""Ends engines in the middle of their work, and looks at what is left."""

from __future__ import annotations

import json
import os
import sys
import uuid
from pathlib import Path
from typing import Any

from tests.support.service import wait_until

from .harness import EMBEDDED, TOY, Engine, Project

KILLING = Path(__file__).parent / "killing"
MARK = "WMLFL_PROOF_RUN"
ARMED = Engine(
    name="embedded, armed",
    command=(
        sys.executable,
        "-c",
        "import end_engine; end_engine.arm(); from pulumi_wmlfl.cli import main; main()",
    ),
    last=EMBEDDED.last,
)
COMMANDS = {
    "up": ("up", "--yes", "--skip-preview"),
    "refresh": ("refresh", "--yes", "--skip-preview"),
    "destroy": ("destroy", "--yes", "--skip-preview"),
}


def end_at_call(project: Project, command: str, at: str) -> None:
    """Run a command; the engine is killed at a call of the provider (`"create a begin"`)."""
    pid_file = project.base / "engine.pid"
    _end(project, EMBEDDED, command, pid_file, TOY_KILL=json.dumps({"at": at, "pid_file": str(pid_file)}))


def end_at_file(project: Project, command: str, number: int) -> None:
    """Run a command; the engine is killed before its `number`-th change of a file of the backend."""
    _end(project, ARMED, command, project.base / "engine.pid", **armed(project, number))


def changes_of_files(project: Project, command: str) -> list[str]:
    """Run a command to its end; return the changes of the backend's files that it made."""
    settings = armed(project, 0)
    code, out, error = project(ARMED, *COMMANDS[command], **settings)
    assert code == 0, out + error
    return Path(settings["END_LOG"]).read_text().splitlines()


def armed(project: Project, number: int) -> dict[str, str]:
    """Return the environment of an armed engine."""
    return {
        "PYTHONPATH": os.pathsep.join((str(TOY), str(KILLING))),
        "END_FOLDER": str(project.state_folder),
        "END_AT": str(number),
        "END_LOG": str(project.base / "changes.log"),
    }


def _end(project: Project, engine: Engine, command: str, pid_file: Path, **environment: str) -> None:
    mark = uuid.uuid4().hex
    project.log.write_text("")
    with project.popen(engine, *COMMANDS[command], **environment, **{MARK: mark}) as process:
        pid_file.write_text(str(process.pid))
        out, error = process.communicate(timeout=60)
    assert process.returncode == -9, f"the engine ended by itself:\n{out}{error}"
    wait_until(lambda: not survivors(mark), seconds=10)


def survivors(mark: str) -> list[int]:
    """Return the processes that a run left behind; each of them inherited the run's mark."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if wanted in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
            except OSError:
                continue
    return found


def go_on(project: Project, command: str, **environment: str) -> tuple[int, str]:
    """Run the command again as the user would; return its exit code and all that it said."""
    project.log.write_text("")
    code, out, error = project(EMBEDDED, *COMMANDS[command], **environment)
    return code, out + error


def orphans(project: Project) -> set[str]:
    """Return the objects of the cloud that the state does not know."""
    known = {resource.get("id") for resource in project.deployment().get("resources") or []}
    return set(project.world.objects()) - known


def without_ids(value: Any) -> Any:
    """Leave out what differs between a run that made an object twice and one that made it once."""
    if isinstance(value, dict):
        return {k: without_ids(v) for k, v in value.items() if k not in {"id", "serial", "label"}}
    return [without_ids(item) for item in value] if isinstance(value, list) else value
