"""From an object that exists to what a program declares of it, and what a state records of it.

The mapping is that of `read`: the policy table says what is an input. What WML made is left out, an object
that is taken over as well is referred to, and the keys of an object storage become settings of the stack.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..client.contract import Collection, Scope, WmlApi
from ..errors import ImportRefused
from ..schema.inputs import normalise, without_unknown_keys
from ..schema.policy import FIELDS, REFERENCES
from .adopted import Adopted, Reference
from .connections import Connections
from .lookup import marker_on, name_of
from .managers import manager_of
from .results import Json
from .selection import Selected, strings_in

__all__ = ["Adoption", "adopt"]

# Texts of people: what looks like an id in them is none.
_TEXTS = frozenset({"name", "description", "tags", "project_id", "space_id"})


@dataclass(frozen=True, slots=True)
class Adoption:
    """What does not depend on the object.

    `scope` is where the objects are, `default_scope` what the stack's configuration names and a program need
    not say. `names` gives resources other names than WML's, by the object's id. `configured` is the stack's
    configuration, as texts, `host` the address that parties get.
    """

    api: WmlApi
    scope: Scope
    default_scope: Scope | None
    names: Mapping[str, str]
    configured: Mapping[str, str]
    host: str


def adopt(selected: Sequence[Selected], by: Adoption) -> list[Adopted]:
    """Return the selected objects, in their order, as resources.

    Raises:
        ImportRefused: an object cannot be declared as it is.
    """
    found: list[Adopted] = []
    taken: set[tuple[Collection, str]] = set()
    for entry in selected:
        wanted = by.names.get(entry.found.id) or _slug(name_of(entry.found)) or entry.noun.replace(" ", "-")
        resource_name, number = wanted, 1
        while (entry.collection, resource_name) in taken:
            number += 1
            resource_name = f"{wanted}-{number}"
        taken.add((entry.collection, resource_name))
        found.append(_adopted(entry, by, resource_name, {other.id for other in found}))
    return found


def _adopted(entry: Selected, by: Adoption, resource_name: str, before: set[str]) -> Adopted:
    manager = manager_of(entry.collection, by.api, by.scope, host=by.host)
    entity = normalise(entry.found.entity)
    secret = [spec.name for spec in FIELDS[entry.collection] if spec.secret]
    known = manager.inputs_of(entry.found, by.scope.as_dict()) | {name: entity.get(name) for name in secret}
    shown, dropped = without_unknown_keys(entry.collection, _tidy(entry.collection, known))
    connections = Connections(entry.title, resource_name, by.configured)
    declared, plain = connections.split(entry.collection, shown)
    checked = manager.check(plain)
    if checked.problems:
        said = "; ".join(f"{p.path}: {p.message}" if p.path else p.message for p in checked.problems)
        raise ImportRefused(f"The {entry.title} cannot be declared as it is: {said}.")
    if by.default_scope == by.scope:
        declared.pop(by.scope.kind, None)
    needs = [text for key in declared.keys() - _TEXTS for text in strings_in(declared[key]) if text in before]
    return Adopted(
        collection=entry.collection,
        id=entry.found.id,
        name=name_of(entry.found),
        resource_name=resource_name,
        declared={
            key: value if key in _TEXTS else _referring(value, before) for key, value in declared.items()
        },
        inputs=checked.inputs,
        outputs=manager.outputs(checked.inputs, entry.found),
        needs=tuple(sorted(set(needs))),
        marker=marker_on(entry.found),
        settings=connections.found,
        notes=[f"{entry.title}: {place} is left out, no program can declare it." for place in dropped],
    )


def _tidy(collection: Collection, inputs: Json) -> Json:
    """Leave out what is empty, and the id of what has a name."""
    kept: Json = {key: value for key, value in inputs.items() if value not in (None, "", [], {})}
    for *way, last in REFERENCES[collection]:
        place: Any = kept
        for step in way:
            place = place.get(step) if isinstance(place, dict) else None
        reference = place.get(last) if isinstance(place, dict) else None
        if isinstance(reference, dict) and reference.get("id") and reference.get("name"):
            place[last] = {key: value for key, value in reference.items() if key != "id"}
    return kept


def _referring(value: Any, ids: set[str]) -> Any:
    if isinstance(value, str):
        return Reference(value) if value in ids else value
    if isinstance(value, dict):
        return {key: _referring(item, ids) for key, item in value.items()}
    return [_referring(item, ids) for item in value] if isinstance(value, list) else value


def _slug(name: str) -> str:
    """Return a resource's name for an object's: letters and digits of any script, and dashes."""
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).lower())
    return re.sub(r"[\W_]+", "-", text).strip("-")
