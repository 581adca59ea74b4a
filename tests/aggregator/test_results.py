"""Where the trained model lies, and how it becomes a WML model."""

import io
import json
import zipfile

import numpy as np
import pytest

from tests.aggregator.ibm_parties import SCRIPTS
from tests.aggregator.parties import Party, update_of
from tests.aggregator.trainings import Experiment, package
from tests.server.samples import project
from tests.support.environments import interpreter, run_script
from tests.support.service import wait_until


def trained(trainer, **more):
    experiment = Experiment(trainer, **more)
    experiment.reaches("accepting_parties")
    parties = [
        Party(trainer, experiment.id, rts_id, train=lambda number, given: update_of([number, -number]))
        for rts_id in experiment.rts
    ]
    experiment.reaches("completed")
    assert [party.ended() for party in parties] == ["stopped", "stopped"]
    return experiment


def asset(experiment, path):
    return experiment.http("GET", f"/v2/asset_files/{path}", params=project(experiment.service))


def check_bundle(content, experiment):
    """The content of a trained model: numbers, the original package, and what it is."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert sorted(archive.namelist()) == ["package.zip", "training.json", "weights.npz"]
        with np.load(io.BytesIO(archive.read("weights.npz")), allow_pickle=False) as weights:
            assert weights["layer_0"].tolist() == [[2.0, -2.0]]
        assert archive.read("package.zip") == package()
        about = json.loads(archive.read("training.json"))
    assert (about["training_id"], about["rounds"]) == (experiment.id, 2)


def store(experiment, request):
    """Post a request.json as IBM's SDK does; return the new model and its content."""
    http, query = experiment.http, project(experiment.service)
    body = {**request, "name": "trained", "project_id": experiment.service.project_id}
    answer = http("POST", "/ml/v4/models", json=body)
    assert answer.status_code == 202, answer.text
    path = f"/ml/v4/models/{answer.json()['metadata']['id']}"

    def imported():
        found = http("GET", path, params=query).json()
        return found if found["entity"]["content_import_state"] != "running" else None

    model = wait_until(imported)
    assert model["entity"]["content_import_state"] == "completed", model["system"]["warnings"]
    return model, http("GET", f"{path}/download", params={**query, "content_format": "native"}).content


@pytest.mark.parametrize("reference", [{"type": "container", "location": {"path": "."}}, "fs"])
def test_results_on_the_service_become_a_wml_model(trainer, reference):
    if reference == "fs":
        folder = f"/projects/{trainer.project_id}/assets/trainings/"
        reference = {"type": "fs", "location": {"path": folder}}
    experiment = trained(trainer, results_reference=reference)
    location = experiment.entity()["results_reference"]["location"]
    # As IBM's SDK asks: without what stands before the first `assets`; on failure it looks under `trainings`.
    file = f"{experiment.id}/resources/wml_model/request.json"
    wanted = f"{location['assets_path']}/{file}".split("/")
    answer = asset(experiment, "/".join(wanted[wanted.index("assets") + 1 :]))
    if answer.json().get("code") == 404:
        answer = asset(experiment, f"trainings/{experiment.id}/assets/{file}")
    request = answer.json()
    model, content = store(experiment, request)
    assert model["entity"]["type"] == "scikit-learn_1.1"
    check_bundle(content, experiment)
    status = asset(experiment, location["training_status"]).json()
    assert [entry["iteration"] for entry in status["metrics"]] == [1, 2]


@pytest.mark.ibm
@pytest.mark.parametrize(("generation", "environment"), [("wml", "ibm-wml"), ("watsonx", "ibm-watsonx")])
def test_ibm_s_sdk_stores_the_trained_model(trainer, tmp_path, monkeypatch, generation, environment):
    python = interpreter(environment)
    experiment = trained(trainer)
    # The SDK leaves files in the working directory.
    monkeypatch.chdir(tmp_path)
    script = SCRIPTS / "store.py"
    arguments = (generation, trainer.ready_file, experiment.id)
    model_id = run_script(python, script, *arguments, ca_file=trainer.ca_file)["id"]
    query = project(trainer, content_format="native")
    path = f"/ml/v4/models/{model_id}"
    answer = wait_until(
        lambda: (found := experiment.http("GET", f"{path}/download", params=query)).ok and found
    )
    check_bundle(answer.content, experiment)
    assert experiment.http("GET", path, params=query).json()["metadata"]["name"] == "stored by the SDK"


def test_the_results_are_listed_and_outlive_the_training(trainer):
    experiment = trained(trainer)
    query = project(trainer)
    path = f"/ml/v4/trainings/{experiment.id}"
    listed = experiment.http("GET", f"{path}/results", params=query).json()
    names = {item["path"].rsplit("/", 1)[-1]: item for item in listed["results"]}
    assert set(names) == {"request.json", "model.zip", "training-status.json"}
    assert experiment.http("DELETE", path, params={**query, "hard_delete": "true"}).status_code == 204
    kept = experiment.http("GET", names["model.zip"]["href"])
    assert len(kept.content) == names["model.zip"]["size"]
    check_bundle(kept.content, experiment)


