"""The steps of `xgb_classifier` and `xgb_regressor`, and what travels in them: sketches and trees.

Each step is a TRAIN that names a method of the party and its arguments; the party carries out one after the
other. Before the first round: `initialize`, `generate_sketch`, `get_avg_stats`; then `init_null_preds`,
`init_grad`, `set_cat_bitsets` and `set_fit`. In a round: `update_grad`, `collect_hist` per tree; with the
trees `update_raw_preds` per tree, SYNC_MODEL, and `get_metrics`, which ends the round for the party.

A sketch comes as extension 1: a MessagePack string with the JSON of DDSketch's protobuf. A tree goes out as
extension 2: scikit-learn's `TreePredictor` as skops writes it, a zip of `.npy` files and a JSON schema. Both
are read and written here, without either library; nothing that executes is in them. Imports `errors`.

Source: IBM's party library, releases 1.0.370 (scikit-learn 1.1.1) and 1.3.39 (scikit-learn 1.3.0), whose
trees are the same; ddsketch 2.0.4; skops 0.9.0.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgpack
import numpy as np

from ..errors import ProtocolError
from .arrays import Array
from .codec import EXT_SKETCH, EXT_TREE, ExtType
from .messages import Request

__all__ = [
    "TREE_NODE",
    "Sketch",
    "apply_tree",
    "install_trees",
    "read_gradients",
    "read_samples",
    "read_sketch",
    "step",
]

TREE_NODE = np.dtype(
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
        ("is_categorical", "u1"),
        ("bitset_idx", "<u4"),
    ]
)
"""One node of a tree as the party's scikit-learn has it in memory, without padding."""

_LARGEST_SKETCH = 2**24
_LARGEST_KEY = 2**31
_BUILT_IN = ("mapping", "positiveValues", "negativeValues", "zeroCount")
_TREE_MODULE = "sklearn.ensemble._hist_gradient_boosting.predictor"
_TREE_ARRAYS = ("nodes", "binned_left_cat_bitsets", "raw_left_cat_bitsets")
_ANY_DATE = (1980, 1, 1, 0, 0, 0)


def step(id_request: int, method: str, **arguments: Any) -> Request:
    """Return one step; `method` is a name from this package, never one that came from outside."""
    return Request.call(id_request, method, arguments)


def apply_tree(id_request: int, index: int, nodes: Array) -> Request:
    """Return the step that adds a tree to the party's predictions; `index`: which of the round's trees."""
    return step(id_request, "update_raw_preds", k=index, predictor=_tree_to_wire(nodes))


def install_trees(id_request: int, trees: Sequence[Array]) -> Request:
    """Return the request that appends a round's trees to the party's model."""
    return Request.sync_model(id_request, {"xgb_model": [_tree_to_wire(nodes) for nodes in trees]})


def read_samples(payload: object, party: str) -> tuple[list[Sketch], object]:
    """Return the sketches and the ranks of a reply to `generate_sketch`; the ranks are as they were sent.

    Raises:
        ProtocolError: they are not that, or another party's.
    """
    if isinstance(payload, list) and len(payload) == 3 and payload[0] == party:
        _, sketches, ranks = payload
        if isinstance(sketches, list):
            return [read_sketch(value) for value in sketches], ranks
    raise ProtocolError("The party's reply to generate_sketch has no sketches of its own.")


def read_gradients(payload: object, party: str) -> tuple[object, object]:
    """Return the gradients and hessians of a reply to `collect_hist`, as they were sent.

    Raises:
        ProtocolError: they are not that, or another party's.
    """
    if isinstance(payload, list) and len(payload) == 3 and payload[0] == party:
        return payload[1], payload[2]
    raise ProtocolError("The party's reply to collect_hist has no gradients of its own.")


# sketches


@dataclass(frozen=True, slots=True)
class Sketch:
    """How one feature of a party is distributed: ascending values, and how many samples are close to each.

    `accuracy`: how far a value may be from the real one, as a share of it.
    """

    accuracy: float
    values: Array
    counts: Array


