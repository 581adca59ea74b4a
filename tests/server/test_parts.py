"""The places where an aggregator plugs into the service, with one that only takes notes."""

import contextlib
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server.samples import made, made_training, model_body, party_body, project, refused, training_body
from tests.support.service import Service, wait_until
from tests.support.sockets import open_websocket

PROGRAM = "tests.server.service_with_parts"
ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def running(folder):
    (folder / "ready.json").unlink(missing_ok=True)
    command = [sys.executable, "-m", PROGRAM, str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        wait_until(lambda: (folder / "ready.json").exists() or process.poll() is not None)
        yield Service(process, folder)
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()


@pytest.fixture(scope="module")
def parts_service(tmp_path_factory):
    with running(tmp_path_factory.mktemp("parts")) as service:
        yield service


def events(service, training_id):
    entries = service.control.call("GET", f"/trainings/{training_id}/journal")["journal"]
    return [entry["event"] for entry in entries]


def party_socket(service, training_id, token):
    path = f"/ml/v4/trainings/{training_id}/aggregator:443"
    return open_websocket(service, path, {"Authorization": token, "rtsid": "x"})


def test_the_aggregator_hears_of_trainings_that_accept_parties_and_that_end(parts_service):
    http = parts_service.http()
    training_id = made_training(http, parts_service)["metadata"]["id"]
    wait_until(lambda: "opened" in events(parts_service, training_id))
    http("DELETE", f"/ml/v4/trainings/{training_id}", params=project(parts_service))
    wait_until(lambda: events(parts_service, training_id) == ["state", "opened", "state", "cancelled"])


def test_a_training_that_the_aggregator_cannot_do_is_refused_by_name(parts_service):
    http = parts_service.http()
    party = made(http, "remote_training_systems", party_body(parts_service))["metadata"]["id"]
    body = training_body(parts_service, party, learning={"fusion_type": "avg"})
    message = "federated_learning.fusion_type: avg is not possible here"
    refused(http("POST", "/ml/v4/trainings", json=body), 400, message)


def test_a_model_of_results_gets_its_content_afterwards(parts_service):
    http = parts_service.http()
    location = {"type": "container", "location": {"path": "x"}}
    answer = http("POST", "/ml/v4/models", json=model_body(parts_service, content_location=location))
    assert answer.status_code == 202
    path = f"/ml/v4/models/{answer.json()['metadata']['id']}"
    query = project(parts_service)
    wait_until(
        lambda: http("GET", path, params=query).json()["entity"]["content_import_state"] == "completed"
    )
    assert http("GET", f"{path}/download", params=query).content == b"trained"


def test_a_listener_hears_every_change(parts_service):
    http = parts_service.http()
    parts_service.control.change(pending_seconds=3600)
    training_id = made_training(http, parts_service)["metadata"]["id"]
    parts_service.control.restore()
    with party_socket(parts_service, training_id, http.session.headers["Authorization"]) as socket:
        assert socket.recv(10) == parts_service.user_id
        for state in ("accepting_parties", "running"):
            parts_service.control.move(training_id, state)
            assert socket.recv(10) == state
        http(
            "DELETE",
            f"/ml/v4/trainings/{training_id}",
            params=project(parts_service, hard_delete="true"),
        )
        assert socket.recv(10) == "deleted"
    with party_socket(parts_service, training_id, "Bearer nonsense") as socket:
        assert "the token is invalid" in socket.recv(10)


def test_after_a_kill_every_training_that_goes_on_is_opened_again(tmp_path):
    with running(tmp_path) as service:
        http = service.http()
        training_id = made_training(http, service)["metadata"]["id"]
        wait_until(lambda: "opened" in events(service, training_id))
        service.control.move(training_id, "running")
        service.kill()
    with running(tmp_path) as service:
        wait_until(lambda: events(service, training_id).count("opened") == 2)


def test_it_stops_soon_with_an_open_websocket(tmp_path):
    with running(tmp_path) as service:
        http = service.http()
        training_id = made_training(http, service)["metadata"]["id"]
        with party_socket(service, training_id, http.session.headers["Authorization"]) as socket:
            assert socket.recv(10) == service.user_id
            service.process.send_signal(signal.SIGTERM)
            assert service.process.wait(10) == 0
        assert "aggregator stopped" in service.process.stdout.read()
