"""`/ml/v4/trainings`: start, states, cancel, purge, and what is refused."""

import pytest

from tests.server.samples import (
    made,
    made_training,
    model_body,
    party_body,
    project,
    refused,
    training_body,
)
from tests.support.service import start_service, wait_until

PATH = "/ml/v4/trainings"


def state(http, service, training_id):
    return http("GET", f"{PATH}/{training_id}", params=project(service)).json()["entity"]["status"]["state"]


def test_a_training_is_answered_with_wml_s_oddities(service, http):
    model = made(http, "models", model_body(service))["metadata"]["id"]
    party = made(http, "remote_training_systems", party_body(service, name="Party 1"))["metadata"]["id"]
    body = training_body(service, party, model_id=model)
    found = made(http, "trainings", body)
    metadata, entity = found["metadata"], found["entity"]
    training_id = metadata["id"]
    assert metadata["guid"] == training_id
    assert "owner" not in metadata
    assert metadata["tags"] == ["fl"]
    assert (entity["name"], entity["description"]) == ("t", "d")
    assert entity["project_id"] == service.project_id
    assert entity["federated_learning"] == body["federated_learning"]
    assert entity["results_reference"] == {
        "type": "container",
        "connection": {},
        "location": {
            "path": ".",
            "training": training_id,
            "training_status": f"{training_id}/training-status.json",
            "assets_path": f"{training_id}/assets",
            "notebooks_path": f"{training_id}/notebooks",
        },
    }
    status = entity["status"]
    assert status["state"] == "pending"
    assert status["message"]["level"] == "info"
    states = status["federated_learning_info"]["remote_training_systems"]["states"]
    assert [(item["id"], item["name"]) for item in states] == [(party, "Party 1")]


def test_other_kinds_of_results_get_their_own_places(service, http):
    reference = {
        "type": "s3",
        "connection": {
            "endpoint_url": "https://s3.example.com",
            "access_key_id": "AK",
            "secret_access_key": "SK-1234",
        },
        "location": {"bucket": "b", "path": "runs/"},
    }
    found = made_training(http, service, results_reference=reference)
    training_id = found["metadata"]["id"]
    answered = found["entity"]["results_reference"]
    # WML answers the keys in clear; they are not kept in clear.
    assert answered["connection"] == reference["connection"]
    assert answered["location"]["assets_path"] == f"runs/{training_id}/assets"
    request = f"runs/{training_id}/assets/{training_id}/resources/wml_model/request.json"
    assert answered["location"]["model_request_path"] == request
    kept = [
        path for path in service.data_dir.rglob("*") if path.is_file() and b"SK-1234" in path.read_bytes()
    ]
    assert kept == []


def test_a_training_accepts_parties_by_itself_is_cancelled_and_purged(service, http):
    training_id = made_training(http, service)["metadata"]["id"]
    wait_until(lambda: state(http, service, training_id) == "accepting_parties")
    status = http("GET", f"{PATH}/{training_id}", params=project(service)).json()["entity"]["status"]
    assert status["wait_for_quorum_at"].endswith("Z")
    path, query = f"{PATH}/{training_id}", project(service)
    assert http("DELETE", path, params=query).status_code == 204
    assert state(http, service, training_id) == "canceled"
    message = "Job already completed with state canceled."
    refused(http("DELETE", path, params=query), 400, message)
    assert http("DELETE", path, params={**query, "hard_delete": "true"}).status_code == 204
    refused(http("GET", path, params=query), 404, f"The training {training_id} does not exist", "not_found")
    refused(http("DELETE", path, params={**query, "hard_delete": "true"}), 404, "does not exist")


def test_a_training_without_its_quorum_fails_when_its_time_is_over(service, http):
    training_id = made_training(http, service, remote={"max_timeout": 1})["metadata"]["id"]
    wait_until(lambda: state(http, service, training_id) == "failed")
    status = http("GET", f"{PATH}/{training_id}", params=project(service)).json()["entity"]["status"]
    assert status["failure"]["errors"][0]["code"] == "quorum_not_reached"
    text = "The quorum was not reached within max_timeout: 0 of 1 needed are there. Missing: p (required)."
    assert status["message"] == {"level": "error", "text": text}
    assert status["completed_at"]


def test_a_training_has_no_patch(service, http):
    training_id = made_training(http, service)["metadata"]["id"]
    answer = http("PATCH", f"{PATH}/{training_id}", params=project(service), json=[])
    refused(answer, 405, "PATCH is not served on this path.", "method_not_allowed")


