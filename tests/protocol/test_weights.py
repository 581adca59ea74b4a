"""Files of trained weights: exact, atomic, read by safetensors itself, and nothing in them runs."""

import pickle
import tracemalloc

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from pulumi_wmlfl.errors import ContentError
from pulumi_wmlfl.protocol.weights import read_weights, weights_in_chunks, write_weights
from tests.protocol.test_codec import ARRAYS, same

NUMBERS = ARRAYS.filter(lambda array: array.dtype.kind != "U")


@settings(max_examples=100, deadline=None)
@given(layers=st.lists(NUMBERS, max_size=5), metadata=st.dictionaries(st.text(), st.text(), max_size=3))
def test_weights_survive_exactly_and_safetensors_reads_them_too(tmp_path_factory, layers, metadata):
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    metadata.pop("format", None)
    write_weights(path, layers, metadata)
    stored = read_weights(path)
    little = [layer.astype(layer.dtype.newbyteorder("<")) for layer in layers]
    assert same(list(stored.layers), little)
    assert stored.metadata == metadata
    others = safetensors.numpy.load_file(path)
    assert same([others[name] for name in sorted(others)], little)


def test_more_than_ten_layers_keep_their_order(tmp_path):
    layers = [np.full(index + 1, index) for index in range(120)]
    write_weights(tmp_path / "w", layers)
    assert same(list(read_weights(tmp_path / "w").layers), layers)


def test_an_array_that_does_not_lie_in_one_piece_is_stored_as_it_reads(tmp_path):
    layers = [np.arange(12.0).reshape(3, 4).T, np.arange(10)[::2]]
    write_weights(tmp_path / "w", layers)
    assert all(map(np.array_equal, read_weights(tmp_path / "w").layers, layers))


def test_writing_takes_no_second_model_of_memory(tmp_path):
    layers = [np.ones(4_000_000, "float32")]
    tracemalloc.start()
    try:
        write_weights(tmp_path / "w", layers)
        assert tracemalloc.get_traced_memory()[1] < layers[0].nbytes / 2
    finally:
        tracemalloc.stop()


def test_a_write_that_breaks_off_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "w"
    write_weights(path, [np.ones(3)])
    with pytest.raises(ContentError, match="Layer 1 is object"):
        write_weights(path, [np.ones(3), np.array([None])])
    assert list(tmp_path.iterdir()) == [path]
    assert read_weights(path).layers[0].tolist() == [1, 1, 1]


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ContentError, match="No such file"):
        write_weights(tmp_path / "no" / "w", [np.ones(3)])


def damaged():
    whole = b"".join(weights_in_chunks([np.ones(100)]))
    yield "cut", whole[:-1], "not a whole file"
    yield "longer", whole + b"x", "not a whole file"
    yield "empty", b"", "not a whole file"
    yield "pickle", pickle.dumps([1]), "not a whole file"
    yield "huge header", (2**40).to_bytes(8, "little") + whole[8:], "not a whole file"
    yield "foreign", safetensors.numpy.save({"a": np.ones(2)}), "not a file of trained weights"


@pytest.mark.parametrize(("content", "reason"), [pytest.param(c, r, id=name) for name, c, r in damaged()])
def test_what_is_not_a_whole_file_of_weights_is_refused(tmp_path, content, reason):
    path = tmp_path / "w"
    path.write_bytes(content)
    with pytest.raises(ContentError, match=reason):
        read_weights(path)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(ContentError, match="cannot be read"):
        read_weights(tmp_path / "none")
