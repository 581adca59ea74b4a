"""Our frames in IBM's own serializer and its frames in ours; see `tests/support/environments.py`."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from pulumi_wmlfl.errors import ProtocolError
from pulumi_wmlfl.protocol import ExtType, Frame, from_party
from pulumi_wmlfl.protocol.boosting import TREE_NODE, apply_tree, read_sketch
from tests.protocol.samples import FROM_AGGREGATOR, FROM_PARTY
from tests.protocol.test_codec import same
from tests.support.environments import interpreter

SCRIPT = Path(__file__).with_name("ibm_codec.py")
GENERATIONS = [
    ("ibm-wml", "ibm_watson_machine_learning"),
    ("ibm-watsonx", "ibm_watsonx_ai"),
]
# Left of 2 and missing values: -1.5; else left of 5 in the second feature: 2.5; else 4.
TREE = np.array(
    [
        (0.0, 9, 0, 2.0, 1, 1, 2, 3.0, 0, 0, 0, 0, 0),
        (-1.5, 4, 0, 0.0, 0, 0, 0, -1.0, 1, 1, 0, 0, 0),
        (0.0, 5, 1, 5.0, 0, 3, 4, 2.0, 1, 0, 0, 0, 0),
        (2.5, 3, 0, 0.0, 0, 0, 0, -1.0, 2, 1, 0, 0, 0),
        (4.0, 2, 0, 0.0, 0, 0, 0, -1.0, 2, 1, 0, 0, 0),
    ],
    TREE_NODE,
)
GRID = np.array([[1.0, 9.0], [2.0, 9.0], [3.0, 5.0], [3.0, 6.0], [np.nan, 0.0]])


@pytest.fixture(scope="module", params=GENERATIONS, ids=[name for name, _ in GENERATIONS])
def exchanged(request, tmp_path_factory):
    """Our sample frames, read and packed again by IBM's serializer, and a frame of its own."""
    environment, package = request.param
    folder = tmp_path_factory.mktemp("frames")
    # A tree can only be read where it is whole: IBM's serializer loads it.
    samples = [m for m in [*FROM_PARTY, *FROM_AGGREGATOR] if "ExtType" not in str(m.frame().data)]
    for number, message in enumerate(samples):
        (folder / f"{number:02}.in").write_bytes(message.frame().encode())
    (folder / "tree.step").write_bytes(apply_tree(3, 0, TREE).frame().encode())
    np.save(folder / "grid.npy", GRID)
    done = subprocess.run(
        [interpreter(environment), "-W", "ignore", str(SCRIPT), package, str(folder)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.ibm
def test_ibm_s_serializer_reads_our_frames_and_packs_them_to_the_same_bytes(exchanged):
    sent = sorted(exchanged.glob("*.in"))
    assert len(sent) > 15
    for path in sent:
        assert path.with_suffix(".out").read_bytes() == path.read_bytes(), path.with_suffix(
            ".repr"
        ).read_text()


@pytest.mark.ibm
def test_we_read_what_ibm_s_serializer_sends(exchanged):
    sent = (exchanged / "own.out").read_bytes()
    frame = Frame.decode(sent)
    reply = from_party(frame)
    assert (reply.id_request, reply.message_type, reply.sender) == (21, 7, "rts")
    assert same(dict(reply.metrics), {"score": 0.5, "acc": np.float32(0.25), "ok": np.bool_(True)})
    payload = reply.payload
    assert same(payload["weights"], [np.arange(6, dtype="<f4").reshape(2, 3), np.ones((3, 2))])
    assert payload["nested"] == np.arange(40.0).reshape(2, 20).tolist()
    assert payload["class_counts"] == {0: 1, 1: 2}
    assert same([payload["empty"], payload["zero_d"]], [np.zeros((0, 4)), np.array(3)])
    assert payload["dtype"] == np.dtype("<f8")
    assert payload["classes"].tolist() == ["a", "bc"]
    assert [type(payload[key]) for key in ("sketch", "tree")] == [ExtType, ExtType]
    assert frame.encode() == sent


@pytest.mark.ibm
def test_ibm_s_scikit_learn_predicts_with_our_trees(exchanged):
    assert np.load(exchanged / "predicted.npy").tolist() == [-1.5, -1.5, 2.5, 4.0, -1.5]


@pytest.mark.ibm
def test_we_read_ibm_s_sketches(exchanged):
    payload = from_party(Frame.decode((exchanged / "own.out").read_bytes())).payload
    sketch = read_sketch(payload["spread"])
    assert sketch.accuracy == pytest.approx(0.05)
    filled = sketch.counts > 0
    assert sketch.counts[filled].tolist() == [2, 1, 1, 3, 1]
    assert sketch.values[filled] == pytest.approx([-3, 0, 1e-9, 7.5, 1e12], rel=0.05)
    with pytest.raises(ProtocolError, match="not a sketch"):
        read_sketch(payload["tree"])
