"""`/control/v1`: health, reset, request log, faults, clock and modes. Loopback only, with a token of its own.

It is apart from WML's paths and serves tests: this project's and its users'.
"""

from __future__ import annotations

import hmac
import re
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from .._version import __version__
from .bodies import read_json
from .control import Fault
from .http import services_of
from .jobs import IllegalTransition
from .problems import Refusal, bad_request, not_found
from .requests import parse
from .services import Services
from .settings import DEVELOPMENT_USER
from .store.contract import Scope
from .tls import is_loopback
from .wire import record_view

__all__ = ["control_routes"]

Handler = Callable[[Services, Request], Awaitable[Any]]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FaultRequest(_Body):
    """A fault; see :class:`.control.Fault`."""

    path: str = ".*"
    method: str = ""
    skip: int = Field(default=0, ge=0)
    count: int = Field(default=1, ge=0)
    delay: float = Field(default=0, ge=0)
    after: bool = False
    drop: bool = False
    truncate: bool = False
    status: int = Field(default=0, ge=0, le=599)
    body: Any = None
    content_type: str = ""
    headers: dict[str, str] = {}

    @field_validator("path")
    @classmethod
    def _expression(cls, value: str) -> str:
        _compiled(value)
        return value

    @model_validator(mode="after")
    def _something(self) -> FaultRequest:
        if not (self.status or self.drop or self.truncate or self.delay):
            raise ValueError("A fault needs one of status, drop, truncate and delay.")
        return self


def _compiled(expression: str) -> re.Pattern[str]:
    try:
        return re.compile(expression)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None


class SettingsRequest(_Body):
    """What can be changed while the service runs; what is not given stays. Times are in seconds."""

    pending_seconds: float | None = Field(default=None, ge=0)
    delay_seconds: float | None = Field(default=None, ge=0)
    clock_offset: float | None = None
    token_seconds: float | None = Field(default=None, gt=0)
    page_size: int | None = Field(default=None, ge=1, le=200)
    federated_learning: bool | None = None


class ScopeRequest(_Body):
    """A new project or space and its members (`{user id: role}`)."""

    kind: Literal["project_id", "space_id"] = "project_id"
    name: str = "Scratch project"
    members: dict[str, Literal["admin", "editor", "viewer"]] = {}


class MemberRequest(_Body):
    """A role for a user in a project."""

    project_id: str
    user_id: str
    role: Literal["admin", "editor", "viewer"]


class UserRequest(_Body):
    """A new user with a key."""

    username: str = Field(min_length=1)
    user_id: str = ""


class StateRequest(_Body):
    """Where to move a training, and what to merge into its status."""

    state: str
    status: dict[str, Any] = {}


async def _health(services: Services, _: Request) -> Any:
    return {"status": "ok", "version": __version__, "platform_version": services.settings.platform_version}


async def _reset(services: Services, request: Request) -> Any:
    """Drop every object, fault and log entry, and go back to the settings of the start."""
    active = await run_in_threadpool(services.store.active_trainings)
    for record in active:
        services.jobs.stop_aggregator(record.id, "The service was reset.")

    def clear() -> None:
        with services.blobs.lock:
            services.blobs.discard(services.store.clear_objects())

    await run_in_threadpool(clear)
    services.control.faults.clear()
    services.control.log.clear()
    await _restore_settings(services, request)


async def _restore_settings(services: Services, _: Request) -> Any:
    """Go back to the settings of the start."""
    control = services.control
    control.delay_seconds, control.federated_learning = 0.0, True
    control.page_size, control.largest_page = services.settings.page_size, services.settings.largest_page
    services.clock.offset = 0.0
    services.jobs.pending_seconds = services.settings.pending_seconds
    services.access.token_seconds = services.settings.token_seconds


async def _requests(services: Services, request: Request) -> Any:
    try:
        pattern = _compiled(request.query_params.get("path", ""))
    except ValueError as error:
        raise bad_request(f"path: {error}", target="path", code="invalid_input_argument") from None
    method = request.query_params.get("method", "")
    found = [
        asdict(entry)
        for entry in services.control.log
        if pattern.search(entry.path) and method in {"", entry.method}
    ]
    return {"total": len(found), "requests": found}


async def _forget_requests(services: Services, _: Request) -> Any:
    services.control.log.clear()


def _fault_view(fault: Fault) -> dict[str, Any]:
    return {**asdict(fault), "path": fault.path.pattern}


async def _faults(services: Services, _: Request) -> Any:
    return {"faults": [_fault_view(fault) for fault in services.control.faults]}


async def _add_fault(services: Services, request: Request) -> Any:
    wanted = parse(FaultRequest, await read_json(request, services.settings))
    given = wanted.model_dump(exclude={"path", "method"})
    fault = Fault(
        id=uuid.uuid4().hex[:8], path=re.compile(wanted.path), method=wanted.method.upper(), **given
    )
    services.control.faults.append(fault)
    return JSONResponse(_fault_view(fault), 201)


async def _clear_faults(services: Services, _: Request) -> Any:
    services.control.faults.clear()


