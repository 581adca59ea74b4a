"""Sketches that a party sends, and what is no sketch."""

import json

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_wmlfl.errors import ProtocolError
from pulumi_wmlfl.protocol import EXT_SKETCH, EXT_TREE, ExtType
from pulumi_wmlfl.protocol.boosting import read_sketch
from tests.aggregator.boosting_parties import sketch_of

GAMMA = {"gamma": 1.5}


def written(found):
    return ExtType(EXT_SKETCH, msgpack.packb(found if isinstance(found, str) else json.dumps(found)))


@given(
    st.lists(st.floats(-1e12, 1e12, allow_subnormal=False), max_size=50), st.sampled_from([0.001, 0.01, 0.3])
)
def test_a_sketch_says_how_many_samples_are_close_to_which_value(values, accuracy):
    values = np.array([0.0 if abs(value) < 1e-12 else value for value in values])
    sketch = read_sketch(sketch_of(values, accuracy))
    assert sketch.accuracy == pytest.approx(accuracy)
    assert (np.diff(sketch.values) > 0).all()
    close = np.repeat(sketch.values, sketch.counts.astype(int))
    assert close == pytest.approx(np.sort(values), rel=accuracy * (1 + 1e-9))


@pytest.mark.parametrize(
    "value",
    [
        7,
        ExtType(EXT_TREE, b""),
        ExtType(EXT_SKETCH, b"\xc1"),
        ExtType(EXT_SKETCH, msgpack.packb(7)),
        written("[" * 100_000),
        written("[]"),
        written({}),
        written({"mapping": {}}),
        written({"mapping": {"gamma": 1}}),
        written({"mapping": {"gamma": True}}),
        written('{"mapping": {"gamma": NaN}}'),
        written('{"mapping": {"gamma": 1' + "0" * 5000 + "}}"),
        written({"mapping": {"gamma": 1.5, "interpolation": "CUBIC"}}),
        written({"mapping": GAMMA, "more": 1}),
        written({"mapping": GAMMA, "zeroCount": "1"}),
        written({"mapping": GAMMA, "positiveValues": []}),
        written({"mapping": GAMMA, "positiveValues": {"binCounts": {"1": 2}}}),
        written({"mapping": GAMMA, "positiveValues": {"contiguousBinCounts": 3}}),
        written({"mapping": GAMMA, "positiveValues": {"contiguousBinCounts": [None]}}),
        written({"mapping": GAMMA, "negativeValues": {"contiguousBinIndexOffset": 2**40}}),
        written(
            {
                "mapping": GAMMA,
                "positiveValues": {"contiguousBinCounts": [1], "contiguousBinIndexOffset": 9999},
            }
        ),
    ],
)
def test_what_is_no_sketch_is_refused(value):
    with pytest.raises(ProtocolError, match="sketch"):
        read_sketch(value)
