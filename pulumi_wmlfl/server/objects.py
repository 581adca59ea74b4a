"""What models, remote training systems and trainings have in common: listing, reading, patching, revisions.

Source: API reference, "Conventions common to all three resources".
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .clock import timestamp
from .http import Answer, Context, Query
from .patching import apply_patch
from .problems import bad_request, not_found
from .store.contract import Page, Record, Scope, Selection
from .wire import page_view, position_of, record_view, revision_summary

__all__ = [
    "LIST_QUERY",
    "REV_QUERY",
    "SCOPE_QUERY",
    "Kind",
    "entity_fields",
    "find",
    "limit_of",
    "new_record",
    "remove",
    "tags_of",
]

_OUTSIDE_ENTITY = frozenset({"name", "description", "tags", "project_id", "space_id"})
SCOPE_QUERY = (
    Query("version", "Date of the API version."),
    Query("project_id", "The project; or a space_id."),
    Query("space_id", "The space; or a project_id."),
)
LIST_QUERY = (
    *SCOPE_QUERY,
    Query("limit", "Objects per page."),
    Query("start", "Token from the href of the page before."),
    Query("tag.value", "Only objects with this tag; several joined by ` or ` or ` and `."),
    Query("search", "Only objects with this text in name or description."),
)
REV_QUERY = (*SCOPE_QUERY, Query("rev", "A revision's number, or `latest`."))


@dataclass(frozen=True, slots=True)
class Kind:
    """One collection: its noun in messages, what a patch may change, and how a request becomes an entity.

    `entity` gets a request body and returns what is stored under `entity`, or refuses it. A patched object
    goes through it too, so it is held to the same rules as a new one.
    """

    collection: str
    noun: str
    entity: Callable[[Mapping[str, Any]], dict[str, Any]]
    patchable: Mapping[str, frozenset[str]]

    def list(self, context: Context) -> Answer:
        """Answer one page of the objects of a scope, newest first."""
        scope = context.scope(write=False)
        limit = limit_of(context)
        any_tags, all_tags = tags_of(context.query.get("tag.value", ""))
        spec = context.query.get("software_spec")
        selection = Selection(
            any_tags=any_tags,
            all_tags=all_tags,
            search=context.query.get("search", ""),
            entity_values={"$.software_spec.id": spec} if spec else {},
        )
        start = context.query.get("start")
        store = context.services.store
        before = position_of(start) if start else None
        page = store.page(self.collection, scope, selection, limit=limit, before=before)
        items = [record_view(record, context.services.sealer) for record in page.records]
        return page_view(page, items, path=f"/ml/v4/{self.collection}", scope=scope, limit=limit)

    def get(self, context: Context) -> Answer:
        """Answer one object, or one of its revisions."""
        record = find(context, self, context.scope(write=False))
        rev = context.query.get("rev")
        if rev is None:
            return record_view(record, context.services.sealer)
        revisions = context.services.store.revisions(record.id)
        for revision in revisions:
            if rev in {"latest", str(revision.rev)}:
                return record_view(revision.record, context.services.sealer, revision=revision)
        raise not_found(f"revision {rev} of the {self.noun}", record.id)

    def patch(self, context: Context) -> Answer:
        """Apply a JSON patch and answer the object as it is then."""
        scope = context.scope(write=True)
        now = timestamp(context.services.clock())

        def alter(record: Record) -> Record:
            before = _as_request(record)
            after = apply_patch(before, context.body, allowed=self.patchable)
            if after == before:
                return record
            entity = self.entity(after)
            extra = {**record.extra, "committed_at": now}
            if "resource_key" in extra:
                # WML gives a model a new one with every update.
                extra["resource_key"] = str(uuid.uuid4())
            altered = replace(record, entity=entity, extra=extra, modified_at=now)
            return replace(altered, **_described(after))

        changed = context.services.store.change(self.collection, context.path(), scope, alter)
        if changed is None:
            raise not_found(self.noun, context.path())
        return record_view(changed, context.services.sealer)

    def delete(self, context: Context) -> Answer:
        """Delete an object with its revisions and contents."""
        record = find(context, self, context.scope(write=True))
        remove(context, record)
        return 204, None

    def commit(self, context: Context) -> Answer:
        """Keep the object as it is now as a revision."""
        record = find(context, self, context.scope(write=True, from_body=True))
        message = context.body.get("commit_message")
        if message is not None and not isinstance(message, str):
            text = "commit_message: Input should be a valid string"
            raise bad_request(text, target="commit_message", code="json_type_error")
        now = timestamp(context.services.clock())
        revision = context.services.store.commit_revision(record, now, message or "")
        return 201, record_view(record, context.services.sealer, revision=revision)

    def revisions(self, context: Context) -> Answer:
        """Answer the revisions of an object, newest first, `metadata` only."""
        scope = context.scope(write=False)
        record = find(context, self, scope)
        limit = limit_of(context)
        start = context.query.get("start")
        before = position_of(start) if start else None
        revisions = context.services.store.revisions(record.id)
        wanted = [item for item in revisions if before is None or item.rev < before]
        shown = wanted[:limit]
        following = shown[-1].rev if len(wanted) > limit else None
        page = Page(records=(), next_position=following, total=None)
        items = [revision_summary(revision) for revision in shown]
        path = f"/ml/v4/{self.collection}/{record.id}/revisions"
        return page_view(page, items, path=path, scope=scope, limit=limit)


def remove(context: Context, record: Record) -> None:
    """Delete an object and the contents that nothing refers to any more."""
    services = context.services
    with services.blobs.lock:
        services.blobs.discard(services.store.delete(record.id))
    if record.collection == "trainings":
        services.jobs.deleted(record.id)


def find(context: Context, kind: Kind, scope: Scope) -> Record:
    """Return the object that the path names.

    Raises:
        Refusal: 404, it does not exist in this scope.
    """
    record = context.services.store.get(kind.collection, context.path(), scope)
    if record is None:
        raise not_found(kind.noun, context.path())
    return record


def new_record(context: Context, kind: Kind, scope: Scope, entity: Mapping[str, Any]) -> Record:
    """Return the record of a request to create an object; nothing is stored yet."""
    now = timestamp(context.services.clock())
    extra = {"resource_key": str(uuid.uuid4())} if kind.collection == "models" else {}
    record = Record(
        id=str(uuid.uuid4()),
        collection=kind.collection,
        scope=scope,
        name="",
        created_at=now,
        modified_at=now,
        owner=context.principal.id,
        entity=entity,
        extra=extra,
    )
    return replace(record, **_described(context.body))


def _described(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what moves from the top of a request into `metadata`; tag objects become their value."""
    tags = body.get("tags")
    if tags is not None:
        tags = [tag["value"] if isinstance(tag, dict) else tag for tag in tags]
    return {"name": body.get("name") or "", "description": body.get("description"), "tags": tags}


