"""Content files by their sha256: written beside, synced, then renamed, so a half file is never served."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path
from types import TracebackType

__all__ = ["BlobWriter", "Blobs"]


class BlobWriter:
    """Takes chunks; :meth:`commit` makes them one immutable file. Used as a context manager."""

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

    def commit(self) -> str:
        """Make the content durable and return its sha256 as hex digits."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        digest = self._hash.hexdigest()
        target = self._folder / digest[:2] / digest
        target.parent.mkdir(exist_ok=True)
        self._temporary.replace(target)
        _sync_folder(target.parent)
        return digest

    def __enter__(self) -> BlobWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._temporary.unlink(missing_ok=True)


class Blobs:
    """A folder of immutable files named by their content."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._incoming = folder / "incoming"
        self._incoming.mkdir(parents=True, exist_ok=True)
        for left in self._incoming.iterdir():
            left.unlink(missing_ok=True)

    def writer(self) -> BlobWriter:
        """Begin a new content."""
        return BlobWriter(self._folder, self._incoming / secrets.token_hex(16))

    def path(self, sha256: str) -> Path:
        """Return the file of a content."""
        return self._folder / sha256[:2] / sha256

    def discard(self, sha256: str) -> None:
        """Remove a content that nothing refers to any more."""
        self.path(sha256).unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
