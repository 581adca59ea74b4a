"""Content of models: streamed in and out, served only when it is whole."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from .clock import timestamp
from .envelope import new_resource_key
from .http import Context, authenticated, run_guarded, services_of
from .problems import Refusal, bad_request, not_found
from .routes_objects import one
from .store.blobs import BlobWriter
from .store.contract import Attachment, Record

__all__ = ["routes"]

_BATCH = 1 << 20
_FORMATS = frozenset({"native", "coreML", "pipeline-node"})


def routes() -> list[Route]:
    """Return the routes of models' content."""
    base = "/ml/v4/models/{id}"
    return [
        Route(f"{base}/content", _upload, methods=["PUT"]),
        Route(f"{base}/content", authenticated(_listing), methods=["GET"]),
        Route(f"{base}/content/{{attachment_id}}", authenticated(_attachment), methods=["GET"]),
        Route(f"{base}/content/{{attachment_id}}", authenticated(_remove), methods=["DELETE"]),
        Route(f"{base}/download", authenticated(_download), methods=["GET"]),
    ]


async def _upload(request: Request) -> Response:
    async def work() -> Response:
        services = services_of(request)
        header = request.headers.get("authorization")
        principal = await run_in_threadpool(services.access.authenticate, header)
        context = Context(services, principal, "PUT", request.path_params, dict(request.query_params))
        record = await run_in_threadpool(lambda: one(context, "models", write=True))
        content_format = context.query.get("content_format", "")
        if content_format not in _FORMATS:
            raise bad_request(
                f"content_format is required: {', '.join(sorted(_FORMATS))}.",
                target="content_format",
                code="invalid_input_argument",
            )
        with services.blobs.writer() as writer:
            await _receive(request, writer, services.settings.largest_content, services.settings.body_timeout)
            sha256 = await run_in_threadpool(writer.commit)
        attachment = Attachment(
            id=str(uuid.uuid4()),
            model_id=record.id,
            content_format=content_format,
            sha256=sha256,
            size=writer.size,
            name=context.query.get("name", ""),
        )
        await run_in_threadpool(_store, context, attachment, record)
        return JSONResponse(_shown(attachment), 201)

    return await run_guarded(work)


async def _receive(request: Request, writer: BlobWriter, largest: int, timeout: float) -> None:
    """Write the body in batches, so that memory does not grow with it."""
    declared = request.headers.get("content-length", "")
    too_large = Refusal(413, "request_too_large", f"The content is larger than {largest} bytes.")
    if declared.isdigit() and int(declared) > largest:
        raise too_large
    stream = request.stream()
    batch = bytearray()
    while True:
        try:
            chunk = await asyncio.wait_for(anext(stream, None), timeout=timeout)
        except TimeoutError:
            raise Refusal(408, "request_timeout", "The content came too slowly.") from None
        batch += chunk or b""
        if writer.size + len(batch) > largest:
            raise too_large
        if batch and (chunk is None or len(batch) >= _BATCH):
            await run_in_threadpool(writer.write, bytes(batch))
            batch.clear()
        if chunk is None:
            return


def _store(context: Context, attachment: Attachment, record: Record) -> None:
    changed = replace(
        record, modified_at=timestamp(), extra={**record.extra, "resource_key": new_resource_key()}
    )
    for sha256 in context.services.store.put_attachment(attachment, changed):
        if sha256 != attachment.sha256:
            context.services.blobs.discard(sha256)


def _shown(attachment: Attachment) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "attachment_id": attachment.id,
        "content_format": attachment.content_format,
        "persisted": True,
    }
    return {**shown, "name": attachment.name} if attachment.name else shown


def _listing(context: Context) -> Any:
    record = one(context, "models")
    wanted = context.query.get("content_format")
    found = [a for a in context.services.store.attachments(record.id) if wanted in (None, a.content_format)]
    return {"total_count": len(found), "attachments": [_shown(attachment) for attachment in found]}


def _attachment(context: Context) -> Response:
    record = one(context, "models")
    for attachment in context.services.store.attachments(record.id):
        if attachment.id == context.path["attachment_id"]:
            return _file(context, attachment)
    raise not_found("attachment", context.path["attachment_id"])


def _remove(context: Context) -> Any:
    record = one(context, "models", write=True)
    known = {attachment.id for attachment in context.services.store.attachments(record.id)}
    if context.path["attachment_id"] not in known:
        raise not_found("attachment", context.path["attachment_id"])
    for sha256 in context.services.store.delete_attachment(context.path["attachment_id"]):
        context.services.blobs.discard(sha256)
    return 204, None


def _download(context: Context) -> Response:
    record = one(context, "models")
    wanted = context.query.get("content_format", "native")
    name = context.query.get("name")
    found = [
        attachment
        for attachment in context.services.store.attachments(record.id)
        if attachment.content_format == wanted and name in (None, attachment.name)
    ]
    if not found:
        raise not_found("content of the model", record.id)
    if len(found) > 1:
        raise bad_request("More than one attachment matches; give its name.", target="name")
    return _file(context, found[0])


def _file(context: Context, attachment: Attachment) -> Response:
    return FileResponse(context.services.blobs.path(attachment.sha256), media_type="application/octet-stream")
