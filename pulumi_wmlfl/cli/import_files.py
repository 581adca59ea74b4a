"""The files that `wmlfl import` writes: the program text, and the content of models; whole or not at all."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ContentError, ImportRefused, NotFound

if TYPE_CHECKING:
    from ..client import Scope, WmlClient
    from ..core.adopted import Adopted
    from ..core.download import Downloaded

__all__ = ["ContentFolder", "refuse_existing", "text_file"]

_GZIP = b"\x1f\x8b"
_HDF5 = b"\x89HDF"


def refuse_existing(path: Path, *, force: bool) -> None:
    """Refuse to write over a file.

    Raises:
        ImportRefused: it is there, and `force` is not given.
    """
    if path.exists() and not force:
        raise ImportRefused(f"{path} is there already.", hint="Choose another, or write over it: --force")


@contextmanager
def text_file(path: Path | None, text: str) -> Iterator[None]:
    """Write `text` to `path` if the block succeeds; that it can be written is found before.

    Raises:
        ContentError: it cannot be written.
    """
    if path is None:
        yield
        return
    part: Path | None = None
    try:
        try:
            with tempfile.NamedTemporaryFile(
                "w", encoding="utf-8", dir=path.absolute().parent, delete=False
            ) as file:
                part = Path(file.name)
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            mask = os.umask(0)
            os.umask(mask)
            part.chmod(0o666 & ~mask)
        except OSError as error:
            raise ContentError(f"{path} cannot be written: {error.strerror}.") from None
        yield
        part.replace(path)
    finally:
        if part is not None:
            part.unlink(missing_ok=True)


@dataclass
class ContentFolder:
    """Content of models in a folder; programs name it relative to `program`, the folder in which they run.

    Files get their names by `keep`; until then, and if something fails, there is nothing to see of them.
    """

    folder: Path
    program: Path
    force: bool
    notes: list[str] = field(default_factory=list)
    _files: list[tuple[Downloaded, Path]] = field(default_factory=list)

    @contextmanager
    def filled(
        self, client: WmlClient, scope: Scope, adopted: Sequence[Adopted], *, preview: bool
    ) -> Iterator[list[Adopted]]:
        """Download the content of the models among `adopted`, which are returned with it.

        In a preview nothing is written into the folder.

        Raises:
            ImportRefused: a file of this name is there.
            ContentError: the folder cannot be written.
        """
        with ExitStack() as stack:
            folder = self.folder
            if preview:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wmlfl-")))
            else:
                stack.enter_context(_made(folder))
            yield [
                self._with_content(stack, client, scope, entry, folder)
                if entry.collection == "models"
                else entry
                for entry in adopted
            ]

    def keep(self) -> None:
        """Give the files their names."""
        for content, target in self._files:
            content.keep(target)

    def _with_content(
        self, stack: ExitStack, client: WmlClient, scope: Scope, entry: Adopted, folder: Path
    ) -> Adopted:
        from ..core.download import downloaded

        try:
            attachments = [
                found
                for found in client.list_content(entry.id, scope)
                if found.content_format in (None, "native")
            ]
        except NotFound:
            attachments = []
        if not attachments:
            self.notes.append(f"The {entry.title} has no content.")
            return entry
        content = stack.enter_context(downloaded(client, entry.id, scope, folder))
        target = self.folder / f"{entry.resource_name}{_suffix(content.file)}"
        refuse_existing(target, force=self.force)
        self._files.append((content, target))
        path = target.absolute()
        if path.is_relative_to(self.program):
            path = path.relative_to(self.program)
        return entry.with_content(
            path.as_posix(), content.sha256, content.size, attachments[-1].attachment_id
        )


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make a folder; if the block fails and it is empty, it is removed again."""
    new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ContentError(f"{folder} cannot be made: {error.strerror}.") from None
    try:
        yield
    except BaseException:
        with suppress(OSError):
            if new:
                folder.rmdir()
        raise


def _suffix(file: Path) -> str:
    """Return the end of a name that fits the content."""
    if zipfile.is_zipfile(file):
        return ".zip"
    with file.open("rb") as stream:
        start = stream.read(4)
    return ".tar.gz" if start.startswith(_GZIP) else ".h5" if start == _HDF5 else ""
