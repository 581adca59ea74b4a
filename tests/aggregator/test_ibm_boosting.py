"""IBM's own parties, unchanged, grow trees with the service."""

import contextlib
import functools
import subprocess
from pathlib import Path

import pytest

from tests.aggregator.boosting_results import materialized
from tests.aggregator.ibm_parties import IbmParty
from tests.aggregator.trainings import Experiment
from tests.support.environments import interpreter
from tests.support.service import start_service, wait_until

pytestmark = [pytest.mark.ibm, pytest.mark.thorough, pytest.mark.timeout(600)]

SECONDS = 240
BINARY = {"fusion_type": "xgb_classifier", "loss": "auto", "num_classes": 2}
TEN = {"fusion_type": "xgb_classifier", "loss": "categorical_crossentropy", "num_classes": 10}
NUMBER = {"fusion_type": "xgb_regressor", "loss": "least_squares"}


@contextlib.contextmanager
def two_parties(service, folder, learning, form, *, generations=("wml", "wml"), rounds=6):
    """A training with two parties of IBM's; and how to start one of them, again or for the first time."""
    experiment = Experiment(service, learning={"rounds": rounds, "learning_rate": 0.3, **learning})
    experiment.reaches("accepting_parties")
    started = []

    def start(share, name):
        party = IbmParty(
            interpreter(f"ibm-{generations[share]}-xgboost"),
            service,
            experiment.id,
            experiment.rts[share],
            folder / name,
            generation=generations[share],
            info={"share": share, "shares": 2, "form": form},
        )
        started.append(party)
        return party

    try:
        yield experiment, start
    finally:
        for party in started:
            party.kill()


def values(status, name):
    """A metric of the model per round, mean of the parties."""
    return [entry["ml_federated_metrics"][name]["global"] for entry in status["metrics"]]


def score_of(model, python, form):
    """Mean score of a pickled estimator on the test data of both parties, in an environment of IBM's."""
    script = Path(__file__).with_name("ibm") / "score.py"
    done = subprocess.run(
        [python, "-W", "ignore", script, model, form],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return float(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("form", "learning", "generations", "metric", "least"),
    [
        ("binary", BINARY, ("wml", "wml"), "acc", 0.9),
        ("rows", TEN, ("wml", "watsonx"), "acc", 0.9),
        ("number", NUMBER, ("watsonx", "wml"), "r2_score", 0.75),
    ],
)
def test_parties_of_both_generations_grow_trees(tmp_path, form, learning, generations, metric, least):
    with (
        start_service(tmp_path / "service", pending_seconds=0.05) as service,
        two_parties(service, tmp_path, learning, form, generations=generations) as (experiment, start),
    ):
        parties = [start(share, f"party{share}") for share in (0, 1)]
        status = experiment.reaches("completed", SECONDS)
        assert [party.ended(SECONDS) for party in parties] == [0, 0], parties[0].said + parties[1].said
        assert all("received a STOP request" in party.said for party in parties)
        python = interpreter(f"ibm-{generations[0]}-xgboost")
        scored = score_of(materialized(experiment, tmp_path, "--python", python), python, form)
    found = values(status, metric)
    # What the parties measured is what an estimator of their scikit-learn scores on their test data.
    assert scored == pytest.approx(found[-1], abs=1e-6)
    assert len(found) == 6
    assert found[-1] > max(found[0], least), found


def test_an_ibm_party_that_was_killed_gets_every_tree_when_it_is_started_again(tmp_path):
    with (
        start_service(tmp_path / "service", pending_seconds=0.05) as service,
        two_parties(service, tmp_path, BINARY, "binary", rounds=8) as (experiment, start),
    ):
        steady, killed = start(0, "steady"), start(1, "killed")
        wait_until(lambda: experiment.status().get("iteration", 0) >= 3, SECONDS)
        killed.kill()
        wait_until(lambda: experiment.events_of(experiment.rts[1])[-1] == "disconnect")
        again = start(1, "again")
        status = experiment.reaches("completed", SECONDS)
        assert [steady.ended(SECONDS), again.ended(SECONDS)] == [0, 0], again.said
    last = status["metrics"][-1]["ml_federated_metrics"]["acc"]["remote_training_systems"]
    measured = {party["id"]: party["fused"] for party in last}
    # Both measure one model: the one that came back is not behind.
    assert len(status["metrics"]) == 8
    assert min(measured[rts_id] for rts_id in experiment.rts) > 0.88, measured


def test_ibm_parties_go_on_after_the_service_was_killed(tmp_path):
    start_here = functools.partial(start_service, tmp_path / "service", pending_seconds=0.05)
    with contextlib.ExitStack() as parties:
        with start_here() as service:
            experiment, start = parties.enter_context(two_parties(service, tmp_path, BINARY, "binary"))
            first = [start(share, f"party{share}") for share in (0, 1)]
            wait_until(lambda: experiment.status().get("iteration", 0) >= 3, SECONDS)
            service.kill()
        for party in first:
            # It never tries again when the port is closed.
            party.kill()
        with start_here() as service:
            experiment.service, experiment.http = service, service.http()
            again = [
                IbmParty(
                    interpreter("ibm-wml-xgboost"),
                    service,
                    experiment.id,
                    rts_id,
                    tmp_path / f"again{share}",
                    info={"share": share, "shares": 2, "form": "binary"},
                )
                for share, rts_id in enumerate(experiment.rts)
            ]
            try:
                status = experiment.reaches("completed", SECONDS)
                assert [party.ended(SECONDS) for party in again] == [0, 0]
            finally:
                for party in again:
                    party.kill()
    found = values(status, "acc")
    assert len(found) >= 5
    assert found[-1] > 0.9, found
