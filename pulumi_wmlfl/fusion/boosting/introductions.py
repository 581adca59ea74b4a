"""What a party says of its samples, and the checks of it: shape, size and range of everything."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...errors import FusionError
from ..updates import Array
from .binning import close_values
from .parameters import BoostingParameters

__all__ = [
    "Gradients",
    "Introduction",
    "Member",
    "difference_of",
    "read_gradients",
    "read_introduction",
]

_MOST_FEATURES = 10_000
_SLACK = 1e-6


@dataclass(frozen=True, slots=True)
class Introduction:
    """What a party says of its data: the replies to `initialize`, `generate_sketch` and `get_avg_stats`.

    `sketches`: per feature its values and counts, as they were read. The rest is as the party sent it.
    """

    about: object
    sketches: Sequence[tuple[float, Array, Array]] = field(repr=False)
    percentiles: object = field(repr=False)
    statistics: object


@dataclass(frozen=True, slots=True)
class Gradients:
    """What a party says in a round, as it sent it: gradients and hessians per tree."""

    trees: Sequence[tuple[object, object]] = field(repr=False)


@dataclass(slots=True)
class Member:
    """A party's samples. `columns`: their values, until they are in `bins`."""

    features: int
    classes: tuple[Any, ...]
    samples: int
    means: Array
    columns: list[Array]
    bins: Array | None = None

    @property
    def kind(self) -> tuple[int, tuple[Any, ...]]:
        """What all parties must have in common."""
        return self.features, self.classes


def read_introduction(said: Introduction, parameters: BoostingParameters) -> Member:
    """Return a party's samples, as far as they are known.

    Raises:
        FusionError: what it says is nonsense.
    """
    about = said.about if isinstance(said.about, Mapping) else {}
    features = about.get("n_features_")
    if isinstance(features, bool) or not isinstance(features, int) or not 0 < features <= _MOST_FEATURES:
        raise FusionError("The party does not say how many features it has.")
    if about.get("need_update_leaves_values"):
        raise FusionError("The party's loss needs medians, which it does not send.")
    ranks = said.percentiles
    if not isinstance(ranks, np.ndarray) or ranks.ndim != 2 or ranks.shape[1] != features or not len(ranks):
        raise FusionError("The party's ranks are not those of its samples and features.")
    ranks = _numbers(ranks, ranks.shape, "ranks", least=-1.0, largest=100 + _SLACK)
    if len(said.sketches) != features:
        raise FusionError(f"The party has {features} features and sent {len(said.sketches)} sketches.")
    columns = []
    for index, (accuracy, values, counts) in enumerate(said.sketches):
        if abs(accuracy - parameters.sketch_accuracy) > _SLACK:
            raise FusionError("The party's sketches have another accuracy than the training's.")
        columns.append(close_values(values, counts, ranks[:, index]))
    classes = _classes(about.get("classes_"), parameters)
    means = _means(said.statistics, len(ranks), parameters)
    return Member(features, classes, len(ranks), means, columns)


def read_gradients(
    said: Gradients, samples: int, parameters: BoostingParameters
) -> list[tuple[Array, Array]]:
    """Return gradients and hessians per tree.

    Raises:
        FusionError: they are not those of so many samples, or of this loss.
    """
    if len(said.trees) != parameters.trees:
        raise FusionError("The party's gradients are not of every tree.")
    bounded = parameters.classifies
    return [
        (
            _numbers(gradients, (samples,), "gradients", least=-1.0 if bounded else None),
            _hessians(hessians, samples, constant=not bounded),
        )
        for gradients, hessians in said.trees
    ]


def _classes(value: object, parameters: BoostingParameters) -> tuple[Any, ...]:
    if not parameters.classifies:
        return ()
    wrong = FusionError(f"The party does not have the {parameters.classes} classes of the training.")
    if (
        not isinstance(value, np.ndarray)
        or value.shape != (parameters.classes,)
        or value.dtype.kind not in "iufbU"
    ):
        raise wrong
    labels = value.tolist()
    if any(not low < high for low, high in itertools.pairwise(labels)):
        raise wrong
    return tuple(labels)


def _means(value: object, samples: int, parameters: BoostingParameters) -> Array:
    """Return the mean target, per class if there are more than two; of all its samples."""
    if not isinstance(value, list) or len(value) != 2:
        raise FusionError("The party's statistics are not means and counts.")
    size = parameters.trees
    means, counts = (
        each.reshape(-1) if isinstance(each, np.ndarray) else np.atleast_1d(each)
        if isinstance(each, np.number | float) else None
        for each in value
    )  # fmt: skip
    classifies = parameters.classifies
    found = _numbers(means, (size,), "means", least=0.0 if classifies else None)
    if (_numbers(counts, (size,), "counts") != samples).any():
        raise FusionError("The party's counts are not the number of its samples.")
    outside = classifies and not ((found > 0) & (found < 1)).all()
    if outside or (size > 1 and abs(found.sum() - 1) > _SLACK):
        raise FusionError("The party's classes are not shared out among its samples.")
    return found


def _numbers(
    value: object, shape: tuple[int, ...], what: str, *, least: float | None = None, largest: float = 1.0
) -> Array:
    """Return an array of this shape as float64; with `least`, everything is between it and `largest`."""
    if not isinstance(value, np.ndarray) or value.shape != shape or value.dtype.kind not in "fiu":
        raise FusionError(f"The party's {what} are not {'x'.join(map(str, shape))} numbers.")
    found = value.astype(np.float64)
    if not np.isfinite(found).all():
        raise FusionError(f"The party's {what} are not finite.")
    if least is not None and found.size and not (least <= found.min() and found.max() <= largest):
        raise FusionError(f"The party's {what} are not between {least:g} and {largest:g}.")
    return found


def _hessians(value: object, samples: int, *, constant: bool) -> Array:
    if not constant:
        return _numbers(value, (samples,), "hessians", least=0.0)
    # Of a squared error the hessian is 1, and sent once.
    if not isinstance(value, np.ndarray) or value.shape not in {(1,), (samples,)} or (value != 1).any():
        raise FusionError("The party's hessians are not those of the loss.")
    return np.ones(samples)


def difference_of(wanted: tuple[int, tuple[Any, ...]], given: tuple[int, tuple[Any, ...]]) -> str:
    """Say what a party does not have in common with the training."""
    if wanted[0] != given[0]:
        return f"The party has {given[0]} features, the training has {wanted[0]}."
    return "The party has other classes than the training."
