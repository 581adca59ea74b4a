"""What is refused when a training is created, and when a training ends."""

import pytest

from pulumi_wmlfl.errors import FusionError
from pulumi_wmlfl.fusion import FUSION_TYPES, Predicate, Termination, accuracy_of, create_fusion, supported

DIGITS = {"rounds": 8, "remote_training": {"remote_training_systems": [{"id": name} for name in "abc"]}}


@pytest.mark.parametrize("framework", ["scikit-learn", "tensorflow", "pytorch"])
@pytest.mark.parametrize("fusion_type", ["iter_avg", "avg", "coordinate_median", "trimmed_mean", "krum"])
def test_the_means_and_the_robust_fusions_serve_every_framework(framework, fusion_type):
    assert supported(framework, fusion_type, DIGITS) == ()
    assert create_fusion(fusion_type, DIGITS).fusion_type == fusion_type


@pytest.mark.parametrize(
    ("framework", "fusion_type", "parameters", "reason"),
    [
        ("tensorflow", "nonsense", DIGITS, "'nonsense' is not known. There are iter_avg, avg"),
        ("tensorflow", "zeno", DIGITS, "validation data"),
        ("tensorflow", "xgb_classifier", DIGITS, "xgb_classifier fuses models of scikit-learn"),
        ("scikit-learn", "xgb_classifier", DIGITS, "learning_rate is required"),
        ("pytorch", "pfnm", DIGITS, "pfnm is not carried out"),
        ("spss", "iter_avg", DIGITS, "not of 'spss'"),
        ("tensorflow", "iter_avg", {}, "rounds is required"),
        ("tensorflow", "iter_avg", {"rounds": 0}, "rounds is required"),
        ("tensorflow", "iter_avg", {"rounds": True}, "rounds is required"),
        ("tensorflow", "iter_avg", DIGITS | {"termination_predicate": "loss < 1"}, "not understood"),
        (
            "pytorch",
            "krum",
            DIGITS | {"byzantine_threshold": 1},
            "krum needs 5 parties here, the training has 3",
        ),
        ("pytorch", "krum", DIGITS | {"byzantine_threshold": -1}, "whole number from 0"),
        ("pytorch", "trimmed_mean", DIGITS | {"byzantine_threshold": 2}, "needs 5 parties"),
        ("pytorch", "trimmed_mean", DIGITS | {"byzantine_threshold": "1"}, "whole number from 0"),
    ],
)
def test_what_cannot_be_carried_out_is_refused_with_the_reason(framework, fusion_type, parameters, reason):
    reasons = supported(framework, fusion_type, parameters)
    assert any(reason in said for said in reasons), reasons


def test_every_reason_is_told_at_once():
    assert len(supported("spss", "krum", {"byzantine_threshold": -1})) == 3


@pytest.mark.parametrize("fusion_type", ["nonsense", "zeno"])
def test_a_fusion_that_is_not_there_is_not_made(fusion_type):
    with pytest.raises(FusionError, match="not"):
        create_fusion(fusion_type, {})


def test_no_fusion_type_is_both_offered_and_refused():
    for fusion_type in FUSION_TYPES:
        assert any(
            supported(framework, fusion_type) == () for framework in ("scikit-learn", "tensorflow", "pytorch")
        )


@pytest.mark.parametrize(
    ("text", "accuracy", "holds"),
    [
        ("accuracy >= 0.8", 0.8, True),
        ("accuracy>=.8", 0.79, False),
        (" accuracy > 8e-1 ", 0.8, False),
        ("accuracy < 0.5", 0.4, True),
        ("accuracy <= 0.5", 0.6, False),
        ("accuracy == 1", 1.0, True),
        ("accuracy >= 0", None, False),
    ],
)
def test_a_predicate_is_about_accuracy(text, accuracy, holds):
    assert Predicate.parse(text).holds(accuracy) is holds


@pytest.mark.parametrize(
    "text",
    [
        "loss < 0.1",
        "accuracy",
        "accuracy >= ",
        "accuracy => 0.8",
        "accuracy >= 80",
        "accuracy >= 0.8; x",
        "1",
    ],
)
def test_another_predicate_is_refused(text):
    with pytest.raises(FusionError, match="termination_predicate"):
        Predicate.parse(text)


def test_a_training_ends_after_its_rounds():
    rule = Termination.of({"rounds": 2})
    assert not rule.needs_metrics
    assert [rule.ends_after(done) for done in (0, 1)] == ["", ""]
    assert rule.ends_after(2) == "All 2 rounds are done."


def test_a_training_ends_when_the_mean_accuracy_is_reached():
    rule = Termination.of({"rounds": 9, "termination_predicate": "accuracy >= 0.75"})
    assert rule.needs_metrics
    assert rule.ends_after(1, [{"acc": 0.9}, {"accuracy_score": 0.5}]) == ""
    assert rule.ends_after(1, [{"acc": 0.9}, {"loss": 1}, {"accuracy": 0.6}]) == (
        "The accuracy of 0.75 meets the termination predicate."
    )
    assert rule.ends_after(3, []) == ""


def test_spahm_has_one_round_unless_told():
    assert Termination.of({"fusion_type": "spahm"}).ends_after(1) == "The one round is done."
    assert Termination.of({"fusion_type": "spahm", "rounds": 3}).rounds == 3


@pytest.mark.parametrize(
    ("metrics", "accuracy"),
    [
        ({"acc": 0.5, "score": 0.1}, 0.5),
        ({"score": 0.25}, 0.25),
        ({"accuracy": True, "acc": float("nan"), "score": "0.5"}, None),
        ({"f1 micro": 0.5}, None),
    ],
)
def test_accuracy_is_found_under_the_names_that_parties_use(metrics, accuracy):
    assert accuracy_of(metrics) == accuracy
