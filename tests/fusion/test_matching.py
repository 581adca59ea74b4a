"""`spahm`: centres that parties found apart are matched; the assignment is judged by scipy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits

from pulumi_wmlfl.errors import FusionError
from pulumi_wmlfl.fusion import create_fusion, supported
from pulumi_wmlfl.fusion.assignment import assign

TRUE = np.array([[0.0, 0], [10, 0], [0, 10], [10, 10], [30, 30]])


@settings(max_examples=300, deadline=None)
@given(rows=st.integers(1, 7), more=st.integers(0, 5), seed=st.integers(0, 2**32 - 1), whole=st.booleans())
def test_the_assignment_costs_as_little_as_scipy_s(rows, more, seed, whole):
    source = np.random.default_rng(seed)
    costs = source.normal(0, 10, (rows, rows + more))
    costs = np.round(costs) if whole else costs
    columns = assign(costs)
    assert len(set(columns.tolist())) == rows
    least = costs[linear_sum_assignment(costs)].sum()
    assert costs[np.arange(rows), columns].sum() == pytest.approx(least, abs=1e-9)


def fuse(tables, **parameters):
    fusion = create_fusion("spahm", parameters)
    fusion.start_round()
    for party, table in tables.items():
        fusion.add(party, {"weights": table})
    return fusion.finish()


def noisy(seed, which, scale=0.2):
    source = np.random.default_rng(seed)
    table = TRUE[which] + source.normal(0, scale, (len(which), 2))
    return source.permutation(table)


def nearest(found, wanted):
    """Distance of each wanted centre to the nearest that was found."""
    return np.linalg.norm(found[:, None] - wanted[None], axis=2).min(axis=0)


def test_centres_that_all_parties_share_are_found_once_each():
    tables = {f"p{seed}": noisy(seed, [0, 1, 2, 3]) for seed in range(6)}
    found = fuse(tables).layers[0]
    assert found.shape == (4, 2)
    assert nearest(found, TRUE[:4]).max() < 0.5


def test_centres_of_a_few_parties_are_kept_too():
    tables = {f"p{seed}": noisy(seed, [0, 1, 2, 3] if seed % 2 else [1, 2, 3, 4]) for seed in range(6)}
    found = fuse(tables).layers[0]
    assert found.shape == (5, 2)
    assert nearest(found, TRUE).max() < 0.5


@settings(max_examples=20, deadline=None)
@given(order=st.permutations(range(5)))
def test_the_order_of_the_parties_does_not_matter(order):
    tables = {f"p{seed}": noisy(seed, [0, 1, 4]) for seed in range(5)}
    shuffled = {f"p{seed}": tables[f"p{seed}"] for seed in order}
    assert np.array_equal(fuse(tables).layers[0], fuse(shuffled).layers[0])


def test_one_party_keeps_its_centres():
    table = noisy(1, [0, 1, 2, 3, 4])
    found = fuse({"only": table}, sigma=1e-3).layers[0]
    np.testing.assert_allclose(np.sort(found, axis=0), np.sort(table, axis=0), atol=1e-4)


def test_parties_with_the_same_centres_agree_on_them():
    table = noisy(1, [0, 1, 2])
    found = fuse({"a": table, "b": table.copy(), "c": table[::-1]}).layers[0]
    np.testing.assert_allclose(np.sort(found, axis=0), np.sort(table, axis=0), atol=1e-3)


def test_matched_centres_of_the_digits_explain_them_as_well_as_k_means_on_all_data():
    data = load_digits().data
    shares = np.array_split(np.random.default_rng(0).permutation(len(data)), 3)
    tables = {
        f"hospital-{i}": KMeans(10, n_init=2, random_state=i).fit(data[share]).cluster_centers_
        for i, share in enumerate(shares)
    }
    found = fuse(tables).layers[0]

    def inertia(centres):
        return ((data[:, None] - centres[None]) ** 2).sum(axis=2).min(axis=1).sum()

    pooled = KMeans(10, n_init=2, random_state=0).fit(data).inertia_
    assert 10 <= len(found) <= 20
    assert inertia(found) < 1.1 * pooled


def test_the_next_round_takes_the_parties_own_number_of_clusters():
    tables = {f"p{seed}": noisy(seed, [0, 1] if seed % 2 else [3, 4]) for seed in range(4)}
    fusion = create_fusion("spahm", {"sigma": 0.3})
    for _ in range(2):
        fusion.start_round()
        for party, table in tables.items():
            fusion.add(party, {"weights": table})
        fused = fusion.finish()
        assert fused.layers[0].shape == (4, 2)
        assert fused.layout.shapes == ((4, 2),)
    fusion.restore(fused.layers, fused.layout)
    fusion.add("p0", {"weights": tables["p0"]})


def test_a_party_that_sends_no_table_is_refused_alone():
    fusion = create_fusion("spahm", {})
    with pytest.raises(FusionError, match="not one table"):
        fusion.add("liar", {"weights": [np.ones(3), np.ones(2)]})
    fusion.add("a", {"weights": TRUE})
    assert fusion.finish().parties == ("a",)


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"sigma": 0}, "sigma is a number above 0"),
        ({"sigma0": "1"}, "sigma0 is a number above 0"),
        ({"gamma": -1.0}, "gamma is a number above 0"),
        ({"gamma": float("nan")}, "gamma is a number above 0"),
        ({"iters": 0}, "iters is a whole number above 0"),
        ({"iters": True}, "iters is a whole number above 0"),
    ],
)
def test_a_wrong_parameter_is_refused_by_name(parameters, reason):
    assert any(reason in said for said in supported("scikit-learn", "spahm", parameters))
    with pytest.raises(FusionError, match=reason):
        create_fusion("spahm", parameters)


def test_spahm_is_for_scikit_learn():
    assert supported("scikit-learn", "spahm", {"fusion_type": "spahm"}) == ()
    assert "not of 'pytorch'" in supported("pytorch", "spahm")[0]
