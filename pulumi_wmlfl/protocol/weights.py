"""Trained weights in a file that cannot execute: safetensors, written in a stream and read a layer at a time.

A file has the arrays of a model in their order, named `layer.00000` and so on, and text beside them. Writing
is our own, because the library copies a whole model to write it; reading is the library's, which checks
every offset. Imports `errors`. Source: the safetensors format, https://github.com/huggingface/safetensors.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import ContentError, MissingExtra
from .arrays import Array

__all__ = ["StoredWeights", "read_weights", "weights_in_chunks", "write_weights"]

_DTYPES = {
    "b1": "BOOL", "i1": "I8", "u1": "U8", "i2": "I16", "u2": "U16", "i4": "I32", "u4": "U32", "i8": "I64",
    "u8": "U64", "f2": "F16", "f4": "F32", "f8": "F64",
}  # fmt: skip
_CHUNK = 2**20
_ALIGNMENT = 8
_FORMAT_KEY = "format"
_FORMAT = "wmlfl-weights-1"


@dataclass(frozen=True, slots=True)
class StoredWeights:
    """The arrays of a model, and what was stored beside them."""

    layers: tuple[Array, ...] = field(repr=False)
    metadata: Mapping[str, str]


def weights_in_chunks(layers: Sequence[Array], metadata: Mapping[str, str] | None = None) -> Iterator[bytes]:
    """Return the bytes of a weights file, a megabyte at a time.

    Raises:
        ContentError: an array is neither of numbers nor of truth values.
    """
    header = _header(layers, {**(metadata or {}), _FORMAT_KEY: _FORMAT})
    yield len(header).to_bytes(8, "little") + header
    for layer in layers:
        flat = np.ascontiguousarray(layer, layer.dtype.newbyteorder("<")).reshape(-1)
        step = max(1, _CHUNK // layer.itemsize)
        for start in range(0, flat.size, step):
            yield flat[start : start + step].tobytes()


def write_weights(path: Path, layers: Sequence[Array], metadata: Mapping[str, str] | None = None) -> None:
    """Write a weights file; `path` is as it was or has all of it, never a part.

    Raises:
        ContentError: an array cannot be stored, or the file cannot be written.
    """
    chunks = weights_in_chunks(layers, metadata)
    temporary = ""
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = file.name
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError as error:
        raise ContentError(f"The weights cannot be written to {path}: {error.strerror or error}.") from None
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)


def read_weights(path: Path) -> StoredWeights:
    """Read a weights file.

    Raises:
        ContentError: there is no such file, or it is not a whole file of weights.
        MissingExtra: the package `safetensors` is not installed.
    """
    try:
        from safetensors import SafetensorError, safe_open
    except ModuleNotFoundError:
        raise MissingExtra("Reading trained weights", "local") from None
    try:
        with safe_open(path, framework="numpy") as stored:
            metadata = dict(stored.metadata() or {})
            if metadata.pop(_FORMAT_KEY, None) != _FORMAT:
                raise ContentError(f"{path} is not a file of trained weights.")
            layers = tuple(stored.get_tensor(name) for name in sorted(stored.keys()))
    except OSError as error:
        raise ContentError(f"The weights in {path} cannot be read: {error.strerror or error}.") from None
    except SafetensorError as error:
        raise ContentError(f"{path} is not a whole file of weights: {error}.") from None
    return StoredWeights(layers, metadata)


def _header(layers: Sequence[Array], metadata: Mapping[str, str]) -> bytes:
    described: dict[str, object] = {"__metadata__": dict(metadata)}
    end = 0
    for index, layer in enumerate(layers):
        dtype = _DTYPES.get(layer.dtype.str[1:])
        if dtype is None:
            raise ContentError(f"Layer {index} is {layer.dtype}, which is not stored.")
        begin, end = end, end + layer.nbytes
        described[f"layer.{index:05}"] = {
            "dtype": dtype,
            "shape": list(layer.shape),
            "data_offsets": [begin, end],
        }
    text = json.dumps(described, separators=(",", ":")).encode()
    return text + b" " * (-len(text) % _ALIGNMENT)
