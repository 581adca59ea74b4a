"""Finds one object of a project or space by its id, its name or a tag, or says why that is not one object.

Names and tags are not unique in WML: several objects are an error, never a choice.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from ..client.contract import Collection, Scope, WmlApi
from ..errors import BadRequest, NotFound, NothingFound, SeveralFound
from ..schema.api import WmlObject
from .marker import marker_of, without_markers

__all__ = ["NOUNS", "find_one", "find_referred", "marker_on", "name_of", "tags_of"]

NOUNS: dict[Collection, str] = {
    "models": "model",
    "remote_training_systems": "remote training system",
    "trainings": "training",
}
_SHOWN = 5


def find_one(
    api: WmlApi, collection: Collection, scope: Scope, *, object_id: str = "", name: str = "", tag: str = ""
) -> WmlObject:
    """Return the object with this id, or the only one with this name and tag.

    Raises:
        NotFound: there is no object with the id.
        NothingFound: no object has the name and the tag.
        SeveralFound: several objects have them.
    """
    if object_id:
        return api.get(collection, object_id, scope)
    objects = list(api.list(collection, scope, tag=tag or None))
    found = [entry for entry in objects if not name or name_of(entry) == name]
    if len(found) == 1:
        return found[0]
    parts = ((name, f"the name {name!r}"), (tag, f"the tag {tag!r}"))
    wanted = " and ".join(text for value, text in parts if value)
    where = f"{scope.kind.removesuffix('_id')} {scope.id}"
    noun = NOUNS[collection]
    if not found:
        near = difflib.get_close_matches(name, {name_of(entry) for entry in objects}, n=1) if name else []
        raise NothingFound(
            f"No {noun} of the {where} has {wanted}.", hint=f"Did you mean {near[0]!r}?" if near else ""
        )
    shown = [f"{entry.id} ({entry.metadata.created_at or 'no date'})" for entry in found[:_SHOWN]]
    rest = [f"{len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    raise SeveralFound(
        f"{len(found)} {noun}s of the {where} have {wanted}: {', '.join([*shown, *rest])}.",
        hint="Give the id of the one that is meant.",
    )


def find_referred(api: WmlApi, collection: Collection, scope: Scope, reference: str) -> WmlObject:
    """Return the object whose id, else whose name, is `reference`.

    Raises:
        NothingFound: it is neither.
        SeveralFound: it is the name of several.
    """
    try:
        return api.get(collection, reference, scope)
    except (NotFound, BadRequest):
        try:
            return find_one(api, collection, scope, name=reference)
        except NothingFound as error:
            text = error.message.replace("has the name", "has the id or the name")
            raise NothingFound(text, hint=error.hint) from None


def name_of(found: WmlObject) -> str:
    """Return an object's name; trainings of some releases have it in the entity only."""
    name: Any = found.metadata.name or found.entity.get("name")
    return name if isinstance(name, str) else ""


def tags_of(found: WmlObject) -> Sequence[str]:
    """Return an object's tags as the user knows them."""
    more = found.entity.get("tags")
    listed = found.metadata.tags or (more if isinstance(more, list) else [])
    plain = [tag.get("value") if isinstance(tag, dict) else tag for tag in listed]
    return [str(tag) for tag in without_markers(plain)]


def marker_on(found: WmlObject) -> str:
    """Return the marker that an object carries, empty if none; trainings may have it in the entity only."""
    more = found.entity.get("tags")
    return marker_of([*(found.metadata.tags or []), *(more if isinstance(more, list) else [])])
