"""Arrays on the wire, in the layout of msgpack-numpy, without its pickles.

An array is a map with bytes as keys: `nd`, `type` (a dtype string such as `<f4`), `kind` (empty), `shape` and
`data` (raw bytes, C order). msgpack-numpy's own decoder unpickles arrays of objects, which lets a party run
code in the service; this one refuses every dtype outside a short list. Imports `errors`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ProtocolError
from .limits import DEFAULT_LIMITS, Limits

__all__ = ["Array", "array_from_wire", "array_to_wire", "dtype_from_wire", "dtype_to_wire", "is_array_map"]

Array = npt.NDArray[Any]

_NUMERIC = re.compile(r"\|b1|\|[iu]1|[<>][iu][248]|[<>]f[248]")
_TEXT = re.compile(r"(?P<order>\|S|[<>]U)(?P<width>\d{1,6})")
_LARGEST_AXIS = 2**40
_LAST_CODE_POINT = 0x10FFFF


def is_array_map(value: Mapping[Any, Any]) -> bool:
    """Tell whether a decoded map stands for an array, a numpy scalar or a complex number."""
    return b"nd" in value or b"complex" in value


def dtype_from_wire(text: str, limits: Limits = DEFAULT_LIMITS) -> np.dtype[Any]:
    """Return the dtype a party named: bool, integers, floats and text of a bounded width.

    Raises:
        ProtocolError: for objects, records, dates and everything else.
    """
    if _NUMERIC.fullmatch(text):
        return np.dtype(text)
    match = _TEXT.fullmatch(text)
    if match and 0 < int(match["width"]) <= limits.text_width:
        return np.dtype(text)
    raise ProtocolError(f"Arrays of the type {text[:40]!r} are not accepted.")


def dtype_to_wire(dtype: np.dtype[Any]) -> str:
    """Return the dtype string to send.

    Raises:
        ProtocolError: for a dtype that :func:`dtype_from_wire` refuses.
    """
    if dtype.hasobject or dtype.names is not None or dtype.subdtype is not None:
        raise ProtocolError(f"Arrays of the type {str(dtype)[:40]!r} cannot be sent.")
    return dtype_from_wire(dtype.str).str


def array_to_wire(value: Array | np.generic) -> dict[bytes, Any]:
    """Return the map that stands for an array or a numpy scalar.

    Raises:
        ProtocolError: the dtype cannot be sent.
    """
    kind = dtype_to_wire(value.dtype)
    if isinstance(value, np.ndarray):
        raw = (
            value.data
            if value.flags.c_contiguous and value.size and value.dtype.kind != "U"
            else value.tobytes()
        )
        return {b"nd": True, b"type": kind, b"kind": b"", b"shape": value.shape, b"data": raw}
    return {b"nd": False, b"type": kind, b"data": value.tobytes()}


def array_from_wire(value: Mapping[Any, Any], limits: Limits = DEFAULT_LIMITS) -> Array | np.generic:
    """Return the array or numpy scalar that a map stands for; an array is a read-only view of its bytes.

    Raises:
        ProtocolError: a key is missing or too many, the dtype is refused, the bytes do not fill the shape.
    """
    is_array = value.get(b"nd")
    expected = {b"nd", b"type", b"data"} | ({b"kind", b"shape"} if is_array is True else set())
    if not isinstance(is_array, bool) or set(value) != expected:
        raise ProtocolError("A map with the keys of an array is not one.")
    kind, data = value[b"type"], value[b"data"]
    if not isinstance(kind, str) or not isinstance(data, bytes) or value.get(b"kind", b"") != b"":
        raise ProtocolError("An array of objects or records, or without bytes, is not accepted.")
    dtype = dtype_from_wire(kind, limits)
    shape = _shape(value[b"shape"], limits) if is_array else ()
    if len(data) != math.prod(shape) * dtype.itemsize:
        raise ProtocolError(f"{len(data)} bytes do not fill an array of {kind} with the shape {list(shape)}.")
    found = np.frombuffer(data, dtype).reshape(shape) if data else np.empty(shape, dtype)
    found.flags.writeable = False
    if dtype.kind == "U" and data and int(np.frombuffer(data, f"{kind[0]}u4").max()) > _LAST_CODE_POINT:
        raise ProtocolError("A text array has characters that do not exist.")
    scalar: Array | np.generic = found if is_array else found[()]
    return scalar


def _shape(value: object, limits: Limits) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) > limits.dimensions:
        raise ProtocolError(f"The shape of an array is a list of at most {limits.dimensions} sizes.")
    for size in value:
        if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= _LARGEST_AXIS:
            raise ProtocolError("The sizes of an array are whole numbers from 0 on.")
    return tuple(value)
