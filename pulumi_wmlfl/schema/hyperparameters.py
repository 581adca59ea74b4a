"""What the hyperparameters of each fusion type should be.

All of it only warns: releases of WML differ, and what is known comes from IBM's party library and from what
the local service carries out.

Source: IBM's pages on fusion methods; the checks of IBM's party library for gradient-boosted trees.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from ..errors import Problem

__all__ = ["TREES", "hyperparameter_facts"]

Json = Mapping[str, Any]

TREES = frozenset({"xgb_classifier", "xgb_regressor"})
_MATCHING = frozenset({"pfnm", "spahm"})
_CIPHER = "encryption_level_1"
_LOSSES = {
    "xgb_classifier": ("auto", "binary_crossentropy", "categorical_crossentropy"),
    "xgb_regressor": ("auto", "least_squares"),
}
_MOST_CLASSES = 1000
_NUMBER = r"(?P<value>[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)"
_PREDICATE = re.compile(rf"\s*accuracy\s*(>=|<=|==|>|<)\s*{_NUMBER}\s*")


@dataclass(frozen=True, slots=True)
class _Range:
    """From `least` to `most`, with them or without."""

    least: float
    most: float = float("inf")
    open: bool = False

    def holds(self, value: float) -> bool:
        if self.open:
            return self.least < value < self.most
        return self.least <= value <= self.most

    def __str__(self) -> str:
        if self.most == float("inf"):
            return f"above {self.least:g}" if self.open else f"at least {self.least:g}"
        return (
            f"between {self.least:g} and {self.most:g}"
            if self.open
            else f"{self.least:g} to {self.most:.10g}"
        )


_TREE_RANGES = {
    "learning_rate": _Range(0, open=True),
    "max_bins": _Range(2, 255),
    "max_depth": _Range(0, 2**20),
    "max_leaf_nodes": _Range(2, 2**20),
    "min_samples_leaf": _Range(0, 2**40),
    "random_state": _Range(0, 2**32 - 1),
    "l2_regularization": _Range(0),
    "sketch_accuracy_vs_privacy": _Range(0, 1, open=True),
}
_MATCHING_RANGES = {name: _Range(0, open=True) for name in ("sigma", "sigma0", "gamma", "iters")}
_ROBUST_RANGES = {"byzantine_threshold": _Range(0)}


def hyperparameter_facts(learning: Json, unknown: type) -> list[Problem]:
    """Return what should be otherwise in `federated_learning`; what is not known yet is let through."""
    known = {key: value for key, value in learning.items() if not isinstance(value, unknown)}
    fusion = known.get("fusion_type")
    facts = [*_predicate(known), *_optimizer(known)]
    if fusion in TREES:
        facts += [*_outside(known, _TREE_RANGES), *_tree_loss(known, str(fusion))]
    else:
        facts += _loss_name(known)
    if fusion in _MATCHING:
        facts += _outside(known, _MATCHING_RANGES)
    if fusion in {"krum", "trimmed_mean"}:
        facts += [*_outside(known, _ROBUST_RANGES), *_too_few_parties(known)]
    return [Problem(f"federated_learning.{fact.path}", fact.message) for fact in [*facts, *_crypto(known)]]


def _outside(known: Json, ranges: Mapping[str, _Range]) -> list[Problem]:
    return [
        Problem(key, f"{known[key]:.10g} is outside of what is accepted: {range_}")
        for key, range_ in ranges.items()
        if _is_number(known.get(key)) and not range_.holds(known[key])
    ]


def _tree_loss(known: Json, fusion: str) -> list[Problem]:
    loss, classes = known.get("loss"), known.get("num_classes")
    facts = []
    if isinstance(loss, str) and loss not in _LOSSES[fusion]:
        facts.append(Problem("loss", f"is none of {', '.join(_LOSSES[fusion])}"))
    if fusion == "xgb_classifier" and _is_number(classes):
        if not 2 <= classes <= _MOST_CLASSES:
            facts.append(Problem("num_classes", f"{classes:.10g} is outside of 2 to {_MOST_CLASSES}"))
        elif (loss == "binary_crossentropy") != (classes == 2) and loss in _LOSSES[fusion][1:]:
            facts.append(Problem("num_classes", f"{classes} classes do not go with {loss}"))
    return facts


def _loss_name(known: Json) -> list[Problem]:
    loss = known.get("loss")
    if isinstance(loss, str) and not _is_name(loss):
        return [Problem("loss", "is not the name of a loss")]
    return []


def _optimizer(known: Json) -> list[Problem]:
    optimizer = known.get("optimizer")
    if not isinstance(optimizer, dict):
        return []
    name, spec = optimizer.get("name"), optimizer.get("spec")
    facts = []
    if isinstance(name, str | int | float | dict | list) and not (isinstance(name, str) and _is_name(name)):
        facts.append(Problem("optimizer.name", "is not the name of an optimizer, such as SGD"))
    if isinstance(spec, str | int | float | list):
        facts.append(Problem("optimizer.spec", "is not an object, such as {'lr': 0.1}"))
    return facts


def _predicate(known: Json) -> list[Problem]:
    text = known.get("termination_predicate")
    if not isinstance(text, str) or not text:
        return []
    match = _PREDICATE.fullmatch(text)
    if match is None:
        said = "is not of the form that WML documents, such as 'accuracy >= 0.8'"
        return [Problem("termination_predicate", said)]
    if float(match["value"]) > 1:
        return [Problem("termination_predicate", "compares the accuracy, which is from 0 to 1")]
    return []


def _too_few_parties(known: Json) -> list[Problem]:
    remote = known.get("remote_training")
    parties = remote.get("remote_training_systems") if isinstance(remote, dict) else None
    if not isinstance(parties, list):
        return []
    threshold = known.get("byzantine_threshold")
    lying = max(0, threshold) if _is_number(threshold) else 0
    needed = 2 * lying + (3 if known["fusion_type"] == "krum" else 1)
    if len(parties) < needed:
        text = f"has {len(parties)} parties; {known['fusion_type']} needs {needed:g} here"
        return [Problem("remote_training.remote_training_systems", text)]
    return []


def _crypto(known: Json) -> list[Problem]:
    crypto, fusion = known.get("crypto"), known.get("fusion_type")
    if crypto is None or not isinstance(fusion, str):
        return []
    if fusion != "crypto_iter_avg":
        return [Problem("crypto", f"has no effect with {fusion}")]
    level = crypto.get("cipher_spec") if isinstance(crypto, dict) else None
    if isinstance(level, str) and level != _CIPHER:
        return [Problem("crypto.cipher_spec", f"{level} is not known to exist; {_CIPHER} is")]
    return []


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_name(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))
