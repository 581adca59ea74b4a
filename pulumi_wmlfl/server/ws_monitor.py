"""The WebSocket on which IBM's SDK follows a training: its messages and metrics, as they come.

`training.monitor_logs` and `monitor_metrics` open it while a training has not ended. Each text frame is a
JSON object with `entity.status`; the SDK prints `message` and the first of `metrics`. Source: SDK 1.0.370
and 1.3.39.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket

from .http import services_of
from .jobs import TERMINAL
from .problems import Refusal
from .store.contract import Record, Scope

__all__ = ["monitor_routes"]

_NORMAL = 1000
_REFUSED = 1008


def monitor_routes() -> list[BaseRoute]:
    """Return the routes for IBM Cloud (`/ml/v4`, with a scope) and Cloud Pak for Data (`/v4`, without)."""
    return [WebSocketRoute(f"{prefix}/trainings/{{id}}", _monitor) for prefix in ("/ml/v4", "/v4")]


async def _monitor(websocket: WebSocket) -> None:
    training_id = str(websocket.path_params["id"])
    try:
        await run_in_threadpool(_authorize, websocket, training_id)
    except Refusal as refusal:
        await websocket.accept()
        await websocket.close(_REFUSED, refusal.message[:120])
        return
    await websocket.accept()
    following = asyncio.create_task(_follow(websocket, training_id))
    leaving = asyncio.create_task(_leave(websocket))
    done, others = await asyncio.wait({following, leaving}, return_when=asyncio.FIRST_COMPLETED)
    for task in others:
        task.cancel()
    await asyncio.gather(*done, *others, return_exceptions=True)


async def _follow(websocket: WebSocket, training_id: str) -> None:
    """Send what happens until the training has ended; then close."""
    services = services_of(websocket)
    seen = 0
    with services.jobs.listen(training_id) as changes:
        record = await run_in_threadpool(services.store.get, "trainings", training_id)
        while record is not None:
            seen = await _tell(websocket, record, seen)
            if record.state in TERMINAL:
                break
            record = (await changes.get()).record
    await websocket.close(_NORMAL)


async def _leave(websocket: WebSocket) -> None:
    """Return when the client has gone; what it sends means nothing."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        continue


def _authorize(websocket: WebSocket, training_id: str) -> None:
    """Admit members of the training's project or space.

    Raises:
        Refusal: 401, 403 or 404.
    """
    services = services_of(websocket)
    principal = services.access.authenticate(websocket)
    record = services.store.get("trainings", training_id, _scope(websocket))
    if record is None:
        raise Refusal(404, "not_found", f"The training {training_id} does not exist.")
    services.access.role(principal, record.scope)


def _scope(websocket: WebSocket) -> Scope | None:
    project, space = websocket.query_params.get("project_id"), websocket.query_params.get("space_id")
    if project:
        return Scope("project_id", project)
    return Scope("space_id", space) if space else None


async def _tell(websocket: WebSocket, record: Record, seen: int) -> int:
    """Send the state and message, then one frame for each entry of the metrics that is new."""
    metrics = record.status.get("metrics", ())
    state = {name: record.status[name] for name in ("state", "message", "iteration") if name in record.status}
    await _send(websocket, record, state)
    for entry in metrics[seen:]:
        await _send(websocket, record, {"state": record.state, "metrics": [entry]})
    return len(metrics)


async def _send(websocket: WebSocket, record: Record, status: Mapping[str, Any]) -> None:
    metadata = {"id": record.id, "guid": record.id, "modified_at": record.modified_at}
    await websocket.send_text(json.dumps({"metadata": metadata, "entity": {"status": status}}))