def _settings_view(services: Services) -> dict[str, Any]:
    return {
        "pending_seconds": services.jobs.pending_seconds,
        "delay_seconds": services.control.delay_seconds,
        "clock_offset": services.clock.offset,
        "token_seconds": services.access.token_seconds,
        "page_size": services.control.page_size,
        "federated_learning": services.control.federated_learning,
    }


async def _settings(services: Services, _: Request) -> Any:
    return _settings_view(services)


async def _change_settings(services: Services, request: Request) -> Any:
    wanted = parse(SettingsRequest, await read_json(request, services.settings))
    control = services.control
    if wanted.pending_seconds is not None:
        services.jobs.pending_seconds = wanted.pending_seconds
    if wanted.delay_seconds is not None:
        control.delay_seconds = wanted.delay_seconds
    if wanted.clock_offset is not None:
        services.clock.offset = wanted.clock_offset
        services.jobs.wake()
    if wanted.token_seconds is not None:
        services.access.token_seconds = wanted.token_seconds
    if wanted.page_size is not None:
        # Also the most that a page has, so that clients which ask for 200 meet a second page.
        control.page_size = control.largest_page = wanted.page_size
    if wanted.federated_learning is not None:
        control.federated_learning = wanted.federated_learning
    return _settings_view(services)


async def _add_scope(services: Services, request: Request) -> Any:
    """Make a project or space; its members are those given, or the development user."""
    wanted = parse(ScopeRequest, await read_json(request, services.settings))
    scope = Scope(wanted.kind, str(uuid.uuid4()))
    members = wanted.members or {DEVELOPMENT_USER: "admin"}
    for user_id in members:
        if not await run_in_threadpool(services.access.has_user, user_id):
            raise not_found("user", user_id)
    await run_in_threadpool(services.access.add_scope, scope, wanted.name, members)
    return JSONResponse({scope.kind: scope.id, "name": wanted.name}, 201)


async def _add_member(services: Services, request: Request) -> Any:
    wanted = parse(MemberRequest, await read_json(request, services.settings))
    scope = Scope("project_id", wanted.project_id)
    access = services.access
    if await run_in_threadpool(access.scope_row, scope) is None:
        raise not_found("project", scope.id)
    if not await run_in_threadpool(access.has_user, wanted.user_id):
        raise not_found("user", wanted.user_id)
    await run_in_threadpool(access.add_scope, scope, "", {wanted.user_id: wanted.role})


async def _add_user(services: Services, request: Request) -> Any:
    wanted = parse(UserRequest, await read_json(request, services.settings))

    def add() -> dict[str, str]:
        known = services.access.user_named(wanted.username)
        user_id = known.id if known else wanted.user_id or f"IBMid-{wanted.username}"
        services.access.add_user(user_id, wanted.username)
        key = services.access.add_key(user_id, f"control {uuid.uuid4().hex[:6]}")
        return {"user_id": user_id, "username": wanted.username, "apikey": key}

    return JSONResponse(await run_in_threadpool(add), 201)


async def _move_training(services: Services, request: Request) -> Any:
    wanted = parse(StateRequest, await read_json(request, services.settings))
    training_id = request.path_params["id"]
    try:
        record = await run_in_threadpool(
            lambda: services.jobs.transition(training_id, wanted.state, status=wanted.status)
        )
    except IllegalTransition as error:
        raise Refusal(409, "illegal_transition", error.message) from None
    return record_view(record, services.sealer)


async def _journal(services: Services, request: Request) -> Any:
    entries = await run_in_threadpool(services.jobs.read_journal, request.path_params["id"])
    return {"journal": [asdict(entry) for entry in entries]}


def _guarded(handler: Handler, *, public: bool = False) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        services = services_of(request)
        try:
            _admit(services, request, public=public)
            answer = await handler(services, request)
        except Refusal as refusal:
            return refusal.response()
        if isinstance(answer, Response):
            return answer
        return Response(status_code=204) if answer is None else JSONResponse(answer)

    return endpoint


def _admit(services: Services, request: Request, *, public: bool) -> None:
    if request.client is None or not is_loopback(request.client.host):
        raise Refusal(404, "not_found", "There is nothing here.")
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not public and not hmac.compare_digest(given.encode(), services.control.token.encode()):
        text = "The control side needs the control_token of the ready file as a bearer token."
        raise Refusal(401, "authorization_required", text)


def control_routes() -> list[BaseRoute]:
    """Return the routes of the control side."""
    table: list[tuple[str, str, Handler]] = [
        ("POST", "/reset", _reset),
        ("GET", "/requests", _requests),
        ("DELETE", "/requests", _forget_requests),
        ("GET", "/faults", _faults),
        ("POST", "/faults", _add_fault),
        ("DELETE", "/faults", _clear_faults),
        ("GET", "/settings", _settings),
        ("PATCH", "/settings", _change_settings),
        ("DELETE", "/settings", _restore_settings),
        ("POST", "/scopes", _add_scope),
        ("POST", "/members", _add_member),
        ("POST", "/users", _add_user),
        ("POST", "/trainings/{id}/state", _move_training),
        ("GET", "/trainings/{id}/journal", _journal),
    ]
    routes: list[BaseRoute] = [Route("/health", _guarded(_health, public=True), methods=["GET"])]
    routes += [Route(path, _guarded(handler), methods=[method]) for method, path, handler in table]
    return [Mount("/control/v1", routes=routes)]
