"""Models and remote training systems: create, list, read, patch, delete, revisions.

The listing serves trainings too.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.routing import Route

from .clock import timestamp
from .envelope import fill_specification, new_resource_key, show, show_revision
from .http import Context, authenticated
from .problems import bad_request, not_found
from .requests import ModelRequest, PatchOperation, RemoteTrainingSystemRequest, parse
from .store.contract import Record, Revision

__all__ = ["NOUNS", "list_objects", "one", "routes"]

NOUNS = {
    "models": "model",
    "remote_training_systems": "remote training system",
    "trainings": "training",
}
_REQUESTS: dict[str, type[ModelRequest] | type[RemoteTrainingSystemRequest]] = {
    "models": ModelRequest,
    "remote_training_systems": RemoteTrainingSystemRequest,
}
_PATCHABLE = {
    "models": {"tags", "name", "description", "custom", "software_spec", "model_version"},
    "remote_training_systems": {
        "tags",
        "name",
        "description",
        "custom",
        "organization",
        "allowed_identities",
        "remote_admin",
    },
}
_TOP = ("name", "description", "tags", "project_id", "space_id")
_OPERATIONS = TypeAdapter(list[PatchOperation])


def one(context: Context, collection: str, *, write: bool = False) -> Record:
    """Return the object of the path, within the scope of the query.

    Raises:
        Refusal: 404, also for an object of another scope.
    """
    scope = context.scope(write=write)
    record = context.services.store.get(collection, context.path["id"], scope)
    if record is None:
        raise not_found(NOUNS[collection], context.path["id"])
    return record


def routes(collection: str) -> list[Route]:  # noqa: C901 - one small handler per operation
    """Return the routes of models or of remote training systems."""
    base = f"/ml/v4/{collection}"

    def create(context: Context) -> Any:
        scope = context.scope(write=True, body=True)
        body = _validated(collection, context.body)
        now = timestamp()
        entity = {key: value for key, value in body.items() if key not in _TOP}
        extra: dict[str, Any] = {}
        if collection == "models":
            entity["software_spec"] = fill_specification(entity["software_spec"])
            entity["hybrid_pipeline_software_specs"] = []
            extra["resource_key"] = new_resource_key()
        record = Record(
            id=str(uuid.uuid4()),
            collection=collection,
            scope=scope,
            name=body["name"],
            description=body.get("description"),
            tags=body.get("tags"),
            owner=context.principal.id,
            created_at=now,
            modified_at=now,
            entity=entity,
            extra=extra,
        )
        context.services.store.insert(record)
        return 201, show(record)

    def listing(context: Context) -> Any:
        return list_objects(context, collection)

    def read(context: Context) -> Any:
        record = one(context, collection)
        wanted = context.query.get("rev")
        if wanted is None:
            return show(record)
        return show_revision(_revision(context, record, wanted), whole=True)

    def patch(context: Context) -> Any:
        record = one(context, collection, write=True)
        changed = _patched(collection, record, context.body)
        context.services.store.update(changed)
        return show(changed)

    def delete(context: Context) -> Any:
        record = one(context, collection, write=True)
        for sha256 in context.services.store.delete(record.id):
            context.services.blobs.discard(sha256)
        return 204, None

    def commit(context: Context) -> Any:
        scope = context.scope(write=True, body=True)
        record = context.services.store.get(collection, context.path["id"], scope)
        if record is None:
            raise not_found(NOUNS[collection], context.path["id"])
        message = str(context.body.get("commit_message") or "")
        revision = context.services.store.commit_revision(record, timestamp(), message)
        return 201, show_revision(revision, whole=True)

    def revisions(context: Context) -> Any:
        record = one(context, collection)
        found = context.services.store.revisions(record.id)
        return {
            "limit": 100,
            "first": {"href": f"{base}/{record.id}/revisions"},
            "resources": [show_revision(revision, whole=False) for revision in found],
        }

    return [
        Route(base, authenticated(create, needs_body=True), methods=["POST"]),
        Route(base, authenticated(listing), methods=["GET"]),
        Route(f"{base}/{{id}}", authenticated(read), methods=["GET"]),
        Route(f"{base}/{{id}}", authenticated(patch, needs_body=True), methods=["PATCH"]),
        Route(f"{base}/{{id}}", authenticated(delete), methods=["DELETE"]),
        Route(f"{base}/{{id}}/revisions", authenticated(commit, needs_body=True), methods=["POST"]),
        Route(f"{base}/{{id}}/revisions", authenticated(revisions), methods=["GET"]),
    ]


def list_objects(context: Context, collection: str) -> dict[str, Any]:
    """Answer a listing: filters, page size, an opaque `start`, relative hrefs."""
    scope = context.scope(write=False)
    query = context.query
    limit = _limit(query.get("limit"))
    tags = query.get("tag.value", "")
    page = context.services.store.page(
        collection,
        scope,
        limit=limit,
        before=_start(query.get("start")),
        all_tags=[] if " or " in tags else [part for part in tags.split(" and ") if part],
        any_tags=tags.split(" or ") if " or " in tags else [],
        search=query.get("search", ""),
        state=query.get("state", ""),
        software_spec=query.get("software_spec", ""),
    )
    base = f"/ml/v4/{collection}?{scope.kind}={scope.id}&limit={limit}"
    answer: dict[str, Any] = {
        "limit": limit,
        "first": {"href": base},
        "resources": [show(record) for record in page.records],
    }
    if page.next_position is not None:
        answer["next"] = {"href": f"{base}&start=p{page.next_position}"}
    if collection == "trainings" and query.get("total_count") == "true":
        answer["total_count"] = page.total
    return answer


def _limit(text: str | None) -> int:
    if text is None:
        return 100
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= 200):
        raise bad_request(
            "limit must be a whole number from 1 to 200.", target="limit", code="invalid_input_argument"
        )
    return int(text)


def _start(text: str | None) -> int | None:
    if text is None:
        return None
    digits = text.removeprefix("p")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 18):
        raise bad_request("start is no token of this service.", target="start", code="invalid_input_argument")
    return int(digits)


def _validated(collection: str, body: Any) -> dict[str, Any]:
    request: type[BaseModel] = _REQUESTS[collection]
    return parse(request, body).model_dump(exclude_unset=True, exclude_none=True)


def _revision(context: Context, record: Record, wanted: str) -> Revision:
    found = context.services.store.revisions(record.id)
    for revision in found:
        if wanted in {"latest", str(revision.rev)}:
            return revision
    raise not_found("revision", wanted)


def _patched(collection: str, record: Record, body: Any) -> Record:
    try:
        operations = _OPERATIONS.validate_python(body)
    except ValidationError:
        raise bad_request(
            "The body must be a JSON Patch: a list of operations with op and path.", code="json_type_error"
        ) from None
    document = _document(record)
    for operation in operations:
        key = operation.path.removeprefix("/")
        if key not in _PATCHABLE[collection]:
            raise bad_request(f"The path {operation.path} cannot be patched.", target=operation.path[:100])
        if operation.op == "remove":
            if key == "name" or document.pop(key, None) is None:
                raise bad_request(f"The path {operation.path} cannot be removed.", target=operation.path)
        elif operation.op == "replace" and key not in document:
            raise bad_request(f"The path {operation.path} does not exist; use add.", target=operation.path)
        else:
            document[key] = operation.value
    valid = _validated(collection, document)
    entity = {key: value for key, value in valid.items() if key not in _TOP}
    extra = dict(record.extra)
    if collection == "models":
        reference = entity["software_spec"]
        entity["software_spec"] = fill_specification(reference)
        entity["hybrid_pipeline_software_specs"] = []
        extra["resource_key"] = new_resource_key()
    now = timestamp()
    extra["commit_info"] = {"committed_at": now}
    return replace(
        record,
        name=valid["name"],
        description=valid.get("description"),
        tags=valid.get("tags"),
        entity=entity,
        extra=extra,
        modified_at=now,
    )


def _document(record: Record) -> dict[str, Any]:
    """Return the request that would make `record` as it is."""
    document: dict[str, Any] = {"name": record.name, **record.entity}
    if record.description is not None:
        document["description"] = record.description
    if record.tags is not None:
        document["tags"] = list(record.tags)
    reference = document.get("software_spec")
    if isinstance(reference, dict) and {"id", "name"} <= set(reference):
        document["software_spec"] = {key: value for key, value in reference.items() if key != "name"}
    document.pop("hybrid_pipeline_software_specs", None)
    return document
