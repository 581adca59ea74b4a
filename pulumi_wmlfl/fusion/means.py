"""`iter_avg` and `avg`: the mean of the parties' weights, plain or weighted by their samples.

McMahan et al., "Communication-Efficient Learning of Deep Networks from Decentralized Data", 2017 (FedAvg).
Streaming: every update is added and forgotten; O(weights) per update. float64 weights take one model of
memory, float32 weights two, whatever the number of parties.

Sums of float32 are kept in float32, in two levels: sixteen updates go into an inner sum, inner
sums into an outer one. The rounding error of n updates is then bounded by (16 + n/16) units in the last
place instead of n (Higham, "The Accuracy of Floating Point Summation", 1993), at the cost of a plain sum.
Weights in float16 are summed in float32, whole numbers in float64 and rounded to the nearest.

Imports `errors`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import FusionError
from .updates import Array, is_finite

__all__ = ["Mean"]

_GROUP = 16
_BLOCK = 2**17


class Mean:
    """The mean of updates; each counts as often as its `count`, once where that is None."""

    def __init__(self, layers: tuple[Array, ...]) -> None:
        """`layers`: any update, for its shapes and dtypes."""
        self._shapes = [layer.shape for layer in layers]
        self._dtypes = [layer.dtype for layer in layers]
        self._inner = [np.empty(layer.size, _sum_dtype(layer.dtype)) for layer in layers]
        self._outer: list[Array] = []
        self._grouped = any(total.dtype == np.float32 for total in self._inner)
        self._in_group = 0
        self._total = 0

    def add(self, party: str, layers: tuple[Array, ...], count: int | None) -> None:  # noqa: ARG002
        """Add one update to the sum."""
        factor = 1 if count is None else count
        # What becomes too large is found, and refused, when the round ends.
        with np.errstate(over="ignore", invalid="ignore"):
            if self._grouped and self._in_group == _GROUP:
                self._close_group()
            put = _set_scaled if self._in_group == 0 else _add_scaled
            for total, layer in zip(self._inner, layers, strict=True):
                put(total, layer.reshape(-1), factor)
        self._in_group += 1
        self._total += factor

    def finish(self) -> tuple[Array, ...]:
        """Return the mean; the sums become the result, nothing is copied."""
        with np.errstate(over="ignore", invalid="ignore"):
            self._close_group()
        totals, self._outer = self._outer, []
        return tuple(
            _as_weights(total, self._total, dtype).reshape(shape)
            for total, dtype, shape in zip(totals, self._dtypes, self._shapes, strict=True)
        )

    def _close_group(self) -> None:
        self._in_group = 0
        if self._outer:
            for outer, inner in zip(self._outer, self._inner, strict=True):
                np.add(outer, inner, out=outer)
        else:
            # The first group's sum becomes the outer one.
            self._outer = self._inner
            self._inner = [np.empty_like(total) for total in self._outer]


def _sum_dtype(dtype: np.dtype[Any]) -> type[np.floating[Any]]:
    return np.float32 if dtype.kind == "f" and dtype.itemsize <= 4 else np.float64


def _set_scaled(total: Array, values: Array, factor: int) -> None:
    """Make `total` `factor * values`."""
    np.multiply(values, factor, out=total, dtype=total.dtype, casting="unsafe")


def _add_scaled(total: Array, values: Array, factor: int) -> None:
    """Add `factor * values` to `total` in pieces that stay in the cache."""
    if factor == 1 and values.dtype == total.dtype:
        total += values
        return
    scaled = np.empty(min(_BLOCK, total.size), total.dtype)
    for start in range(0, total.size, _BLOCK):
        piece = total[start : start + _BLOCK]
        part = scaled[: piece.size]
        _set_scaled(part, values[start : start + _BLOCK], factor)
        piece += part


def _as_weights(total: Array, count: int, dtype: np.dtype[Any]) -> Array:
    with np.errstate(invalid="ignore"):
        total /= count
    if not is_finite(total):
        raise FusionError("The mean of the parties' weights is too large for their number format.")
    if dtype.kind != "f":
        np.rint(total, out=total)
    return total.astype(dtype, copy=False)
