"""Boosted trees: close values from sketches, splits as scikit-learn's, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble._hist_gradient_boosting.binning import _BinMapper
from sklearn.ensemble._hist_gradient_boosting.grower import TreeGrower

from pulumi_wmlfl.errors import FusionError
from pulumi_wmlfl.fusion import (
    Boosting,
    BoostingParameters,
    Ensemble,
    Gradients,
    Introduction,
    Layout,
    supported,
)
from pulumi_wmlfl.fusion.boosting.binning import binned, close_values, thresholds_of
from pulumi_wmlfl.fusion.boosting.growing import Growth, grow, predict
from pulumi_wmlfl.protocol.boosting import read_sketch
from tests.aggregator.boosting_parties import percentiles_of, sketch_of, walk

BINARY = {"rounds": 3, "learning_rate": 0.3, "loss": "auto", "num_classes": 2}
NUMBER = {"rounds": 3, "learning_rate": 0.3, "loss": "least_squares"}


def close_to(values, accuracy):
    sketch = read_sketch(sketch_of(values, accuracy))
    return close_values(sketch.values, sketch.counts, percentiles_of(values))


samples = st.lists(
    st.one_of(
        st.floats(-1e6, 1e6).filter(lambda value: value == 0 or abs(value) > 1e-9), st.just(float("nan"))
    ),
    min_size=2,
    max_size=80,
)


@settings(max_examples=50)
@given(samples, st.sampled_from([0.005, 0.01, 0.5]), st.sampled_from([2, 5, 255]))
def test_close_values_are_close_and_fall_on_the_same_side_of_every_threshold(values, accuracy, max_bins):
    values = np.array(values)
    close = close_to(values, accuracy)
    assert close == pytest.approx(values, rel=accuracy * (1 + 1e-9), nan_ok=True)
    (edges,) = thresholds_of([close], max_bins)
    assert len(edges) < max_bins
    present = ~np.isnan(values)
    for edge in edges:
        # On the edge of two buckets only the last bit of a number decides.
        apart = present & (np.abs(values - edge) > 1e-9 * abs(edge))
        assert ((values <= edge) == (close <= edge))[apart].all()


def data(seed, missing):
    random = np.random.default_rng(seed)
    x = random.integers(0, 60, (500, 6)).astype(float)
    gradients = (random.normal(size=500) + x[:, 0] / 30).astype(np.float32)
    x[random.random(x.shape) < missing] = np.nan
    return x, gradients, (random.random(500) * 0.25).astype(np.float32)


@pytest.mark.parametrize("missing", [0, 0.1])
@pytest.mark.parametrize(
    "options",
    [
        {"max_leaf_nodes": 12, "min_samples_leaf": 7, "l2_regularization": 0.5, "max_depth": 4},
        {"max_leaf_nodes": 31, "min_samples_leaf": 20, "l2_regularization": 0.0, "max_depth": None},
        {"max_leaf_nodes": 2, "min_samples_leaf": 1, "l2_regularization": 9.0, "max_depth": 1},
    ],
)
def test_a_tree_has_the_splits_and_values_of_scikit_learn_s(missing, options):
    x, gradients, hessians = data(len(str(options)), missing)
    mapper = _BinMapper(n_bins=256)
    theirs_binned = mapper.fit_transform(x)
    theirs = TreeGrower(
        theirs_binned,
        gradients,
        hessians,
        n_bins=256,
        n_bins_non_missing=mapper.n_bins_non_missing_,
        has_missing_values=np.isnan(x).any(axis=0).astype(np.uint8),
        shrinkage=0.3,
        **options,
    )
    theirs.grow()
    theirs = theirs.make_predictor(mapper.bin_thresholds_)
    edges = thresholds_of(list(x.T), 255)
    assert all((mine == their).all() for mine, their in zip(edges, mapper.bin_thresholds_, strict=True))
    bins = binned(list(x.T), edges, 255)
    assert (bins == theirs_binned).all()
    nodes = grow(
        bins, gradients, hessians, thresholds=edges, missing=255, growth=Growth(learning_rate=0.3, **options)
    )
    assert len(nodes) == len(theirs.nodes)
    inner, its_inner = nodes[nodes["is_leaf"] == 0], theirs.nodes[theirs.nodes["is_leaf"] == 0]
    for name in ("feature_idx", "num_threshold", "count"):
        assert np.sort(inner[name]) == pytest.approx(np.sort(its_inner[name])), name
    # scikit-learn measures the root's gain from a prediction of 0, all others from the node's value.
    assert np.sort(inner["gain"][1:]) == pytest.approx(np.sort(its_inner["gain"][1:]), rel=1e-6)
    no_categories = np.zeros((0, 8), np.uint32), np.zeros(6, np.uint32)
    expected = theirs.predict(x, *no_categories, 1)
    assert predict(nodes, x) == pytest.approx(expected)
    assert [walk(nodes, sample) for sample in x[:50]] == pytest.approx(expected[:50])


def test_samples_without_a_useful_split_give_one_leaf():
    bins = np.zeros((30, 2), np.uint8)
    growth = Growth(0.5, 31, None, 1, 0.0)
    nodes = grow(bins, np.ones(30), np.ones(30), thresholds=[np.empty(0)] * 2, missing=255, growth=growth)
    assert nodes["value"].tolist() == pytest.approx([-0.5])


def introduction(x, y, classes=(0, 1), accuracy=0.01):
    sketches = [read_sketch(sketch_of(column, accuracy)) for column in x.T]
    about = {"n_features_": x.shape[1], "need_update_leaves_values": False}
    if classes:
        about["classes_"] = np.array(classes)
    ranks = np.array([percentiles_of(column) for column in x.T]).T
    parts = [(sketch.accuracy, sketch.values, sketch.counts) for sketch in sketches]
    return Introduction(about, parts, ranks, [np.array([y.mean()]), np.array([len(y)])])


def test_the_parties_with_most_in_common_begin_and_the_others_are_rejected():
    random = np.random.default_rng(1)
    x, y = random.normal(size=(40, 3)), np.arange(40) % 2
    boosting = Boosting("xgb_classifier", BoostingParameters.of("xgb_classifier", BINARY))
    boosting.start_round()
    boosting.add("a", introduction(x, y))
    boosting.add("b", introduction(x, y))
    boosting.add("few", introduction(x[:, :2], y))
    boosting.add("other", introduction(x, y, classes=(1, 2)))
    found = boosting.finish()
    assert found.parties == ("a", "b")
    assert found.rejected["few"] == "The party has 2 features, the training has 3."
    assert "other classes" in found.rejected["other"]
    assert boosting.ensemble.baseline.tolist() == [[0.0]]
    with pytest.raises(FusionError, match="has not introduced itself"):
        boosting.add("few", Gradients([(np.zeros(40), np.zeros(40))]))
    with pytest.raises(FusionError, match="gradients are not of every tree"):
        boosting.add("a", Gradients([]))
    with pytest.raises(FusionError, match="none of boosted trees"):
        boosting.add("a", {"weights": [1.0]})


def test_two_kinds_of_parties_that_are_as_many_cannot_begin():
    random = np.random.default_rng(1)
    x, y = random.normal(size=(40, 3)), np.arange(40) % 2
    boosting = Boosting("xgb_classifier", BoostingParameters.of("xgb_classifier", BINARY))
    boosting.add("a", introduction(x, y))
    boosting.add("b", introduction(x[:, 1:], y))
    with pytest.raises(FusionError, match="different numbers of features"):
        boosting.finish()


def test_a_model_goes_to_arrays_and_back_and_on():
    random = np.random.default_rng(2)
    x = random.normal(size=(60, 3))
    y = x[:, 0] * 2
    boosting = Boosting("xgb_regressor", BoostingParameters.of("xgb_regressor", NUMBER))
    boosting.add("a", introduction(x, y, classes=()))
    boosting.finish()
    residual = np.full(60, boosting.ensemble.baseline[0, 0]) - y
    boosting.start_round()
    boosting.add("a", Gradients([(residual.astype(np.float32), np.ones(1, np.float32))]))
    first = boosting.finish()
    layout = Layout.from_json(first.layout.to_json())
    assert layout == first.layout
    again = Boosting("xgb_regressor", BoostingParameters.of("xgb_regressor", NUMBER))
    restored = again.restore(first.layers, layout)
    assert (restored.model_update["xgb_model"][0] == first.model_update["xgb_model"][0]).all()
    assert (again.ensemble.raw_predictions(x) == boosting.ensemble.raw_predictions(x)).all()
    with pytest.raises(FusionError, match="no update to fuse"):
        again.finish()
    with pytest.raises(FusionError, match="cannot be read"):
        Ensemble.from_layers(first.layers[:-1])
    with pytest.raises(FusionError, match="cannot be read"):
        Ensemble.from_layers([layer[:1] for layer in first.layers])


@pytest.mark.parametrize(
    ("fusion_type", "change", "reason"),
    [
        ("xgb_classifier", {"learning_rate": float("nan")}, "learning_rate is required"),
        ("xgb_classifier", {"learning_rate": None}, "learning_rate is required"),
        ("xgb_classifier", {"loss": None}, "loss is required for xgb_classifier"),
        ("xgb_classifier", {"loss": "least_squares"}, "loss is required for xgb_classifier"),
        ("xgb_classifier", {"num_classes": 1}, "num_classes is required"),
        ("xgb_classifier", {"num_classes": True}, "num_classes is required"),
        ("xgb_classifier", {"loss": "categorical_crossentropy"}, "2 num_classes do not go with"),
        ("xgb_classifier", {"max_bins": 1}, "max_bins is a whole number from 2 to 255"),
        ("xgb_classifier", {"max_depth": -1}, "max_depth is a whole number from 0 on"),
        ("xgb_classifier", {"max_leaf_nodes": 1}, "max_leaf_nodes is a whole number from 2 on"),
        ("xgb_classifier", {"min_samples_leaf": 0.5}, "min_samples_leaf is a whole number from 0 on"),
        ("xgb_classifier", {"random_state": "x"}, "random_state is a whole number"),
        ("xgb_classifier", {"l2_regularization": -1}, "l2_regularization is a number from 0 on"),
        ("xgb_classifier", {"sketch_accuracy_vs_privacy": 0}, "between 0 and 1"),
        ("xgb_regressor", {"loss": "least_absolute_deviation"}, "needs medians"),
        ("xgb_regressor", {"loss": "binary_crossentropy"}, "loss is required for xgb_regressor"),
    ],
)
def test_a_wrong_parameter_is_named(fusion_type, change, reason):
    given_ = {**(BINARY if fusion_type == "xgb_classifier" else NUMBER), **change}
    assert any(reason in said for said in supported("scikit-learn", fusion_type, given_))
    with pytest.raises(FusionError, match=reason.split(":", maxsplit=1)[0]):
        BoostingParameters.of(fusion_type, given_)


def test_parameters_go_to_the_party_under_its_names():
    assert supported("scikit-learn", "xgb_regressor", NUMBER) == ()
    binary = BoostingParameters.of("xgb_classifier", BINARY | {"max_depth": 3}).to_wire()["global"]
    assert (binary["loss"], binary["num_classes"], binary["max_iter"]) == ("binary_crossentropy", 2, 3)
    assert (binary["max_depth"], binary["max_leaf_nodes"], binary["data_sketch_accuracy"]) == (3, 31, 0.01)
    ten = BoostingParameters.of("xgb_classifier", BINARY | {"num_classes": 10})
    assert (ten.loss, ten.trees) == ("categorical_crossentropy", 10)
    number = BoostingParameters.of("xgb_regressor", NUMBER | {"loss": "auto"})
    assert number.loss == "least_squares"
    assert "num_classes" not in number.to_wire()["global"]
