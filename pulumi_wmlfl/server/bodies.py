"""Bodies of requests: not too large, slow or deep, and nothing that cannot be written back as JSON."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

from .problems import Refusal, bad_request
from .settings import ServiceSettings

__all__ = ["chunks_of", "read_body", "read_form", "read_json"]

_DRAIN_SECONDS = 10.0
_DRAIN_PAUSE = 0.5


async def chunks_of(request: Request, settings: ServiceSettings, *, limit: int) -> AsyncIterator[bytes]:
    """Yield a body piece by piece.

    Raises:
        Refusal: 413 larger than `limit` bytes, 408 too slow.
    """
    declared = request.headers.get("content-length", "")
    stream = request.stream()
    if declared.isdecimal() and int(declared) > limit:
        await _refuse_large(stream, limit)
    began = time.monotonic()
    size = 0
    while True:
        try:
            async with asyncio.timeout(settings.idle_seconds):
                chunk = await anext(stream, None)
        except TimeoutError:
            raise _too_slow() from None
        if chunk is None:
            return
        size += len(chunk)
        if size > limit:
            await _refuse_large(stream, limit)
        late = time.monotonic() - began - settings.idle_seconds
        if late > 0 and size < late * settings.slowest_rate:
            raise _too_slow()
        if chunk:
            yield chunk


async def _refuse_large(stream: AsyncIterator[bytes], limit: int) -> None:
    """Read on while the client sends, so that it sees the answer and not a broken connection; then refuse."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            more: bytes | None = b""
            while more is not None:
                async with asyncio.timeout(_DRAIN_PAUSE):
                    more = await anext(stream, None)
    raise Refusal(413, "request_too_large", f"The body is larger than {limit} bytes.")


def _too_slow() -> Refusal:
    return Refusal(408, "request_timeout", "The body of the request came too slowly.")


async def read_body(request: Request, settings: ServiceSettings) -> bytes:
    """Read a whole body of at most `largest_json` bytes."""
    chunks = [chunk async for chunk in chunks_of(request, settings, limit=settings.largest_json)]
    return b"".join(chunks)


async def read_form(request: Request, settings: ServiceSettings) -> dict[str, str]:
    """Read a form; query parameters count where the body has no such field (IBM's notebooks do that)."""
    raw = await read_body(request, settings)
    try:
        fields = parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=100)
    except ValueError:
        fields = []
    return {**request.query_params, **dict(fields)}


async def read_json(request: Request, settings: ServiceSettings) -> Any:
    """Read a JSON body.

    Raises:
        Refusal: 400 if it is not JSON, too deep, or has numbers or text that JSON cannot give back.
    """
    raw = await read_body(request, settings)
    try:
        body = json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise bad_request("The request body is not valid JSON.", code="json_type_error") from None
    _check(body, settings.deepest_json)
    return body


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _check(body: object, deepest: int) -> None:
    stack = [(body, 1)]
    while stack:
        value, depth = stack.pop()
        if depth > deepest:
            raise bad_request("The request body is nested too deeply.", code="json_validation_error")
        if isinstance(value, dict):
            stack += [(item, depth + 1) for pair in value.items() for item in pair]
        elif isinstance(value, list):
            stack += [(item, depth + 1) for item in value]
        elif isinstance(value, str):
            _check_text(value)
        elif isinstance(value, float) and not math.isfinite(value):
            raise bad_request("A number in the request body is too large.", code="json_validation_error")


def _check_text(value: str) -> None:
    """Refuse halves of surrogate pairs, which no encoding can carry, and the null character."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise bad_request("A text in the request body is not Unicode.", code="json_type_error") from None
    if "\0" in value:
        raise bad_request("A text in the request body has a null character.", code="json_type_error")
