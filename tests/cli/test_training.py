"""`wmlfl training`: a training with real parties is listed, shown, followed, measured and cancelled."""

import json
import os
import pty
import subprocess
import sys
import threading

import pytest

from pulumi_wmlfl.cli.training_views import metrics_of, parties_of, timeline
from pulumi_wmlfl.schema.api import WmlObject
from tests.aggregator.parties import Party, update_of
from tests.aggregator.trainings import Experiment
from tests.support.service import wait_until


@pytest.fixture
def experiment(trainer):
    made = Experiment(trainer, name="Digits")
    made.reaches("accepting_parties")
    return made


def join(experiment, **options):
    return [Party(experiment.service, experiment.id, rts_id, **options) for rts_id in experiment.rts]


def test_a_training_from_waiting_to_done(training_wmlfl, experiment):
    wmlfl = training_wmlfl
    [row] = wmlfl.json("training", "list", kind="trainings")
    assert row == {
        "id": experiment.id,
        "name": "Digits",
        "state": "accepting_parties",
        "round": row["round"],
        "rounds": 2,
        "fusion_type": "iter_avg",
        "created_at": row["created_at"],
    }
    assert wmlfl.json("training", "list", "--state", "completed", kind="trainings") == []
    said = wmlfl("training", "list", "--state", "complete")
    assert said == "There are no trainings with the state 'complete'. Did you mean 'completed'?\n"
    said = wmlfl("training", "status", "Digits")
    assert "state:" in said
    assert "accepting_parties" in said
    assert said.count("not heard of yet") == 2
    said = wmlfl("training", "watch", "Digits", "--timeout", "0.1", "--interval", "0.1", code=9)
    assert f"The training {experiment.id} is still accepting_parties" in said
    wmlfl("training", "watch", "Digits", "--until", "accepting_parties")

    command = [sys.executable, "-c", "from pulumi_wmlfl.cli import main; main()", "training", "watch"]
    watching = subprocess.Popen(
        [*command, experiment.id, "--interval", "0.05", "--json"],
        env=wmlfl.environment,
        cwd=wmlfl.folder,
        stdout=subprocess.PIPE,
        text=True,
    )
    first = watching.stdout.readline()
    parties = join(experiment)
    rest, _ = watching.communicate(timeout=60)
    assert watching.returncode == 0
    assert [party.ended() for party in parties] == ["stopped", "stopped"]
    changes = [json.loads(line) for line in [first, *rest.splitlines()]]
    assert {(change["version"], change["kind"]) for change in changes} == {(1, "training")}
    last = changes[-1]["data"]
    assert (last["state"], last["round"], last["rounds"], last["ended"]) == ("completed", 2, 2, True)
    assert len(changes) > 1

    view = wmlfl.json("training", "status", experiment.id, kind="training")
    assert {party["name"]: party["event"] for party in view["parties"]} == {
        "Party 1": "register",
        "Party 2": "register",
    }
    rows = wmlfl.json("training", "metrics", "Digits", kind="training-metrics")
    assert [(row["round"], row["metric"], row["global"]) for row in rows] == [
        (1, "acc", 0.5),
        (2, "acc", 0.5),
    ]
    assert rows[0]["parties"] == {name: {"fused": 0.5, "local": 0.25} for name in ("Party 1", "Party 2")}
    said = wmlfl("training", "metrics", "Digits", "--metric", "acc")
    assert "ROUND  METRIC  MEAN  PARTY 1" in said
    assert "0.5 / 0.25" in said
    log = [event["what"] for event in wmlfl.json("training", "logs", "Digits", kind="training-log")]
    assert log[0] == "created"
    assert log.index("running") < log.index("round 1: acc 0.5000") < log.index("round 2: acc 0.5000")
    assert "Party 1: register" in wmlfl("training", "logs", "Digits")
    assert "is completed already" in wmlfl("training", "cancel", "Digits", "--yes", code=3)


