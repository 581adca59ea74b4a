"""Fusions that bear parties that lie or fail: coordinate-wise median, trimmed mean, Krum.

They need all updates of a round at once and hold them as they came, without copies: memory is one model per
party. Not in WML's list of fusion types; to a party they look like `iter_avg`. Imports `errors`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import FusionError
from .updates import Array

__all__ = ["CoordinateMedian", "Krum", "TrimmedMean", "default_krum_threshold", "trimmed_count"]

# Values of all parties that are sorted at once: 32 MiB in float64.
_WINDOW = 2**22
_DEFAULT_TRIM = 0.2
_DISTANCE_BLOCK = 2**18


class _Held:
    """Keeps the updates of a round."""

    def __init__(self) -> None:
        self._updates: dict[str, tuple[Array, ...]] = {}

    def add(self, party: str, layers: tuple[Array, ...], count: int | None) -> None:  # noqa: ARG002
        """Keep one update; every party counts once."""
        self._updates[party] = layers

    def _reduced(self, reduce: Callable[[Array], Array]) -> tuple[Array, ...]:
        """Apply `reduce` to parties x weights, a window of weights at a time, and drop what is done."""
        updates = list(self._updates.values())
        self._updates = {}
        window = max(1, _WINDOW // len(updates))
        result: list[Array] = []
        for layer in updates[0]:
            index = len(result)
            flat = [update[index].reshape(-1) for update in updates]
            fused = np.empty(layer.size, layer.dtype)
            for start in range(0, layer.size, window):
                stacked = np.stack([values[start : start + window] for values in flat])
                fused[start : start + window] = _rounded(reduce(stacked), layer.dtype)
            result.append(fused.reshape(layer.shape))
        return tuple(result)


class CoordinateMedian(_Held):
    """The median of every weight over the parties.

    Yin et al., "Byzantine-Robust Distributed Learning: Towards Optimal Statistical Rates", 2018. Bears fewer
    than half of the parties lying. No parameters. O(parties x weights).
    """

    def finish(self) -> tuple[Array, ...]:
        """Return the medians; with an even number of parties the mean of the two in the middle."""
        return self._reduced(lambda stacked: np.median(_wide(stacked), axis=0))


class TrimmedMean(_Held):
    """The mean of every weight without its largest and smallest values.

    Yin et al., 2018. `byzantine_threshold`: values left out at each end, so also the number of lying parties
    it bears; default: a fifth of the parties. O(parties x weights).
    """

    def __init__(self, byzantine_threshold: int | None = None) -> None:
        super().__init__()
        self._threshold = byzantine_threshold

    def finish(self) -> tuple[Array, ...]:
        """Return the trimmed means."""
        parties = len(self._updates)
        cut = trimmed_count(parties, self._threshold)
        if 2 * cut >= parties:
            raise FusionError(
                f"trimmed_mean leaves out {cut} updates at each end and needs {2 * cut + 1};"
                f" there are {parties}."
            )

        def reduce(stacked: Array) -> Array:
            if cut:
                stacked.partition((cut, parties - cut - 1), axis=0)
            kept: Array = _wide(stacked[cut : parties - cut]).mean(axis=0)
            return kept

        return self._reduced(reduce)


class Krum(_Held):
    """The one update that lies closest to its neighbours.

    Blanchard et al., "Machine Learning with Adversaries: Byzantine Tolerant Gradient Descent", 2017.
    `byzantine_threshold`: lying parties f to bear; n parties bear (n - 3) / 2, which is the default. The
    score of an update is the sum of its squared distances to the n - f - 2 nearest others; the least wins,
    of equals the first by name. O(parties^2 x weights).
    """

    def __init__(self, byzantine_threshold: int | None = None) -> None:
        super().__init__()
        self._threshold = byzantine_threshold

    def finish(self) -> tuple[Array, ...]:
        """Return the chosen party's arrays."""
        names = sorted(self._updates)
        parties = len(names)
        threshold = default_krum_threshold(parties) if self._threshold is None else self._threshold
        if parties < 2 * threshold + 3:
            raise FusionError(
                f"krum with a byzantine_threshold of {threshold} needs {2 * threshold + 3} updates;"
                f" there are {parties}."
            )
        closest = parties - threshold - 2
        distances = self._distances(names)
        scores = []
        for index, name in enumerate(names):
            others = sorted(np.delete(distances[index], index).tolist())
            scores.append((math.fsum(others[:closest]), name))
        chosen = self._updates[min(scores)[1]]
        self._updates = {}
        return tuple(layer.copy() for layer in chosen)

    def _distances(self, names: list[str]) -> Array:
        distances = np.zeros((len(names), len(names)))
        for i, left in enumerate(names):
            for j, right in enumerate(names[:i]):
                distance = _squared_distance(self._updates[left], self._updates[right])
                distances[i, j] = distances[j, i] = distance
        return distances


def trimmed_count(parties: int, byzantine_threshold: int | None) -> int:
    """Return how many values of each weight `trimmed_mean` leaves out at each end."""
    return int(_DEFAULT_TRIM * parties) if byzantine_threshold is None else byzantine_threshold


def default_krum_threshold(parties: int) -> int:
    """Return how many lying parties Krum bears among `parties`."""
    return max(0, (parties - 3) // 2)


def _squared_distance(left: tuple[Array, ...], right: tuple[Array, ...]) -> float:
    total = 0.0
    for mine, theirs in zip(left, right, strict=True):
        a, b = mine.reshape(-1), theirs.reshape(-1)
        for start in range(0, a.size, _DISTANCE_BLOCK):
            piece = slice(start, start + _DISTANCE_BLOCK)
            apart = np.subtract(a[piece], b[piece], dtype=np.float64)
            total += float(np.dot(apart, apart))
    return total


def _wide(values: Array) -> Array:
    return values.astype(np.float64)


def _rounded(values: Array, dtype: np.dtype[Any]) -> Array:
    return values.astype(dtype) if dtype.kind == "f" else np.rint(values).astype(dtype)
