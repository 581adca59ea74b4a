"""`/dashboard`: the page that shows what happens in the service, and the data it asks for.

The page itself is the same for everybody. Data need a session: somebody shows an API key and gets a cookie
that no script can read and no other site can send. What changes something also needs the session's CSRF
token. The page's files are plain; nothing is loaded from elsewhere.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from collections.abc import Awaitable, Callable
from functools import cache
from importlib import resources
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from .bodies import read_json
from .control import DASHBOARD_PATH
from .dashboard_views import Summaries, objects_view, requests_view, scopes_view, training_view
from .http import Context, storage_problem
from .objects import find
from .problems import Refusal, bad_request, wml_problem
from .routes_trainings import TRAININGS
from .services import Services
from .sessions import Session, Sessions

__all__ = ["dashboard_routes"]

_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_SIGN_IN = "Sign in with an API key of this service."
_WRONG_KEY = "There is no such API key, or it may not be used from here."


def dashboard_routes(services: Services) -> list[BaseRoute]:
    """Return the routes of the dashboard."""
    return Dashboard(services).routes()


class Dashboard:
    """The dashboard of one service."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._sessions = Sessions(services.access, services.clock)
        self._summaries = Summaries(services)
        self._start = secrets.token_hex(8)

    def routes(self) -> list[BaseRoute]:
        """Return the routes; `/dashboard` itself leads to the page."""
        api = [
            Route("/session", self._endpoint(self._sign_in), methods=["POST"]),
            Route("/session", self._signed_in(self._who), methods=["GET"]),
            Route("/session", self._signed_in(self._sign_out, changes=True), methods=["DELETE"]),
            Route("/trainings", self._signed_in(self._trainings), methods=["GET"]),
            Route("/trainings/{id}", self._signed_in(self._training), methods=["GET"]),
            Route("/trainings/{id}/cancel", self._signed_in(self._cancel, changes=True), methods=["POST"]),
            Route("/objects", self._signed_in(self._objects), methods=["GET"]),
            Route("/requests", self._signed_in(self._requests), methods=["GET"]),
        ]
        inside = [Mount("/api", routes=api), Route("/", _file), Route("/{file}", _file)]
        return [Route(DASHBOARD_PATH, _to_page), Mount(DASHBOARD_PATH, routes=inside)]

    # who asks

    def _endpoint(
        self, handler: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Refuse other sites' requests, answer refusals, and let nothing be kept by a browser."""

        async def endpoint(request: Request) -> Response:
            try:
                _check_site(request)
                answer = await handler(request)
            except Refusal as refusal:
                answer = refusal.response()
            except ClientDisconnect:
                answer = wml_problem(
                    400, "invalid_request_entity", "The connection ended before the body did."
                )
            except (OSError, sqlite3.OperationalError) as error:
                answer = storage_problem(error)
            answer.headers.update({**_SECURITY, "Cache-Control": "no-store"})
            return answer

        return endpoint

    def _signed_in(
        self, handler: Callable[[Request, Session], Awaitable[Response]], *, changes: bool = False
    ) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            session_id = request.cookies.get(_cookie(request), "")
            session = await run_in_threadpool(self._sessions.find, session_id)
            if session is None:
                raise Refusal(401, "authorization_required", _SIGN_IN)
            if changes and not session.permits(request.headers.get("x-csrf-token", "")):
                raise Refusal(
                    403, "csrf_token_invalid", "The request does not come from this page. Reload it."
                )
            return await handler(request, session)

        return self._endpoint(guarded)

    async def _sign_in(self, request: Request) -> Response:
        """Exchange an API key for a session."""
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            raise bad_request("The body must be JSON.", code="json_type_error")
        body = await read_json(request, self._services.settings)
        key = body.get("apikey") if isinstance(body, dict) else None
        if not isinstance(key, str) or not key:
            raise bad_request("The field apikey is required.", target="apikey")
        client = request.client.host if request.client else None
        user = await run_in_threadpool(lambda: self._services.access.sign_in(key.strip(), client=client))
        if user is None:
            raise Refusal(401, "authentication_failed", _WRONG_KEY)
        session = self._sessions.begin(user)
        answer = await self._who(request, session)
        answer.set_cookie(
            _cookie(request), session.id, path=DASHBOARD_PATH, secure=True, httponly=True, samesite="strict"
        )
        return answer

    async def _who(self, _: Request, session: Session) -> Response:
        """Tell who is signed in, where they are a member, and the CSRF token."""
        scopes = await run_in_threadpool(scopes_view, self._services, session.principal)
        user = {"user_id": session.principal.id, "username": session.principal.username}
        return JSONResponse({**user, "csrf_token": session.csrf, "scopes": scopes})

    async def _sign_out(self, request: Request, session: Session) -> Response:
        self._sessions.end(session.id)
        answer = Response(status_code=204)
        answer.delete_cookie(
            _cookie(request), path=DASHBOARD_PATH, secure=True, httponly=True, samesite="strict"
        )
        return answer

    # what is shown

    async def _trainings(self, request: Request, session: Session) -> Response:
        context = self._context(request, session)
        scope = await run_in_threadpool(lambda: context.scope(write=False))
        return await self._unless_known(request, lambda: self._summaries.view(scope))

    async def _training(self, request: Request, session: Session) -> Response:
        context = self._context(request, session)
        scope = await run_in_threadpool(lambda: context.scope(write=False))
        connected = self._services.parts.connected(context.path())

        def view() -> dict[str, Any]:
            record = find(context, TRAININGS, scope)
            writer = self._services.access.may_write(session.principal, scope)
            return training_view(self._services, record, connected=connected, writer=writer)

        return await self._unless_known(request, view, ",".join(sorted(connected)))

    async def _objects(self, request: Request, session: Session) -> Response:
        context = self._context(request, session)
        scope = await run_in_threadpool(lambda: context.scope(write=False))
        return await self._unless_known(request, lambda: objects_view(self._services, scope))

    async def _requests(self, request: Request, session: Session) -> Response:
        context = self._context(request, session)
        scope = await run_in_threadpool(lambda: context.scope(write=False))
        role = await run_in_threadpool(self._services.access.role, session.principal, scope)
        control = self._services.control
        view = requests_view(control, session.principal, scope, role=role)
        return await self._unless_known(
            request, lambda: view, f"{control.answered} {len(control.log)} {role}"
        )

    async def _cancel(self, request: Request, session: Session) -> Response:
        """Cancel a training, as `DELETE /ml/v4/trainings/{id}` does."""
        context = self._context(request, session)

        def cancel() -> None:
            record = find(context, TRAININGS, context.scope(write=True))
            self._services.jobs.cancel(record.id)

        await run_in_threadpool(cancel)
        return Response(status_code=204)

    def _context(self, request: Request, session: Session) -> Context:
        return Context(self._services, session.principal, request)

    async def _unless_known(
        self, request: Request, view: Callable[[], dict[str, Any]], also: str = ""
    ) -> Response:
        """Answer a view, or 304 without making it when nothing was written since the page last asked."""
        asked = (request.cookies.get(_cookie(request)), request.scope["path"], request.scope["query_string"])
        state = repr((self._start, self._services.store.writes, asked, also))
        tag = f'"{hashlib.sha256(state.encode()).hexdigest()[:32]}"'
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers={"ETag": tag})
        return JSONResponse(await run_in_threadpool(view), headers={"ETag": tag})