def test_a_terminal_gets_a_bar_and_the_failure_ends_with_its_code(training_wmlfl, experiment):
    above, below = pty.openpty()
    command = [sys.executable, "-c", "from pulumi_wmlfl.cli import main; main()", "training", "watch"]
    watching = subprocess.Popen(
        [*command, experiment.id, "--interval", "0.05"],
        env={**training_wmlfl.environment, "COLUMNS": "100", "TERM": "xterm"},
        cwd=training_wmlfl.folder,
        stdout=below,
        stderr=subprocess.DEVNULL,
    )
    os.close(below)
    shown = []

    def read():
        try:
            while part := os.read(above, 65536):
                shown.append(part.decode(errors="replace"))
        except OSError:
            return

    reading = threading.Thread(target=read)
    reading.start()
    wait_until(lambda: "not heard of yet" in "".join(shown))

    def break_down(number, given):
        if number == 2:
            raise ValueError("out of memory")
        return update_of([1, 2])

    parties = join(experiment, train=break_down)
    assert watching.wait(60) == 9
    reading.join(10)
    os.close(above)
    text = "".join(shown)
    assert "Digits" in text
    assert "━" in text
    assert "round 1: acc 0.5" in text
    assert [party.ended() for party in parties] == ["stopped", "stopped"]
    said = training_wmlfl("training", "watch", "Digits", code=9)
    assert "failed" in said
    assert "out of memory" in training_wmlfl("training", "logs", "Digits")


def test_a_training_is_cancelled_after_a_yes(training_wmlfl, experiment):
    assert "Confirm with --yes" in training_wmlfl("training", "cancel", "Digits", code=3)
    assert experiment.state() == "accepting_parties"
    assert training_wmlfl("training", "cancel", "Digits", "--yes") == f"{experiment.id}: canceled\n"
    assert experiment.state() == "canceled"
    error = training_wmlfl.json("training", "cancel", "Digits", "--yes", kind="error", code=3)
    assert error["type"] == "ConfigurationError"
    assert error["exit_code"] == 3


def test_a_watch_outlives_a_lost_connection(training_wmlfl, experiment):
    trainer = experiment.service
    trainer.control.fault(method="GET", path=f"/ml/v4/trainings/{experiment.id}$", drop=True, skip=1, count=2)
    said = training_wmlfl("training", "watch", experiment.id, "--timeout", "1", "--interval", "0.1", code=9)
    assert "still accepting_parties" in said
    trainer.control.restore()


def test_statuses_of_other_releases_are_read():
    """The schema has a list of parties where WML answers with an object; what is missing is left out."""
    status = {
        "state": "running",
        "message": "text only",
        "federated_learning_info": {
            "remote_training_systems": [
                {"states": {"id": "a", "registration_log": [{"event": "register", "timestamp": "1"}]}},
                "odd",
            ]
        },
        "metrics": [
            {
                "iteration": 1.0,
                "ml_federated_metrics": {
                    "acc": {
                        "remote_training_systems": [{"id": "a", "fused": 0.1}, {"id": "b", "fused": 0.3}]
                    },
                    "loss": None,
                },
            }
        ],
    }
    learning = {"remote_training": {"remote_training_systems": [{"id": "a", "required": True}, {"id": "b"}]}}
    entity = {"name": "t", "federated_learning": learning, "status": status}
    found = WmlObject.model_validate({"metadata": {"id": "x"}, "entity": entity})
    assert [(party["id"], party["required"], party["event"]) for party in parties_of(found)] == [
        ("a", True, "register"),
        ("b", False, ""),
    ]
    assert [(row["round"], row["metric"], row["global"]) for row in metrics_of(found)] == [
        (1, "acc", 0.2),
        (1, "loss", None),
    ]
    assert timeline(found)[-1]["what"] == "running: text only"
    bare = WmlObject.model_validate({"metadata": {"id": "x"}})
    assert (parties_of(bare), metrics_of(bare)) == ([], [])
