"""Grows a tree on binned samples, the best leaf first: the histogram algorithm of LightGBM and scikit-learn.

A node is split where the loss, to second order, falls most: the gain is G_l²/(H_l+λ) + G_r²/(H_r+λ) -
G²/(H+λ) for sums G of gradients and H of hessians. Missing values go where the gain is larger. The smaller
child's histogram is counted, its sibling's is the difference. O(samples * features) per level.

Source: Ke et al., "LightGBM", 2017; scikit-learn's `HistGradientBoosting`, whose splits these are.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..updates import Array

__all__ = ["NODE", "Growth", "grow", "predict"]

NODE = np.dtype(
    [
        ("value", "<f8"),
        ("count", "<u4"),
        ("feature_idx", "<u4"),
        ("num_threshold", "<f8"),
        ("missing_go_to_left", "u1"),
        ("left", "<u4"),
        ("right", "<u4"),
        ("gain", "<f8"),
        ("depth", "<u4"),
        ("is_leaf", "u1"),
        ("bin_threshold", "u1"),
    ]
)
"""A node, with scikit-learn's names. `num_threshold`: a value up to it goes to `left`. `value`: a leaf's
share of the prediction, with the learning rate in it."""

_LEAST_HESSIAN = 1e-3
_TINY = 1e-15


@dataclass(frozen=True, slots=True)
class Growth:
    """How far a tree may grow, and how much of it counts."""

    learning_rate: float
    max_leaf_nodes: int
    max_depth: int | None
    min_samples_leaf: int
    l2_regularization: float


@dataclass(slots=True)
class _Split:
    gain: float
    feature: int
    bin: int
    missing_left: bool


@dataclass(slots=True)
class _Leaf:
    """A node that may be split; `sums`: gradients, hessians, samples per feature and bin."""

    samples: Array
    depth: int
    index: int
    sums: Array
    split: _Split | None = None


class _Grower:
    def __init__(
        self,
        bins: Array,
        gradients: Array,
        hessians: Array,
        edges: Sequence[Array],
        missing: int,
        growth: Growth,
    ) -> None:
        self.bins = np.asfortranarray(bins)
        self.gradients = gradients.astype(np.float64)
        self.hessians = hessians.astype(np.float64)
        self.edges = edges
        self.missing = missing
        self.growth = growth
        self.has_missing = (bins == missing).any(axis=0)
        self.width = missing + 1
        # After the last threshold only missing values are left to be parted from the others.
        last = np.array([len(edge) for edge in edges])
        index = np.arange(missing)
        self.to_right = (index < last[:, None]) | (self.has_missing[:, None] & (index == last[:, None]))
        self.to_left = self.has_missing[:, None] & (index < last[:, None])
        self.nodes: list[tuple[float, int, int, float, int, int, int, float, int, int, int]] = []

    def leaf(self, samples: Array, depth: int, sums: Array | None = None) -> _Leaf:
        found = _Leaf(samples, depth, len(self.nodes), self.count(samples) if sums is None else sums)
        gradient, hessian = found.sums[0, 0].sum(), found.sums[1, 0].sum()
        value = -self.growth.learning_rate * gradient / (hessian + self.growth.l2_regularization + _TINY)
        self.nodes.append((value, len(samples), 0, 0.0, 0, 0, 0, -1.0, depth, 1, 0))
        too_deep = self.growth.max_depth is not None and depth >= self.growth.max_depth
        if not too_deep and len(samples) >= 2 * self.growth.min_samples_leaf and hessian >= _LEAST_HESSIAN:
            found.split = self.best_split(found.sums)
        return found

    def count(self, samples: Array) -> Array:
        """Return the sums per feature and bin, shape (3, features, bins)."""
        features = self.bins.shape[1]
        gradients, hessians = self.gradients[samples], self.hessians[samples]
        sums = np.empty((3, features, self.width))
        for feature in range(features):
            places = self.bins[samples, feature]
            for index, weights in enumerate((gradients, hessians, None)):
                sums[index, feature] = np.bincount(places, weights, self.width)
        return sums

    def best_split(self, sums: Array) -> _Split | None:
        total = sums[:, :1].sum(axis=2, keepdims=True)
        upward = np.cumsum(sums[:, :, : self.missing], axis=2)
        rightward = self.gains(upward, total, self.to_right)
        # From the highest bin down, so that of equal gains scikit-learn's is taken.
        leftward = self.gains(upward + sums[:, :, self.missing :], total, self.to_left)[:, ::-1]
        gains = np.concatenate([rightward, leftward], axis=1)
        best = int(np.argmax(gains))
        feature, place = divmod(best, gains.shape[1])
        gain = float(gains[feature, place])
        if not gain > 0:
            return None
        missing_left = place >= self.missing
        return _Split(gain, feature, 2 * self.missing - 1 - place if missing_left else place, missing_left)

    def gains(self, left: Array, total: Array, allowed: Array) -> Array:
        """Return the gain of every split, -1 where there must be none; shape (features, bins)."""
        right = total - left
        possible = allowed
        for part in (left, right):
            possible = possible & (part[2] >= max(self.growth.min_samples_leaf, 1))
            possible = possible & (part[1] >= _LEAST_HESSIAN)
        regular = self.growth.l2_regularization + _TINY
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            scores = [part[0] ** 2 / (part[1] + regular) for part in (left, right, total)]
            gain = scores[0] + scores[1] - scores[2]
        found: Array = np.where(possible & np.isfinite(gain), gain, -1.0)
        return found

    def grow(self) -> Array:
        order = itertools.count()
        heap: list[tuple[float, int, _Leaf]] = []
        self.push(heap, order, self.leaf(np.arange(len(self.bins)), 0))
        leaves = 1
        while heap and leaves < self.growth.max_leaf_nodes:
            _, _, leaf = heapq.heappop(heap)
            for child in self.divide(leaf):
                self.push(heap, order, child)
            leaves += 1
        return np.array(self.nodes, NODE)

    def push(self, heap: list[tuple[float, int, _Leaf]], order: itertools.count[int], leaf: _Leaf) -> None:
        if leaf.split is not None:
            heapq.heappush(heap, (-leaf.split.gain, next(order), leaf))

    def divide(self, leaf: _Leaf) -> tuple[_Leaf, _Leaf]:
        split = leaf.split
        if split is None:
            raise ValueError("a leaf without a split")
        column = self.bins[leaf.samples, split.feature]
        goes_left = column <= split.bin
        if split.missing_left:
            goes_left = goes_left | (column == self.missing)
        parts = leaf.samples[goes_left], leaf.samples[~goes_left]
        smaller = int(len(parts[1]) < len(parts[0]))
        sums = self.count(parts[smaller])
        both = (sums, leaf.sums - sums) if smaller == 0 else (leaf.sums - sums, sums)
        # The sibling's histogram is not needed below this one.
        left = self.leaf(parts[0], leaf.depth + 1, both[0])
        right = self.leaf(parts[1], leaf.depth + 1, both[1])
        edges = self.edges[split.feature]
        threshold = float(edges[split.bin]) if split.bin < len(edges) else np.inf
        # Nobody had a missing value here: a later one goes with the majority.
        missing_left = split.missing_left
        if not self.has_missing[split.feature]:
            missing_left = len(parts[0]) > len(parts[1])
        value, count = self.nodes[leaf.index][:2]
        self.nodes[leaf.index] = (
            value, count, split.feature, threshold, int(missing_left), left.index, right.index,
            split.gain, leaf.depth, 0, split.bin,
        )  # fmt: skip
        leaf.sums = np.empty(0)
        return left, right


def grow(
    bins: Array,
    gradients: Array,
    hessians: Array,
    *,
    thresholds: Sequence[Array],
    missing: int,
    growth: Growth,
) -> Array:
    """Return the nodes of a tree, the root first, as an array of `NODE`.

    `bins`: shape (samples, features), `missing` is the bin of missing values. `gradients`, `hessians`: shape
    (samples,). `thresholds`: per feature, the upper edges of its bins but the last.
    """
    return _Grower(bins, gradients, hessians, thresholds, missing, growth).grow()


def predict(nodes: Array, values: Array) -> Array:
    """Return what a tree adds to the prediction of each sample; `values`: shape (samples, features)."""
    at = np.zeros(len(values), np.int64)
    while True:
        open_ = np.flatnonzero(nodes["is_leaf"][at] == 0)
        if not open_.size:
            found: Array = nodes["value"][at]
            return found
        node = nodes[at[open_]]
        value = values[open_, node["feature_idx"]]
        left = np.where(np.isnan(value), node["missing_go_to_left"] == 1, value <= node["num_threshold"])
        at[open_] = np.where(left, node["left"], node["right"])