def read_sketch(value: object) -> Sketch:
    """Read a sketch that a party sent.

    Raises:
        ProtocolError: it is not one.
    """
    if not isinstance(value, ExtType) or value.code != EXT_SKETCH or len(value.data) > _LARGEST_SKETCH:
        raise ProtocolError("The party's reply has something that is not a sketch.")
    try:
        text = msgpack.unpackb(value.data)
        found = json.loads(text, parse_constant=_refuse_constant) if isinstance(text, str) else None
        if not isinstance(found, dict) or not set(found) <= set(_BUILT_IN):
            raise ValueError("its fields")
        return _sketch(found)
    except (ValueError, TypeError, OverflowError, RecursionError, msgpack.UnpackException) as error:
        raise ProtocolError(f"A sketch of the party cannot be read ({type(error).__name__}).") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _sketch(found: Mapping[str, Any]) -> Sketch:
    mapping = found.get("mapping")
    if not isinstance(mapping, Mapping) or not set(mapping) <= {"gamma", "indexOffset", "interpolation"}:
        raise ValueError("its mapping")
    # Other mappings exist; IBM's party uses the logarithm alone.
    if mapping.get("interpolation", "NONE") != "NONE":
        raise ValueError("its interpolation")
    gamma, shift = _number(mapping.get("gamma")), _number(mapping.get("indexOffset", 0.0))
    if not 1 < gamma < 1e6:
        raise ValueError("its gamma")
    negative, its_counts = _store(found.get("negativeValues", {}), gamma, shift)
    positive, counts = _store(found.get("positiveValues", {}), gamma, shift)
    zeros = np.array([_number(found.get("zeroCount", 0.0))])
    values = np.concatenate([-negative[::-1], [0.0], positive])
    return Sketch((gamma - 1) / (gamma + 1), values, np.concatenate([its_counts[::-1], zeros, counts]))


def _store(found: object, gamma: float, shift: float) -> tuple[Array, Array]:
    """Return the values of one sign, ascending, and their counts."""
    if not isinstance(found, Mapping) or not set(found) <= {
        "contiguousBinCounts",
        "contiguousBinIndexOffset",
    }:
        raise ValueError("its counts")
    listed, first = found.get("contiguousBinCounts", []), found.get("contiguousBinIndexOffset", 0)
    if not isinstance(listed, list) or isinstance(first, bool) or not isinstance(first, int):
        raise TypeError("its counts")
    if abs(first) > _LARGEST_KEY:
        raise ValueError("its offset")
    counts = np.array([_number(count) for count in listed], np.float64)
    filled = np.flatnonzero(counts)
    with np.errstate(over="ignore"):
        values = np.exp((filled + first - shift) * math.log(gamma)) * (2 / (1 + gamma))
    if not np.isfinite(values).all():
        raise OverflowError("its values")
    return values, counts[filled]


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= abs(value) < 2**53:
        raise TypeError("a number")
    return float(value)


# trees


def _tree_to_wire(nodes: Array) -> ExtType:
    """Return a tree whose nodes have the fields of `TREE_NODE`; those of categories may be missing."""
    wire = np.zeros(len(nodes), TREE_NODE)
    for name in nodes.dtype.names or ():
        wire[name] = nodes[name]
    no_categories = np.zeros((0, 8), "<u4")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in zip(_TREE_ARRAYS, (wire, no_categories, no_categories), strict=True):
            _write(archive, f"{name}.npy", _npy(array))
        _write(archive, "schema.json", json.dumps(_schema()).encode())
    return ExtType(EXT_TREE, buffer.getvalue())


def _write(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, _ANY_DATE), content)


def _npy(array: Array) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def _schema() -> dict[str, Any]:
    """Return skops' description of a `TreePredictor`; its numbers tell objects apart, nothing else."""
    text = {"__class__": "str", "__module__": "builtins", "__loader__": "TypeNode", "__id__": 1}
    arrays = {
        name: {
            "__class__": "ndarray",
            "__module__": "numpy",
            "__loader__": "NdArrayNode",
            "type": "numpy",
            "file": f"{name}.npy",
            "__id__": 10 + index,
        }
        for index, name in enumerate(_TREE_ARRAYS)
    }
    keys = [text] * len(arrays)
    return {
        "__class__": "TreePredictor",
        "__module__": _TREE_MODULE,
        "__loader__": "ObjectNode",
        "content": {
            "__class__": "dict",
            "__module__": "builtins",
            "__loader__": "DictNode",
            "content": arrays,
            "key_types": {
                "__class__": "list",
                "__module__": "builtins",
                "__loader__": "ListNode",
                "content": keys,
                "__id__": 2,
            },
            "__id__": 3,
        },
        "__id__": 4,
        "protocol": 1,
        "_skops_version": "0.9.0",
    }
