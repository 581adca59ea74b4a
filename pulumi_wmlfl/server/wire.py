"""Stored records as WML shows them, its odd habits included: those are what clients must live with.

Source: API reference, sections "Resource envelope", "Models", "Remote training systems", "Trainings" and
"References"; examples there are recordings of the real service.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from .problems import bad_request
from .sealing import Sealer
from .specifications import deprecation
from .store.contract import Attachment, Page, Record, Revision, Scope

__all__ = [
    "attachment_view",
    "enriched_location",
    "page_view",
    "position_of",
    "record_view",
    "revision_summary",
]


def record_view(record: Record, sealer: Sealer, *, revision: Revision | None = None) -> dict[str, Any]:
    """Return a model, a remote training system or a training as WML answers it."""
    if record.collection == "trainings":
        return _training_view(record, sealer)
    metadata = _metadata(record, revision)
    if record.collection == "models":
        metadata["resource_key"] = record.extra["resource_key"]
        warnings = [*deprecation(record.entity["software_spec"]["name"]), *record.extra.get("warnings", ())]
        return {"metadata": metadata, "entity": dict(record.entity), "system": {"warnings": warnings}}
    return {"metadata": metadata, "entity": dict(record.entity)}


def _metadata(record: Record, revision: Revision | None = None) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "id": record.id,
        "name": record.name,
        "owner": record.owner,
        record.scope.kind: record.scope.id,
        "created_at": record.created_at,
        "modified_at": record.modified_at,
    }
    if record.description is not None:
        metadata["description"] = record.description
    if record.tags is not None:
        metadata["tags"] = list(record.tags)
    if revision is not None:
        metadata["rev"] = str(revision.rev)
        metadata["commit_info"] = {"committed_at": revision.committed_at}
        if revision.message:
            metadata["commit_info"]["commit_message"] = revision.message
    elif record.extra.get("committed_at"):
        # The current object has no `rev`, but after an update it says when it was committed.
        metadata["commit_info"] = {"committed_at": record.extra["committed_at"]}
    return metadata


def _training_view(record: Record, sealer: Sealer) -> dict[str, Any]:
    """A training repeats name, description and scope in its entity, has a guid and shows no owner."""
    metadata = _metadata(record)
    metadata["guid"] = record.id
    del metadata["owner"]
    repeated: dict[str, Any] = {
        key: metadata[key] for key in ("name", "description", record.scope.kind) if key in metadata
    }
    entity: dict[str, Any] = {**repeated, **record.entity, "status": dict(record.status)}
    results = dict(record.entity["results_reference"])
    sealed = record.extra.get("connection")
    if sealed is not None:
        results["connection"] = sealer.unseal(sealed)
    entity["results_reference"] = results
    return {"metadata": metadata, "entity": entity}


def enriched_location(reference: Mapping[str, Any], training_id: str) -> dict[str, Any]:
    """Return a results reference's location with what the service adds to it."""
    location = dict(reference["location"])
    path = location.get("path")
    folder = path.strip("/") if isinstance(path, str) else ""
    base = f"{folder}/{training_id}" if folder not in {"", "."} else training_id
    location["training"] = base
    location["training_status"] = f"{base}/training-status.json"
    location["assets_path"] = f"{base}/assets"
    location["notebooks_path"] = f"{base}/notebooks"
    if reference["type"] != "container":
        location["logs"] = f"{base}/logs"
        location["training_log"] = f"{base}/training-log.txt"
        location["model_request_path"] = (
            f"{base}/assets/{training_id}/resources/wml_model/request.json"  # as IBM's SDK looks for it
        )
    return location


def revision_summary(revision: Revision) -> dict[str, Any]:
    """Return one item of a list of revisions, which has `metadata` only."""
    return {"metadata": _metadata(revision.record, revision)}


def attachment_view(attachment: Attachment) -> dict[str, Any]:
    """Return what WML says of one content of a model."""
    named = {"name": attachment.name} if attachment.name else {}
    return {
        "attachment_id": attachment.id,
        "content_format": attachment.content_format,
        "persisted": True,
        **named,
    }


def page_view(
    page: Page, items: Sequence[Mapping[str, Any]], *, path: str, scope: Scope, limit: int
) -> dict[str, Any]:
    """Return one page of a listing; its hrefs are relative, and `start` is opaque."""
    query: dict[str, Any] = {scope.kind: scope.id, "limit": limit}
    view: dict[str, Any] = {
        "limit": limit,
        "first": {"href": f"{path}?{urlencode(query)}"},
        "resources": list(items),
    }
    if page.next_position is not None:
        view["next"] = {"href": f"{path}?{urlencode({**query, 'start': _start_at(page.next_position)})}"}
    if page.total is not None:
        view["total_count"] = page.total
    return view


def _start_at(position: int) -> str:
    return base64.urlsafe_b64encode(f"p{position}".encode()).decode().rstrip("=")


def position_of(start: str) -> int:
    """Read the token of a next page.

    Raises:
        Refusal: 400, it is not one of ours.
    """
    try:
        position = int(base64.urlsafe_b64decode(start + "=" * (-len(start) % 4)).decode().removeprefix("p"))
    except (binascii.Error, ValueError):
        position = 0
    if not 0 < position < 2**63 or start != _start_at(position):
        text = "The query parameter start must come from the href of the page before."
        raise bad_request(text, target="start", code="invalid_input_argument")
    return position
