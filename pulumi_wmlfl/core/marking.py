"""Gives an object that another stack made the marker of the stack that takes it over, and takes it back.

The other stack would list the object among its orphans otherwise, and delete it with them. WML changes no
training, so a training keeps the marker that it has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from ..client.contract import Scope, WmlApi
from ..errors import WmlflError
from .adopted import Adopted
from .managers import manager_of
from .marker import new_marker
from .results import Json

__all__ = ["marked_for"]


@contextmanager
def marked_for(
    api: WmlApi, adopted: Sequence[Adopted], scope: Scope, urns: Mapping[str, str]
) -> Iterator[list[Adopted]]:
    """Mark what another stack made as made by the stack of `urns` (by the object's id).

    If the block fails, every object gets its old marker again.
    """
    changed: list[Adopted] = []
    try:
        yield [_marked(api, entry, scope, urns[entry.id], changed) for entry in adopted]
    except BaseException as error:
        left = [entry.title for entry in changed if not _marked_back(api, entry, scope)]
        if left and isinstance(error, WmlflError):
            error.hint = f"{error.hint} Marked as this stack's already: {', '.join(left)}."
        raise


def _marked(api: WmlApi, entry: Adopted, scope: Scope, urn: str, changed: list[Adopted]) -> Adopted:
    if entry.collection == "trainings" or not entry.is_of_another_stack(urn):
        return entry
    marker = new_marker(urn)
    found = api.patch(entry.collection, entry.id, scope, _tags(entry, marker))
    changed.append(entry)
    made = manager_of(entry.collection, api, scope).outputs(entry.inputs, found)
    return replace(entry, outputs={**entry.outputs, **made}, marker=marker)


def _marked_back(api: WmlApi, entry: Adopted, scope: Scope) -> bool:
    try:
        api.patch(entry.collection, entry.id, scope, _tags(entry, entry.marker))
    except WmlflError:
        return False
    return True


def _tags(entry: Adopted, marker: str) -> list[Json]:
    return [{"op": "replace", "path": "/tags", "value": [*entry.inputs.get("tags", []), marker]}]
