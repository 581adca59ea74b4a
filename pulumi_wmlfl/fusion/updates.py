"""What a party's reply has to hold so that it can be fused, and how fused weights are laid out for parties.

A reply's payload comes from a party, so nothing in it is believed: form, shapes, dtypes, counts and
finiteness are checked before any of it touches an accumulator. Imports `errors`.

Source of the forms: IBM's party library, which sends scikit-learn's linear models as nested lists with the
intercept last, k-means as one array, and Keras and PyTorch models as a list of arrays.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import FusionError

__all__ = ["Array", "Form", "Layout", "Update", "is_finite", "read_update"]

Array = npt.NDArray[Any]
_KINDS = "fiub"
_LARGEST_COUNT = 2**53
_MOST_LAYERS = 100_000


class Form(StrEnum):
    """How a party writes its weights: a list of arrays, one array, or nested lists of numbers.

    `TREES` are no weights: what the service keeps of boosted trees.
    """

    LAYERS = "layers"
    ARRAY = "array"
    ROWS = "rows"
    TREES = "trees"


@dataclass(frozen=True, slots=True)
class Layout:
    """Form, shapes and dtypes of a model's weights; two updates can be fused when their layouts are equal.

    `names`: of the arrays where they are stored, if they have any.
    """

    form: Form
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[str, ...]
    names: tuple[str, ...] = ()

    @property
    def stored_names(self) -> tuple[str, ...]:
        """Names of the arrays in a file."""
        return self.names or tuple(f"layer_{index}" for index in range(len(self.shapes)))

    @property
    def size(self) -> int:
        """Number of weights."""
        return sum(math.prod(shape) for shape in self.shapes)

    @property
    def nbytes(self) -> int:
        """Bytes of one model."""
        sizes = zip(self.shapes, self.dtypes, strict=True)
        return sum(math.prod(shape) * np.dtype(dtype).itemsize for shape, dtype in sizes)

    def to_json(self) -> str:
        """Return the layout as text, to be kept beside stored weights."""
        described = {"form": self.form, "shapes": self.shapes, "dtypes": self.dtypes}
        return json.dumps({**described, "names": self.names} if self.names else described)

    @classmethod
    def from_json(cls, text: str) -> Layout:
        """Read what `to_json` wrote.

        Raises:
            FusionError: the text is something else.
        """
        try:
            read = json.loads(text)
            shapes = tuple(tuple(int(size) for size in shape) for shape in read["shapes"])
            dtypes = tuple(np.dtype(str(dtype)).str for dtype in read["dtypes"])
            names = tuple(str(name) for name in read.get("names", ()))
            return cls(Form(read["form"]), shapes, dtypes, names)
        except (ValueError, TypeError, KeyError) as error:
            raise FusionError(
                f"The layout of stored weights cannot be read ({type(error).__name__})."
            ) from None

    def to_wire(self, layers: Sequence[Array]) -> Any:
        """Return weights in the form in which parties of this layout write and read them."""
        if self.form is Form.LAYERS:
            return list(layers)
        return layers[0].tolist() if self.form is Form.ROWS else layers[0]

    def difference(self, other: Layout) -> str:
        """Say in a few words where `other` differs from this layout; empty if it does not."""
        if len(other.shapes) != len(self.shapes):
            return f"it has {len(other.shapes)} layers, {len(self.shapes)} are expected"
        for index, (mine, theirs) in enumerate(zip(self.shapes, other.shapes, strict=True)):
            if mine != theirs:
                return f"layer {index} has the shape {list(theirs)}, {list(mine)} is expected"
        for index, (wanted, given) in enumerate(zip(self.dtypes, other.dtypes, strict=True)):
            if wanted != given:
                return f"layer {index} is {np.dtype(given).name}, {np.dtype(wanted).name} is expected"
        return "" if self.form == other.form else f"it is written as {other.form}, {self.form} is expected"


@dataclass(frozen=True, slots=True)
class Update:
    """One party's checked weights. `count`: samples it trained on, None where the fusion does not ask."""

    layout: Layout
    layers: tuple[Array, ...]
    count: int | None = None


def read_update(payload: object, *, counted: bool = False) -> Update:
    """Check a party's reply and return its weights as arrays, without copying arrays.

    `counted`: the fusion weighs parties by `train_counts`.

    Raises:
        FusionError: no weights, an unknown form, no numbers, values that are not finite, or no count.
    """
    if not isinstance(payload, Mapping) or payload.get("weights") is None:
        raise FusionError("The party's update has no weights.")
    form, layers = _layers(payload["weights"])
    for index, layer in enumerate(layers):
        if layer.dtype.kind not in _KINDS:
            raise FusionError(f"Layer {index} of the party's update is {layer.dtype.name}, not numbers.")
        if not is_finite(layer):
            raise FusionError(f"Layer {index} of the party's update has values that are not finite.")
    layout = Layout(form, tuple(layer.shape for layer in layers), tuple(layer.dtype.str for layer in layers))
    if layout.size == 0:
        raise FusionError("The party's update has no weights.")
    return Update(layout, layers, _count(payload.get("train_counts")) if counted else None)


def _layers(weights: object) -> tuple[Form, tuple[Array, ...]]:
    if isinstance(weights, np.ndarray):
        return Form.ARRAY, (_native(weights),)
    if not isinstance(weights, list) or not weights:
        raise FusionError("The weights of the party's update are neither an array nor a list.")
    if isinstance(weights[0], np.ndarray):
        if len(weights) > _MOST_LAYERS or not all(isinstance(layer, np.ndarray) for layer in weights):
            raise FusionError("The weights of the party's update are not a list of arrays throughout.")
        return Form.LAYERS, tuple(_native(layer) for layer in weights)
    return Form.ROWS, (_rows(weights),)


def _native(array: Array) -> Array:
    """Return the array in this machine's byte order."""
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _rows(weights: list[Any]) -> Array:
    """Return nested lists of numbers as one float64 array, as scikit-learn's linear models have them."""
    try:
        rows = np.array(weights)
        if rows.dtype.kind not in "fiu" or rows.ndim > 2:
            raise ValueError
        return rows.astype(np.float64, copy=False)
    except (ValueError, TypeError):
        raise FusionError(
            "The weights of the party's update are not rows of numbers of one length."
        ) from None


def is_finite(layer: Array) -> bool:
    """Tell whether every value is finite.

    What is not finite makes the sum so; a sum that is finite is conclusive, and quick. A product with itself
    is as quick, but BLAS shares it among threads, which wait for each other where the cores are busy.
    """
    if layer.dtype.kind != "f":
        return True
    flat = layer.reshape(-1)
    with np.errstate(all="ignore"):
        conclusive = flat.dtype.itemsize > 2 and np.isfinite(np.add.reduce(flat))
    return bool(conclusive or np.isfinite(flat).all())


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 0 < value <= _LARGEST_COUNT:
        raise FusionError("The party's update has no train_counts: a whole number of samples above 0.")
    return int(value)
