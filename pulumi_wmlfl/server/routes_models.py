"""`/ml/v4/models`: what is stored about a model. Its content is :mod:`.routes_content`'s."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from starlette.concurrency import run_in_threadpool

from ..errors import WmlflError
from .http import Answer, Context, Operation, Query
from .objects import LIST_QUERY, REV_QUERY, SCOPE_QUERY, Kind, entity_fields, new_record
from .requests import ModelRequest, PatchRequest, RevisionRequest, parse
from .services import Services
from .specifications import resolve_software
from .store.contract import Record
from .wire import record_view

__all__ = ["MODELS", "OPERATIONS", "resume_imports"]

_log = logging.getLogger("pulumi_wmlfl.server")
_imports: set[asyncio.Task[None]] = set()


def _entity(body: Mapping[str, Any]) -> dict[str, Any]:
    parse(ModelRequest, body)
    entity = entity_fields(body)
    entity["type"] = entity["type"].strip()
    entity["software_spec"] = resolve_software(entity["software_spec"])
    entity.setdefault("hybrid_pipeline_software_specs", [])
    return entity


_ANY = frozenset({"add", "replace", "remove"})
_KEPT = frozenset({"add", "replace"})
MODELS = Kind(
    collection="models",
    noun="model",
    entity=_entity,
    patchable={
        "/name": _KEPT,
        "/description": _ANY,
        "/tags": _ANY,
        "/custom": _ANY,
        "/software_spec": frozenset({"replace"}),
        "/model_version": _KEPT,
    },
)


async def _create(context: Context) -> Answer:
    """Store a model; one with a `content_location` is answered 202 and its content imported afterwards."""
    services = context.services
    record = await run_in_threadpool(_new_model, context)
    await run_in_threadpool(services.store.insert, record)
    view = record_view(record, services.sealer)
    if "content_location" not in record.entity:
        return 201, view
    _begin_import(services, record)
    return 202, view


async def resume_imports(services: Services) -> None:
    """Begin again the imports that a killed service had not finished."""
    for record in await run_in_threadpool(services.store.models_being_imported):
        _begin_import(services, record)


def _begin_import(services: Services, record: Record) -> None:
    task = asyncio.create_task(_import_content(services, record))
    # The loop itself holds tasks only weakly.
    _imports.add(task)
    task.add_done_callback(_imports.discard)


def _new_model(context: Context) -> Record:
    entity = MODELS.entity(context.body)
    scope = context.scope(write=True, from_body=True)
    location = entity.get("content_location")
    if location is None:
        return new_record(context, MODELS, scope, entity)
    # Storage keys are not kept in clear.
    connection = location.get("connection")
    entity["content_location"] = {key: value for key, value in location.items() if key != "connection"}
    entity["content_import_state"] = "running"
    record = new_record(context, MODELS, scope, entity)
    sealed = {"connection": context.services.sealer.seal(connection)} if connection else {}
    return replace(record, extra={**record.extra, **sealed})


async def _import_content(services: Services, record: Record) -> None:
    importer = services.parts.import_content
    if importer is None:
        problem = "This service has no results to import the content from."
        await services.finish_import(record.id, problem=problem)
        return
    try:
        await importer(record)
    except WmlflError as error:
        _log.warning("the content of the model %s could not be imported: %s", record.id, error)
        await services.finish_import(record.id, problem=f"The content could not be imported: {error}")
    except Exception as error:  # noqa: BLE001 - whatever it is, the model says so
        _log.exception("the content of the model %s could not be imported", record.id)
        await services.finish_import(record.id, problem=f"The content could not be imported: {error}")


_ITEM = "/ml/v4/models/{id}"
OPERATIONS = (
    Operation(
        "POST",
        "/ml/v4/models",
        _create,
        "Store a model",
        success=201,
        accepted="The content is fetched from its content_location.",
        body=ModelRequest,
        query=SCOPE_QUERY,
    ),
    Operation(
        "GET",
        "/ml/v4/models",
        MODELS.list,
        "List models",
        query=(*LIST_QUERY, Query("software_spec", "Only models with this specification's id.")),
    ),
    Operation("GET", _ITEM, MODELS.get, "Read a model", query=REV_QUERY),
    Operation("PATCH", _ITEM, MODELS.patch, "Change a model", body=PatchRequest, query=SCOPE_QUERY),
    Operation("DELETE", _ITEM, MODELS.delete, "Delete a model", success=204, query=SCOPE_QUERY),
    Operation(
        "POST",
        f"{_ITEM}/revisions",
        MODELS.commit,
        "Make a revision of a model",
        success=201,
        body=RevisionRequest,
        query=SCOPE_QUERY,
    ),
    Operation(
        "GET", f"{_ITEM}/revisions", MODELS.revisions, "List the revisions of a model", query=LIST_QUERY[:5]
    ),
)
