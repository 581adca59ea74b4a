"""Bytes of a WebSocket message to values and back: MessagePack with arrays, and nothing that executes.

What comes out: None, bool, int, float, str, bytes, list, dict, numpy arrays (read-only views: copy before you
change one), numpy scalars, numpy dtypes, and `ExtType` 1 (sketch) and 2 (tree) as opaque bytes.
"""

from __future__ import annotations

from typing import Any

import msgpack
import numpy as np

from ..errors import ProtocolError
from ._vetting import vet
from .arrays import array_from_wire, array_to_wire, dtype_from_wire, dtype_to_wire, is_array_map
from .limits import DEFAULT_LIMITS, Limits

__all__ = ["EXT_DTYPE", "EXT_SKETCH", "EXT_TREE", "ExtType", "pack", "unpack"]

ExtType = msgpack.ExtType
EXT_SKETCH = 1
EXT_TREE = 2
EXT_DTYPE = 3


def pack(value: object) -> bytes:
    """Return the bytes of a value; tuples become lists.

    Raises:
        ProtocolError: it holds something that cannot be sent: objects, integers beyond 64 bits, deep nesting.
    """
    try:
        packed: bytes = msgpack.packb(value, default=_encode)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ProtocolError(f"A message cannot be sent: {error}.") from None
    return packed


def unpack(frame: bytes, limits: Limits = DEFAULT_LIMITS) -> Any:
    """Return the value of a frame.

    Raises:
        ProtocolError: it is not one MessagePack value, is beyond the limits, or holds what is never accepted.
    """
    vet(frame, limits)
    try:
        return msgpack.unpackb(
            frame,
            object_hook=lambda found: array_from_wire(found, limits) if is_array_map(found) else found,
            ext_hook=lambda code, data: _extension(code, data, limits),
            strict_map_key=False,
        )
    except ProtocolError:
        raise
    except (ValueError, TypeError, OverflowError, MemoryError, msgpack.UnpackException) as error:
        raise ProtocolError(
            f"A frame of {len(frame)} bytes cannot be read ({type(error).__name__})."
        ) from None


def _encode(value: object) -> object:
    if isinstance(value, np.ndarray | np.bool_ | np.number):
        return array_to_wire(value)
    if isinstance(value, np.dtype):
        return ExtType(EXT_DTYPE, dtype_to_wire(value).encode("ascii"))
    what = "an integer of more than 64 bits" if isinstance(value, int) else f"a {type(value).__name__}"
    raise ProtocolError(f"A message cannot be sent: it holds {what}.")


def _extension(code: int, data: bytes, limits: Limits) -> object:
    if code != EXT_DTYPE:
        return ExtType(code, data)
    try:
        return dtype_from_wire(data.decode("ascii"), limits)
    except UnicodeDecodeError:
        raise ProtocolError("A dtype is not ASCII text.") from None
