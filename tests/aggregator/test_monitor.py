"""The WebSocket that IBM's SDK follows a training on (`monitor_logs`, `monitor_metrics`)."""

import json

import pytest
from websockets.exceptions import ConnectionClosedError

from tests.aggregator.parties import Party
from tests.aggregator.trainings import Experiment
from tests.server.samples import project
from tests.support.sockets import open_websocket


def monitor(service, training_id, token, *, prefix="/ml/v4", query=""):
    path = f"{prefix}/trainings/{training_id}{query}"
    return open_websocket(service, path, {"Authorization": token})


@pytest.mark.parametrize("prefix", ["/ml/v4", "/v4"])
def test_messages_and_metrics_come_as_they_are_made(trainer, prefix):
    experiment = Experiment(trainer)
    experiment.reaches("accepting_parties")
    token = experiment.http.session.headers["Authorization"]
    query = f"?project_id={trainer.project_id}" if prefix == "/ml/v4" else ""
    with monitor(trainer, experiment.id, token, prefix=prefix, query=query) as socket:
        for rts_id in experiment.rts:
            Party(trainer, experiment.id, rts_id)
        statuses = [json.loads(text)["entity"]["status"] for text in socket]
    assert statuses[0]["state"] == "accepting_parties"
    assert statuses[-1]["state"] == "completed"
    assert "The experiment is complete" in statuses[-1]["message"]["text"]
    # One entry a frame: the SDK prints the first.
    metrics = [status["metrics"] for status in statuses if "metrics" in status]
    assert [[entry["iteration"] for entry in entries] for entries in metrics] == [[1], [2]]


def test_a_deleted_training_ends_it(trainer):
    experiment = Experiment(trainer)
    token = experiment.http.session.headers["Authorization"]
    with monitor(trainer, experiment.id, token) as socket:
        assert json.loads(socket.recv(10))["metadata"]["id"] == experiment.id
        query = {**project(trainer), "hard_delete": "true"}
        experiment.http("DELETE", f"/ml/v4/trainings/{experiment.id}", params=query)
        assert all(socket)


@pytest.mark.parametrize("case", ["token", "user", "project"])
def test_who_may_not_read_a_training_may_not_follow_it(trainer, case):
    experiment = Experiment(trainer)
    token, query = experiment.http.session.headers["Authorization"], ""
    if case == "token":
        token = "Bearer eyJhbGciOi.nonsense.x"
    if case == "user":
        stranger = trainer.control.new_user(f"follower-{experiment.id[:8]}")
        token = trainer.http(stranger["apikey"]).session.headers["Authorization"]
    if case == "project":
        query = "?project_id=00000000-0000-4000-8000-0000000000ff"
    with monitor(trainer, experiment.id, token, query=query) as socket:
        with pytest.raises(ConnectionClosedError) as caught:
            socket.recv(10)
        assert caught.value.rcvd.code == 1008
