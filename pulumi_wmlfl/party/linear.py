"""Linear models of scikit-learn, exchanged as IBM's party exchanges them.

A classifier's update is a nested list, one row per class (one row for two classes), the intercept last; a
regressor's is a flat list. The estimator is built here from its name and parameters. Source: party protocol,
model updates. Imports `errors`, and scikit-learn when it is used.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ConfigurationError, ProtocolError
from .handler import LocalData
from .metrics import classification_metrics, regression_metrics
from .models import LINEAR_CLASSIFIERS, Update

__all__ = ["LinearModel", "checked_weights"]

Array = npt.NDArray[Any]
_MOST_PASSES = 10_000


class LinearModel:
    """One linear estimator; `classes` are all labels that any party has, in order."""

    wire_classes = frozenset({"SklearnSGDFLModel"})

    def __init__(
        self, name: str, parameters: Mapping[str, Any], data: LocalData, *, classes: Sequence[Any] | None
    ) -> None:
        from sklearn import linear_model

        if data.x.ndim != 2 or data.y.ndim != 1:
            raise ConfigurationError(
                f"{name} needs x with two dimensions and y with one; the data handler gives "
                f"{data.x.shape} and {data.y.shape}."
            )
        self._classifies = name in LINEAR_CLASSIFIERS
        with warnings.catch_warnings():
            # Some estimators announce their end; they work until then.
            warnings.simplefilter("ignore", FutureWarning)
            try:
                self._estimator: Any = getattr(linear_model, name)(**parameters)
            except (AttributeError, TypeError) as error:
                raise ConfigurationError(f"The party's model {name} cannot be built: {error}.") from None
        self._classes = self._all_classes(data, classes) if self._classifies else None
        self._allocate(data)

    def _all_classes(self, data: LocalData, classes: Sequence[Any] | None) -> Array:
        own = np.unique(data.y)
        if classes is None:
            return own
        found = np.unique(np.asarray(classes))
        strange = np.setdiff1d(own, found)
        if len(strange):
            raise ConfigurationError(
                "The data handler has labels that are not among the model's classes: "
                f"{strange.tolist()[:10]}."
            )
        if len(found) < 2:
            raise ConfigurationError("The party's model: `classes` needs at least two labels.")
        return found

    def _allocate(self, data: LocalData) -> None:
        """Give the estimator its arrays, all zero, so that fused weights can come before the first fit."""
        self._partial_fit(data.x[:1], data.y[:1])
        self._estimator.coef_ = np.zeros_like(self._estimator.coef_)
        self._estimator.intercept_ = np.zeros_like(self._estimator.intercept_)
        # The step count drives the learning rate; nothing was learned yet.
        self._estimator.t_ = 1.0

    def _partial_fit(self, x: Array, y: Array) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            try:
                if self._classifies:
                    self._estimator.partial_fit(x, y, classes=self._classes)
                else:
                    self._estimator.partial_fit(x, y)
            except ValueError as error:
                raise ConfigurationError(f"The party's model cannot train on its data: {error}.") from None

    def install(self, update: Update) -> None:
        """Take over fused weights of the same shape."""
        coefficients = self._estimator.coef_
        if self._classifies:
            weights = checked_weights(update, (coefficients.shape[0], coefficients.shape[1] + 1))
            coef, intercept = weights[:, :-1], weights[:, -1]
        else:
            weights = checked_weights(update, (coefficients.shape[0] + 1,))
            coef, intercept = weights[:-1], weights[-1:]
        # The estimator computes in the type of its data.
        self._estimator.coef_ = np.ascontiguousarray(coef, dtype=coefficients.dtype)
        self._estimator.intercept_ = np.array(intercept, dtype=self._estimator.intercept_.dtype)

    def fit(self, data: LocalData, training: Mapping[str, Any]) -> None:
        """Pass over the data `max_iter` times (1); other keys are parameters of the estimator."""
        passes = training.get("max_iter", 1)
        if isinstance(passes, bool) or not isinstance(passes, int) or not 0 < passes <= _MOST_PASSES:
            raise ProtocolError(f"The hyperparameter max_iter is {passes!r}, not a number of passes.")
        others = {key: value for key, value in training.items() if key not in {"max_iter", "warm_start"}}
        unknown = sorted(set(others) - set(self._estimator.get_params()))
        if unknown:
            name = type(self._estimator).__name__
            raise ProtocolError(f"The hyperparameter {unknown[0]} is not one of {name}.")
        self._estimator.set_params(**others)
        for _ in range(passes):
            self._partial_fit(data.x, data.y)

    def update(self) -> dict[str, Any]:
        """Return `weights` as nested lists, intercept last, and the arrays they come from."""
        coef, intercept = self._estimator.coef_, self._estimator.intercept_
        joined = np.column_stack([coef, intercept]) if self._classifies else np.append(coef, intercept)
        return {"weights": joined.tolist(), "coef": coef.copy(), "intercept": intercept.copy()}

    def evaluate(self, data: LocalData) -> dict[str, float]:
        """Return classification or regression metrics on the test data."""
        if data.x_test is None or data.y_test is None:
            return {}
        predicted = self._estimator.predict(data.x_test)
        measure = classification_metrics if self._classifies else regression_metrics
        return measure(data.y_test, predicted)

    def save(self, folder: Path, filename: str | None) -> Path:
        """Write `coef`, `intercept` and `classes` into a numpy archive."""
        file = folder / (filename or f"{type(self._estimator).__name__}.npz")
        arrays = {"coef": self._estimator.coef_, "intercept": self._estimator.intercept_}
        if self._classes is not None:
            arrays["classes"] = self._classes
        with file.open("wb") as target:
            np.savez(target, **arrays)
        return file


def checked_weights(update: Update, shape: tuple[int, ...]) -> Array:
    """Return `update["weights"]` as one array of `shape`.

    Raises:
        ProtocolError: there are none, they have another shape, or are not finite numbers.
    """
    try:
        weights = np.asarray(update["weights"], dtype=np.float64)
    except (KeyError, TypeError, ValueError):
        raise ProtocolError("The fused model has no weights that this party's model can take.") from None
    if weights.shape != shape:
        raise ProtocolError(
            f"The fused model has weights of shape {weights.shape}, this party's model {shape}: the parties' "
            "features or classes differ. Name all labels in the model's `classes`."
        )
    if not np.all(np.isfinite(weights)):
        raise ProtocolError("The fused model has weights that are not finite numbers.")
    return weights
