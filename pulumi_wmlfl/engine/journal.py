"""The journal: every step of a run is durable at once, at a cost that does not grow with the stack.

Before the first step that changes anything the state is written once, marked as open: version 4 with a
feature that no other program knows, so the Pulumi CLI refuses it instead of working on a state that is
behind. From then on each step appends one line. At the end the whole state is written once, without the
mark. A run that was killed leaves both files, and whoever reads the stack next puts them together.

A line is `begin` (an operation whose outcome is not known yet), or `changes` (`put`: a resource, new or
changed, under a number; `drop`: a number) with the `end` of the operation that led to them. The numbers
of resources go on from the state's own entries.
"""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import EngineError
from .backend import Backend, replace_file
from .project import StackName
from .secrets import Crypter
from .state import Operation, Resource, Snapshot

FEATURE = "wmlfl-open-journal"
_SUFFIX = ".wmlfl-journal"


class Journal:
    """The open journal of one run."""

    def __init__(self, backend: Backend, stack: StackName, snapshot: Snapshot, crypter: Crypter) -> None:
        self._seal = crypter.seal
        self._identity = uuid.uuid4().hex
        path = backend.file(stack, _SUFFIX)
        backend.backup(stack)
        replace_file(path, _line({"journal": self._identity}))
        backend.write(stack, snapshot.to_json(self._seal), features=[FEATURE], journal=self._identity)
        self._file: BinaryIO = path.open("ab", buffering=0)

    def put(self, number: int, resource: Resource) -> dict[str, Any]:
        """Return the change that makes a resource so from now on."""
        return {"put": number, "resource": resource.to_json(self._seal)}

    def begin(self, number: int, operation: Operation) -> None:
        """Write that an operation is about to start."""
        self._append(
            {"begin": number, "type": operation.type, "resource": operation.resource.to_json(self._seal)}
        )

    def write(self, changes: list[dict[str, Any]], *, end: int | None = None) -> None:
        """Write changes, and with them that an operation has ended: one line, all of it or nothing."""
        self._append({"changes": changes} if end is None else {"end": end, "changes": changes})
        if end is not None:
            os.fdatasync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _append(self, record: dict[str, Any]) -> None:
        self._file.write(_line(record))


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def remove_journal(backend: Backend, stack: StackName) -> None:
    """Remove the journal of a state that has been written as a whole."""
    backend.file(stack, _SUFFIX).unlink(missing_ok=True)


def is_open(content: dict[str, Any]) -> bool:
    """Say whether a run that wrote this state has not ended."""
    return FEATURE in (content.get("features") or [])


def replay(backend: Backend, stack: StackName, content: dict[str, Any]) -> dict[str, Any]:
    """Return the deployment of an open state together with its journal."""
    deployment: dict[str, Any] = content["checkpoint"].get("latest") or {}
    path = backend.file(stack, _SUFFIX)
    lines = path.read_bytes().split(b"\n") if path.exists() else []
    resources = dict(enumerate(deployment.get("resources") or []))
    pending: dict[int | None, dict[str, Any]] = {}
    # The last line may be torn; what it was to say had not been promised to anyone.
    for number, line in enumerate(lines[:-1]):
        record = _parse(line, path)
        if number == 0:
            if record.get("journal") != content.get("journal"):
                break
        elif "begin" in record:
            pending[record["begin"]] = {"resource": record["resource"], "type": record["type"]}
        else:
            pending.pop(record.get("end"), None)
            for change in record["changes"]:
                if "put" in change:
                    resources[change["put"]] = change["resource"]
                else:
                    resources.pop(change["drop"], None)
    operations = [*(deployment.get("pending_operations") or []), *pending.values()]
    return {**deployment, "resources": list(resources.values()), "pending_operations": operations}


def _parse(line: bytes, path: Path) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError:
        record = None
    if not isinstance(record, dict):
        raise EngineError(f"The journal of an interrupted run is damaged: {path}")
    return record
