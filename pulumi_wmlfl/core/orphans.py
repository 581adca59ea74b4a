"""Objects in WML that carry a stack's marker and are not in its state.

A crash between WML's answer and the state's file leaves one, so does `retain_on_delete`, and so does a state
that was lost or put back. What another stack, or anybody without a stack, has made carries another marker or
none, and is never among them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..client.contract import Collection, Scope, WmlApi
from ..schema.api import WmlObject
from .lookup import NOUNS, marker_on, name_of
from .managers import MANAGERS, manager_of
from .marker import stack_part
from .results import Progress

__all__ = ["Orphan", "Recorded", "delete_orphan", "marked_objects", "read_state"]


@dataclass(frozen=True, slots=True)
class Orphan:
    """An object without an entry in the state."""

    collection: Collection
    scope: Scope
    id: str
    name: str
    state: str
    marker: str
    created_at: str

    @property
    def noun(self) -> str:
        """What WML calls it."""
        return NOUNS[self.collection]

    def age(self, now: datetime) -> float:
        """Return how many seconds ago it was made; 0 where WML does not say."""
        try:
            return (now - datetime.fromisoformat(self.created_at)).total_seconds()
        except (ValueError, TypeError):
            return 0.0


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a stack's state knows: ids of objects, the projects and spaces they are in, a URN of the stack."""

    ids: frozenset[str]
    scopes: tuple[Scope, ...]
    urn: str


def read_state(export: Mapping[str, Any]) -> Recorded:
    """Read what `stack export` prints; what is to be deleted still counts as known."""
    deployment = export.get("deployment")
    resources = deployment.get("resources") if isinstance(deployment, dict) else None
    entries = [entry for entry in resources or [] if isinstance(entry, dict)]
    scopes: dict[Scope, None] = {}
    for entry in entries:
        outputs = entry.get("outputs")
        if isinstance(outputs, dict) and "href" in outputs:
            if outputs.get("project_id"):
                scopes[Scope("project_id", str(outputs["project_id"]))] = None
            elif outputs.get("space_id"):
                scopes[Scope("space_id", str(outputs["space_id"]))] = None
    ids = frozenset(str(entry["id"]) for entry in entries if entry.get("id"))
    return Recorded(ids, tuple(scopes), next((str(entry.get("urn")) for entry in entries), ""))


def marked_objects(api: WmlApi, scopes: Iterable[Scope], urn: str) -> Sequence[Orphan]:
    """Return every object with a marker of the stack of `urn`, trainings first."""
    part = f"wmlfl-{stack_part(urn)}-"
    return [
        _orphan(collection, scope, found)
        for collection in MANAGERS
        for scope in scopes
        for found in api.list(collection, scope)
        if marker_on(found).startswith(part)
    ]


def delete_orphan(api: WmlApi, orphan: Orphan, progress: Progress) -> None:
    """Delete an object as `destroy` would: a training is cancelled first. Gone already is success."""
    manager = manager_of(orphan.collection, api, orphan.scope)
    manager.delete(orphan.id, orphan.scope.as_dict(), progress)


def _orphan(collection: Collection, scope: Scope, found: WmlObject) -> Orphan:
    created_at = found.metadata.created_at or ""
    return Orphan(collection, scope, found.id, name_of(found), found.state, marker_on(found), created_at)
