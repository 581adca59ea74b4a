"""The ASGI application: which routes there are and what they share."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from .access import Access
from .jobs import TrainingJobs
from .problems import wml_problem
from .routes_content import routes as content_routes
from .routes_objects import routes as object_routes
from .routes_platform import routes as platform_routes
from .routes_trainings import routes as training_routes
from .settings import ServiceSettings
from .store.blobs import Blobs
from .store.sqlite import SqliteStore

__all__ = ["Services", "create_app"]

_SLASHES = re.compile(r"^/{2,}")


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes share."""

    settings: ServiceSettings
    store: SqliteStore
    blobs: Blobs
    access: Access
    jobs: TrainingJobs


class _OneSlash:
    """IBM's SDK joins base and href to a path that begins with `//`; such paths are served as well."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"} and scope["path"].startswith("//"):
            scope = {**scope, "path": _SLASHES.sub("/", scope["path"])}
        await self._app(scope, receive, send)


def create_app(services: Services) -> ASGIApp:
    """Return the application that serves `services`."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        running = asyncio.create_task(services.jobs.run())
        yield
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        if services.jobs.aggregator is not None:
            await services.jobs.aggregator.shutdown()

    app = Starlette(
        routes=[
            *platform_routes(),
            *content_routes(),
            *object_routes("models"),
            *object_routes("remote_training_systems"),
            *training_routes(),
            Route("/control/v1/health", _health, methods=["GET"]),
        ],
        exception_handlers={404: _missing, 405: _not_allowed, 500: _fault},
        lifespan=lifespan,
    )
    app.state.services = services
    return _OneSlash(app)


async def _health(request: Request) -> Response:  # noqa: ARG001
    return JSONResponse({"status": "ok"})


async def _missing(request: Request, error: Exception) -> Response:  # noqa: ARG001
    return wml_problem(404, "not_found", f"The path {request.url.path[:200]} is not served here.")


async def _not_allowed(request: Request, error: Exception) -> Response:  # noqa: ARG001
    return wml_problem(405, "method_not_allowed", f"{request.method} is not served on this path.")


async def _fault(request: Request, error: Exception) -> Response:  # noqa: ARG001
    return wml_problem(500, "internal_error", "The service failed; its log tells why.")
