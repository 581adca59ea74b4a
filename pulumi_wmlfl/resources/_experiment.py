"""What a `FederatedExperiment` is declared with: read, checked as far as it must be to declare resources.

What the values mean is checked by the resources; here only what would keep them from being declared.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from ..errors import InputError, Problem
from ._errors import ProgramError
from .args import Args
from .experiment_args import ExperimentPartyArgs, FederatedExperimentInputs
from .model import Model

__all__ = ["DeclarationError", "Declared", "read_declaration"]

Json = dict[str, Any]

_REQUIRED = ("model", "parties", "fusion_type", "results_reference")
_REQUIRED_OF_PARTY = ("name", "allowed_identities")


class DeclarationError(ProgramError, InputError):
    """An experiment cannot be declared."""


@dataclass(frozen=True, slots=True)
class Declared:
    """An experiment's keywords; its parties by name, in the order in which they were given."""

    inputs: Json
    parties: Mapping[str, Json]
    model: Model | Json


def read_declaration(resource_name: str, args: object, inputs: Mapping[str, Any]) -> Declared:
    """Merge `args` and keywords.

    Raises:
        DeclarationError: something is missing, unknown or named twice; it tells everything at once.
    """
    problems: list[Problem] = []
    given = _read("args", args, problems) if args is not None else {}
    given |= {key: value for key, value in inputs.items() if value is not None}
    problems += [Problem(key, "is required") for key in _REQUIRED if key not in given]
    problems += _unknown("", given, FederatedExperimentInputs.__annotations__)
    problems += _no_list("tags", given)
    model: Model | Json = {}
    if "model" in given:
        found = given["model"]
        model = found if isinstance(found, Model) else _read("model", found, problems)
        problems += [] if isinstance(model, Model) else _no_list("model.tags", model)
    parties = _parties(given["parties"], problems) if "parties" in given else {}
    if problems:
        raise DeclarationError(tuple(problems), resource=f"FederatedExperiment {resource_name!r}")
    return Declared(given, parties, model)


def _parties(listed: object, problems: list[Problem]) -> dict[str, Json]:
    if not isinstance(listed, list | tuple) or not listed:
        problems.append(Problem("parties", "must be a list of at least one party, and not an Output"))
        return {}
    parties: dict[str, Json] = {}
    for index, entry in enumerate(listed):
        where = f"parties[{index}]"
        party = _read(where, entry, problems)
        problems += [
            Problem(f"{where}.{key}", "is required") for key in _REQUIRED_OF_PARTY if key not in party
        ]
        problems += _unknown(where, party, ExperimentPartyArgs.__annotations__)
        problems += _no_list(f"{where}.tags", party)
        name = party.get("name")
        if "region" in party and not _is_text(party.get("organization")):
            problems.append(Problem(f"{where}.region", "goes with an organization that is given as its name"))
        if name is not None and (not isinstance(name, str) or not name.strip()):
            problems.append(Problem(f"{where}.name", "must be plain text, and not an Output"))
        elif name in parties:
            problems.append(Problem(f"{where}.name", f"{name!r} is the name of another party, too"))
        elif name is not None:
            parties[name] = party
    return parties


def _read(where: str, value: object, problems: list[Problem]) -> Json:
    found = value.as_dict() if isinstance(value, Args) else value
    if not isinstance(found, Mapping):
        kind = "an Output" if isinstance(value, pulumi.Output) else type(value).__name__
        problems.append(Problem(where, f"must be a dictionary or an Args object, not {kind}"))
        return {}
    return {str(key): item for key, item in found.items() if item is not None}


def _unknown(where: str, given: Json, known: Iterable[str]) -> list[Problem]:
    problems = []
    for key in given.keys() - set(known):
        near = difflib.get_close_matches(key, list(known), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        problems.append(Problem(f"{where}.{key}".lstrip("."), f"is not known here{hint}"))
    return sorted(problems, key=lambda problem: problem.path)


def _no_list(where: str, given: Json) -> list[Problem]:
    if isinstance(given.get("tags", []), list | tuple):
        return []
    return [Problem(where, "must be a list, and not an Output; its items may be")]


def _is_text(value: object) -> bool:
    return isinstance(value, str | pulumi.Output)
