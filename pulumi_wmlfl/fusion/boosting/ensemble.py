"""The boosted trees themselves, and how they are laid out in arrays that can hold nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ...errors import FusionError
from ..updates import Array, Form, Layout
from .growing import NODE, predict

__all__ = ["Ensemble"]

_COLUMNS = (
    "value", "count", "feature_idx", "num_threshold", "missing_go_to_left",
    "left", "right", "gain", "depth", "is_leaf", "bin_threshold",
)  # fmt: skip
_ARRAYS = ("baseline", "classes", "bins", "thresholds", "thresholds_of_feature", "nodes_of_tree", *_COLUMNS)
"""Names of the stored arrays, in their order."""


@dataclass(frozen=True, slots=True)
class Ensemble:
    """A model: `baseline`, shape (1, trees per round), plus what the trees add, round by round.

    `classes`: the labels, ascending; empty for a regression. `thresholds`: per feature. `missing`: the bin of
    missing values. `rounds`: per round its trees, arrays of `NODE`.
    """

    baseline: Array
    classes: Array
    thresholds: tuple[Array, ...] = field(repr=False)
    missing: int
    rounds: tuple[tuple[Array, ...], ...] = field(default=(), repr=False)

    def with_round(self, trees: Sequence[Array]) -> Ensemble:
        """Return the model with a round more."""
        return replace(self, rounds=(*self.rounds, tuple(trees)))

    def raw_predictions(self, values: Array) -> Array:
        """Return the raw predictions, shape (samples, trees per round); `values`: (samples, features)."""
        found = np.repeat(self.baseline, len(values), axis=0)
        for trees in self.rounds:
            for index, nodes in enumerate(trees):
                found[:, index] += predict(nodes, values)
        return found

    def to_layers(self) -> tuple[tuple[Array, ...], Layout]:
        """Return the model as arrays, and their layout, which names them."""
        trees = [nodes for each in self.rounds for nodes in each]
        nodes = np.concatenate([np.empty(0, NODE), *trees])
        layers: dict[str, Array] = {
            "baseline": self.baseline,
            "classes": self.classes,
            "bins": np.array([self.missing], np.int64),
            "thresholds": np.concatenate([np.empty(0), *self.thresholds]),
            "thresholds_of_feature": np.array([len(edges) for edges in self.thresholds], np.int64),
            "nodes_of_tree": np.array([len(tree) for tree in trees], np.int64),
            **{name: np.ascontiguousarray(nodes[name]) for name in _COLUMNS},
        }
        arrays = tuple(layers[name] for name in _ARRAYS)
        shapes = tuple(array.shape for array in arrays)
        return arrays, Layout(Form.TREES, shapes, tuple(array.dtype.str for array in arrays), _ARRAYS)

    @classmethod
    def from_layers(cls, layers: Sequence[Array]) -> Ensemble:
        """Return the model of such arrays.

        Raises:
            FusionError: they are something else.
        """
        try:
            found: Mapping[str, Array] = dict(zip(_ARRAYS, layers, strict=True))
            nodes = np.empty(len(found["value"]), NODE)
            for name in _COLUMNS:
                nodes[name] = found[name]
            per_round = found["baseline"].shape[1]
            trees = _parts(nodes, found["nodes_of_tree"])
            rounds = [tuple(trees[at : at + per_round]) for at in range(0, len(trees), per_round)]
            edges = _parts(found["thresholds"], found["thresholds_of_feature"])
            missing = int(found["bins"][0])
        except (ValueError, IndexError, TypeError) as error:
            raise FusionError(f"The stored trees cannot be read ({type(error).__name__}).") from None
        return cls(found["baseline"], found["classes"], tuple(edges), missing, tuple(rounds))


def _parts(whole: Array, sizes: Array) -> list[Array]:
    ends = np.cumsum(sizes)
    if len(whole) != (ends[-1] if len(ends) else 0):
        raise ValueError("its sizes")
    return [whole[end - size : end] for end, size in zip(ends, sizes, strict=True)]
