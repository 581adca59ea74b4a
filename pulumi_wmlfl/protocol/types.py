"""Message types, headers and frames: the envelope that every message travels in.

One binary WebSocket message is one frame: a MessagePack map `{"header": {...}, "data": ...}`. The header has
`id_request`, `message_type` and `sender_info`; all three are required. Imports `errors`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from ..errors import ProtocolError
from .codec import pack, unpack
from .limits import DEFAULT_LIMITS, Limits

__all__ = ["ACK_ID", "Frame", "MessageType"]

ACK_ID = -1
"""The `id_request` of an acknowledgement; the id it acknowledges is in its data."""
_ID_RANGE = range(-(2**63), 2**64)
_LONGEST_SENDER = 256


class MessageType(IntEnum):
    """The message types that are in use; the numbers between them are not routed by IBM's party."""

    REGISTER = 6
    TRAIN = 7
    SAVE_MODEL = 8
    EVAL_MODEL = 10
    ACK = 11
    SYNC_MODEL = 12
    STOP = 14
    PREPROCESS = 15
    REQUEST_CERT = 16
    GENERATE_KEYS = 17
    DISTRIBUTE_KEYS = 18
    SET_KEYS = 19
    ERROR_AUTH = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One message as it travels: its header, and data of any kind.

    `message_type` is None in an error reply of IBM's party, whose `id_request` is then meaningless.
    `sender_info` is the remote training system's id from a party; a request to a party must have None.
    The data is not in the representation: it may hold a token and millions of weights.
    """

    id_request: int
    message_type: MessageType | None
    sender_info: str | None = None
    data: Any = field(default=None, repr=False)

    def encode(self) -> bytes:
        """Return the frame's bytes.

        Raises:
            ProtocolError: the data holds something that cannot be sent, or the frame is too large.
        """
        header = {
            "id_request": self.id_request,
            "message_type": None if self.message_type is None else int(self.message_type),
            "sender_info": self.sender_info,
        }
        encoded = pack({"header": header, "data": self.data})
        if len(encoded) > DEFAULT_LIMITS.frame_bytes:
            raise ProtocolError(
                f"A message of {len(encoded)} bytes is too large to be sent;"
                f" {DEFAULT_LIMITS.frame_bytes} are allowed."
            )
        return encoded

    @classmethod
    def decode(cls, frame: bytes, limits: Limits = DEFAULT_LIMITS) -> Frame:
        """Read a frame.

        Raises:
            ProtocolError: it is not a message of the protocol, or beyond the limits.
        """
        message = unpack(frame, limits)
        if not isinstance(message, dict) or set(message) != {"header", "data"}:
            raise ProtocolError("A message is a map of header and data; this one is not.")
        header = message["header"]
        if not isinstance(header, dict) or not {"id_request", "message_type", "sender_info"} <= set(header):
            raise ProtocolError("A message's header has id_request, message_type and sender_info.")
        return cls(
            id_request=_id(header["id_request"]),
            message_type=_message_type(header["message_type"]),
            sender_info=_sender(header["sender_info"]),
            data=message["data"],
        )


def _id(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value not in _ID_RANGE:
        raise ProtocolError("A message's id_request is a whole number.")
    return value


def _message_type(value: object) -> MessageType | None:
    if value is None:
        return None
    try:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError
        return MessageType(value)
    except ValueError:
        raise ProtocolError(f"The message type {str(value)[:40]!r} is not one of the protocol.") from None


def _sender(value: object) -> str | None:
    if value is not None and (not isinstance(value, str) or len(value) > _LONGEST_SENDER):
        raise ProtocolError("A message's sender_info is a remote training system's id.")
    return value
