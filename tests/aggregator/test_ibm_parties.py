"""IBM's own parties, unchanged, train against the service."""

import contextlib
import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.aggregator.ibm_parties import SCRIPTS, IbmParty, made_package
from tests.aggregator.parties import Party
from tests.aggregator.trainings import Experiment, made_model
from tests.support.environments import interpreter
from tests.support.service import start_service, wait_until

pytestmark = [pytest.mark.ibm, pytest.mark.timeout(600)]

SECONDS = 240
ZERO = {"weights": [[0.0] * 65] * 10}


@contextlib.contextmanager
def parties_of(*parties):
    try:
        yield parties
    finally:
        for party in parties:
            party.kill()


def accuracy(status):
    """Accuracy of the fused model per round, mean of the parties."""
    names = ("acc", "accuracy_score", "accuracy")
    rounds = [entry["ml_federated_metrics"] for entry in status["metrics"]]
    return [next(metrics[name]["global"] for name in names if name in metrics) for metrics in rounds]


def our_party(service, experiment, index, folder, info):
    """The light party, as a process: `wmlfl party run`."""
    folder.mkdir()
    config = {
        "wml": {
            "url": service.url,
            "ca_file": service.ca_file,
            "project_id": service.project_id,
            "training_id": experiment.id,
            "party": "ours",
        },
        "connection": {"info": {"id": experiment.rts[index]}},
        "data": {"name": "Digits", "path": str(SCRIPTS / "data.py"), "info": info},
        "model": {
            "estimator": "SGDClassifier",
            "classes": list(range(10)),
            "parameters": {"loss": "log_loss"},
        },
    }
    (folder / "party.yml").write_text(json.dumps(config))
    return subprocess.Popen(
        [sys.executable, "-c", "from pulumi_wmlfl.cli import main; main()", "party", "run", str(folder)],
        env={**os.environ, "WMLFL_APIKEY": service.apikey},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_both_generations_and_a_light_party_train_five_rounds_together(tmp_path):
    wml, watsonx = interpreter("ibm-wml"), interpreter("ibm-watsonx")
    content = made_package(wml, "scikit-learn", tmp_path / "model.zip")
    # IBM's party is given the default time to build its model: asked too early, it sleeps ten seconds.
    with start_service(tmp_path / "service", pending_seconds=0.05) as service:
        experiment = Experiment(service, parties=3, content=content, learning={"rounds": 5})
        experiment.reaches("accepting_parties")
        ours = our_party(service, experiment, 2, tmp_path / "ours", {"share": 2, "shares": 3})
        with parties_of(
            *(
                IbmParty(
                    python,
                    service,
                    experiment.id,
                    experiment.rts[share],
                    tmp_path / generation,
                    generation=generation,
                    info={"share": share, "shares": 3},
                )
                for share, (python, generation) in enumerate(((wml, "wml"), (watsonx, "watsonx")))
            )
        ) as parties:
            status = experiment.reaches("completed", SECONDS)
            assert ours.wait(SECONDS) == 0, ours.stdout.read()
            assert [party.ended(SECONDS) for party in parties] == [0, 0], parties[0].said + parties[1].said
            assert all("received a STOP request" in party.said for party in parties)
        ours.stdout.close()
    values = accuracy(status)
    assert len(values) == 5
    assert values[-1] > 0.8


@pytest.mark.thorough
def test_an_ibm_party_that_was_killed_rejoins_and_one_that_is_not_admitted_ends_with_an_error(tmp_path):
    wml = interpreter("ibm-wml")
    content = made_package(wml, "scikit-learn", tmp_path / "model.zip")
    with start_service(tmp_path / "service", pending_seconds=0.05) as service:
        experiment = Experiment(service, parties=2, content=content, learning={"rounds": 5})
        other = Experiment(service, parties=1, content=content)
        experiment.reaches("accepting_parties")
        steady = Party(service, experiment.id, experiment.rts[0], train=lambda number, given: ZERO)
        info = {"share": 1, "shares": 2}
        ibm = functools.partial(IbmParty, wml, service, experiment.id, info=info)
        with parties_of(
            ibm(experiment.rts[1], tmp_path / "killed"), ibm(other.rts[0], tmp_path / "stranger")
        ) as (killed, stranger):
            wait_until(lambda: experiment.status().get("iteration", 0) >= 1, SECONDS)
            killed.kill()
            wait_until(lambda: experiment.events_of(experiment.rts[1])[-1] == "disconnect")
            with parties_of(ibm(experiment.rts[1], tmp_path / "again")) as (again,):
                experiment.reaches("completed", SECONDS)
                assert (again.ended(SECONDS), steady.ended()) == (0, "stopped"), again.said
                assert "Local model updated." in again.said
            assert stranger.ended(SECONDS) == 1
            assert f"does not name the remote training system {other.rts[0]}" in stranger.said


@pytest.mark.parametrize(
    ("environment", "kind", "model_type", "form"),
    [("ibm-wml-tf", "keras", "keras", "image"), ("ibm-wml-torch", "pytorch", "pytorch", "mnist")],
)
def test_neural_networks_train_five_rounds(tmp_path, environment, kind, model_type, form):
    python = interpreter(environment)
    sample = os.environ.get("WMLFL_PYTORCH_SAMPLE")
    content = (
        Path(sample).read_bytes()
        if sample and kind == "pytorch"
        else made_package(python, kind, tmp_path / "model.zip")
    )
    with start_service(tmp_path / "service", pending_seconds=0.05) as service:
        learning = {"rounds": 5, "epochs": 2, "fusion_type": "avg"}
        if kind == "pytorch":
            learning["optimizer"] = {"name": "Adam", "spec": {"lr": 0.003}}
        model_id = made_model(service, content)
        learning["model"] = {"type": model_type, "spec": {"id": model_id}}
        experiment = Experiment(service, parties=2, learning=learning)
        experiment.reaches("accepting_parties")
        with parties_of(
            *(
                IbmParty(
                    python,
                    service,
                    experiment.id,
                    rts_id,
                    tmp_path / f"party{share}",
                    info={"share": share, "shares": 2, "form": form},
                )
                for share, rts_id in enumerate(experiment.rts)
            )
        ) as parties:
            status = experiment.reaches("completed", SECONDS)
            assert [party.ended(SECONDS) for party in parties] == [0, 0], parties[0].said + parties[1].said
    values = accuracy(status)
    assert len(values) == 5
    assert values[-1] > max(values[0], 0.5)
