"""From an HTTP request to a plain call and back: authentication, scope, and one error body for every refusal.

Each operation of the service is one :class:`Operation`; routes and OpenAPI description are made of them.
"""

from __future__ import annotations

import inspect
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .bodies import read_json
from .control import PROBLEM_KEY, SCOPE_KEY, USER_KEY
from .problems import Refusal, bad_request, wml_problem
from .store.contract import Principal, Scope

if TYPE_CHECKING:
    from .services import Services

__all__ = ["Answer", "Context", "Operation", "Query", "services_of", "storage_problem"]

_log = logging.getLogger("pulumi_wmlfl.server")
Answer = Mapping[str, Any] | Response | tuple[int, Any]


@dataclass(frozen=True, slots=True)
class Context:
    """One request, its sender known and its body parsed."""

    services: Services
    principal: Principal
    request: Request
    body: Any = None

    @property
    def query(self) -> Mapping[str, str]:
        """Query parameters; of one that came several times the last (IBM's SDK repeats them)."""
        return self.request.query_params

    def path(self, name: str = "id") -> str:
        """Return a part of the path."""
        return str(self.request.path_params[name])

    def scope(self, *, write: bool, from_body: bool = False) -> Scope:
        """Return the project or space that the request names, and check the user's role there.

        Creates and revisions name it in the body (`from_body`); a query that disagrees is refused.

        Raises:
            Refusal: 400 neither or both, 403 no right, 404 unknown.
        """
        given = self._scope_of_query()
        if from_body:
            inside = _scope_in(self.body if isinstance(self.body, dict) else {}, "body")
            if inside is None or (given is not None and given != inside):
                text = "Exactly one of project_id and space_id is required in the body; the query must agree."
                raise bad_request(text, target="project_id")
            given = inside
        if given is None:
            text = "Exactly one of project_id and space_id is required."
            raise bad_request(text, target="project_id", code="invalid_input_argument")
        self.services.access.require(self.principal, given, write=write)
        self.request.scope[SCOPE_KEY] = given.id
        return given

    def _scope_of_query(self) -> Scope | None:
        parameters = self.request.query_params
        for kind in ("project_id", "space_id"):
            if len(set(parameters.getlist(kind))) > 1:
                raise bad_request(f"The query names several values of {kind}.", target=kind)
        return _scope_in(parameters, "query")


def _scope_in(values: Mapping[str, Any], where: str) -> Scope | None:
    project, space = values.get("project_id"), values.get("space_id")
    if project is not None and space is not None:
        raise bad_request(f"The {where} names both a project_id and a space_id.", target="project_id")
    if project is not None:
        return Scope("project_id", str(project))
    return Scope("space_id", str(space)) if space is not None else None


Handler = Callable[[Context], Answer] | Callable[[Context], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Query:
    """One query parameter in the description of an operation."""

    name: str
    about: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path.

    `handler` runs in a thread, or on the event loop if it is a coroutine function. `accepted` says when it
    answers 202 instead of `success`. `body` is the model of its JSON body; a body of the media type `raw` is
    read by the handler. `public` operations need no sign-in.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    success: int = 200
    accepted: str = ""
    query: tuple[Query, ...] = ()
    body: type[BaseModel] | None = None
    raw: str = ""
    public: bool = False
    returns: str = "application/json"

    def route(self) -> Route:
        """Return the route that serves this operation."""
        return Route(self.path, self._endpoint(), methods=[self.method])

    def _endpoint(self) -> Callable[[Request], Awaitable[Response]]:
        handler: Any = self.handler
        on_loop = inspect.iscoroutinefunction(handler)
        nobody = Principal("", "")

        async def endpoint(request: Request) -> Response:
            services = services_of(request)
            try:
                principal = nobody if self.public else services.access.authenticate(request)
                request.scope[USER_KEY] = principal.id
                _check_version(request)
                body = await read_json(request, services.settings) if self.body is not None else None
                context = Context(services, principal, request, body)
                answer = await (handler(context) if on_loop else run_in_threadpool(handler, context))
                return _response(answer)
            except Refusal as refusal:
                request.scope[PROBLEM_KEY] = refusal.message[:200]
                return refusal.response()
            except ClientDisconnect:
                text = "The connection ended before the body did."
                return wml_problem(400, "invalid_request_entity", text)
            except (OSError, sqlite3.OperationalError) as error:
                return storage_problem(error)

        return endpoint


def storage_problem(error: Exception) -> Response:
    """Answer what could not be read or written."""
    _log.error("storage failed: %s", error)
    if "locked" in str(error):
        return wml_problem(503, "service_unavailable", "The service's database is busy. Try again.")
    return wml_problem(507, "insufficient_storage", "The service could not write; its disk may be full.")


def _check_version(request: Request) -> None:
    """Accept any date, and none: the real service does."""
    version = request.query_params.get("version")
    if version is not None and not (len(version) == 10 and version[4] == version[7] == "-"):
        text = "The query parameter version must be a date, such as 2020-08-01."
        raise bad_request(text, target="version", code="invalid_input_argument")


def services_of(connection: HTTPConnection) -> Services:
    """Return the services of the application that got a request or a WebSocket."""
    services: Services = connection.app.state.services
    return services


def _response(answer: Answer) -> Response:
    if isinstance(answer, Response):
        return answer
    if isinstance(answer, tuple):
        status, content = answer
        return Response(status_code=status) if content is None else JSONResponse(content, status)
    return JSONResponse(answer)
