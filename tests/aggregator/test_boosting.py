"""Boosted trees over real sockets: parties with real data, lying, lost and late ones."""

import contextlib

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from pulumi_wmlfl.protocol import Ack, Refusal
from tests.aggregator.boosting_parties import TreeParty
from tests.aggregator.boosting_results import materialized, stored_model
from tests.aggregator.conftest import limits
from tests.aggregator.parties import Line
from tests.aggregator.trainings import ENDED, Experiment
from tests.server.samples import project, training_body
from tests.support.service import start_service, wait_until

BINARY = {"fusion_type": "xgb_classifier", "loss": "binary_crossentropy", "num_classes": 2}
THREE = {"fusion_type": "xgb_classifier", "loss": "auto", "num_classes": 3}
NUMBER = {"fusion_type": "xgb_regressor", "loss": "least_squares"}
GROWTH = {"learning_rate": 0.3, "min_samples_leaf": 5, "max_leaf_nodes": 8}


def cancer():
    """Some samples and features of a real data set, some values missing."""
    data = load_breast_cancer()
    x, y = data.data[:300, :8].copy(), data.target[:300]
    x[::17, 3] = np.nan
    return x, y


def experiment_of(service, learning, rounds=5, parties=2, **more):
    found = Experiment(service, parties=parties, learning={"rounds": rounds, **GROWTH, **learning}, **more)
    found.reaches("accepting_parties")
    return found


def shares_of(x, y, count):
    return [(x[index::count], y[index::count]) for index in range(count)]


def parties_of(service, experiment, shares, **options):
    return [
        TreeParty(service, experiment.id, rts_id, *share, **options)
        for rts_id, share in zip(experiment.rts, shares, strict=True)
    ]


@pytest.mark.parametrize("kind", ["binary", "three classes", "number"])
def test_parties_grow_the_trees_that_scikit_learn_grows_on_all_their_data(trainer, tmp_path, kind):
    if kind == "binary":
        (x, y), learning, classes = cancer(), BINARY, 2
    elif kind == "three classes":
        (x, y), learning, classes = load_wine(return_X_y=True), THREE, 3
    else:
        (x, y), learning, classes = load_diabetes(return_X_y=True), NUMBER, 0
    experiment = experiment_of(trainer, learning)
    parties = parties_of(trainer, experiment, shares_of(x, y, 2), classes=classes)
    status = experiment.reaches("completed", 60)
    assert [party.ended() for party in parties] == ["stopped", "stopped"]
    assert [entry["iteration"] for entry in status["metrics"]] == [1, 2, 3, 4, 5]
    assert [entry["ml_federated_metrics"]["acc"]["global"] for entry in status["metrics"]][
        -1
    ] == pytest.approx(np.mean([party.accuracy() for party in parties]))
    made = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    oracle = made(max_iter=5, early_stopping=False, **GROWTH).fit(x, y)
    reached = np.average([party.accuracy() for party in parties], weights=[len(party.y) for party in parties])
    assert reached == pytest.approx(oracle.score(x, y), abs=0.03)
    # What is stored predicts what the parties have, to the last bit, and they all have the same model.
    model = stored_model(experiment)
    for party in parties:
        assert (model.raw_predictions(party.x) == party.raw).all()
        assert len(party.model) == 5
        assert all(len(trees) == party.trees for trees in party.model)
    if kind == "three classes":
        estimator = joblib.load(materialized(experiment, tmp_path))
        assert type(estimator) is made
        assert estimator.n_iter_ == estimator.max_iter == 5
        for party in parties:
            assert (estimator.predict(party.x) == party.predicted()).all()


def wrong_sketch(index, value):
    def lie(party, method, payload):
        if method == "generate_sketch":
            payload[1][index] = value
        return payload

    return lie


def lie_about(method, change):
    return lambda party, called, payload: change(payload) if called == method else payload


