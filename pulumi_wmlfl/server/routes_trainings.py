"""Trainings: start, list, read, cancel, delete."""

from __future__ import annotations

import uuid
from typing import Any

from starlette.routing import Route

from .clock import timestamp
from .envelope import entity_of_training, show
from .http import Context, authenticated
from .jobs import TERMINAL
from .problems import Refusal, bad_request
from .requests import TrainingRequest, parse
from .routes_objects import list_objects, one
from .store.contract import Record, Scope

__all__ = ["routes"]


def routes() -> list[Route]:
    """Return the routes of trainings."""
    base = "/ml/v4/trainings"
    return [
        Route(base, authenticated(_create, needs_body=True), methods=["POST"]),
        Route(base, authenticated(lambda context: list_objects(context, "trainings")), methods=["GET"]),
        Route(
            f"{base}/{{id}}", authenticated(lambda context: show(one(context, "trainings"))), methods=["GET"]
        ),
        Route(f"{base}/{{id}}", authenticated(_delete), methods=["DELETE"]),
        Route(f"{base}/{{id}}", authenticated(_patch), methods=["PATCH"]),
    ]


def _create(context: Context) -> Any:
    scope = context.scope(write=True, body=True)
    request = parse(TrainingRequest, context.body)
    body = request.model_dump(exclude_unset=True, exclude_none=True)
    _check_references(context, scope, body["federated_learning"])
    training_id = str(uuid.uuid4())
    now = timestamp()
    state, status, due_at = context.services.jobs.first_status()
    record = Record(
        id=training_id,
        collection="trainings",
        scope=scope,
        name=body.get("name", ""),
        description=body.get("description"),
        tags=body.get("tags"),
        owner=context.principal.id,
        created_at=now,
        modified_at=now,
        entity=entity_of_training(body, training_id),
        state=state,
        status=status,
        due_at=due_at,
    )
    context.services.store.insert(record)
    context.services.jobs.wake()
    return 201, show(record)


def _check_references(context: Context, scope: Scope, learning: dict[str, Any]) -> None:
    """Refuse what could never run: objects that do not exist here, a party named twice."""
    store = context.services.store
    seen: set[str] = set()
    for index, party in enumerate(learning["remote_training"]["remote_training_systems"]):
        where = f"federated_learning.remote_training.remote_training_systems.{index}.id"
        if party["id"] in seen:
            raise bad_request(
                f"{where}: the remote training system {party['id']} is named twice.", target=where
            )
        seen.add(party["id"])
        if store.get("remote_training_systems", party["id"], scope) is None:
            raise bad_request(
                f"{where}: the remote training system {party['id']} does not exist in this project or space.",
                target=where,
            )
    spec = (learning.get("model") or {}).get("spec") or {}
    href = spec.get("href")
    model_id = spec.get("id") or (href.get("id") if isinstance(href, dict) else None)
    if model_id is not None and store.get("models", str(model_id), scope) is None:
        where = "federated_learning.model.spec.id"
        raise bad_request(
            f"{where}: the model {model_id} does not exist in this project or space.", target=where
        )


def _delete(context: Context) -> Any:
    record = one(context, "trainings", write=True)
    hard = context.query.get("hard_delete", "").lower() == "true"
    if record.state not in TERMINAL or not hard:
        context.services.jobs.cancel(record)
    if hard:
        context.services.store.delete(record.id)
    return 204, None


def _patch(context: Context) -> Any:  # noqa: ARG001
    raise Refusal(405, "method_not_allowed", "A training cannot be changed.")
