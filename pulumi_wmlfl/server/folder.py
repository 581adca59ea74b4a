"""The data folder: one server at a time, readable by its owner only, with what a first start puts into it."""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path

from ..errors import ServiceError
from .access import Access, Role
from .sealing import Sealer
from .settings import (
    DEVELOPMENT_KEY_NAME,
    DEVELOPMENT_PROJECT,
    DEVELOPMENT_SPACE,
    DEVELOPMENT_USER,
    DEVELOPMENT_USERNAME,
)
from .store.contract import Scope
from .store.database import Database

__all__ = ["FolderLock", "development_key", "prepare_folder", "write_private"]


def prepare_folder(folder: Path) -> None:
    """Make the folder if it is not there.

    Raises:
        ServiceError: it cannot be written.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = folder / f".probe-{os.getpid()}"
        probe.touch(mode=0o600)
        probe.unlink()
    except OSError as error:
        raise ServiceError(
            f"The data folder {folder} cannot be written: {error.strerror}.",
            hint="Name another one with --data-dir.",
        ) from None


class FolderLock:
    """Holds a data folder for one server; the system lets go of it when the process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / "lock").open("a+", encoding="utf-8")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.seek(0)
            owner = self._file.read().strip()
            self._file.close()
            process = f" (process {owner})" if owner else ""
            raise ServiceError(
                f"The data folder {folder} is in use by another server{process}.",
                hint="Stop that one, or name another folder with --data-dir.",
            ) from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        """Let another server have the folder."""
        self._file.truncate(0)
        self._file.close()


def development_key(database: Database, access: Access, sealer: Sealer) -> str:
    """Return the key of the development user; the first time make it, its user, project and space."""
    sealed = database.setting("development_key")
    if sealed is not None:
        return str(sealer.unseal(sealed))
    key = secrets.token_urlsafe(32)
    access.add_user(DEVELOPMENT_USER, DEVELOPMENT_USERNAME, f"{DEVELOPMENT_USERNAME}@localhost")
    members: dict[str, Role] = {DEVELOPMENT_USER: "admin"}
    access.add_scope(Scope("project_id", DEVELOPMENT_PROJECT), "Development project", members)
    access.add_scope(Scope("space_id", DEVELOPMENT_SPACE), "Development space", members)
    access.add_key(DEVELOPMENT_USER, DEVELOPMENT_KEY_NAME, key)
    database.put_setting("development_key", sealer.seal(key))
    return key


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, all at once.

    Raises:
        ServiceError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise ServiceError(f"The file {path} cannot be written: {error.strerror}.") from None
