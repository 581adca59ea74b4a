"""Frames that no honest party sends: real ones damaged, well-formed ones with hostile content, raw bytes."""

import math
import random

import numpy as np

from pulumi_wmlfl.errors import ProtocolError
from pulumi_wmlfl.protocol import Ack, ExtType, Frame, MessageType, Reply, from_party, pack
from tests.protocol.samples import FRAMES
from tests.protocol.test_hostile_frames import HEADS, damage

KEYS = [
    "weights",
    "train_counts",
    "class_counts",
    "coef",
    "intercept",
    "ct_weights",
    "counts",
    "weights_dtype",
]
KEYS += ["model_update", "metrics", "party_id", "header", "status", "", "é" * 100, "__class__"]
DTYPES = ["<f4", ">f8", "<f2", "|b1", "<u8", "<i1", "<U3", "|S4", "<c16"]
NUMBERS = [0, -1, 1, 2**31, 2**63, -(2**63), 2**64 - 1, 0.5, -0.0, 1e308, math.inf, -math.inf, math.nan, True]
TEXTS = ["", "weights", "../../x", "<script>", "\x00", "a" * 2000, "\u202e", "🙂" * 50]


def is_refused(frame):
    """Return why our reader refuses a frame of a party; empty if it takes it."""
    try:
        from_party(Frame.decode(frame))
    except ProtocolError as error:
        return error.message
    return ""


class Frames:
    """Makes frames of one party from a source of randomness."""

    def __init__(self, source: random.Random, rts_id: str) -> None:
        self.source, self.rts_id = source, rts_id

    def taken(self):
        """Return a frame that can be read, and answers nothing that was asked."""
        while True:
            frame = self._message().frame().encode() if self.source.random() < 0.7 else self._damaged()
            if not is_refused(frame) and b"REGISTER" not in frame and not self._registers(frame):
                return frame

    def refused(self):
        """Return a frame that cannot be read, and why."""
        while True:
            chance = self.source.random()
            if chance < 0.15:
                frame = self.source.randbytes(self.source.randrange(1, 300))
            elif chance < 0.3:
                frame = b"".join(self.source.choices(HEADS, k=self.source.randint(1, 5)))
            elif chance < 0.4:
                frame = pack(self._value(3))
            else:
                frame = self._damaged()
            if reason := is_refused(frame):
                return frame, reason

    def update(self, id_request):
        """Return an answer to a TRAIN, with weights that nobody should fuse."""
        payload = {"weights": self._weights()} if self.source.random() < 0.7 else self._value(3)
        return Reply(
            id_request=id_request,
            message_type=MessageType.TRAIN,
            payload=payload,
            metrics={"acc": self.source.choice(NUMBERS), "x" * 300: 1.0},
            sender=self.rts_id,
        ).frame().encode()  # fmt: skip

    @staticmethod
    def _registers(frame):
        return Frame.decode(frame).message_type is MessageType.REGISTER

    def _damaged(self):
        return damage(self.source.choice(FRAMES), self.source)

    def _message(self):
        source = self.source
        if source.random() < 0.1:
            return Ack(acknowledged=source.choice([0, 1, 2**40]), sender=self.rts_id)
        kinds = [MessageType.TRAIN, MessageType.EVAL_MODEL, MessageType.SYNC_MODEL, MessageType.SAVE_MODEL]
        return Reply(
            id_request=source.choice([0, 1, 12, 2**31, 2**52]),
            message_type=source.choice(kinds),
            status=source.choice(["success", "error"]),
            payload=self._value(4),
            metrics={source.choice(KEYS): self._number()},
            message=source.choice(TEXTS),
            sender=source.choice([self.rts_id, *TEXTS]),
        )

    def _number(self):
        return float(self.source.choice(NUMBERS))

    def _weights(self):
        source = self.source
        rows = [[self._number() for _ in range(source.randint(0, 5))] for _ in range(source.randint(0, 4))]
        arrays = [self._array() for _ in range(source.randint(1, 5))]
        return source.choice([rows, arrays, self._array(), [*arrays, "x"], [*rows, None], self._value(3)])

    def _array(self):
        source = self.source
        shape = tuple(source.choice([0, 1, 2, 3, 7]) for _ in range(source.randint(0, 5)))
        with np.errstate(all="ignore"):
            array = np.full(shape, source.choice([0, 1, 2, 0.5]), dtype=source.choice(DTYPES[:6]))
            if array.dtype.kind == "f" and array.size and source.random() < 0.4:
                array.reshape(-1)[source.randrange(array.size)] = source.choice([np.nan, np.inf, -np.inf])
        return array

    def _value(self, depth):
        source = self.source
        simple = [
            lambda: source.choice(NUMBERS),
            lambda: source.choice(TEXTS),
            lambda: source.randbytes(source.choice([0, 3, 300])),
            self._array,
            lambda: ExtType(source.choice([1, 2]), source.randbytes(8)),
            lambda: None,
        ]
        size = source.randint(0, 5)
        nested = [
            lambda: [self._value(depth - 1) for _ in range(size)],
            lambda: {source.choice(KEYS): self._value(depth - 1) for _ in range(size)},
            lambda: {source.choice([0, -1, 2**40]): self._value(depth - 1)},
        ]
        return source.choice(simple + nested if depth else simple)()
