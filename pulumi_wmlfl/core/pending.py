"""Tries to create an object whose end is not known to be in Pulumi's state: written down before the request.

A note is made, and synchronised to disk, before WML is asked for an object; it names the marker that the
object will carry. It is removed when the object is known to be in the state: when the engine asks about it
again, or when the deployment ends in order after the answer was handed over. What is left after a crash tells
the next create of the same resource that an object may exist, and nothing else does: an object without a note
is never taken over, however much it looks like ours.

One small JSON file per note, in a folder of the user; no lock is needed, since every note has its own file.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

__all__ = ["Note", "Notes"]


@dataclass(frozen=True, slots=True)
class Note:
    """One try: which resource, of which program, at which host, where there, with which marker and id.

    `backend`: where the engine keeps its state, as far as that is known.
    """

    urn: str
    program: str
    host: str
    collection: str
    scope: str
    marker: str
    object_id: str = ""
    backend: str = ""

    def may_be_of(self, backend: str) -> bool:
        """Say whether the state in `backend` may be the one that this try was made for."""
        return not (self.backend and backend) or self.backend == backend


class Notes:
    """The notes in a folder. Safe for many threads and processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._handed_over: list[Note] = []

    def begin(self, note: Note) -> None:
        """Write a note down; when this returns it survives a power loss.

        Raises:
            OSError: the folder cannot be written.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._write(note, durable=True)
        handle = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def made(self, note: Note, object_id: str) -> Note:
        """Add the id that WML gave."""
        known = replace(note, object_id=object_id)
        self._write(known, durable=False)
        return known

    def open_for(self, urn: str, program: str) -> list[Note]:
        """Return the notes of earlier tries of a resource."""
        return self._found(f"{_key(urn, program)}-*.json")

    def _found(self, pattern: str) -> list[Note]:
        found = []
        for path in sorted(self._folder.glob(pattern)):
            try:
                found.append(Note(**json.loads(path.read_text(encoding="utf-8"))))
            except (OSError, ValueError, TypeError):
                # Removed meanwhile by another process, or not one of ours.
                continue
        return found

    def remove(self, notes: Iterable[Note]) -> None:
        """Remove notes whose objects are accounted for."""
        for note in notes:
            self._path(note).unlink(missing_ok=True)

    def forget(self, marker: str) -> None:
        """Remove the note of an object that became part of a stack by another way."""
        for path in self._folder.glob(f"*-{marker.rsplit('-', 1)[1]}.json"):
            path.unlink(missing_ok=True)

    def handed_over(self, note: Note) -> None:
        """Remember that the engine is told of an object; it still has to write that down."""
        with self._lock:
            self._handed_over.append(note)

    def in_state(self, object_id: str) -> None:
        """Remove the note of an object that the engine asks about: it is in the state, by whatever name."""
        self.remove(note for note in self._found("*.json") if note.object_id == object_id)

    def ended_in_order(self) -> None:
        """Remove the notes of all objects that the engine was told of."""
        with self._lock:
            notes, self._handed_over = self._handed_over, []
        self.remove(notes)

    def _write(self, note: Note, *, durable: bool) -> None:
        path = self._path(note)
        temporary = path.with_suffix(".new")
        with temporary.open("w", encoding="utf-8") as stream:
            json.dump(asdict(note), stream)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        temporary.replace(path)

    def _path(self, note: Note) -> Path:
        return self._folder / f"{_key(note.urn, note.program)}-{note.marker.rsplit('-', 1)[1]}.json"


def _key(urn: str, program: str) -> str:
    return hashlib.sha256(f"{program}\n{urn}".encode()).hexdigest()[:16]
