"""The resource envelope: how a stored record is shown, with the drift that the real service makes.

Source: recorded answers of the real service (both keys of a specification, `resource_key`, `guid`, the
dropped `results_reference.name`, the enriched `location`).
"""

from __future__ import annotations

import uuid
from typing import Any

from .specifications import software_id, software_name
from .store.contract import Record, Revision

__all__ = ["entity_of_training", "fill_specification", "show", "show_revision"]


def show(record: Record) -> dict[str, Any]:
    """Return a record as WML shows it."""
    metadata: dict[str, Any] = {"id": record.id, "name": record.name}
    if record.description is not None:
        metadata["description"] = record.description
    if record.tags is not None:
        metadata["tags"] = list(record.tags)
    if record.collection != "trainings":
        metadata["owner"] = record.owner
    metadata[record.scope.kind] = record.scope.id
    metadata["created_at"] = record.created_at
    metadata["modified_at"] = record.modified_at
    metadata |= record.extra
    entity = dict(record.entity)
    if record.collection == "trainings":
        metadata["guid"] = record.id
        entity["status"] = dict(record.status)
    shown: dict[str, Any] = {"metadata": metadata, "entity": entity}
    if record.collection == "models":
        shown["system"] = {"warnings": []}
    return shown


def show_revision(revision: Revision, *, whole: bool) -> dict[str, Any]:
    """Return a revision; in listings it has its metadata only."""
    shown = show(revision.record)
    shown["metadata"]["rev"] = str(revision.rev)
    shown["metadata"]["commit_info"] = {
        "committed_at": revision.committed_at,
        "commit_message": revision.message,
    }
    return shown if whole else {"metadata": shown["metadata"]}


def fill_specification(reference: dict[str, Any]) -> dict[str, Any]:
    """Return a software specification with both id and name, whichever was sent."""
    filled = dict(reference)
    if "name" in filled and "id" not in filled:
        filled = {"id": software_id(str(filled["name"])), **filled}
    elif "id" in filled:
        name = software_name(str(filled["id"]))
        if name:
            filled["name"] = name
    return filled


def entity_of_training(body: dict[str, Any], training_id: str) -> dict[str, Any]:
    """Return the entity of a new training: what was sent, with the service's own additions."""
    entity = {key: value for key, value in body.items() if key != "tags"}
    results = {key: value for key, value in body["results_reference"].items() if key != "name"}
    path = str(results["location"].get("path") or ".").rstrip("/")
    prefix = "" if path in {"", "."} else f"{path}/"
    base = f"{prefix}{training_id}"
    results["location"] = {
        **results["location"],
        "training": base,
        "training_status": f"{base}/training-status.json",
        "assets_path": f"{base}/assets",
        "notebooks_path": f"{base}/notebooks",
    }
    return {**entity, "results_reference": results}


def new_resource_key() -> str:
    """Return a model's `resource_key`, which changes at every update."""
    return str(uuid.uuid4())
