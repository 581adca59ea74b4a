"""From an HTTP request to a plain call: authentication, body limits, scope, and back to a JSON answer."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from .problems import Refusal, bad_request, wml_problem
from .store.contract import Principal, Scope

if TYPE_CHECKING:
    from .app import Services

__all__ = ["Context", "authenticated", "public", "read_body", "run_guarded", "services_of"]

_log = logging.getLogger("pulumi_wmlfl.server")
Answer = dict[str, Any] | Response | tuple[int, Any]


@dataclass(frozen=True, slots=True)
class Context:
    """One authenticated request, its body parsed."""

    services: Services
    principal: Principal
    method: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any = None

    def scope(self, *, write: bool, body: bool = False) -> Scope:
        """Return the project or space that the request names, and check the user's role there.

        Creates name it in the body (`body`); a query that disagrees is refused.
        """
        given = _scope_in(self.query, "query")
        if body:
            inside = _scope_in(self.body if isinstance(self.body, dict) else {}, "body")
            if inside is None or (given is not None and given != inside):
                raise bad_request(
                    "Exactly one of project_id and space_id is required in the body; the query must agree.",
                    target="project_id",
                )
            given = inside
        if given is None:
            raise bad_request(
                "Exactly one of project_id and space_id is required.",
                target="project_id",
                code="invalid_input_argument",
            )
        self.services.access.require(self.principal, given, write=write)
        return given


def _scope_in(values: Mapping[str, Any], where: str) -> Scope | None:
    project, space = values.get("project_id"), values.get("space_id")
    if project is not None and space is not None:
        raise bad_request(f"The {where} names both a project_id and a space_id.", target="project_id")
    if project is not None:
        return Scope("project_id", str(project))
    return Scope("space_id", str(space)) if space is not None else None


def services_of(request: Request) -> Services:
    """Return the services of the application that got `request`."""
    services: Services = request.app.state.services
    return services


def authenticated(
    handler: Callable[[Context], Answer], *, needs_body: bool = False
) -> Callable[[Request], Awaitable[Response]]:
    """Make an endpoint of a function that runs in a thread and may raise :class:`Refusal`."""

    async def endpoint(request: Request) -> Response:
        async def work() -> Response:
            services = services_of(request)
            principal = await run_in_threadpool(
                services.access.authenticate, request.headers.get("authorization")
            )
            body = await _json_body(request) if needs_body else None
            context = Context(
                services, principal, request.method, request.path_params, dict(request.query_params), body
            )
            return _response(await run_in_threadpool(handler, context))

        return await run_guarded(work)

    return endpoint


def public(handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """Make an endpoint that needs no sign-in."""

    async def endpoint(request: Request) -> Response:
        return await run_guarded(lambda: handler(request))

    return endpoint


async def run_guarded(work: Callable[[], Awaitable[Response]]) -> Response:
    """Run `work`; a refusal or a full disk becomes WML's error body."""
    try:
        return await work()
    except Refusal as refusal:
        return refusal.response()
    except ClientDisconnect:
        return wml_problem(400, "invalid_request_entity", "The connection ended before the body did.")
    except (OSError, sqlite3.OperationalError) as error:
        _log.error("storage failed: %s", error)
        return wml_problem(507, "insufficient_storage", "The service could not write; its disk may be full.")


def _response(answer: Answer) -> Response:
    if isinstance(answer, Response):
        return answer
    if isinstance(answer, tuple):
        status, content = answer
        return Response(status_code=status) if content is None else JSONResponse(content, status)
    return JSONResponse(answer)


async def read_body(request: Request) -> bytes:
    """Read a body that is neither too large nor too slow.

    Raises:
        Refusal: 413 or 408.
    """
    settings = services_of(request).settings
    chunks: list[bytes] = []
    size = 0
    stream = request.stream()
    while True:
        try:
            chunk = await asyncio.wait_for(anext(stream, None), timeout=settings.body_timeout)
        except TimeoutError:
            raise Refusal(408, "request_timeout", "The body of the request came too slowly.") from None
        if chunk is None:
            return b"".join(chunks)
        size += len(chunk)
        if size > settings.largest_json:
            raise Refusal(413, "request_too_large", f"The body is larger than {settings.largest_json} bytes.")
        chunks.append(chunk)


async def _json_body(request: Request) -> Any:
    raw = await read_body(request)
    try:
        body = json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise bad_request("The request body is not valid JSON.", code="json_type_error") from None
    if _depth(body) > services_of(request).settings.deepest_json:
        raise bad_request("The request body is nested too deeply.", code="json_validation_error")
    return body


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _depth(value: object) -> int:
    deepest, stack = 0, [(value, 1)]
    while stack:
        current, depth = stack.pop()
        deepest = max(deepest, depth)
        if isinstance(current, dict):
            stack += [(item, depth + 1) for item in current.values()]
        elif isinstance(current, list):
            stack += [(item, depth + 1) for item in current]
    return deepest