def test_other_users_cannot_read_results(trainer):
    experiment = trained(trainer)
    href = experiment.http(
        "GET", f"/ml/v4/trainings/{experiment.id}/results", params=project(trainer)
    ).json()["results"][0]["href"]
    stranger = trainer.control.new_user(f"reader-{experiment.id[:8]}")
    assert trainer.http(stranger["apikey"])("GET", href).status_code == 403
    for path in ("../service.sqlite", "%2e%2e/%2e%2e/service.sqlite", "nowhere", ".hidden"):
        assert asset(experiment, path).status_code == 404


def test_models_of_rounds_are_kept_if_wanted(trainer):
    experiment = trained(trainer, learning={"rounds": 3, "save_intermediate_models": True})
    listed = experiment.http(
        "GET", f"/ml/v4/trainings/{experiment.id}/results", params=project(trainer)
    ).json()["results"]
    requests = [item["path"] for item in listed if item["path"].endswith("request.json")]
    base = f"{experiment.id}/assets"
    assert sorted(requests) == sorted(
        f"{base}/{experiment.id}{round_}/resources/wml_model/request.json" for round_ in ("", "_1", "_2")
    )


def test_a_content_that_is_not_there_is_named(trainer):
    http = trainer.http()
    location = {"type": "container", "location": {}, "contents": [{"location": "no/such/model.zip"}]}
    body = {
        "name": "m",
        "type": "scikit-learn_1.1",
        "software_spec": {"name": "runtime-24.1-py3.11"},
        "content_location": location,
        "project_id": trainer.project_id,
    }
    model_id = http("POST", "/ml/v4/models", json=body).json()["metadata"]["id"]

    def ended():
        found = http("GET", f"/ml/v4/models/{model_id}", params=project(trainer)).json()
        return found if found["entity"]["content_import_state"] == "failed" else None

    warning = wait_until(ended)["system"]["warnings"][0]["message"]
    assert "There is no file no/such/model.zip" in warning


@pytest.fixture(scope="module")
def bucket():
    """A bucket of moto's server, which stands for S3-compatible storage."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    connection = {
        "endpoint_url": f"http://{host}:{port}",
        "access_key_id": "AK-1",
        "secret_access_key": "SK-secret",
    }
    client = boto3.client(
        "s3",
        endpoint_url=connection["endpoint_url"],
        aws_access_key_id="AK-1",
        aws_secret_access_key="SK-secret",
        region_name="us-east-1",
    )
    client.create_bucket(Bucket="results")
    yield connection, client
    server.stop()


def test_results_in_s3_become_a_wml_model(trainer, bucket):
    connection, client = bucket
    location = {"bucket": "results", "path": "runs"}
    reference = {"type": "s3", "connection": connection, "location": location}
    experiment = trained(trainer, results_reference=reference)
    listed = client.list_objects_v2(Bucket="results", Prefix=f"runs/{experiment.id}/")["Contents"]
    assert {item["Key"].removeprefix(f"runs/{experiment.id}/") for item in listed} == {
        f"assets/{experiment.id}/resources/wml_model/model.zip",
        f"assets/{experiment.id}/resources/wml_model/request.json",
        "training-status.json",
        "training-log.txt",
        "logs/learner-1/training-log.txt",
        "logs/learner-1/evaluation-metrics.txt",
    }
    key = experiment.entity()["results_reference"]["location"]["model_request_path"]
    request = json.loads(client.get_object(Bucket="results", Key=key)["Body"].read())
    assert connection["secret_access_key"] not in json.dumps(request)
    request["content_location"]["connection"] = connection
    _, content = store(experiment, request)
    check_bundle(content, experiment)
    for path in (trainer.data_dir).glob("service.sqlite*"):
        assert b"SK-secret" not in path.read_bytes()


def test_a_storage_that_fails_loses_nothing(trainer, bucket):
    connection, _ = bucket
    reference = {"type": "s3", "connection": connection, "location": {"bucket": "missing", "path": ""}}
    experiment = Experiment(trainer, results_reference=reference, learning={"rounds": 1})
    experiment.reaches("accepting_parties")
    for rts_id in experiment.rts:
        Party(trainer, experiment.id, rts_id)
    text = experiment.reaches("failed")["message"]["text"]
    assert "cannot be written in the bucket missing" in text
    assert "SK-secret" not in text
    listed = experiment.http(
        "GET", f"/ml/v4/trainings/{experiment.id}/results", params=project(trainer)
    ).json()["results"]
    assert any(item["path"].endswith("model.zip") for item in listed)
