"""Content of models, streamed both ways: memory does not grow with the model.

Source: API reference, "Models": `PUT content`, attachments, `download`.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from .bodies import chunks_of
from .clock import timestamp
from .http import Answer, Context, Operation, Query
from .objects import REV_QUERY, SCOPE_QUERY, find
from .problems import bad_request, not_found
from .routes_models import MODELS
from .services import Services
from .store.blobs import BlobWriter
from .store.contract import Attachment, Record, Scope
from .wire import attachment_view

__all__ = ["OPERATIONS", "store_content"]

_CHUNK = 1 << 20


async def _upload(context: Context) -> Answer:
    """Store the body as the model's content of this format, in place of what it had."""
    content_format = context.query.get("content_format")
    if not content_format:
        text = "The query parameter content_format is required."
        raise bad_request(text, target="content_format", code="invalid_input_argument")
    services = context.services
    scope = await run_in_threadpool(lambda: context.scope(write=True))
    record = await run_in_threadpool(find, context, MODELS, scope)
    name = context.query.get("name", "")
    with await run_in_threadpool(services.blobs.writer) as writer:
        held: list[bytes] = []
        size = 0
        limit = services.settings.largest_content
        async for chunk in chunks_of(context.request, services.settings, limit=limit):
            held.append(chunk)
            size += len(chunk)
            if size >= _CHUNK:
                await run_in_threadpool(writer.write, b"".join(held))
                held, size = [], 0
        await run_in_threadpool(writer.write, b"".join(held))
        attachment = await run_in_threadpool(
            lambda: store_content(services, record.id, writer, content_format=content_format, name=name)
        )
    return 201, attachment_view(attachment)


def store_content(
    services: Services, model_id: str, writer: BlobWriter, *, content_format: str = "native", name: str = ""
) -> Attachment:
    """Make what was written durable and the model's content; its `modified_at` advances.

    Raises:
        Refusal: 404, the model was deleted meanwhile.
    """
    sha256 = writer.finish()
    attachment = Attachment(str(uuid.uuid4()), model_id, content_format, sha256, writer.size, name)
    now = timestamp(services.clock())

    def touch(current: Record) -> Record:
        extra = {**current.extra, "resource_key": str(uuid.uuid4())}
        return replace(current, modified_at=now, extra=extra)

    with services.blobs.lock:
        writer.publish()
        unused = services.store.put_attachment(attachment, touch)
        gone = unused is None
        services.blobs.discard({sha256} - services.store.contents() if gone else unused or ())
    if gone:
        raise not_found("model", model_id)
    return attachment


def _list(context: Context) -> Answer:
    """Answer the contents of a model."""
    found = _selected(context, find(context, MODELS, context.scope(write=False)))
    return {"total_count": len(found), "attachments": [attachment_view(attachment) for attachment in found]}


def _attachments(context: Context, record: Record) -> list[Attachment]:
    rev = context.query.get("rev")
    if rev is None:
        return context.services.store.attachments(record.id)
    for revision in context.services.store.revisions(record.id):
        if rev in {"latest", str(revision.rev)}:
            return context.services.store.attachments(record.id, rev=revision.rev)
    raise not_found(f"revision {rev} of the model", record.id)


def _selected(context: Context, record: Record) -> list[Attachment]:
    content_format, name = context.query.get("content_format"), context.query.get("name")
    return [
        attachment
        for attachment in _attachments(context, record)
        if content_format in {None, attachment.content_format} and name in {None, attachment.name}
    ]


def _one(context: Context, scope: Scope) -> Attachment:
    record = find(context, MODELS, scope)
    wanted = context.path("attachment_id")
    for attachment in _attachments(context, record):
        if attachment.id == wanted:
            return attachment
    raise not_found("attachment", wanted)


def _read(context: Context) -> Answer:
    """Answer the bytes of one content."""
    return _bytes(context, _one(context, context.scope(write=False)))


def _delete(context: Context) -> Answer:
    """Remove one content."""
    services = context.services
    attachment = _one(context, context.scope(write=True))
    with services.blobs.lock:
        services.blobs.discard(services.store.delete_attachment(attachment.id))
    return 204, None


def _download(context: Context) -> Answer:
    """Answer the bytes of the one content that matches."""
    record = find(context, MODELS, context.scope(write=False))
    found = _selected(context, record)
    if not found:
        raise not_found("content of the model", record.id)
    if len(found) > 1:
        text = f"{len(found)} contents match. Name one by content_format and name."
        raise bad_request(text, target="content_format", code="invalid_input_argument")
    return _bytes(context, found[0])


def _bytes(context: Context, attachment: Attachment) -> Response:
    """Stream a content; the file is opened before the answer begins, so deleting the model breaks nothing."""
    try:
        file = context.services.blobs.path(attachment.sha256).open("rb")
    except FileNotFoundError:
        raise not_found("attachment", attachment.id) from None
    headers = {
        "content-length": str(attachment.size),
        "content-disposition": f'attachment; filename="{attachment.model_id}.bin"',
    }
    return StreamingResponse(_pieces(file), media_type="application/octet-stream", headers=headers)


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK):
            yield chunk


_CONTENT = "/ml/v4/models/{id}/content"
_ITEM = f"{_CONTENT}/{{attachment_id}}"
_FORMAT = Query("content_format", "`native` for the model itself.")
_NAME = Query("name", "Name of the content, where a format has several.")
_BYTES = "application/octet-stream"
OPERATIONS = (
    Operation(
        "PUT",
        _CONTENT,
        _upload,
        "Upload the content of a model",
        success=201,
        query=(*SCOPE_QUERY, Query(_FORMAT.name, _FORMAT.about, required=True), _NAME),
        raw=_BYTES,
    ),
    Operation("GET", _CONTENT, _list, "List the contents of a model", query=(*REV_QUERY, _FORMAT, _NAME)),
    Operation("GET", _ITEM, _read, "Read one content of a model", query=REV_QUERY, returns=_BYTES),
    Operation("DELETE", _ITEM, _delete, "Remove one content of a model", success=204, query=SCOPE_QUERY),
    Operation(
        "GET",
        "/ml/v4/models/{id}/download",
        _download,
        "Download the content of a model",
        query=(*REV_QUERY, _FORMAT, _NAME),
        returns=_BYTES,
    ),
)
