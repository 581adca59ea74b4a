"""Values to frames and back, with msgpack-numpy as the oracle of the layout."""

import msgpack
import msgpack_numpy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from pulumi_wmlfl.errors import ProtocolError
from pulumi_wmlfl.protocol import ExtType, Limits, pack, unpack

DTYPES = st.one_of(
    nps.boolean_dtypes(),
    nps.integer_dtypes(endianness="?"),
    nps.unsigned_integer_dtypes(endianness="?"),
    nps.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
    nps.unicode_string_dtypes(min_len=1, max_len=5),
)
ARRAYS = DTYPES.flatmap(
    lambda dtype: nps.arrays(dtype, nps.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(), st.text(), st.binary()
)
VALUES = st.recursive(
    st.one_of(SCALARS, ARRAYS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.text(), st.integers(-(2**31), 2**31)), inner, max_size=4),
    ),
    max_leaves=12,
)


def same(left, right):
    if isinstance(left, np.ndarray | np.generic):
        return (
            type(left) is type(right) and left.dtype == right.dtype and left.shape == right.shape
            and left.tobytes() == right.tobytes()
        )  # fmt: skip
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float):
        return isinstance(right, float) and np.float64(left).tobytes() == np.float64(right).tobytes()
    return type(left) is type(right) and left == right


@settings(max_examples=250, deadline=None)
@given(VALUES)
def test_a_value_survives_the_way_there_and_back_and_is_laid_out_as_msgpack_numpy_does(value):
    frame = pack(value)
    assert frame == msgpack.packb(value, default=msgpack_numpy.encode)
    assert same(value, unpack(frame))


@pytest.mark.parametrize(
    "value",
    [
        np.arange(24.0).reshape(2, 3, 4)[:, ::2],
        np.asfortranarray(np.arange(6, dtype="<f4").reshape(2, 3)),
        np.float32(0.1),
        np.bool_(True),
        np.array([], dtype="<i8").reshape(0, 3),
        np.array(7, dtype="|i1"),
    ],
)
def test_arrays_that_do_not_lie_in_one_piece_and_scalars_travel_too(value):
    assert same(value if isinstance(value, np.generic) else np.array(value, order="C"), unpack(pack(value)))
    assert pack(value) == msgpack.packb(value, default=msgpack_numpy.encode)


def test_a_dtype_a_sketch_and_a_tree_travel_as_extensions():
    value = [np.dtype("<f8"), ExtType(1, b"sketch"), ExtType(2, b"tree")]
    assert unpack(pack(value)) == value


def test_decoded_arrays_are_views_that_cannot_be_written():
    array = unpack(pack(np.ones(3)))
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 2


def test_millions_of_numbers_in_plain_lists_are_read():
    weights = np.linspace(-1, 1, 3_000_000).reshape(10, -1)
    assert np.array_equal(unpack(pack(weights.tolist())), weights)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (np.array([object()]), "object"),
        (np.zeros(2, dtype=[("a", "<f4")]), "cannot be sent"),
        (np.array([1 + 2j]), "not accepted"),
        (1 + 2j, "complex"),
        (np.array(["2020-01-01"], dtype="M8[D]"), "not accepted"),
        (2**64, "more than 64 bits"),
        ({1, 2}, "set"),
        (np.array(["x" * 2000]), "not accepted"),
    ],
)
def test_what_cannot_travel_is_refused_when_it_is_sent(value, reason):
    with pytest.raises(ProtocolError, match=reason):
        pack({"weights": value})


def test_a_value_that_contains_itself_is_refused():
    loop = []
    loop.append(loop)
    with pytest.raises(ProtocolError, match="cannot be sent"):
        pack(loop)


@pytest.mark.parametrize(
    ("limits", "value", "reason"),
    [
        (Limits(frame_bytes=10), "x" * 10, "too large"),
        (Limits(depth=3), [[[[]]]], "nested deeper than 3"),
        (Limits(numbers=99), [1.5] * 100, "more than 99 numbers"),
        (Limits(items=99), [None] * 100, "more than 99 values"),
        (Limits(text_bytes=9), ["abcde", "fghij"], "more than 9 bytes of text"),
        (Limits(dimensions=2), np.zeros((1, 1, 1)), "at most 2 sizes"),
        (Limits(text_width=2), np.array(["abc"]), "not accepted"),
    ],
)
def test_a_frame_beyond_a_limit_is_refused_with_the_limit(limits, value, reason):
    with pytest.raises(ProtocolError, match=reason):
        unpack(pack(value), limits)


def test_a_frame_within_every_limit_is_read():
    limits = Limits(depth=3, numbers=100, items=110, text_bytes=10, dimensions=2, text_width=3)
    unpack(pack([[[1.5] * 100, "abcde"], np.array([["abc"]])]), limits)
