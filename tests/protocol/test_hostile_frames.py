"""Bytes that no party of ours would send: refused with a reason, without running anything, in bounded memory.

`corpus/` keeps a frame for each kind of attack and for each mistake that was found; see its README.
"""

import pickle
import random
import tracemalloc
from pathlib import Path

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulumi_wmlfl.errors import ProtocolError
from pulumi_wmlfl.protocol import Frame, from_aggregator, from_party, pack, unpack
from tests.protocol.samples import FRAMES

CORPUS = Path(__file__).parent / "corpus"
GENERATED = 6000


def read_everything(frame):
    """Read a frame as both sides would; tell whether any took it. Only `ProtocolError` may come out."""
    taken, reasons = False, []
    for side in (from_party, from_aggregator):
        try:
            side(Frame.decode(frame))
            taken = True
        except ProtocolError as error:
            reasons.append(str(error))
    assert all(reason.strip() and "\n" not in reason for reason in reasons)
    return taken


def bound(frame):
    """Bytes that reading `frame` may take: README of the limits, plus a little for the machinery."""
    return 400 * len(frame) + 200_000


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.bin")), ids=lambda path: path.stem)
def test_every_frame_of_the_corpus_is_refused_in_bounded_memory(path):
    frame = path.read_bytes()
    tracemalloc.start()
    try:
        assert not read_everything(frame)
        assert tracemalloc.get_traced_memory()[1] < bound(frame)
    finally:
        tracemalloc.stop()


def test_thousands_of_damaged_frames_are_refused_or_read_in_bounded_memory():
    source = random.Random(20240601)
    taken = 0
    tracemalloc.start()
    try:
        for _ in range(GENERATED):
            frame = damage(source.choice(FRAMES), source)
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            taken += read_everything(frame)
            assert tracemalloc.get_traced_memory()[1] - before < bound(frame), frame
    finally:
        tracemalloc.stop()
    assert 0 < taken < GENERATED


def damage(frame, source):
    """Flip, cut, repeat or insert bytes; most of the results are nearly messages."""
    changed = bytearray(frame)
    for _ in range(source.randint(1, 3)):
        place = source.randrange(len(changed))
        kind = source.randrange(5)
        if kind == 0:
            changed[place] = source.randrange(256)
        elif kind == 1:
            changed[place] ^= 1 << source.randrange(8)
        elif kind == 2:
            del changed[place : place + source.randint(1, 20)]
        elif kind == 3:
            changed[place:place] = changed[place : place + source.randint(1, 60)]
        else:
            changed[place:place] = source.choice(HEADS)
        changed = changed or bytearray(b"\xc0")
    return bytes(changed)


HEADS = [
    b"\xdd\xff\xff\xff\xff",
    b"\xdf\xff\xff\xff\xff",
    b"\xdc\xff\xff",
    b"\xde\xff\xff",
    b"\xc6\xff\xff\xff\xff",
    b"\xdb\xff\xff\xff\xff",
    b"\xc9\xff\xff\xff\xff\x01",
    b"\xd6\xff\x00\x00\x00\x00",
    b"\xc1",
    b"\x91" * 40,
    b"\x81\xa1x" * 40,
    b"\xc7\x03\x03<f4",
    b"\xc7\x02\x03|O",
    b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00",
]


@settings(max_examples=600, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.lists(st.sampled_from(HEADS)).map(b"".join)))
def test_any_bytes_are_refused_or_read_and_never_break_the_reader(frame):
    try:
        value = unpack(frame)
    except ProtocolError:
        return
    again = pack(value)
    assert pack(unpack(again)) == again


class _Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("kind", [b"O", b"", b"V"])
def test_a_pickle_in_an_array_is_never_opened(tmp_path, kind):
    left_behind = tmp_path / "executed"
    data = pickle.dumps(_Bomb(left_behind))
    wire = {b"nd": True, b"type": "|O", b"kind": kind, b"shape": [1], b"data": data}
    with pytest.raises(ProtocolError):
        unpack(msgpack.packb({"weights": wire}))
    assert not left_behind.exists()
    pickle.loads(data)
    assert left_behind.exists(), "the bomb works; it was the reader that did not set it off"


def array(**changes):
    wire = {b"nd": True, b"type": "<f4", b"kind": b"", b"shape": [2], b"data": bytes(8)}
    return {key: value for key, value in (wire | {k.encode(): v for k, v in changes.items()}).items()
            if value is not ...}  # fmt: skip


@pytest.mark.parametrize(
    "wire",
    [
        array(type="<f16"),
        array(type="<c8"),
        array(type="f4"),
        array(type="<M8[D]"),
        array(type="|V8"),
        array(type="2<f4"),
        array(type="<U0"),
        array(type=b"<f4"),
        array(type=[["a", "<f4"]]),
        array(type=None),
        array(kind=b"V"),
        array(kind="x"),
        array(kind=[]),
        array(shape=[3]),
        array(shape=[-2]),
        array(shape=[-1, -2]),
        array(shape=[True, 2]),
        array(shape=[2.0]),
        array(shape=2),
        array(shape=[1] * 17),
        array(shape=[2**62, 2**62]),
        array(shape=[2**63, 0]),
        array(data="text"),
        array(data=bytes(7)),
        array(data=...),
        array(shape=...),
        array(kind=...),
        array(nd=1),
        array(nd=None),
        array(extra=1),
        array(type="<U2", data=b"\xff" * 16),
        {b"complex": True, b"data": "1+2j"},
        {b"nd": False, b"type": "<f4", b"data": bytes(3)},
        {b"nd": False, b"type": "|O", b"data": bytes(8)},
    ],
)
def test_a_map_that_is_nearly_an_array_is_refused(wire):
    with pytest.raises(ProtocolError):
        unpack(msgpack.packb({"weights": [wire]}))


@pytest.mark.parametrize("code", [-1, 0, 4, 127])
def test_an_unknown_extension_is_refused(code):
    with pytest.raises(ProtocolError, match="unknown type"):
        unpack(msgpack.packb([msgpack.ExtType(code, bytes(4))]) if code >= 0 else b"\xd6\xff\0\0\0\0")


@pytest.mark.parametrize("text", ["|O", "<M8[ns]", "", "é", "f" * 500, "{'names': ['a'], 'formats': ['O']}"])
def test_a_dtype_of_objects_or_nonsense_is_refused(text):
    with pytest.raises(ProtocolError):
        unpack(msgpack.packb(msgpack.ExtType(3, text.encode())))


def test_a_frame_of_megabytes_that_promises_lists_of_gigabytes_is_refused_in_bounded_memory():
    promises = b"\xdd\x00\x40\x00\x00" * 30 + b"\xc0" * 2**22
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError, match="longer than the frame"):
            unpack(promises)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_the_copy_of_an_array_is_the_only_memory_that_a_large_frame_takes():
    frame = pack({"weights": [np.ones(2_000_000)] * 2})
    tracemalloc.start()
    try:
        unpack(frame)
        assert tracemalloc.get_traced_memory()[1] < 1.1 * len(frame)
    finally:
        tracemalloc.stop()