def _check_site(request: Request) -> None:
    """Refuse what another site sends; SameSite cookies and the CSRF token stand behind this."""
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "same-origin")
    same = origin is None or origin == f"{request.scope['scheme']}://{request.headers.get('host', '')}"
    if not same or site not in {"same-origin", "none"}:
        raise Refusal(403, "cross_site_request", "The dashboard answers its own page only.")


def _cookie(request: Request) -> str:
    # Browsers share cookies among the ports of a host: two services must not sign each other out.
    _, port = request.scope.get("server") or ("", 0)
    return f"__Secure-wmlfl-{port}"


@cache
def _files() -> dict[str, tuple[bytes, str]]:
    """Return the page's files with their media types; only these are served."""
    folder = resources.files(__package__) / "dashboard"
    found: dict[str, tuple[bytes, str]] = {}
    for item in folder.iterdir():
        kind = _TYPES.get(item.name.rpartition(".")[2])
        if kind is not None:
            found[item.name] = (item.read_bytes(), kind)
    return found


async def _file(request: Request) -> Response:
    name = request.path_params.get("file", "index.html")
    known = _files().get(name)
    if known is None:
        return wml_problem(404, "not_found", "The dashboard has no such file.")
    content, kind = known
    return Response(content, media_type=kind, headers={**_SECURITY, "Cache-Control": "no-cache"})


async def _to_page(_: Request) -> Response:
    return RedirectResponse(f"{DASHBOARD_PATH}/")
