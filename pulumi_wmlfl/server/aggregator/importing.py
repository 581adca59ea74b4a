"""A model made of results: its content is fetched from where `content_location` says.

IBM's SDK posts the `request.json` of a training's results to `/ml/v4/models`, is answered 202, and the
content follows. Source: SDK 1.0.370 and 1.3.39, `_publish_from_training`; API reference, "Saving the
trained model".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool

from ...errors import MissingExtra, ServiceError
from ..routes_content import store_content
from ..services import Services
from ..store.contract import Record
from .storage import LocalStorage, ObjectStorage, Storage, has_boto3

__all__ = ["import_content"]

_CHUNK = 1 << 20


async def import_content(services: Services, record: Record) -> None:
    """Fetch the content of a new model and store it.

    Raises:
        ServiceError: the content is not where the request says.
    """
    await run_in_threadpool(_import, services, record)
    await services.finish_import(record.id)


def _import(services: Services, record: Record) -> None:
    location = record.entity["content_location"]
    storage = _storage(services, record, location)
    for content in _contents(location):
        limit = services.settings.largest_content
        with storage.open(content["location"]) as file, services.blobs.writer() as writer:
            while chunk := file.read(_CHUNK):
                writer.write(chunk)
                if writer.size > limit:
                    raise ServiceError(f"{content['location'][:200]} is larger than {limit} bytes.")
            store_content(
                services, record.id, writer, content_format=content["content_format"], name=content["name"]
            )


def _storage(services: Services, record: Record, location: Mapping[str, Any]) -> Storage:
    kind = location.get("type")
    if kind in {"container", "fs"}:
        return LocalStorage(services.settings.data_dir, record.scope)
    if kind != "s3":
        raise ServiceError(
            f"A content_location of the type {kind} is not served here; use container, fs or s3."
        )
    if not has_boto3():
        raise MissingExtra("content_location.type: s3", "s3")
    sealed = record.extra.get("connection")
    connection = services.sealer.unseal(sealed) if sealed else {}
    try:
        return ObjectStorage(connection, location.get("location") or {})
    except KeyError as error:
        raise ServiceError(f"content_location lacks {error.args[0]}.") from None


def _contents(location: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return format, name and path of every content.

    Raises:
        ServiceError: there is none, or one without a path.
    """
    contents = location.get("contents")
    if not isinstance(contents, list) or not contents:
        raise ServiceError("content_location.contents must name at least one content.")
    found: list[dict[str, str]] = []
    for content in contents:
        path = content.get("location") if isinstance(content, dict) else None
        if not isinstance(path, str) or not path:
            raise ServiceError("Every one of content_location.contents needs a location.")
        form = str(content.get("content_format") or "native")
        found.append(
            {
                "location": path,
                "content_format": form,
                "name": "" if form == "native" else str(content.get("file_name") or ""),
            }
        )
    return found