LIES = {
    "no sketches of its own": lie_about("generate_sketch", lambda said: "sketches"),
    "something that is not a sketch": wrong_sketch(0, 7),
    "sent 7 sketches": lie_about("generate_sketch", lambda said: [said[0], said[1][:7], said[2]]),
    "The party's ranks are not": lie_about(
        "generate_sketch", lambda said: [said[0], said[1], said[2][:, :5]]
    ),
    "is not one of its samples": lie_about("generate_sketch", lambda said: [said[0], said[1], said[2][:9]]),
    "does not have the 2 classes": lie_about("initialize", lambda said: said | {"classes_": np.arange(3)}),
    "other classes": lie_about("initialize", lambda said: said | {"classes_": np.array([4, 5])}),
    "counts are not": lie_about("get_avg_stats", lambda said: [said[0], said[1] + 1]),
    "are not shared out": lie_about("get_avg_stats", lambda said: [said[0] * 0, said[1]]),
    "gradients are not 16 numbers": lie_about("collect_hist", lambda said: [said[0], said[1][:3], said[2]]),
    "gradients are not finite": lie_about("collect_hist", lambda said: [said[0], said[1] * np.nan, said[2]]),
    "gradients are not between": lie_about("collect_hist", lambda said: [said[0], said[1] * 1e6, said[2]]),
    "hessians are not between": lie_about("collect_hist", lambda said: [said[0], said[1], -said[2]]),
    "no gradients of its own": lie_about("collect_hist", lambda said: ["another", *said[1:]]),
    "could not carry out SYNC_MODEL": lie_about("sync", lambda said: False),
}


def test_a_party_that_sends_nonsense_is_refused_alone_and_the_others_go_on(trainer):
    count = len(LIES) + 2
    x, y = cancer()
    shares = shares_of(x[: 16 * count], y[: 16 * count], count)
    remote = {"quorum": 2 / count}
    experiment = experiment_of(trainer, BINARY, rounds=2, parties=count, remote=remote)
    lies = [*LIES.values(), None, None]
    parties = [
        TreeParty(trainer, experiment.id, rts_id, *share, lie=lie)
        for rts_id, share, lie in zip(experiment.rts, shares, lies, strict=True)
    ]
    experiment.reaches("completed", 60)
    *liars, first, second = [party.ended() for party in parties]
    assert (first, second) == ("stopped", "stopped")
    wrong = {reason: said for reason, said in zip(LIES, liars, strict=True) if reason not in said}
    assert wrong == {}
    assert (stored_model(experiment).raw_predictions(parties[-1].x) == parties[-1].raw).all()


def test_a_party_that_is_lost_comes_back_as_a_new_process_and_gets_every_tree(trainer):
    x, y = cancer()
    shares = shares_of(x, y, 2)
    experiment = experiment_of(trainer, BINARY, rounds=4)

    def dies(party, method, payload):
        if method == "update_grad" and party.seen.count(method) == 3:
            party.line.abort()
        return payload

    steady = TreeParty(trainer, experiment.id, experiment.rts[0], *shares[0])
    lost = TreeParty(trainer, experiment.id, experiment.rts[1], *shares[1], lie=dies)
    lost.join(30)
    wait_until(lambda: experiment.events_of(experiment.rts[1])[-1] == "disconnect")
    again = TreeParty(trainer, experiment.id, experiment.rts[1], *shares[1])
    status = experiment.reaches("completed", 60)
    assert steady.ended() == again.ended() == "stopped"
    assert len(status["metrics"]) == 4
    model = stored_model(experiment)
    for party in (steady, again):
        assert len(party.model) == 4
        assert (model.raw_predictions(party.x) == party.raw).all()


class Reconnecting(TreeParty):
    """Its connection breaks once, at a step; it comes back at once, without registering, as IBM's does."""

    def __init__(self, *arguments, at, **options):
        self.at, self.where = at, arguments[:3]
        super().__init__(*arguments, lie=Reconnecting.breaks, **options)

    def breaks(self, method, payload):
        if method == self.at and self.seen.count(method) == 2:
            self.at = ""
            self.line.abort()
            with contextlib.suppress(OSError):
                self.line.close()
            self.line = Line(*self.where, token=self.line.key)
        return payload


def test_a_party_that_only_reconnects_answers_over_its_new_connection(trainer):
    x, y = cancer()
    shares = shares_of(x, y, 2)
    experiment = experiment_of(trainer, BINARY, rounds=3)
    steady = TreeParty(trainer, experiment.id, experiment.rts[0], *shares[0])
    back = Reconnecting(trainer, experiment.id, experiment.rts[1], *shares[1], at="collect_hist")
    experiment.reaches("completed", 60)
    assert steady.ended() == back.ended() == "stopped"
    model = stored_model(experiment)
    for party in (steady, back):
        assert len(party.model) == 3
        assert (model.raw_predictions(party.x) == party.raw).all()