@pytest.mark.parametrize(
    ("learning", "remote", "message"),
    [
        ({"fusion_type": "sum"}, {}, "federated_learning.fusion_type: Input should be 'iter_avg', 'avg'"),
        ({"rounds": 0}, {}, "federated_learning.rounds: Input should be greater than or equal to 1"),
        ({"rounds": "5"}, {}, "federated_learning.rounds: Input should be a valid integer"),
        ({}, {"quorum": 1.5}, "remote_training.quorum: Input should be less than or equal to 1"),
        ({}, {"quorum": -0.1}, "quorum: Input should be greater than or equal to 0"),
        ({}, {"max_timeout": 43201}, "max_timeout: Input should be less than or equal to 43200"),
        ({}, {"max_timeout": 0}, "max_timeout: Input should be greater than or equal to 1"),
        ({}, {"remote_training_systems": []}, "remote_training_systems: List should have at least 1 item"),
        (
            {},
            {"remote_training_systems": [{"required": True}]},
            "remote_training_systems.0.id: Field required",
        ),
        ({"model": {"spec": {"id": "x"}}}, {}, "federated_learning.model.type: Field required"),
        ({"model": {"type": "keras", "spec": {"id": "x"}}}, {}, "The model x does not exist"),
        ({"model": {"type": "keras", "spec": {"href": {"id": "y"}}}}, {}, "The model y does not exist"),
        (
            {"fusion_type": "crypto_iter_avg", "hardware_spec": {"name": "XS"}},
            {},
            "crypto_iter_avg needs a hardware_spec of at least S",
        ),
    ],
)
def test_wrong_federated_learning_is_refused_with_its_place(service, http, learning, remote, message):
    party = made(http, "remote_training_systems", party_body(service))["metadata"]["id"]
    body = training_body(service, party, learning=learning, remote=remote)
    refused(http("POST", PATH, json=body), 400, message)


@pytest.mark.parametrize("kind", ["pipeline", "experiment", "model_definition"])
def test_trainings_of_other_kinds_are_refused(service, http, kind):
    body = training_body(service, "x", **{kind: {"id": "y"}})
    refused(http("POST", PATH, json=body), 400, "federated_learning trainings, and only those")


def test_results_are_required(service, http):
    body = training_body(service, "x")
    del body["results_reference"]
    refused(http("POST", PATH, json=body), 400, "results_reference: Field required")


def test_parties_must_exist_here_and_be_named_once(service, http):
    party = made(http, "remote_training_systems", party_body(service))["metadata"]["id"]
    refused(http("POST", PATH, json=training_body(service, party, party)), 400, "is named twice")
    elsewhere = service.control.new_scope()
    foreign = made(http, "remote_training_systems", party_body(service, project_id=elsewhere))["metadata"][
        "id"
    ]
    message = f"The remote training system {foreign} does not exist in this project or space."
    refused(http("POST", PATH, json=training_body(service, foreign)), 400, message)


def test_the_clock_of_a_training_survives_a_kill(tmp_path):
    with start_service(tmp_path, pending_seconds=0.1) as service:
        http = service.http()
        accepting = made_training(http, service, remote={"max_timeout": 3600})["metadata"]["id"]
        wait_until(lambda: state(http, service, accepting) == "accepting_parties")
        service.control.change(pending_seconds=3600)
        pending = made_training(http, service)["metadata"]["id"]
        service.kill()
    with start_service(tmp_path, pending_seconds=0.1) as service:
        http = service.http()
        assert state(http, service, accepting) == "accepting_parties"
        assert state(http, service, pending) == "pending"
        service.control.change(clock_offset=3601)
        http = service.http()
        wait_until(lambda: state(http, service, pending) == "accepting_parties")
        wait_until(lambda: state(http, service, accepting) == "failed")
        entries = service.control.call("GET", f"/trainings/{accepting}/journal")["journal"]
        moves = [(entry["data"]["from"], entry["data"]["to"]) for entry in entries]
        assert moves == [("pending", "accepting_parties"), ("accepting_parties", "failed")]


def test_an_illegal_move_is_named(service, http):
    training_id = made_training(http, service)["metadata"]["id"]
    wait_until(lambda: state(http, service, training_id) == "accepting_parties")
    move = {"state": "completed"}
    answer = service.ask_control("POST", f"/trainings/{training_id}/state", json=move)
    refused(answer, 409, f"The training {training_id} is accepting_parties and cannot become completed.")
    service.control.move(training_id, "running", iteration=1, total_iterations=5)
    status = http("GET", f"{PATH}/{training_id}", params=project(service)).json()["entity"]["status"]
    assert (status["state"], status["iteration"]) == ("running", 1)
    service.control.move(training_id, "completed")
    refused(http("DELETE", f"{PATH}/{training_id}", params=project(service)), 400, "Job already completed")
