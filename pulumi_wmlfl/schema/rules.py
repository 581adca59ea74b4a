"""Rules across fields, and facts that are worth a warning.

A rule refuses what WML cannot accept; a fact only warns, because releases of WML differ.

Source: WML's v4 API (fields, ranges), IBM's pages on frameworks and fusion methods.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from ..errors import Problem
from .hyperparameters import TREES, hyperparameter_facts
from .near_keys import misspelt_name_of
from .policy import REFERENCES
from .specs import SERVICE_FUSION_TYPES

__all__ = ["FACTS", "RULES", "Known"]

Json = dict[str, Any]

_LEARNING = "federated_learning"
_PARTIES = (_LEARNING, "remote_training", "remote_training_systems")
_NEURAL = frozenset({"tensorflow", "keras", "pytorch", "torch"})
_SCIKIT = frozenset({"scikit-learn", "scikit_learn", "sklearn"})
_FRAMEWORKS = _NEURAL | _SCIKIT | {"xgboost"}
# Fusion types that exist for some frameworks only (IBM: frameworks and fusion methods).
_ONLY_FOR: dict[str, frozenset[str]] = {
    "pfnm": _NEURAL,
    "spahm": _SCIKIT,
    "xgb_classifier": _SCIKIT | {"xgboost"},
    "xgb_regressor": _SCIKIT | {"xgboost"},
}
_OLD_SOFTWARE = re.compile(r"^(default_py3\.\d+|runtime-22\.[12]-.*|tensorflow_2\.[1-9]-.*)$")


class Known:
    """Reads inputs; a place that is missing, wrong or not known yet (of class `unknown`) reads as None."""

    def __init__(self, inputs: Json, unknown: type) -> None:
        self._inputs = inputs
        self.unknown = unknown

    def __call__(self, *path: str | int) -> Any:
        """Return the value at a place."""
        value: Any = self._inputs
        for part in path:
            if isinstance(value, dict) and isinstance(part, str):
                value = value.get(part)
            elif isinstance(value, list) and isinstance(part, int) and part < len(value):
                value = value[part]
            else:
                return None
        return None if isinstance(value, self.unknown) else value

    def has(self, *path: str) -> bool:
        """Say whether something stands at a place, known or not; true where the place itself is unknown."""
        value: Any = self._inputs
        for part in path:
            if isinstance(value, self.unknown):
                return True
            value = value.get(part) if isinstance(value, dict) else None
        return value is not None


Rule = Callable[[Known], list[Problem]]


def _one_scope(known: Known) -> list[Problem]:
    if known.has("project_id") and known.has("space_id"):
        return [Problem("space_id", "give either project_id or space_id, not both")]
    if not known.has("project_id") and not known.has("space_id"):
        text = (
            "no project: set project_id or space_id here, or wmlfl:projectId or wmlfl:spaceId for the stack"
        )
        return [Problem("", text)]
    return []


def _one_reference(*path: str) -> Rule:
    def rule(known: Known) -> list[Problem]:
        reference = known(*path)
        if isinstance(reference, dict) and ("id" in reference) == ("name" in reference):
            return [Problem(".".join(path), "give exactly one of id and name")]
        return []

    return rule


def _one_references(collection: str) -> tuple[Rule, ...]:
    return tuple(_one_reference(*path) for path in REFERENCES[collection])


def _one_content(known: Known) -> list[Problem]:
    if known.has("content") and known.has("content_from_training"):
        return [Problem("content_from_training", "give either content or content_from_training, not both")]
    return []


def _parties(known: Known) -> list[Problem]:
    parties = known(*_PARTIES)
    seen: dict[str, int] = {}
    problems = []
    for index in range(len(parties) if isinstance(parties, list) else 0):
        party = known(*_PARTIES, index, "id")
        if isinstance(party, str) and party in seen:
            path = f"{'.'.join(_PARTIES)}[{index}].id"
            problems.append(Problem(path, f"names the same party as number {seen[party]}"))
        elif isinstance(party, str):
            seen[party] = index
    return problems


def _quorum(known: Known) -> list[Problem]:
    quorum, parties = known(_LEARNING, "remote_training", "quorum"), known(*_PARTIES)
    if not isinstance(quorum, int | float) or isinstance(quorum, bool) or quorum <= 1:
        return []
    where = f"{_LEARNING}.remote_training.quorum"
    text = "is the share of the parties that must take part, from 0 to 1"
    if isinstance(parties, list) and quorum <= len(parties):
        share = math.floor(100 * quorum / len(parties)) / 100
        text += f"; for {quorum:g} of these {len(parties)} parties give {share:g}"
    elif isinstance(parties, list):
        count = "1 party" if len(parties) == 1 else f"{len(parties)} parties"
        text += f"; the training has {count}"
    return [Problem(where, text)]


def _framework(known: Known) -> str:
    """Return the framework of the model's type: `pytorch-onnx_2.0` is of `pytorch`."""
    named = known(_LEARNING, "model", "type")
    if not isinstance(named, str):
        return ""
    lowered = named.lower()
    near = (f for f in _FRAMEWORKS if lowered == f or lowered.startswith((f"{f}_", f"{f}-")))
    return next(near, lowered)


