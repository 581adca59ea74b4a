"""scikit-learn's k-means, whose centres are the update; the aggregator matches them (`spahm`).

As in IBM's party every round clusters the party's data anew; what the aggregator fused is installed at the
end. Imports `errors`, and scikit-learn when it is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ConfigurationError, ProtocolError
from .handler import LocalData
from .models import Update

__all__ = ["KMeansModel"]

Array = npt.NDArray[Any]


class KMeansModel:
    """Clusters the party's data; global centres may be more or fewer than its own."""

    wire_classes = frozenset({"SklearnKMeansFLModel"})

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._parameters = dict(parameters)
        self._centres: Array | None = None

    def install(self, update: Update) -> None:
        """Take over global centres; none at all leaves the own ones."""
        if update.get("weights") is None:
            return
        try:
            centres = np.asarray(update["weights"], dtype=np.float64)
        except (TypeError, ValueError):
            raise ProtocolError("The fused model has no centres.") from None
        if centres.ndim != 2 or not centres.size or not np.all(np.isfinite(centres)):
            raise ProtocolError(
                f"The fused model's centres have shape {centres.shape}, not (clusters, features)."
            )
        if self._centres is not None and centres.shape[1] != self._centres.shape[1]:
            raise ProtocolError(
                f"The fused centres have {centres.shape[1]} features, "
                f"this party's data {self._centres.shape[1]}."
            )
        self._centres = centres.copy()

    def fit(self, data: LocalData, training: Mapping[str, Any]) -> None:
        """Cluster the training data with the declared parameters and those of the aggregator."""
        from sklearn.cluster import KMeans

        parameters = {**self._parameters, **training}
        try:
            fitted = KMeans(**parameters).fit(data.x)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"The party's k-means cannot train: {error}.") from None
        self._centres = np.asarray(fitted.cluster_centers_)

    def update(self) -> dict[str, Any]:
        """Return the centres, (clusters, features)."""
        return {"weights": self._centres}

    def evaluate(self, data: LocalData) -> dict[str, float]:
        """Return `score`, the negative sum of squared distances to the nearest centre."""
        if data.x_test is None or self._centres is None:
            return {}
        from sklearn.metrics import pairwise_distances_argmin_min

        _, distances = pairwise_distances_argmin_min(data.x_test, self._centres)
        return {"score": -float(np.square(distances).sum())}

    def save(self, folder: Path, filename: str | None) -> Path:
        """Write the centres into a numpy archive."""
        file = folder / (filename or "KMeans.npz")
        with file.open("wb") as target:
            np.savez(target, cluster_centers=self._centres if self._centres is not None else np.empty((0, 0)))
        return file
