"""Writes a model's content to a file that is there as a whole or not at all."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..client.contract import Scope, WmlApi
from ..errors import ContentError

__all__ = ["Downloaded", "downloaded"]


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A file with a model's content: its SHA-256 (hexadecimal) and its size in bytes."""

    file: Path
    sha256: str
    size: int

    def keep(self, target: Path) -> None:
        """Give the file its name, in the folder that it was written to.

        Raises:
            ContentError: that cannot be done.
        """
        try:
            self.file.replace(target)
        except OSError as error:
            raise ContentError(f"{target} cannot be written: {error.strerror}.") from None


@contextmanager
def downloaded(api: WmlApi, model_id: str, scope: Scope, folder: Path) -> Iterator[Downloaded]:
    """Download the content of a model into `folder`, under a name of its own until it is kept.

    Raises:
        ContentError: the folder cannot be written.
        NotFound: there is no content.
    """
    part: Path | None = None
    try:
        digest, size = hashlib.sha256(), 0
        with api.download_content(model_id, scope) as chunks:
            try:
                with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
                    part = Path(file.name)
                    for chunk in chunks:
                        file.write(chunk)
                        digest.update(chunk)
                        size += len(chunk)
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as error:
                raise ContentError(f"{folder} cannot be written: {error.strerror}.") from None
        yield Downloaded(part, digest.hexdigest(), size)
    finally:
        if part is not None:
            part.unlink(missing_ok=True)