def _fusion(known: Known) -> list[Problem]:
    fusion, framework = known(_LEARNING, "fusion_type"), _framework(known)
    problems = []
    only = _ONLY_FOR.get(fusion) if isinstance(fusion, str) else None
    if only and framework in _FRAMEWORKS - only:
        names = ", ".join(sorted(only - {"sklearn", "scikit_learn", "torch"}))
        problems.append(Problem(f"{_LEARNING}.fusion_type", f"{fusion} exists for {names} only"))
    if fusion == "crypto_iter_avg" and known(_LEARNING, "hardware_spec", "name") == "XS":
        problems.append(
            Problem(f"{_LEARNING}.hardware_spec.name", "encrypted fusion needs at least S, not XS")
        )
    required = [] if fusion == "spahm" else ["rounds"]
    if fusion in TREES:
        required += ["learning_rate", "loss"]
    if fusion == "xgb_classifier":
        required.append("num_classes")
    learning = known(_LEARNING)
    if isinstance(fusion, str) and isinstance(learning, dict):
        problems += [
            Problem(f"{_LEARNING}.{key}", f"is required for {fusion}{_meant(key, learning)}")
            for key in required
            if learning.get(key) is None
        ]
    return problems


def _meant(key: str, learning: Json) -> str:
    wrong = misspelt_name_of(key, learning)
    return f"; did you write {wrong!r} for it?" if wrong else ""


def _unusual_fusion(known: Known) -> list[Problem]:
    fusion, framework = known(_LEARNING, "fusion_type"), _framework(known)
    facts = []
    if framework and framework not in _FRAMEWORKS:
        text = f"is no framework that is known to work: {', '.join(sorted(_FRAMEWORKS))}"
        facts.append(Problem(f"{_LEARNING}.model.type", text))
    fuses_models = isinstance(fusion, str) and fusion not in TREES
    if framework == "xgboost" and fuses_models:
        text = f"models of xgboost are fused by {' and '.join(sorted(TREES))} only"
        facts.append(Problem(f"{_LEARNING}.model.type", text))
    if fuses_models and not known.has(_LEARNING, "model"):
        facts.append(Problem(f"{_LEARNING}.model", f"is missing: {fusion} fuses a model"))
    if fusion == "pfnm":
        text = "pfnm is not carried out by the local service: IBM's party cannot resize its model"
        facts.append(Problem(f"{_LEARNING}.fusion_type", text))
    if fusion in SERVICE_FUSION_TYPES:
        text = f"{fusion} is fused by the local service; IBM's releases refuse it"
        facts.append(Problem(f"{_LEARNING}.fusion_type", text))
    return facts


def _small_quorum(known: Known) -> list[Problem]:
    quorum, parties = known(_LEARNING, "remote_training", "quorum"), known(*_PARTIES)
    if isinstance(quorum, int | float) and isinstance(parties, list) and quorum * len(parties) < 1:
        text = f"{quorum:g} of {len(parties)} parties is less than one: the first party starts the training"
        return [Problem(f"{_LEARNING}.remote_training.quorum", text)]
    return []


def _hyperparameters(known: Known) -> list[Problem]:
    learning = known(_LEARNING)
    return hyperparameter_facts(learning, known.unknown) if isinstance(learning, dict) else []


def _old_software(*path: str) -> Rule:
    def rule(known: Known) -> list[Problem]:
        name = known(*path, "name")
        if isinstance(name, str) and _OLD_SOFTWARE.match(name):
            text = f"{name} is withdrawn from IBM's current releases; a newer one may be needed"
            return [Problem(".".join((*path, "name")), text)]
        return []

    return rule


RULES: dict[str, tuple[Rule, ...]] = {
    "models": (_one_scope, _one_content, *_one_references("models")),
    "remote_training_systems": (_one_scope,),
    "trainings": (
        _one_scope,
        _parties,
        _quorum,
        _fusion,
        *_one_references("trainings"),
    ),
}

FACTS: dict[str, tuple[Rule, ...]] = {
    "models": (_old_software("software_spec"),),
    "remote_training_systems": (),
    "trainings": (
        _unusual_fusion,
        _small_quorum,
        _hyperparameters,
        _old_software(_LEARNING, "software_spec"),
    ),
}
