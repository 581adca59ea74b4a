"""Finds the objects that are to be taken over: by id, by tag, and those that a training refers to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..client.contract import Collection, Scope, WmlApi
from ..errors import BadRequest, ImportRefused, NotFound, NothingFound
from ..schema.api import WmlObject
from .lookup import NOUNS, name_of

__all__ = ["Selected", "select", "strings_in"]

# What is referred to comes first.
_ORDER: tuple[Collection, ...] = ("remote_training_systems", "models", "trainings")
_OPTIONS: dict[Collection, str] = {
    "remote_training_systems": "--rts",
    "models": "--model",
    "trainings": "--training",
}


@dataclass(frozen=True, slots=True)
class Selected:
    """An object, and whether it was asked for by its id (not by a tag, not as a dependency)."""

    collection: Collection
    found: WmlObject
    by_id: bool

    @property
    def noun(self) -> str:
        """What WML calls it."""
        return NOUNS[self.collection]

    @property
    def title(self) -> str:
        """What it is called in texts: kind, id and name."""
        return f"{self.noun} {self.found.id} ({name_of(self.found)})"


def select(
    api: WmlApi,
    scope: Scope,
    *,
    ids: Mapping[Collection, Sequence[str]],
    tags: Sequence[str] = (),
    with_dependencies: bool = False,
) -> list[Selected]:
    """Return the objects in an order in which each comes after what it refers to.

    Raises:
        NotFound: an id is not there.
        NothingFound: an id is of another kind, or nothing has one of the tags.
        ImportRefused: a training is not a federated one.
    """
    chosen = {
        object_id: Selected(collection, _get(api, collection, object_id, scope), by_id=True)
        for collection in _ORDER
        for object_id in ids.get(collection, ())
    }
    for tag in tags:
        for entry in _tagged(api, scope, tag):
            chosen.setdefault(entry.found.id, entry)
    for entry in [entry for entry in chosen.values() if entry.collection == "trainings"]:
        learning = entry.found.entity.get("federated_learning")
        if not isinstance(learning, dict):
            raise ImportRefused(f"The {entry.title} is not a federated one.")
        for collection, object_id in _dependencies(learning) if with_dependencies else ():
            if object_id not in chosen:
                found = _get(api, collection, object_id, scope, of=entry)
                chosen[object_id] = Selected(collection, found, by_id=False)
    return _in_order(chosen)


def strings_in(value: Any) -> Iterator[str]:
    """Yield every text in a JSON value, keys left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings_in(item)


def _tagged(api: WmlApi, scope: Scope, tag: str) -> list[Selected]:
    found = [Selected(c, entry, by_id=False) for c in _ORDER for entry in api.list(c, scope, tag=tag)]
    if not found:
        where = f"{scope.kind.removesuffix('_id')} {scope.id}"
        raise NothingFound(f"No object of the {where} has the tag {tag!r}.")
    return sorted(found, key=lambda entry: entry.found.metadata.created_at or "")


def _get(
    api: WmlApi, collection: Collection, object_id: str, scope: Scope, *, of: Selected | None = None
) -> WmlObject:
    try:
        return api.get(collection, object_id, scope)
    except (NotFound, BadRequest) as error:
        for other in _ORDER:
            if other != collection and _exists(api, other, object_id, scope):
                raise NothingFound(
                    f"{object_id} is a {NOUNS[other]}, not a {NOUNS[collection]}.",
                    hint=f"Give it as {_OPTIONS[other]}.",
                ) from None
        if of is not None:
            error.hint = f"The {of.title} refers to it: take the training over without --with-dependencies."
        raise


def _exists(api: WmlApi, collection: Collection, object_id: str, scope: Scope) -> bool:
    try:
        api.get(collection, object_id, scope)
    except (NotFound, BadRequest):
        return False
    return True


def _dependencies(learning: Mapping[str, Any]) -> Iterator[tuple[Collection, str]]:
    """Yield what a training refers to: its parties, and the model that it trains."""
    remote, model = learning.get("remote_training"), learning.get("model")
    parties = remote.get("remote_training_systems") if isinstance(remote, dict) else None
    for party in parties if isinstance(parties, list) else []:
        if isinstance(party, dict) and isinstance(party.get("id"), str):
            yield "remote_training_systems", party["id"]
    spec = model.get("spec") if isinstance(model, dict) else None
    if isinstance(spec, dict) and isinstance(spec.get("id"), str):
        yield "models", spec["id"]


def _in_order(chosen: Mapping[str, Selected]) -> list[Selected]:
    """Return each after what it refers to; where two refer to each other, one stays before the other."""
    ordered: dict[str, Selected] = {}
    visited: set[str] = set()

    def visit(entry: Selected) -> None:
        if entry.found.id in visited:
            return
        visited.add(entry.found.id)
        for text in strings_in(entry.found.entity):
            if text in chosen:
                visit(chosen[text])
        ordered[entry.found.id] = entry

    for collection in _ORDER:
        for entry in chosen.values():
            if entry.collection == collection:
                visit(entry)
    return list(ordered.values())
