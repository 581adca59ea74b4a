"""`/ml/v4/remote_training_systems`: who may take part in a training, under which name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .http import Answer, Context, Operation
from .objects import LIST_QUERY, REV_QUERY, SCOPE_QUERY, Kind, entity_fields, new_record
from .requests import PatchRequest, RemoteTrainingSystemRequest, RevisionRequest, parse
from .wire import record_view

__all__ = ["OPERATIONS", "REMOTE_TRAINING_SYSTEMS"]


def _entity(body: Mapping[str, Any]) -> dict[str, Any]:
    parse(RemoteTrainingSystemRequest, body)
    return entity_fields(body)


_ANY = frozenset({"add", "replace", "remove"})
_KEPT = frozenset({"add", "replace"})
REMOTE_TRAINING_SYSTEMS = Kind(
    collection="remote_training_systems",
    noun="remote training system",
    entity=_entity,
    patchable={
        "/name": _KEPT,
        "/description": _ANY,
        "/tags": _ANY,
        "/custom": _ANY,
        "/organization": _ANY,
        "/allowed_identities": _KEPT,
        "/remote_admin": _ANY,
    },
)


def _create(context: Context) -> Answer:
    """Register a remote training system."""
    entity = REMOTE_TRAINING_SYSTEMS.entity(context.body)
    scope = context.scope(write=True, from_body=True)
    record = new_record(context, REMOTE_TRAINING_SYSTEMS, scope, entity)
    context.services.store.insert(record)
    return 201, record_view(record, context.services.sealer)


_COLLECTION = "/ml/v4/remote_training_systems"
_ITEM = f"{_COLLECTION}/{{id}}"
_KIND = REMOTE_TRAINING_SYSTEMS
OPERATIONS = (
    Operation(
        "POST",
        _COLLECTION,
        _create,
        "Register a remote training system",
        success=201,
        body=RemoteTrainingSystemRequest,
        query=SCOPE_QUERY,
    ),
    Operation("GET", _COLLECTION, _KIND.list, "List remote training systems", query=LIST_QUERY),
    Operation("GET", _ITEM, _KIND.get, "Read a remote training system", query=REV_QUERY),
    Operation(
        "PATCH", _ITEM, _KIND.patch, "Change a remote training system", body=PatchRequest, query=SCOPE_QUERY
    ),
    Operation(
        "DELETE", _ITEM, _KIND.delete, "Delete a remote training system", success=204, query=SCOPE_QUERY
    ),
    Operation(
        "POST",
        f"{_ITEM}/revisions",
        _KIND.commit,
        "Make a revision of a remote training system",
        success=201,
        body=RevisionRequest,
        query=SCOPE_QUERY,
    ),
    Operation(
        "GET",
        f"{_ITEM}/revisions",
        _KIND.revisions,
        "List the revisions of a remote training system",
        query=LIST_QUERY[:5],
    ),
)
