"""The application: its services, its routes, and how both begin and end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import ASGIApp

from . import (
    routes_auth,
    routes_content,
    routes_models,
    routes_platform,
    routes_remote_training_systems,
    routes_results,
    routes_trainings,
)
from .access import Access
from .clock import Clock
from .control import Control, ControlLayer
from .http import Answer, Context, Operation
from .jobs import TrainingJobs
from .openapi import describe
from .problems import wml_problem
from .routes_control import control_routes
from .routes_dashboard import dashboard_routes
from .sealing import Sealer
from .services import Parts, Services
from .settings import ServiceSettings
from .store.blobs import Blobs
from .store.sqlite import SqliteStore

__all__ = ["OPERATIONS", "create_app", "open_services"]

_log = logging.getLogger("pulumi_wmlfl.server")


async def _openapi(_: Context) -> Answer:
    return describe(OPERATIONS)


OPERATIONS: tuple[Operation, ...] = (
    *routes_auth.OPERATIONS,
    *routes_models.OPERATIONS,
    *routes_content.OPERATIONS,
    *routes_remote_training_systems.OPERATIONS,
    *routes_trainings.OPERATIONS,
    *routes_results.OPERATIONS,
    *routes_platform.OPERATIONS,
    Operation("GET", "/openapi.json", _openapi, "Describe this API"),
)


def open_services(settings: ServiceSettings, *, clock: Clock | None = None) -> Services:
    """Open the data folder; what a killed service left half done there is removed.

    Raises:
        ServiceError: the folder cannot be used.
    """
    clock = clock or Clock()
    store = SqliteStore(settings.data_dir / "service.sqlite")
    blobs = Blobs(settings.data_dir / "content")
    blobs.keep_only(store.contents())
    return Services(
        settings=settings,
        clock=clock,
        store=store,
        blobs=blobs,
        sealer=Sealer(settings.data_dir / "sealing.key"),
        access=Access(store, token_seconds=settings.token_seconds, clock=clock),
        jobs=TrainingJobs(store, pending_seconds=settings.pending_seconds, clock=clock),
        control=Control(clock, page_size=settings.page_size, largest_page=settings.largest_page),
    )


def create_app(services: Services, *, make_parts: Callable[[Services], Parts] = lambda _: Parts()) -> ASGIApp:
    """Return the ASGI application; `make_parts` gives it an aggregator."""
    services.parts = parts = make_parts(services)
    services.jobs.aggregator = parts.aggregator
    routes = [
        *(operation.route() for operation in OPERATIONS),
        *parts.routes,
        *control_routes(),
        *dashboard_routes(services),
    ]
    app = Starlette(
        routes=routes,
        lifespan=_lifespan,
        exception_handlers={HTTPException: _http_problem, Exception: _fault},
    )
    app.router.redirect_slashes = False
    app.state.services = services
    return ControlLayer(app, services.control)


@contextlib.asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    services: Services = app.state.services
    clockwork = asyncio.create_task(services.jobs.run())
    await routes_models.resume_imports(services)
    try:
        yield
    finally:
        clockwork.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await clockwork
        if services.parts.aggregator is not None:
            await services.parts.aggregator.shutdown()
        services.store.close()


async def _http_problem(request: Request, error: Exception) -> Response:
    """Answer what no route takes: WML's error body, whatever the path."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 405:
        answer = wml_problem(405, "method_not_allowed", f"{request.method} is not served on this path.")
        answer.headers["Allow"] = ", ".join(sorted(_methods(request)))
        return answer
    return wml_problem(status, "not_found", f"The path {request.url.path[:200]} is not served here.")


def _methods(request: Request) -> set[str]:
    """Return what is served on a path: each method of one has a route of its own."""
    found = [
        route.methods or set()
        for route in _flat(request.app.routes)
        if route.matches(request.scope)[0] is not Match.NONE
    ]
    return set().union(*found)


def _flat(routes: Iterable[BaseRoute]) -> Iterator[Route]:
    for route in routes:
        if isinstance(route, Mount):
            yield from _flat(route.routes)
        elif isinstance(route, Route):
            yield route


async def _fault(request: Request, error: Exception) -> Response:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return wml_problem(500, "internal_error", "The service failed; its log tells why.")
