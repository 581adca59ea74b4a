"""Walks over a MessagePack frame without building anything, and refuses what would be costly or strange.

`msgpack` allocates a list as long as its header says, and one byte of a frame can become an object of 64
bytes. So the frame is measured first: structure, depth, counts and lengths. Lists of numbers of one kind are
measured with numpy, so that a frame with millions of weights costs milliseconds.

Source of the tags: the MessagePack specification.
"""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from ..errors import ProtocolError
from .limits import Limits

__all__ = ["KNOWN_EXTENSIONS", "vet"]

KNOWN_EXTENSIONS = frozenset({1, 2, 3})
"""Sketch, tree, dtype: what IBM's party sends and understands."""

# Tag -> length in bytes of what follows it.
_SCALARS = {0xC0: 0, 0xC2: 0, 0xC3: 0} | {
    tag: size
    for tags, sizes in (
        ((0xCA, 0xCB), (4, 8)),
        (range(0xCC, 0xD0), (1, 2, 4, 8)),
        (range(0xD0, 0xD4), (1, 2, 4, 8)),
    )
    for tag, size in zip(tags, sizes, strict=True)
}
# Tag -> bytes of the length field.
_BINARY = {0xC4: 1, 0xC5: 2, 0xC6: 4}
_TEXT = {0xD9: 1, 0xDA: 2, 0xDB: 4}
_EXTENSION = {0xC7: 1, 0xC8: 2, 0xC9: 4}
_FIXED_EXTENSION = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}
_LIST = {0xDC: 2, 0xDD: 4}
_MAP = {0xDE: 2, 0xDF: 4}
_SHORTEST_RUN = 16
_PIECE = 2**16


def vet(frame: bytes, limits: Limits) -> None:
    """Refuse a frame that is not exactly one MessagePack value within the limits.

    Raises:
        ProtocolError: with the first reason and its place in the frame.
    """
    if len(frame) > limits.frame_bytes:
        raise ProtocolError(f"A frame of {len(frame)} bytes is too large; {limits.frame_bytes} are allowed.")
    _Walk(frame, limits).run()


def _may_be_key(tag: int) -> bool:
    whole = tag <= 0x7F or tag >= 0xE0 or 0xCC <= tag <= 0xD3
    return whole or 0xA0 <= tag <= 0xBF or tag in _TEXT or tag in _BINARY


class _Walk:
    """One pass over a frame. `owed` counts values that headers announced and that are still to come."""

    def __init__(self, frame: bytes, limits: Limits) -> None:
        self.frame = frame
        self.limits = limits
        self.at = 0
        self.owed = 1
        self.items = 0
        self.numbers = 0
        self.text = 0

    def run(self) -> None:
        # Per open container: values left, and whether it is a map (keys and values take turns).
        open_containers: list[list[int]] = [[1, 0]]
        while open_containers:
            top = open_containers[-1]
            if top[0] == 0:
                open_containers.pop()
                continue
            is_key = bool(top[1]) and top[0] % 2 == 0
            top[0] -= 1
            self.owed -= 1
            self.items += 1
            if self.items > self.limits.items:
                self.refuse(f"more than {self.limits.items} values")
            opened = self.value(is_key=is_key)
            if opened is not None:
                open_containers.append(opened)
                if len(open_containers) > self.limits.depth + 1:
                    self.refuse(f"lists and maps nested deeper than {self.limits.depth}")
        if self.at != len(self.frame):
            self.refuse(f"{len(self.frame) - self.at} bytes after the end of the message")

    def value(self, *, is_key: bool) -> list[int] | None:
        """Step over one value; for a list or a map return what is to come."""
        tag = self.number(1)
        if is_key and not _may_be_key(tag):
            self.refuse("a map key that is neither text, bytes nor an integer")
        if tag <= 0x7F or tag >= 0xE0:
            return None
        if 0x80 <= tag <= 0x9F or tag in _LIST or tag in _MAP:
            return self.container(tag)
        if tag in _SCALARS:
            self.skip(_SCALARS[tag])
        elif 0xA0 <= tag <= 0xBF:
            self.characters(tag & 0x1F)
        elif tag in _TEXT:
            self.characters(self.number(_TEXT[tag]))
        elif tag in _BINARY:
            self.skip(self.number(_BINARY[tag]))
        elif tag in _EXTENSION:
            self.extension(self.number(_EXTENSION[tag]))
        elif tag in _FIXED_EXTENSION:
            self.extension(_FIXED_EXTENSION[tag])
        else:
            self.refuse(f"the byte {tag:#x}, which MessagePack does not use")
        return None

    def container(self, tag: int) -> list[int] | None:
        if tag in _LIST:
            return self.elements(self.number(_LIST[tag]))
        if tag in _MAP:
            return self.owe(2 * self.number(_MAP[tag]), is_map=1)
        if tag <= 0x8F:
            return self.owe(2 * (tag & 0x0F), is_map=1)
        return self.elements(tag & 0x0F)

    def owe(self, count: int, *, is_map: int) -> list[int]:
        """Note `count` values to come; each takes at least a byte, so a header cannot promise more."""
        self.owed += count
        if self.owed > len(self.frame) - self.at:
            self.refuse("a list or map that is longer than the frame")
        return [count, is_map]

    def elements(self, count: int) -> list[int] | None:
        """Step over a list of numbers of one kind; give any other list back as a container."""
        opened = self.owe(count, is_map=0)
        if count < _SHORTEST_RUN:
            return opened
        tag = self.frame[self.at]
        width = 1 + _SCALARS.get(tag, 0)
        if self.at + count * width > len(self.frame):
            return opened
        if not self.alike(tag, count, width):
            return opened
        self.numbers += count
        if self.numbers > self.limits.numbers:
            self.refuse(f"more than {self.limits.numbers} numbers in lists; arrays have no such bound")
        self.owed -= count
        self.skip(count * width)
        return None

    def alike(self, tag: int, count: int, width: int) -> bool:
        """Tell whether the next `count` values are numbers of the kind of `tag`, a piece at a time."""
        for start in range(0, count, _PIECE):
            piece = min(_PIECE, count - start)
            tags = np.frombuffer(self.frame, np.uint8, piece * width, self.at + start * width)[::width]
            same = (tags == tag) if width > 1 else ((tags <= 0x7F) | (tags >= 0xE0))
            if not same.all():
                return False
        return True

    def number(self, size: int) -> int:
        start = self.at
        self.skip(size)
        return int.from_bytes(self.frame[start : self.at], "big")

    def characters(self, size: int) -> None:
        self.text += size
        if self.text > self.limits.text_bytes:
            self.refuse(f"more than {self.limits.text_bytes} bytes of text")
        self.skip(size)

    def extension(self, size: int) -> None:
        code = self.number(1)
        if code not in KNOWN_EXTENSIONS:
            self.refuse(f"an extension of the unknown type {code}")
        self.skip(size)

    def skip(self, size: int) -> None:
        self.at += size
        if self.at > len(self.frame):
            self.at = len(self.frame)
            self.refuse("no end: it is cut off")

    def refuse(self, what: str) -> NoReturn:
        raise ProtocolError(f"A frame of {len(self.frame)} bytes has {what} (at byte {self.at}).")
