"""What the service knows of the parties' data: per sample and feature a value that is close, and its bin.

A party sends, per feature, a sketch (how many samples are close to which value) and each sample's rank. Both
together give each sample's value up to the sketch's accuracy. Thresholds lie halfway between two values of
the sketch, which is the edge of its buckets: so a tree sends a real sample where it sent the close one.

Source: Masson, Rim, Lee, "DDSketch", 2019; scikit-learn's `_BinMapper` for the choice of thresholds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...errors import FusionError
from ..updates import Array

__all__ = ["binned", "close_values", "thresholds_of"]

_MISSING_RANK = -1.0


def close_values(values: Array, counts: Array, percentiles: Array) -> Array:
    """Return one feature's values, NaN where one is missing; shape (samples,).

    `values`, `counts`: the sketch, ascending. `percentiles`: each sample's rank in per cent, -1 for a missing
    value, which the sketch counts as zero.

    Raises:
        FusionError: sketch and ranks do not belong together.
    """
    samples = len(percentiles)
    missing = percentiles == _MISSING_RANK
    present = samples - int(missing.sum())
    ranks = percentiles[~missing] * (samples / 100)
    counts = counts.copy()
    counts[values == 0] -= samples - present
    whole = np.isfinite(counts).all() and (counts >= 0).all() and (counts == np.round(counts)).all()
    if not whole or counts.sum() != present:
        raise FusionError("A sketch of the party is not one of its samples.")
    if present and not (ranks.min() >= 0.5 and ranks.max() <= present + 0.5):
        raise FusionError("The party's ranks are not those of its samples.")
    found = np.full(samples, np.nan)
    # Equal values share a rank, which may lie between two whole ones.
    places = np.clip(np.ceil(ranks - 0.25), 1, max(present, 1))
    found[~missing] = values[np.searchsorted(np.cumsum(counts), places)]
    return found


def thresholds_of(columns: Sequence[Array], max_bins: int) -> list[Array]:
    """Return, per feature, at most `max_bins` - 1 ascending thresholds; a value up to one is left of it.

    `columns`: each feature's values, of all parties together, NaN where one is missing.
    """
    return [_thresholds(column[~np.isnan(column)], max_bins) for column in columns]


def _thresholds(column: Array, max_bins: int) -> Array:
    distinct, counts = np.unique(column, return_counts=True)
    if len(distinct) < 2:
        return np.empty(0)
    between = distinct[:-1] * 0.5 + distinct[1:] * 0.5
    if len(distinct) <= max_bins:
        return between
    # After how many samples each bin ends, if all were equally full.
    ends = np.arange(1, max_bins) * (len(column) / max_bins)
    last = np.searchsorted(np.cumsum(counts), ends)
    chosen: Array = between[np.unique(np.minimum(last, len(between) - 1))]
    return chosen


def binned(columns: Sequence[Array], thresholds: Sequence[Array], missing: int) -> Array:
    """Return the bin of each sample and feature, shape (samples, features); `missing`: the bin of NaN."""
    found = np.empty((len(columns[0]), len(columns)), np.uint8, order="F")
    for index, (column, edges) in enumerate(zip(columns, thresholds, strict=True)):
        places = np.searchsorted(edges, column)
        found[:, index] = np.where(np.isnan(column), missing, places)
    return found
