"""When a training ends: after its rounds, or when its termination predicate holds.

WML offers one predicate, on the model's accuracy, for classification: `accuracy >= 0.8`. Imports `errors`.

Source: the parameters of the fusion types in IBM's documentation; the names under which parties of each
framework report accuracy are those of IBM's party library.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import FusionError

__all__ = ["Predicate", "Termination", "accuracy_of"]

_PREDICATE = re.compile(
    r"\s*(?P<metric>[A-Za-z_]+)\s*(?P<operator>>=|<=|==|>|<)\s*(?P<value>[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)\s*"
)
_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "==": operator.eq,
    "<=": operator.le,
    "<": operator.lt,
}
# TensorFlow and scikit-learn say `acc`, PyTorch `accuracy_score`; a scikit-learn classifier also `score`.
_ACCURACY_KEYS = ("accuracy", "acc", "accuracy_score", "score")
_DEFAULT_ROUNDS = 1


@dataclass(frozen=True, slots=True)
class Predicate:
    """A condition on the accuracy of the fused model, from 0 to 1."""

    comparison: str
    value: float

    @classmethod
    def parse(cls, text: str) -> Predicate:
        """Read a `termination_predicate` such as `accuracy >= 0.8`.

        Raises:
            FusionError: it is something else.
        """
        match = _PREDICATE.fullmatch(text)
        if match is None or match["metric"] != "accuracy":
            raise FusionError(
                f"The termination_predicate {text[:60]!r} is not understood.",
                hint="Write it like this: accuracy >= 0.8",
            )
        value = float(match["value"])
        if not 0 <= value <= 1:
            raise FusionError(f"The accuracy in the termination_predicate {text[:60]!r} is not from 0 to 1.")
        return cls(match["operator"], value)

    def holds(self, accuracy: float | None) -> bool:
        """Tell whether `accuracy` meets the condition; one that is not known does not."""
        return accuracy is not None and _OPERATORS[self.comparison](accuracy, self.value)


@dataclass(frozen=True, slots=True)
class Termination:
    """The rounds of a training and its predicate, from its `federated_learning`."""

    rounds: int
    predicate: Predicate | None = None

    @classmethod
    def of(cls, federated_learning: Mapping[str, Any]) -> Termination:
        """Read the rules of a training; `spahm` needs no `rounds` and has one.

        Raises:
            FusionError: `rounds` is missing or not a whole number above 0, or the predicate is not
            understood.
        """
        rounds = federated_learning.get("rounds")
        if rounds is None and federated_learning.get("fusion_type") == "spahm":
            rounds = _DEFAULT_ROUNDS
        if isinstance(rounds, bool) or not isinstance(rounds, int) or rounds < 1:
            raise FusionError("rounds is required: a whole number above 0.")
        text = federated_learning.get("termination_predicate")
        return cls(rounds, Predicate.parse(str(text)) if text else None)

    @property
    def needs_metrics(self) -> bool:
        """Whether the fused model must be measured after every round."""
        return self.predicate is not None

    def ends_after(self, completed: int, metrics: Iterable[Mapping[str, Any]] = ()) -> str:
        """Return why the training ends after `completed` rounds, empty if it goes on.

        `metrics`: what each party measured with the fused model (EVAL_MODEL); their mean accuracy decides.
        """
        if self.predicate is not None:
            known = [value for value in map(accuracy_of, metrics) if value is not None]
            mean = math.fsum(known) / len(known) if known else None
            if self.predicate.holds(mean):
                return f"The accuracy of {mean:.4g} meets the termination predicate."
        if completed >= self.rounds:
            return f"All {self.rounds} rounds are done." if self.rounds > 1 else "The one round is done."
        return ""


def accuracy_of(metrics: Mapping[str, Any]) -> float | None:
    """Return the accuracy among a party's metrics, None if it reports none that is a finite number."""
    for key in _ACCURACY_KEYS:
        value = metrics.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float | np.floating | np.integer):
            continue
        if math.isfinite(value):
            return float(value)
    return None
