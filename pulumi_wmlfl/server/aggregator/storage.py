"""Where results lie: the service's own storage of a project or space, and S3-compatible object storage.

The service's storage plays the part of a project's assets: it outlives the training's record, and its files
are read under `/v2/asset_files`. boto3 is imported only when a training writes to S3.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Protocol

from ...errors import ServiceError
from ..store.contract import Scope

__all__ = ["LocalStorage", "ObjectStorage", "Storage", "has_boto3"]

_FOLDER = "results"
_LONGEST_PATH = 1024


class Storage(Protocol):
    """A place for files by their path (`/` between its parts)."""

    def put(self, path: str, source: Path) -> None:
        """Store a file; it is whole or not there."""

    def open(self, path: str) -> BinaryIO:
        """Open a file for reading."""


class LocalStorage:
    """Files of one project or space in the service's data folder."""

    def __init__(self, data_dir: Path, scope: Scope) -> None:
        self._root = data_dir / _FOLDER / scope.id
        # As Cloud Pak for Data writes the folder of a project's assets.
        kind = "projects" if scope.kind == "project_id" else "spaces"
        self._prefix = (kind, scope.id, "assets")

    def put(self, path: str, source: Path) -> None:
        """Store a copy of a file, synced to the disk."""
        target = self._file(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.parent / f".{secrets.token_hex(8)}.part"
        try:
            with source.open("rb") as read, temporary.open("xb") as write:
                while chunk := read.read(1 << 20):
                    write.write(chunk)
                write.flush()
                os.fsync(write.fileno())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)

    def find(self, path: str) -> Path | None:
        """Return the file of a path, or None.

        IBM's SDK cuts off what stands before the first `assets/`, and also looks under `trainings/`.
        """
        parts = PurePosixPath(path).parts
        for candidate in (path, str(PurePosixPath(*parts[1:])) if parts[:1] == ("trainings",) else path):
            file = self._file(candidate)
            if file.is_file() and not file.name.startswith("."):
                return file
        return None

    def open(self, path: str) -> BinaryIO:
        """Open a file for reading.

        Raises:
            ServiceError: there is none.
        """
        found = self.find(path)
        if found is None:
            raise ServiceError(f"There is no file {path[:200]} in this project or space.")
        return found.open("rb")

    def listing(self, folder: str) -> list[tuple[str, int]]:
        """Return path and size (bytes) of every file below a folder."""
        root = self._file(folder)
        files = sorted(file for file in root.rglob("*") if file.is_file() and not file.name.startswith("."))
        return [(file.relative_to(self._root).as_posix(), file.stat().st_size) for file in files]

    def _file(self, path: str) -> Path:
        if len(path.encode()) > _LONGEST_PATH:
            raise ServiceError(f"The path {path[:200]!r} cannot be used.")
        parts = PurePosixPath("/" + path).parts[1:]
        if parts[:3] == self._prefix:
            parts = parts[3:]
        if not parts or any(part == ".." or "\0" in part or len(part.encode()) > 255 for part in parts):
            raise ServiceError(f"The path {path[:200]!r} cannot be used.")
        return self._root.joinpath(*parts)


class ObjectStorage:
    """A bucket of S3-compatible object storage; `connection` and `location` are of a results reference."""

    def __init__(self, connection: Mapping[str, Any], location: Mapping[str, Any]) -> None:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        self.bucket = str(location["bucket"])
        self.endpoint = str(connection["endpoint_url"])
        try:
            self._client = boto3.client(
                "s3",
                endpoint_url=self.endpoint,
                aws_access_key_id=str(connection["access_key_id"]),
                aws_secret_access_key=str(connection["secret_access_key"]),
                region_name=str(connection.get("region") or "us-east-1"),
                config=Config(connect_timeout=10, read_timeout=60, retries={"mode": "standard"}),
            )
        except (ValueError, BotoCoreError) as error:
            raise ServiceError(f"The object storage {self.endpoint[:200]} cannot be used: {error}.") from None

    def put(self, path: str, source: Path) -> None:
        """Upload a file, in parts if it is large.

        Raises:
            ServiceError: the storage refused it or cannot be reached.
        """
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._client.upload_file(str(source), self.bucket, path)
        except (Boto3Error, BotoCoreError, ClientError) as error:
            raise self._failed("written", path, error) from None

    def open(self, path: str) -> BinaryIO:
        """Open an object for reading.

        Raises:
            ServiceError: there is none, or the storage cannot be reached.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            body: BinaryIO = self._client.get_object(Bucket=self.bucket, Key=path)["Body"]
        except (BotoCoreError, ClientError) as error:
            raise self._failed("read", path, error) from None
        return body

    def _failed(self, verb: str, path: str, error: Exception) -> ServiceError:
        return ServiceError(
            f"{path} cannot be {verb} in the bucket {self.bucket} of {self.endpoint}: {error}.",
            hint="Check results_reference: endpoint_url, keys, bucket.",
        )


def has_boto3() -> bool:
    """Say whether the extra `s3` is installed."""
    return importlib.util.find_spec("boto3") is not None