def test_a_party_whose_model_may_have_trees_twice_must_be_started_again(trainer):
    x, y = cancer()
    shares = shares_of(x, y, 2)
    experiment = experiment_of(trainer, BINARY, rounds=3)
    steady = TreeParty(trainer, experiment.id, experiment.rts[0], *shares[0])
    # The request to install the trees is on its way when the connection breaks.
    back = Reconnecting(trainer, experiment.id, experiment.rts[1], *shares[1], at="update_raw_preds")
    back.ended()
    # It hears that, or, if it came back later, that it must register.
    wait_until(lambda: "nobody knows whether it did" in str(experiment.log_of(experiment.rts[1])))
    again = TreeParty(trainer, experiment.id, experiment.rts[1], *shares[1])
    experiment.reaches("completed", 60)
    assert steady.ended() == again.ended() == "stopped"
    assert (stored_model(experiment).raw_predictions(again.x) == again.raw).all()
    assert len(again.model) == 3


def test_a_killed_service_goes_on_with_parties_that_register_again(tmp_path):
    x, y = cancer()
    shares = shares_of(x, y, 2)
    with start_service(tmp_path, *limits(), pending_seconds=0.05) as service:
        experiment = experiment_of(service, BINARY, rounds=4)

        def stops(party, method, payload):
            if method == "update_grad" and party.seen.count(method) == 3:
                service.kill()
            return payload

        steady, killer = (
            TreeParty(service, experiment.id, rts_id, *share, lie=lie)
            for rts_id, share, lie in zip(experiment.rts, shares, (None, stops), strict=True)
        )
        steady.join(30)
        killer.join(30)
        key = steady.line.key
    with start_service(tmp_path, *limits(), pending_seconds=0.05) as service:
        experiment.service, experiment.http = service, service.http()
        # The service cannot know what a process was given that was there before.
        same = Line(service, experiment.id, experiment.rts[0], token=key)
        same.send(Ack(acknowledged=1, sender=experiment.rts[0]))
        refusal = same.receive()
        assert isinstance(refusal, Refusal)
        assert "must register" in refusal.detail
        same.close()
        parties = parties_of(service, experiment, shares)
        status = experiment.reaches("completed", 60)
        assert [party.ended() for party in parties] == ["stopped", "stopped"]
        assert [entry["iteration"] for entry in status["metrics"]] == [1, 2, 3, 4]
        model = stored_model(experiment)
        assert len(model.rounds) == 4
        for party in parties:
            assert (model.raw_predictions(party.x) == party.raw).all()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"learning_rate": 0}, "learning_rate is required"),
        ({"loss": "hinge"}, "loss is required for xgb_classifier: auto, binary_crossentropy"),
        ({"num_classes": None}, "num_classes is required"),
        ({"num_classes": 3}, "3 num_classes do not go with the loss binary_crossentropy"),
        ({"max_bins": 256}, "max_bins is a whole number from 2 to 255"),
        ({"sketch_accuracy_vs_privacy": 1}, "sketch_accuracy_vs_privacy is a number between 0 and 1"),
        ({"fusion_type": "xgb_regressor", "loss": "least_absolute_deviation"}, "medians"),
        ({"model": {"type": "tensorflow"}}, "scikit-learn, not of 'tensorflow'"),
    ],
)
def test_wrong_parameters_are_refused_when_the_training_is_created(trainer, change, reason):
    body = training_body(
        trainer, "any", learning={**BINARY, **GROWTH, "model": {"type": "xgboost_1.6"}, **change}
    )
    answer = trainer.http()("POST", "/ml/v4/trainings", json=body, params=project(trainer))
    assert answer.status_code == 400, answer.text
    assert reason in answer.text


def test_a_party_that_never_answers_is_refused_and_the_training_says_who_was_missing(trainer):
    x, y = cancer()

    def silent(party, method, payload):
        if method == "initialize":
            party.outcome = "silent"
            raise OSError
        return payload

    experiment = experiment_of(trainer, BINARY, parties=1, remote={"max_timeout": 2})
    party = TreeParty(trainer, experiment.id, experiment.rts[0], x, y, lie=silent)
    party.ended()
    status = wait_until(lambda: experiment.status() if experiment.state() in ENDED else None)
    assert status["state"] == "failed"
    assert "needed" in str(status["failure"])
