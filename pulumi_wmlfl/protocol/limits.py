"""How much of one frame is read before it is refused: the bounds that keep a hostile frame cheap.

A frame comes from a party, so every number in it may be a lie. The bounds are checked before anything is
built from the frame. Imports nothing of ours.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DEFAULT_LIMITS", "MAX_FRAME_BYTES", "Limits"]

MAX_FRAME_BYTES = 2**29
"""The largest WebSocket message that IBM's party sends or accepts, in bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one frame.

    `frame_bytes`: its length. `depth`: lists and maps inside each other. `numbers`: numbers in plain lists of
    one kind, as scikit-learn parties send their weights. `items`: every other value, keys included.
    `text_bytes`: all strings together. `dimensions`: axes of an array. `text_width`: characters of one
    element of a text array.

    The decoded message takes at most its frame's bytes, 40 bytes per number, 4 bytes per byte of text and
    about 300 bytes per item.
    """

    frame_bytes: int = MAX_FRAME_BYTES
    depth: int = 32
    numbers: int = 2**24
    items: int = 2**18
    text_bytes: int = 2**24
    dimensions: int = 16
    text_width: int = 1024


DEFAULT_LIMITS = Limits()
