"""Validation of declared inputs: every problem of a resource at once, each on its property.

Values that are not known yet at preview (instances of the given `unknown` class) are let through, everything
around them is checked.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from ..errors import Problem
from .near_keys import misspelt_keys, misspelt_name_of
from .rules import FACTS, RULES, Known
from .specs import SPECS, known_keys

__all__ = ["check_inputs", "known_facts", "normalise", "without_unknown_keys"]

Json = dict[str, Any]
# What is said for pydantic's own messages, which speak of Python.
_WORDS = {
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be a map",
    "model_type": "must be a map",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "greater_than": "must be above {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than_equal": "must be at most {le:g}",
}
# Where WML or its notebooks are known to carry a type with blanks around it.
_TYPED = (("federated_learning", "model"), ("results_reference",))


def normalise(value: Json) -> Json:
    """Undo what transport and habit do to a resource's properties.

    3.0 is 3 (Pulumi sends every number as a float), a tag object is its value, `type` is trimmed. What is
    the user's own, such as `custom`, keeps its texts and lists.
    """
    cleaned: Json = _whole_numbers(value)
    _trim(cleaned)
    for path in _TYPED:
        place: Any = cleaned
        for key in path:
            place = place.get(key) if isinstance(place, dict) else None
        _trim(place)
    if isinstance(cleaned.get("tags"), list):
        cleaned["tags"] = [
            tag["value"] if isinstance(tag, dict) and "value" in tag else tag for tag in cleaned["tags"]
        ]
    return cleaned


def _whole_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole_numbers(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


def _trim(place: Any) -> None:
    if isinstance(place, dict) and isinstance(place.get("type"), str):
        place["type"] = place["type"].strip()


def check_inputs(collection: str, inputs: Json, *, unknown: type) -> list[Problem]:
    """Return every problem of normalised `inputs`; values of class `unknown` are let through."""
    known = Known(inputs, unknown)
    broken = [problem for rule in RULES[collection] for problem in rule(known)]
    # A rule knows more of a place than its type does.
    said = {problem.path for problem in broken}
    return [p for p in _shape_problems(SPECS[collection], inputs, unknown) if p.path not in said] + broken


def known_facts(collection: str, inputs: Json, *, unknown: type) -> list[Problem]:
    """Return what is worth a warning: WML may accept it, and experience says that it should not be so."""
    known = Known(inputs, unknown)
    facts = [fact for rule in FACTS[collection] for fact in rule(known)]
    return facts + misspelt_keys(collection, inputs)


def without_unknown_keys(collection: str, inputs: Json) -> tuple[Json, list[str]]:
    """Return the inputs without the keys that no program may declare, and where those stood."""
    try:
        SPECS[collection].model_validate(inputs)
    except ValidationError as error:
        places = [entry["loc"] for entry in error.errors() if entry["type"] == "extra_forbidden"]
    else:
        return inputs, []
    kept: Any = copy.deepcopy(inputs)
    for *way, last in places:
        place = kept
        for step in way:
            place = place[step]
        del place[last]
    return kept, [_dotted(place) for place in places]


def _shape_problems(spec: type[BaseModel], inputs: Json, unknown: type) -> list[Problem]:
    try:
        spec.model_validate(inputs)
    except ValidationError as error:
        found = error.errors(include_url=False)
        return [_problem(spec, entry) for entry in found if not _not_known_yet(entry, unknown)]
    return []


def _not_known_yet(entry: Any, unknown: type) -> bool:
    """Say whether a problem only is that a value is not known yet; a wrong key is wrong whatever it holds."""
    return isinstance(entry.get("input"), unknown) and entry["type"] != "extra_forbidden"


def _problem(spec: type[BaseModel], entry: Any) -> Problem:
    where = _dotted(entry["loc"])
    kind = entry["type"]
    if kind == "missing":
        *place, key = entry["loc"]
        # In a closed place the wrong key is a problem of its own.
        wrong = misspelt_name_of(str(key), entry["input"]) if place == ["federated_learning"] else ""
        return Problem(where, f"is required; did you write {wrong!r} for it?" if wrong else "is required")
    if kind == "extra_forbidden":
        name = str(entry["loc"][-1])
        near = difflib.get_close_matches(name, known_keys(spec), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return Problem(where, f"is not a property that WML knows{hint}")
    if words := _WORDS.get(kind):
        return Problem(where, words.format(**entry.get("ctx", {})))
    return Problem(where, str(entry["msg"]).replace("Input should be", "must be"))


def _dotted(place: Sequence[int | str]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)[1:]
