"""A model class of the party's own: any code that trains on numpy arrays and gives its weights as arrays.

The class is built with the described parameters and has four methods: `get_weights()` and
`set_weights(arrays)`, `fit(x, y, **hyperparameters)`, `evaluate(x, y)` with a map of numbers. Its updates
have the form of IBM's TensorFlow and PyTorch parties. Imports `errors`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ConfigurationError, ProtocolError, UserCodeError
from .handler import LocalData, load_class, own_code
from .metrics import plain_metrics
from .models import Update

__all__ = ["OwnModel"]

_METHODS = ("get_weights", "set_weights", "fit", "evaluate")


class OwnModel:
    """Calls the party's class and names its file and line when it fails."""

    wire_classes = frozenset({"TensorFlowFLModel", "PytorchFLModel"})

    def __init__(self, spec: Mapping[str, Any], *, folder: Path) -> None:
        self._path = (folder / str(spec["path"])).resolve()
        if not self._path.is_file():
            raise ConfigurationError(f"model.path: the file {self._path} does not exist.")
        found = load_class(self._path, str(spec.get("name") or ""), method="get_weights", what="model")
        missing = [method for method in _METHODS if not callable(getattr(found, method, None))]
        if missing:
            raise ConfigurationError(f"{self._path}: the class {found.__name__} has no {missing[0]}().")
        self._what = f"The model {found.__name__}"
        with own_code(self._path, self._what):
            self._model = found(**(spec.get("parameters") or {}))

    def install(self, update: Update) -> None:
        """Give the class a list of arrays, each of the shape and type of its own."""
        given = update.get("weights")
        own = self._weights()
        if not isinstance(given, list) or len(given) != len(own):
            count = len(given) if isinstance(given, list) else "no"
            raise ProtocolError(
                f"The fused model has {count} arrays of weights, this party's model {len(own)}."
            )
        fitting = []
        for index, (mine, theirs) in enumerate(zip(own, given, strict=True)):
            if isinstance(theirs, float | np.generic):
                # A single number may travel without its array.
                theirs = np.asarray(theirs)  # noqa: PLW2901
            if not isinstance(theirs, np.ndarray) or theirs.shape != mine.shape:
                shape = getattr(theirs, "shape", type(theirs).__name__)
                raise ProtocolError(
                    f"Array {index} of the fused model has shape {shape}, this party's model {mine.shape}."
                )
            # Arrays from a frame are read-only views of it.
            fitting.append(np.array(theirs, dtype=mine.dtype))
        with own_code(self._path, self._what):
            self._model.set_weights(fitting)

    def fit(self, data: LocalData, training: Mapping[str, Any]) -> None:
        """Call `fit` with the training data and the hyperparameters by name."""
        with own_code(self._path, self._what):
            self._model.fit(data.x, data.y, **training)

    def update(self) -> dict[str, Any]:
        """Return the class's arrays."""
        return {"weights": self._weights()}

    def evaluate(self, data: LocalData) -> dict[str, float]:
        """Return the numbers of the class's `evaluate`."""
        if data.x_test is None:
            return {}
        with own_code(self._path, self._what):
            return plain_metrics(dict(self._model.evaluate(data.x_test, data.y_test)))

    def save(self, folder: Path, filename: str | None) -> Path:
        """Write the arrays into a numpy archive, in their order."""
        file = folder / (filename or f"{type(self._model).__name__}.npz")
        with file.open("wb") as target:
            np.savez(target, *self._weights())
        return file

    def _weights(self) -> list[npt.NDArray[Any]]:
        with own_code(self._path, self._what):
            found = [np.asarray(item) for item in self._model.get_weights()]
        if any(item.dtype == object for item in found):
            raise UserCodeError(f"{self._what} ({self._path}): get_weights() must give arrays of numbers.")
        return found
