"""What every fusion promises: bounds, weights, order, dtypes, refusals that leave no trace."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulumi_wmlfl.errors import FusionError
from pulumi_wmlfl.fusion import FUSION_TYPES, Form, Layout, create_fusion

WEIGHT_FUSIONS = [
    name for name in FUSION_TYPES if name in {"iter_avg", "avg", "coordinate_median", "trimmed_mean", "krum"}
]
FLOATS = st.floats(-1e6, 1e6, width=32)
PARTIES = st.integers(3, 9)


@st.composite
def federations(draw, elements=FLOATS, dtype="float32"):
    parties, size = draw(PARTIES), draw(st.integers(1, 5))
    values = draw(
        st.lists(st.lists(elements, min_size=size, max_size=size), min_size=parties, max_size=parties)
    )
    counts = draw(st.lists(st.integers(1, 1000), min_size=parties, max_size=parties))
    return [np.array(row, dtype) for row in values], counts


def fuse(fusion_type, updates, counts=None, order=None, **parameters):
    fusion = create_fusion(fusion_type, parameters)
    fusion.start_round()
    counts = counts or [1] * len(updates)
    for index in order if order is not None else range(len(updates)):
        fusion.add(f"party-{index}", {"weights": [updates[index]], "train_counts": counts[index]})
    return fusion.finish().layers[0]


@pytest.mark.parametrize("fusion_type", WEIGHT_FUSIONS)
@settings(max_examples=60, deadline=None)
@given(federation=federations(), data=st.data())
def test_the_order_of_the_parties_does_not_matter(fusion_type, federation, data):
    updates, counts = federation
    order = data.draw(st.permutations(range(len(updates))))
    one, other = fuse(fusion_type, updates, counts), fuse(fusion_type, updates, counts, order)
    if fusion_type in {"iter_avg", "avg"}:
        largest = max(float(np.abs(update).max()) for update in updates)
        np.testing.assert_allclose(one, other, rtol=0, atol=len(updates) * 2.0**-23 * largest)
    else:
        assert np.array_equal(one, other)


@pytest.mark.parametrize("fusion_type", WEIGHT_FUSIONS)
@settings(max_examples=60, deadline=None)
@given(federation=federations(elements=st.floats(-1e6, 1e6), dtype="float64"))
def test_the_result_lies_between_the_parties_weights(fusion_type, federation):
    updates, counts = federation
    fused = fuse(fusion_type, updates, counts)
    slack = 1e-9 * (1 + np.abs(updates).max())
    assert (fused >= np.min(updates, axis=0) - slack).all()
    assert (fused <= np.max(updates, axis=0) + slack).all()


@pytest.mark.parametrize("fusion_type", WEIGHT_FUSIONS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64", "uint8", "bool"])
def test_a_consensus_is_kept_exactly_with_its_dtype_and_shape(fusion_type, dtype):
    update = np.array([[0, 1, 1], [1, 0, 1]], dtype) * np.array(3, dtype)
    fused = fuse(fusion_type, [update] * 20, list(range(1, 21)))
    assert fused.dtype == update.dtype
    assert np.array_equal(fused, update)


@settings(max_examples=60, deadline=None)
@given(federations(elements=st.integers(-1000, 1000).map(float), dtype="float64"))
def test_avg_counts_a_party_as_often_as_it_has_samples(federation):
    updates, counts = federation
    repeated = [update for update, count in zip(updates, counts, strict=True) for _ in range(count)]
    np.testing.assert_allclose(fuse("avg", updates, counts), np.mean(repeated, axis=0), rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(fuse("iter_avg", updates), np.mean(updates, axis=0), rtol=1e-12, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(federations())
def test_krum_picks_an_update_that_a_party_sent(federation):
    updates, _ = federation
    fused = fuse("krum", updates)
    assert any(np.array_equal(fused, update) for update in updates)


LIES = {
    "lie": st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=4, max_size=4),
    "seed": st.integers(0, 2**32 - 1),
}


@pytest.mark.parametrize("fusion_type", ["coordinate_median", "trimmed_mean"])
@settings(max_examples=40, deadline=None)
@given(**LIES)
def test_a_minority_that_lies_does_not_carry_the_result_away(fusion_type, lie, seed):
    source = np.random.default_rng(seed)
    honest = [source.normal(0, 1, 4).astype("float32") for _ in range(7)]
    liars = [np.array(lie, "float32")] * 2
    fused = fuse(fusion_type, [*liars, *honest], byzantine_threshold=2)
    assert (fused >= np.min(honest, axis=0) - 1e-5).all()
    assert (fused <= np.max(honest, axis=0) + 1e-5).all()


@settings(max_examples=40, deadline=None)
@given(**LIES)
def test_krum_picks_nothing_that_is_far_from_the_honest_updates(lie, seed):
    """Of its five neighbours four are honest, and its score is at most that of any honest update."""
    source = np.random.default_rng(seed)
    honest = [source.normal(0, 1, 4).astype("float32") for _ in range(7)]
    liars = [np.array(lie, "float32")] * 2
    fused = fuse("krum", [*liars, *honest], byzantine_threshold=2).astype("float64")
    widest = max(np.linalg.norm(one - other) for one in honest for other in honest)
    nearest = min(np.linalg.norm(fused - one) for one in honest)
    assert nearest <= np.sqrt(5 / 4) * widest + 1e-5


def test_the_mean_of_many_float32_updates_is_as_good_as_one_in_float64():
    source = np.random.default_rng(1)
    updates = [source.normal(5, 1, 1000).astype("float32") for _ in range(1000)]
    exact = np.mean(np.array(updates, "float64"), axis=0)
    worst = np.abs(fuse("iter_avg", updates) - exact).max()
    plain = np.zeros(1000, "float32")
    for update in updates:
        plain += update
    assert worst < 16 * 2.0**-24 * 10
    assert worst < np.abs(plain / 1000 - exact).max() / 2


def test_whole_numbers_are_rounded_to_the_nearest():
    assert fuse("iter_avg", [np.array([1, 1]), np.array([2, 2]), np.array([2, 1])]).tolist() == [2, 1]


@pytest.mark.parametrize("fusion_type", ["iter_avg", "avg"])
def test_memory_does_not_grow_with_the_parties(fusion_type):
    model = [np.ones(500_000, "float32"), np.ones(500_000, "float32")]
    size = sum(layer.nbytes for layer in model)
    fusion = create_fusion(fusion_type, {})
    tracemalloc.start()
    try:
        fusion.start_round()
        for party in range(40):
            fusion.add(str(party), {"weights": model, "train_counts": 3})
        fused = fusion.finish()
        assert tracemalloc.get_traced_memory()[1] < 2 * size + 2**21
    finally:
        tracemalloc.stop()
    assert np.array_equal(fused.layers[0], model[0])


NONSENSE = [
    (None, "no weights"),
    ({}, "no weights"),
    ({"weights": None}, "no weights"),
    ({"weights": []}, "neither"),
    ({"weights": "text"}, "neither"),
    ({"weights": [np.ones(3), 5]}, "throughout"),
    ({"weights": [[1.0, 2.0], [3.0]]}, "one length"),
    ({"weights": [["a"]]}, "one length"),
    ({"weights": [[None]]}, "one length"),
    ({"weights": [[[1.0]]]}, "one length"),
    ({"weights": [{}]}, "one length"),
    ({"weights": [2**70]}, "one length"),
    ({"weights": [np.array(["a"])]}, "not numbers"),
    ({"weights": [np.array([1.0, np.nan])]}, "not finite"),
    ({"weights": [[1.0, np.inf]]}, "not finite"),
    ({"weights": [np.full(9, -np.inf, "float16")]}, "not finite"),
    ({"weights": [np.zeros((0, 3))]}, "no weights"),
    ({"weights": [np.ones(3)]}, "train_counts"),
    ({"weights": [np.ones(3)], "train_counts": 0}, "train_counts"),
    ({"weights": [np.ones(3)], "train_counts": True}, "train_counts"),
    ({"weights": [np.ones(3)], "train_counts": 2.5}, "train_counts"),
    ({"weights": [np.ones(3)], "train_counts": 2**60}, "train_counts"),
    ({"weights": [np.ones(3)], "train_counts": np.ones(2)}, "train_counts"),
]


@pytest.mark.parametrize(("payload", "reason"), NONSENSE)
def test_nonsense_is_refused_and_leaves_no_trace(payload, reason):
    fusion = create_fusion("avg", {})
    fusion.start_round()
    fusion.add("honest", {"weights": [np.ones(3)], "train_counts": 5})
    with pytest.raises(FusionError, match=reason):
        fusion.add("liar", payload)
    fused = fusion.finish()
    assert fused.parties == ("honest",)
    assert fused.layers[0].tolist() == [1, 1, 1]


def test_large_but_finite_weights_are_taken():
    large = np.array([3e38, -3e38, 1e-45], "float32")
    assert fuse("iter_avg", [large, -large]).tolist() == [0, 0, 0]


def test_a_mean_that_overflows_is_refused():
    with pytest.raises(FusionError, match="too large"):
        fuse("iter_avg", [np.array([3e38], "float32")] * 3)


def test_a_party_is_in_a_round_once():
    fusion = create_fusion("iter_avg", {})
    fusion.add("a", {"weights": [np.ones(2)]})
    with pytest.raises(FusionError, match="already"):
        fusion.add("a", {"weights": [np.zeros(2)]})
    assert fusion.finish().layers[0].tolist() == [1, 1]
    with pytest.raises(FusionError, match="no update"):
        fusion.finish()


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        ([np.ones(2)], "1 layers, 2 are expected"),
        ([np.ones((2, 1)), np.ones(3)], r"layer 0 has the shape \[2, 1\], \[2\] is expected"),
        ([np.ones(2), np.ones(3, "float32")], "layer 1 is float32, float64 is expected"),
    ],
)
def test_a_party_that_lies_about_the_model_does_not_throw_out_the_others(other, difference):
    fusion = create_fusion("iter_avg", {})
    model = [np.ones(2), np.ones(3)]
    fusion.add("liar", {"weights": other})
    fusion.add("a", {"weights": model})
    fusion.add("b", {"weights": model})
    fused = fusion.finish()
    assert fused.parties == ("a", "b")
    assert list(fused.rejected) == ["liar"]
    fusion.start_round()
    fusion.add("a", {"weights": model})
    with pytest.raises(FusionError, match=difference):
        fusion.add("liar", {"weights": other})


def test_two_parties_of_two_models_cannot_be_fused():
    fusion = create_fusion("iter_avg", {})
    fusion.add("a", {"weights": [np.ones(2)]})
    fusion.add("b", {"weights": [np.ones(3)]})
    with pytest.raises(FusionError, match="different models: in one layer 0 has the shape"):
        fusion.finish()


def test_parties_that_each_make_up_a_model_are_kept_few():
    fusion = create_fusion("iter_avg", {})
    for number in range(8):
        fusion.add(f"{number}", {"weights": [np.ones(number // 2 + 1)]})
    with pytest.raises(FusionError, match="another model than those"):
        fusion.add("8", {"weights": [np.ones(5)]})


def test_liars_who_answer_first_throw_out_nobody_else():
    fusion = create_fusion("iter_avg", {})
    for size in range(1, 7):
        fusion.add(f"liar {size}", {"weights": [np.ones(size)]})
    with pytest.raises(FusionError, match="in this round already"):
        fusion.add("liar 1", {"weights": [np.ones(9)]})
    model = [np.ones(9), np.ones(2)]
    for name in ("a", "b", "c"):
        fusion.add(name, {"weights": model})
    fused = fusion.finish()
    assert fused.parties == ("a", "b", "c")
    assert sorted(fused.rejected) == [f"liar {size}" for size in range(1, 7)]
    assert all("another model" in reason for reason in fused.rejected.values())


@pytest.mark.parametrize(
    ("weights", "form"),
    [
        ([[0.5, 1.5, 2.5], [1.0, 2.0, 3.0]], Form.ROWS),
        ([0.5, 1.5, 2.5], Form.ROWS),
        (np.arange(6.0).reshape(2, 3), Form.ARRAY),
        ([np.ones((2, 2), "float32"), np.array(1, "int64")], Form.LAYERS),
    ],
)
def test_a_global_update_has_the_form_of_the_parties_updates_also_after_a_restart(weights, form):
    fusion = create_fusion("iter_avg", {})
    fusion.add("a", {"weights": weights})
    fused = fusion.finish()
    assert fused.layout.form is form
    again = create_fusion("iter_avg", {}).restore(fused.layers, Layout.from_json(fused.layout.to_json()))
    for update in (fused.model_update, again.model_update):
        assert type(update["weights"]) is type(weights)
        assert all(map(np.array_equal, update["weights"], weights))
    assert again.layout == fused.layout


def test_a_restored_fusion_still_knows_the_model():
    fusion = create_fusion("iter_avg", {})
    fusion.restore((np.ones(2),), Layout(Form.LAYERS, ((2,),), ("<f8",)))
    with pytest.raises(FusionError, match="another model"):
        fusion.add("a", {"weights": [np.ones(3)]})


def test_weights_in_the_other_byte_order_are_the_same_model():
    fusion = create_fusion("iter_avg", {})
    fusion.add("a", {"weights": [np.array([1.0, 2.0], ">f4")]})
    fusion.add("b", {"weights": [np.array([3.0, 4.0], "<f4")]})
    assert fusion.finish().layers[0].tolist() == [2, 3]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"form": "x", "shapes": [], "dtypes": []}'])
def test_a_layout_that_is_damaged_is_refused(text):
    with pytest.raises(FusionError, match="cannot be read"):
        Layout.from_json(text)


@pytest.mark.parametrize(("fusion_type", "parties", "needed"), [("krum", 4, 5), ("trimmed_mean", 2, 3)])
def test_too_few_updates_for_the_threshold_are_refused(fusion_type, parties, needed):
    with pytest.raises(FusionError, match=f"needs {needed}"):
        fuse(fusion_type, [np.ones(2)] * parties, byzantine_threshold=1)


def test_only_the_fusions_that_say_so_hold_all_updates():
    holding = {name for name in WEIGHT_FUSIONS if create_fusion(name, {}).holds_all_updates}
    assert holding == {"coordinate_median", "trimmed_mean", "krum"}
