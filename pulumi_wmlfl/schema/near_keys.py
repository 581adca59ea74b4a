"""Keys that are most likely misspelt, in places that WML's schema leaves open.

Whatever stands there may be right and is let through; what is very near to a known key is worth a word.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..errors import Problem
from .specs import FEDERATED_LEARNING_KEYS

__all__ = ["misspelt_keys", "misspelt_name_of"]

Place = tuple[str, ...]

# Of two texts that are equal in four of five letters one is a slip of the other.
_VERY_NEAR = 0.8
_EACH = "[]"
_STORAGE_KEYS = ("endpoint_url", "access_key_id", "secret_access_key", "id", "href")
_LOCATION_KEYS = ("bucket", "path", "id", "href")
_DATA_PLACES: Mapping[Place, Iterable[str]] = {
    (collection, _EACH, *place): keys
    for collection in ("training_data_references", "test_data_references")
    for place, keys in (
        ((), ("type", "id", "connection", "location", "schema")),
        (("connection",), _STORAGE_KEYS),
        (("location",), _LOCATION_KEYS),
    )
}
# What is known of the open places. Source: WML's v4 API; the user's own, such as `custom`, is not among them.
_OPEN_PLACES: Mapping[str, Mapping[Place, Iterable[str]]] = {
    "models": {("model_version",): ("number", "tag", "description"), **_DATA_PLACES},
    "remote_training_systems": {("remote_admin",): ("id", "type", "name", "email")},
    "trainings": {
        ("federated_learning",): FEDERATED_LEARNING_KEYS,
        ("federated_learning", "model", "spec"): ("id", "href", "rev"),
        ("federated_learning", "optimizer"): ("name", "spec"),
        ("federated_learning", "crypto"): ("cipher_spec",),
        ("results_reference", "connection"): _STORAGE_KEYS,
        ("results_reference", "location"): _LOCATION_KEYS,
        **_DATA_PLACES,
    },
}


def misspelt_keys(collection: str, inputs: Mapping[str, Any]) -> list[Problem]:
    """Return every key of an open place that is very near to a known one which is not given there."""
    found = []
    for place, known in _OPEN_PLACES[collection].items():
        for where, values in _values_at(inputs, place):
            free = [key for key in known if values.get(key) is None]
            for key in values.keys() - set(known):
                if near := _nearest(key, free):
                    text = f"is not a key that is known here; did you mean {near!r}?"
                    found.append(Problem(f"{where}.{key}", text))
    return sorted(found, key=lambda problem: problem.path)


def misspelt_name_of(key: str, values: Mapping[str, Any]) -> str:
    """Return the key of `federated_learning` that most likely was to be `key`, empty if there is none."""
    return _nearest(key, [other for other in values if other not in FEDERATED_LEARNING_KEYS])


def _nearest(key: str, others: Iterable[str]) -> str:
    alike = {other.lower(): other for other in others}
    near = difflib.get_close_matches(key.lower(), alike, n=1, cutoff=_VERY_NEAR)
    # Two letters that changed places weigh more in a short word than they should.
    near += [other for other in alike if len(other) > 3 and sorted(other) == sorted(key.lower())]
    return alike[near[0]] if near else ""


def _values_at(value: Any, place: Place, where: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the objects at a place that are known already, with their paths."""
    if not place:
        if isinstance(value, dict):
            yield where, value
        return
    step, *rest = place
    if step == _EACH:
        for index, item in enumerate(value if isinstance(value, list) else ()):
            yield from _values_at(item, tuple(rest), f"{where}[{index}]")
    elif isinstance(value, dict):
        yield from _values_at(value.get(step), tuple(rest), f"{where}.{step}".lstrip("."))
