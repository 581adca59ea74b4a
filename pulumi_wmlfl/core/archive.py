"""A model's content: a file as it is, or a directory as a zip whose bytes are the same on every machine."""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, cast

from ..errors import ContentError

__all__ = ["Content", "open_content"]

_TIME = (1980, 1, 1, 0, 0, 0)
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Content:
    """Content ready to be sent: its sha256, its size in bytes, and how to open it (as often as needed)."""

    sha256: str
    size: int
    open: Callable[[], BinaryIO]


@contextmanager
def open_content(path: str) -> Iterator[Content]:
    """Prepare the file or directory `path`.

    Raises:
        ContentError: it is missing, unreadable, empty or a broken zip.
    """
    source = Path(path).expanduser()
    try:
        if source.is_dir():
            with tempfile.TemporaryDirectory(prefix="wmlfl-") as folder:
                archive = Path(folder) / "content.zip"
                _zip(source, archive)
                yield _content(archive)
            return
        if not source.exists():
            raise ContentError(
                f"{path} does not exist.", hint="The path is relative to the program's folder."
            )
        if source.stat().st_size == 0:
            raise ContentError(f"{path} is empty.")
        if source.suffix == ".zip" and not zipfile.is_zipfile(source):
            raise ContentError(f"{path} is not a valid zip archive.", hint="Make the archive again.")
        yield _content(source)
    except OSError as error:
        raise ContentError(f"{path} cannot be read: {error.strerror or error}.") from None


def _content(file: Path) -> Content:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return Content(digest.hexdigest(), file.stat().st_size, lambda: cast("BinaryIO", file.open("rb")))


def _zip(folder: Path, target: Path) -> None:
    """Write `folder`'s files sorted, with fixed times and modes, and stored.

    Stored, because compressed bytes differ between versions of zlib, and the hash must not.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if not files:
        raise ContentError(f"{folder} holds no file.")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for path in files:
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _TIME)
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as sink:
                _copy(source, sink)


def _copy(source: IO[bytes], sink: IO[bytes]) -> None:
    while chunk := source.read(_CHUNK):
        sink.write(chunk)
