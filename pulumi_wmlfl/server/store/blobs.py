"""Content files by their sha256: written beside, synced, then renamed, so a half file is never served."""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
from collections.abc import Collection
from pathlib import Path
from types import TracebackType

__all__ = ["BlobWriter", "Blobs"]


class BlobWriter:
    """Takes chunks; :meth:`finish` makes them durable, :meth:`publish` one immutable file.

    Used as a context manager: what was not published is removed.
    """

    def __init__(self, folder: Path, temporary: Path) -> None:
        self._folder = folder
        self._temporary = temporary
        self._file = temporary.open("xb")
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, chunk: bytes) -> None:
        """Append `chunk`."""
        self._hash.update(chunk)
        self._file.write(chunk)
        self.size += len(chunk)

    def finish(self) -> str:
        """Make the bytes durable and return their sha256 as hex digits."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return self._hash.hexdigest()

    def publish(self) -> None:
        """Give the finished file its place; under :attr:`Blobs.lock`, before anything refers to it."""
        digest = self._hash.hexdigest()
        target = self._folder / digest[:2] / digest
        target.parent.mkdir(exist_ok=True)
        self._temporary.replace(target)
        _sync_folder(target.parent)
        _sync_folder(self._folder)

    def __enter__(self) -> BlobWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._temporary.unlink(missing_ok=True)


class Blobs:
    """A folder of immutable files named by their content.

    `lock` is held while a content and its first reference are made, or its last reference and the content are
    removed: equal contents are one file.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._incoming = folder / "incoming"
        self.lock = threading.Lock()
        self._incoming.mkdir(parents=True, exist_ok=True)
        for left in self._incoming.iterdir():
            left.unlink(missing_ok=True)

    def writer(self) -> BlobWriter:
        """Begin a new content."""
        return BlobWriter(self._folder, self._incoming / secrets.token_hex(16))

    def path(self, sha256: str) -> Path:
        """Return the file of a content."""
        return self._folder / sha256[:2] / sha256

    def discard(self, contents: Collection[str]) -> None:
        """Remove contents that nothing refers to any more; call it under :attr:`lock`."""
        for sha256 in contents:
            self.path(sha256).unlink(missing_ok=True)

    def keep_only(self, contents: Collection[str]) -> None:
        """Remove everything else: what a killed service had stored and not yet referred to."""
        for file in self._folder.glob("??/*"):
            if file.name not in contents:
                file.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
