"""The wire format between an aggregator and its parties: message types, headers, arrays, limits.

Read a frame with `from_party(Frame.decode(bytes))` or `from_aggregator(...)`, write one with
`message.frame().encode()`. Nothing a frame holds is ever executed: no pickles, no objects, no code.

May import `errors` only. Source: what IBM's party library sends and accepts.
"""

from .classes import Framework, framework_of, local_training_class, model_class
from .codec import EXT_DTYPE, EXT_SKETCH, EXT_TREE, ExtType, pack, unpack
from .limits import DEFAULT_LIMITS, MAX_FRAME_BYTES, Limits
from .messages import (
    Ack,
    AggregatorMessage,
    PartyMessage,
    Refusal,
    Register,
    RegisterReply,
    Reply,
    Request,
)
from .reading import from_aggregator, from_party
from .types import ACK_ID, Frame, MessageType
from .weights import StoredWeights, read_weights, weights_in_chunks, write_weights

__all__ = [
    "ACK_ID",
    "DEFAULT_LIMITS",
    "EXT_DTYPE",
    "EXT_SKETCH",
    "EXT_TREE",
    "MAX_FRAME_BYTES",
    "Ack",
    "AggregatorMessage",
    "ExtType",
    "Frame",
    "Framework",
    "Limits",
    "MessageType",
    "PartyMessage",
    "Refusal",
    "Register",
    "RegisterReply",
    "Reply",
    "Request",
    "StoredWeights",
    "framework_of",
    "from_aggregator",
    "from_party",
    "local_training_class",
    "model_class",
    "pack",
    "read_weights",
    "unpack",
    "weights_in_chunks",
    "write_weights",
]
