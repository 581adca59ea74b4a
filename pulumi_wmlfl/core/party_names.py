"""The names of remote training systems by id, with as few requests as possible.

A deployment has mostly just made or read the systems that its training names, so their names are kept for the
life of the process; one listing answers for all that are left.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..client.contract import Scope, WmlApi
from ..errors import WmlflError
from ..schema.api import WmlObject

__all__ = ["names_of", "remember"]

_FEW = 2
_known: dict[str, str] = {}


def remember(found: WmlObject) -> None:
    """Keep the name of a remote training system that WML just answered with."""
    if found.metadata.name:
        _known[found.id] = found.metadata.name


def names_of(ids: Sequence[str], api: WmlApi, scope: Scope) -> dict[str, str]:
    """Return `{name: id}` in the order of `ids`; an id whose name is unknown or taken stands for itself."""
    missing = [party for party in ids if party not in _known]
    try:
        if len(missing) <= _FEW:
            for party in missing:
                remember(api.get("remote_training_systems", party, scope))
        else:
            left = set(missing)
            for found in api.list("remote_training_systems", scope):
                remember(found)
                left.discard(found.id)
                if not left:
                    break
    except WmlflError:
        # A name is a help for people; the ids are what counts.
        pass
    names: dict[str, str] = {}
    for party in ids:
        name = _known.get(party)
        names[name if name and name not in names else party] = party
    return names