def entity_fields(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a request that go to `entity`; what is null was not given."""
    return {key: value for key, value in body.items() if key not in _OUTSIDE_ENTITY and value is not None}


def _as_request(record: Record) -> dict[str, Any]:
    described = {"name": record.name, "description": record.description, "tags": record.tags}
    body = {**record.entity, **{key: value for key, value in described.items() if value is not None}}
    if "software_spec" in body:
        # Stored with id and name; a request has one of them.
        body["software_spec"] = {"id": body["software_spec"]["id"]}
    return body


def limit_of(context: Context) -> int:
    """Return the size of a page.

    Raises:
        Refusal: 400, outside 1...200.
    """
    text = context.query.get("limit")
    settings, control = context.services.settings, context.services.control
    if text is None:
        return control.page_size
    if not (
        text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= settings.largest_page
    ):
        message = f"The query parameter limit must be between 1 and {settings.largest_page}."
        raise bad_request(message, target="limit", code="invalid_input_argument")
    return min(int(text), control.largest_page)


def tags_of(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Read a `tag.value` filter: the tags of which one must be there, and those that all must be."""
    if not text:
        return (), ()
    joined = re.split(r" and ", text)
    if len(joined) > 1:
        return (), tuple(joined)
    # A tag may itself contain the word.
    return tuple(dict.fromkeys([text, *re.split(r" or ", text)])), ()
