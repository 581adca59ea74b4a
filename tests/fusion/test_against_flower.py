"""The fusions that Flower has too give what Flower's own functions give."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from pulumi_wmlfl.fusion import create_fusion
from tests.support.environments import interpreter

ORACLE = Path(__file__).with_name("flower_oracle.py")
SHAPES = [(20, 30), (30,), (2, 3, 4), (1,), ()]
RULES = ["iter_avg", "avg", "coordinate_median", "trimmed_mean", "krum"]
THRESHOLD = 2


def federation(parties, dtype, seed=5):
    source = np.random.default_rng(seed)
    updates = [
        [
            source.normal(3, 2, shape).astype(dtype) if shape else np.array(source.normal(), dtype)
            for shape in SHAPES
        ]
        for _ in range(parties)
    ]
    return updates, source.integers(1, 5000, parties).tolist()


@pytest.fixture(scope="module", params=[(7, "float32"), (10, "float64"), (40, "float32")], ids=str)
def judged(request, tmp_path_factory):
    """Updates, counts and what Flower makes of them."""
    python = interpreter("flower")
    updates, counts = federation(*request.param)
    folder = tmp_path_factory.mktemp("flower")
    arrays = {f"u{p}_{i}": array for p, update in enumerate(updates) for i, array in enumerate(update)}
    np.savez(folder / "updates.npz", counts=counts, byzantine_threshold=THRESHOLD, **arrays)
    done = subprocess.run(
        [python, "-W", "ignore", ORACLE, folder / "updates.npz", folder / "results.npz"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return updates, counts, np.load(folder / "results.npz")


@pytest.mark.parametrize("rule", RULES)
def test_a_fusion_gives_what_flower_gives(judged, rule):
    updates, counts, results = judged
    fusion = create_fusion(rule, {"byzantine_threshold": THRESHOLD} if rule == "krum" else {})
    fusion.start_round()
    for party, (update, count) in enumerate(zip(updates, counts, strict=True)):
        fusion.add(f"party-{party:02}", {"weights": update, "train_counts": count})
    fused = fusion.finish().layers
    tolerance = 3e-6 if updates[0][0].dtype == np.float32 else 1e-13
    for index, layer in enumerate(fused):
        np.testing.assert_allclose(layer, results[f"{rule}_{index}"], rtol=tolerance, atol=tolerance)
        assert layer.dtype == updates[0][index].dtype
