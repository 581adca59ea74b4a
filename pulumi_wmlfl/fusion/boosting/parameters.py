"""What is to be boosted and how, from a training's `federated_learning`; wrong values are named.

Source: IBM's party library, release 1.0.370, which checks the same values when it registers and logs nothing
that its owner would understand.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from ...errors import FusionError

__all__ = ["BoostingParameters", "boosting_problems"]

_CLASSIFIER = "xgb_classifier"
_BINARY = "binary_crossentropy"
_CATEGORICAL = "categorical_crossentropy"
_SQUARES = "least_squares"
_LOSSES = {_CLASSIFIER: ("auto", _BINARY, _CATEGORICAL), "xgb_regressor": ("auto", _SQUARES)}
_MOST_CLASSES = 1000
_LARGEST_SEED = 2**32 - 1
# Whole numbers: name, least and largest value, and what holds without one.
_WHOLE: Mapping[str, tuple[int, int, Any]] = {
    "max_bins": (2, 255, 255),
    "max_depth": (0, 2**20, None),
    "max_leaf_nodes": (2, 2**20, 31),
    "min_samples_leaf": (0, 2**40, 20),
    "random_state": (0, _LARGEST_SEED, None),
}
_ACCURACY = 0.01


@dataclass(frozen=True, slots=True)
class BoostingParameters:
    """The parameters of one training.

    `loss` is never `auto`. `classes`: 1 for a regression. `sketch_accuracy`: how far a value of the sketch
    may be from the real one, as a share of it.
    """

    loss: str
    classes: int
    learning_rate: float
    rounds: int
    max_bins: int
    max_depth: int | None
    max_leaf_nodes: int
    min_samples_leaf: int
    l2_regularization: float
    random_state: int | None
    sketch_accuracy: float

    @property
    def trees(self) -> int:
        """How many trees a round grows."""
        return self.classes if self.classes > 2 else 1

    @property
    def classifies(self) -> bool:
        """Whether it is a classification."""
        return self.classes > 1

    @classmethod
    def of(cls, fusion_type: str, learning: Mapping[str, Any]) -> BoostingParameters:
        """Read a training's `federated_learning`.

        Raises:
            FusionError: something is wrong; see `boosting_problems`.
        """
        if problems := boosting_problems(fusion_type, learning):
            raise FusionError(" ".join(problems))
        classes = learning["num_classes"] if fusion_type == _CLASSIFIER else 1
        whole: dict[str, Any] = {
            name: default if learning.get(name) is None else learning[name]
            for name, (_, _, default) in _WHOLE.items()
        }
        accuracy = learning.get("sketch_accuracy_vs_privacy")
        return cls(
            loss=_loss(fusion_type, classes),
            classes=classes,
            learning_rate=float(learning["learning_rate"]),
            rounds=int(learning.get("rounds") or 1),
            l2_regularization=float(learning.get("l2_regularization") or 0.0),
            sketch_accuracy=_ACCURACY if accuracy is None else float(accuracy),
            **whole,
        )

    def to_wire(self) -> dict[str, Any]:
        """Return them under the names of IBM's party, which reads `global`."""
        shared: dict[str, Any] = {
            "learning_rate": self.learning_rate,
            "loss": self.loss,
            "max_iter": self.rounds,
            "max_bins": self.max_bins,
            "max_depth": self.max_depth,
            "max_leaf_nodes": self.max_leaf_nodes,
            "min_samples_leaf": self.min_samples_leaf,
            "l2_regularization": self.l2_regularization,
            "random_state": self.random_state,
            "data_sketch_accuracy": self.sketch_accuracy,
        }
        if self.classifies:
            shared["num_classes"] = self.classes
        return {"global": shared}


def _loss(fusion_type: str, classes: int) -> str:
    if fusion_type != _CLASSIFIER:
        return _SQUARES
    return _BINARY if classes == 2 else _CATEGORICAL


def boosting_problems(fusion_type: str, learning: Mapping[str, Any]) -> list[str]:
    """Return everything in `federated_learning` that trees cannot be grown with."""
    problems = []
    rate = learning.get("learning_rate")
    if not _is_number(rate) or rate <= 0:
        problems.append("learning_rate is required: a number above 0.")
    problems += _loss_problems(fusion_type, learning)
    for name, (least, largest, _) in _WHOLE.items():
        value = learning.get(name)
        if value is None or (_is_whole(value) and least <= value <= largest):
            continue
        up_to = f" to {largest}" if name == "max_bins" else " on"
        problems.append(f"{name} is a whole number from {least}{up_to}.")
    shrinking, accuracy = learning.get("l2_regularization"), learning.get("sketch_accuracy_vs_privacy")
    if shrinking is not None and (not _is_number(shrinking) or shrinking < 0):
        problems.append("l2_regularization is a number from 0 on.")
    if accuracy is not None and (not _is_number(accuracy) or not 0 < accuracy < 1):
        problems.append("sketch_accuracy_vs_privacy is a number between 0 and 1.")
    return problems


def _loss_problems(fusion_type: str, learning: Mapping[str, Any]) -> list[str]:
    loss, classes, known = learning.get("loss"), learning.get("num_classes"), _LOSSES[fusion_type]
    if loss == "least_absolute_deviation" and fusion_type == "xgb_regressor":
        return ["least_absolute_deviation needs medians that IBM's party does not send; use least_squares."]
    if loss not in known:
        return [f"loss is required for {fusion_type}: {', '.join(known)}."]
    if fusion_type != _CLASSIFIER:
        return []
    if not _is_whole(classes) or not 2 <= classes <= _MOST_CLASSES:
        return [f"num_classes is required: a whole number from 2 to {_MOST_CLASSES}."]
    if (loss == _BINARY and classes != 2) or (loss == _CATEGORICAL and classes == 2):
        return [f"{classes} num_classes do not go with the loss {loss}."]
    return []


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
