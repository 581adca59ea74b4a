"""`/ml/v4/trainings`: start, read, list, cancel and purge. What happens in between is :mod:`.jobs`'s."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..errors import Problem
from .http import Answer, Context, Operation, Query
from .jobs import State
from .lines import one_line
from .objects import LIST_QUERY, SCOPE_QUERY, Kind, entity_fields, find, limit_of, new_record, remove
from .problems import bad_request
from .requests import TrainingRequest, parse
from .store.contract import Scope, Selection
from .wire import enriched_location, page_view, position_of, record_view

__all__ = ["OPERATIONS", "TRAININGS"]

_log = logging.getLogger("pulumi_wmlfl.server.jobs")


def _entity(body: Mapping[str, Any]) -> dict[str, Any]:
    parse(TrainingRequest, body)
    return entity_fields(body)


TRAININGS = Kind(collection="trainings", noun="training", entity=_entity, patchable={})


def _create(context: Context) -> Answer:
    """Start a training: it is `pending` until its aggregator accepts parties."""
    services = context.services
    entity = TRAININGS.entity(context.body)
    scope = context.scope(write=True, from_body=True)
    learning = entity["federated_learning"]
    _refuse_first("federated_learning", services.parts.validate_training(learning))
    _refuse_first("results_reference", services.parts.validate_results(entity["results_reference"]))
    systems = _remote_systems(context, scope, learning)
    _check_model(context, scope, learning)
    record = new_record(context, TRAININGS, scope, entity)
    reference = dict(entity["results_reference"])
    # WML drops the name of a results reference.
    reference.pop("name", None)
    connection = reference.pop("connection", None)
    reference["location"] = enriched_location(reference, record.id)
    state, status, due_at = services.jobs.first_status()
    info = {"remote_training_systems": {"states": systems}}
    record = replace(
        record,
        entity={"training_data_references": [], **entity, "results_reference": reference},
        # Storage keys are not kept in clear.
        extra={} if connection is None else {"connection": services.sealer.seal(connection)},
        state=state,
        status={**status, "federated_learning_info": info},
        due_at=due_at,
    )
    services.store.insert(record)
    _log.info(
        "training %s: created by %s: %s, %s rounds of %s, %d parties.",
        record.id,
        context.principal.id,
        one_line(record.name),
        learning.get("rounds"),
        learning.get("fusion_type"),
        len(systems),
    )
    services.jobs.wake()
    return 201, record_view(record, services.sealer)


def _refuse_first(field: str, problems: Sequence[Problem]) -> None:
    for problem in problems:
        where = f"{field}.{problem.path}" if problem.path else field
        raise bad_request(f"{where}: {problem.message}", target=where)


def _remote_systems(context: Context, scope: Scope, learning: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return id and name of the parties that a training names; each must exist, once."""
    states: dict[str, dict[str, Any]] = {}
    for index, item in enumerate(learning["remote_training"]["remote_training_systems"]):
        where = f"federated_learning.remote_training.remote_training_systems.{index}.id"
        found = context.services.store.get("remote_training_systems", item["id"], scope)
        if found is None:
            noun = f"The remote training system {item['id']}"
            raise bad_request(f"{where}: {noun} does not exist in this project or space.", target=where)
        if found.id in states:
            raise bad_request(f"{where}: {found.id} is named twice.", target=where)
        states[found.id] = {"id": found.id, "name": found.name, "registration_log": []}
    return list(states.values())


def _check_model(context: Context, scope: Scope, learning: Mapping[str, Any]) -> None:
    """Refuse a model that does not exist; its id is in `spec.id`, or as in IBM's schema in `spec.href.id`."""
    spec = (learning.get("model") or {}).get("spec") or {}
    href = spec.get("href")
    model_id = (href if isinstance(href, dict) else spec).get("id")
    if model_id is not None and context.services.store.get("models", str(model_id), scope) is None:
        where = "federated_learning.model.spec.id"
        text = f"{where}: The model {model_id} does not exist in this project or space."
        raise bad_request(text, target=where)


def _list(context: Context) -> Answer:
    """Answer one page of the trainings of a scope, newest first."""
    scope = context.scope(write=False)
    limit = limit_of(context)
    query = context.query
    tag, start = query.get("tag.value"), query.get("start")
    # Only trainings of other kinds have a type or a parent.
    filters = ("type", "parent_id", "training_definition_id")
    values = {f"$.{name}": query[name] for name in filters if query.get(name)}
    selection = Selection(any_tags=(tag,) if tag else (), state=query.get("state", ""), entity_values=values)
    page = context.services.store.page(
        "trainings",
        scope,
        selection,
        limit=limit,
        before=position_of(start) if start else None,
        count=query.get("total_count") == "true",
    )
    items = [record_view(record, context.services.sealer) for record in page.records]
    return page_view(page, items, path="/ml/v4/trainings", scope=scope, limit=limit)


def _delete(context: Context) -> Answer:
    """Cancel a training; with `hard_delete=true` remove its record, even if it still runs."""
    record = find(context, TRAININGS, context.scope(write=True))
    hard = context.query.get("hard_delete", "").lower() == "true"
    _log.info(
        "training %s: %s wants it %s.", record.id, context.principal.id, "deleted" if hard else "canceled"
    )
    if hard:
        remove(context, record)
    else:
        context.services.jobs.cancel(record.id)
    return 204, None


_COLLECTION = "/ml/v4/trainings"
_ITEM = f"{_COLLECTION}/{{id}}"
_FILTERS = (
    Query("total_count", "`true`: say how many there are in all."),
    Query("state", f"One of {', '.join(State)}."),
    Query("type", "Kind of training; this service has none of `pipeline` and `experiment`."),
    Query("parent_id", "Only trainings of this parent."),
    Query("training_definition_id", "Only trainings of this definition."),
)
_HARD = Query("hard_delete", "`true`: remove the record.")
OPERATIONS = (
    Operation(
        "POST", _COLLECTION, _create, "Start a training", success=201, body=TrainingRequest, query=SCOPE_QUERY
    ),
    Operation("GET", _COLLECTION, _list, "List trainings", query=(*LIST_QUERY[:6], *_FILTERS)),
    Operation("GET", _ITEM, TRAININGS.get, "Read a training", query=SCOPE_QUERY),
    Operation(
        "DELETE", _ITEM, _delete, "Cancel or purge a training", success=204, query=(*SCOPE_QUERY, _HARD)
    ),
)
