"""The local service over its socket, as a client sees it."""

import io
import stat

import pytest
import requests

from pulumi_wmlfl.errors import BadRequest, NotFound
from tests.support.service import spawn, start_service, wait_until


def model_body(service, **more):
    body = {"name": "m", "type": "tensorflow_2.1 ", "software_spec": {"name": "default_py3.7"}}
    return {**body, service.scope.kind: service.scope.id, **more}


def party_body(service):
    identities = [{"id": "IBMid-local", "type": "user"}]
    return {"name": "p", "allowed_identities": identities, "project_id": service.scope.id}


def training_body(service, model_id, *parties, **learning):
    remote = {"quorum": 1.0, "remote_training_systems": [{"id": party} for party in parties]}
    federated = {
        "model": {"spec": {"id": model_id}, "type": "tensorflow"},
        "fusion_type": "iter_avg",
        "rounds": 5,
        "remote_training": remote,
        **learning,
    }
    results = {"type": "container", "name": "dropped", "connection": {}, "location": {"path": "."}}
    return {
        "name": "t",
        "tags": [{"value": "fl", "description": "x"}],
        "federated_learning": federated,
        "training_data_references": [],
        "results_reference": results,
        "project_id": service.scope.id,
    }


def test_a_model_comes_back_with_both_keys_of_its_specification(service):
    found = service.client().create("models", model_body(service))
    assert found.entity["type"] == "tensorflow_2.1"
    assert found.entity["software_spec"]["id"] == "e4429883-c883-42b6-87a8-f419d64088cd"
    assert found.entity["software_spec"]["name"] == "default_py3.7"
    assert found.entity["hybrid_pipeline_software_specs"] == []


def test_content_is_what_was_uploaded_last(service):
    client = service.client()
    model = client.create("models", model_body(service))
    for content in (b"first" * 1000, b"second"):
        client.upload_content(
            model.id, service.scope, lambda content=content: io.BytesIO(content), size=len(content)
        )
    with client.download_content(model.id, service.scope) as chunks:
        assert b"".join(chunks) == b"second"
    assert len(client.list_content(model.id, service.scope)) == 1


def test_patch_adds_replaces_and_removes(service):
    client = service.client()
    party = client.create("remote_training_systems", party_body(service))
    changes = [
        {"op": "add", "path": "/tags", "value": ["a"]},
        {"op": "replace", "path": "/name", "value": "q"},
    ]
    changed = client.patch("remote_training_systems", party.id, service.scope, changes)
    assert (changed.metadata.name, changed.metadata.tags) == ("q", ["a"])
    removed = client.patch(
        "remote_training_systems", party.id, service.scope, [{"op": "remove", "path": "/tags"}]
    )
    assert removed.metadata.tags is None


@pytest.mark.parametrize("path", ["/metadata/name", "/project_id", "/type"])
def test_other_paths_cannot_be_patched(service, path):
    client = service.client()
    party = client.create("remote_training_systems", party_body(service))
    operation = {"op": "replace", "path": path, "value": "x"}
    with pytest.raises(BadRequest, match="cannot be changed"):
        client.patch("remote_training_systems", party.id, service.scope, [operation])


def test_a_training_moves_on_is_cancelled_and_deleted(service):
    client = service.client()
    model = client.create("models", model_body(service))
    party = client.create("remote_training_systems", party_body(service))
    training = client.create("trainings", training_body(service, model.id, party.id))
    assert training.state == "pending"
    assert training.metadata.tags == ["fl"]
    assert "name" not in training.entity["results_reference"]
    assert training.id in training.entity["results_reference"]["location"]["assets_path"]
    wait_until(lambda: client.get("trainings", training.id, service.scope).state == "accepting_parties")
    client.delete("trainings", training.id, service.scope)
    with pytest.raises(BadRequest, match="Job already completed with state canceled"):
        client.delete("trainings", training.id, service.scope)
    client.delete("trainings", training.id, service.scope, hard=True)
    with pytest.raises(NotFound):
        client.get("trainings", training.id, service.scope)


@pytest.mark.parametrize(
    ("learning", "message"),
    [
        ({"fusion_type": "sum"}, "fusion_type"),
        ({"rounds": 0}, "rounds"),
        ({"fusion_type": "crypto_iter_avg", "hardware_spec": {"name": "XS"}}, "at least S"),
    ],
)
def test_a_wrong_training_is_refused_with_its_reason(service, learning, message):
    client = service.client()
    model = client.create("models", model_body(service))
    party = client.create("remote_training_systems", party_body(service))
    with pytest.raises(BadRequest, match=message):
        client.create("trainings", training_body(service, model.id, party.id, **learning))


def test_a_training_of_an_unknown_party_is_refused(service):
    client = service.client()
    model = client.create("models", model_body(service))
    with pytest.raises(BadRequest, match="remote training system nobody does not exist"):
        client.create("trainings", training_body(service, model.id, "nobody"))


def test_listings_page_by_relative_links(service):
    client = service.client()
    tag = "paged"
    ids = {client.create("models", model_body(service, tags=[tag])).id for _ in range(5)}
    ready = service.ready
    token = client._tokens.header()
    params = {"project_id": ready["project_id"], "limit": "2", "tag.value": tag, "version": "2020-08-01"}
    found, start = [], None
    while True:
        query = {**params, **({"start": start} if start else {})}
        answer = requests.get(
            f"{ready['url']}//ml/v4/models",
            params=query,
            headers={"Authorization": token},
            verify=ready["ca_file"],
            timeout=10,
        ).json()
        found += [item["metadata"]["id"] for item in answer["resources"]]
        if "next" not in answer:
            break
        assert answer["next"]["href"].startswith("/ml/v4/models?")
        start = answer["next"]["href"].split("start=")[1]
    assert set(found) == ids
    assert len(found) == 5


@pytest.mark.parametrize("header", [None, "Bearer a.b.c", "Basic x", "nonsense"])
def test_without_a_valid_token_everything_is_refused(service, header):
    headers = {"Authorization": header} if header else {}
    for path in ("/ml/v4/models", "/ml/v4/trainings", "/v2/projects", "/ml/v4/deployments"):
        answer = requests.get(
            service.ready["url"] + path, headers=headers, verify=service.ready["ca_file"], timeout=10
        )
        assert answer.status_code == 401
        assert len(answer.json()["trace"]) == 32
        assert answer.json()["errors"][0]["code"].startswith("auth")


def test_bad_keys_get_each_sign_in_s_own_error(service):
    url, ca = service.ready["url"], service.ready["ca_file"]
    form = {"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": "wrong"}
    iam = requests.post(f"{url}/identity/token", data=form, verify=ca, timeout=10)
    assert (iam.status_code, iam.json()["errorCode"]) == (400, "BXNIM0415E")
    login = {"username": "developer", "api_key": "wrong"}
    cpd = requests.post(f"{url}/icp4d-api/v1/authorize", json=login, verify=ca, timeout=10)
    assert cpd.status_code == 401


def test_broken_and_deep_bodies_are_refused(service):
    url, ca = service.ready["url"], service.ready["ca_file"]
    headers = {"Authorization": service.client()._tokens.header()}
    for body in (b"{", b"[" * 100_000, b"[" * 200 + b"]" * 200, b"null", b'{"name": NaN}'):
        answer = requests.post(f"{url}/ml/v4/models", data=body, headers=headers, verify=ca, timeout=10)
        assert answer.status_code == 400, body[:20]


def test_what_was_acknowledged_survives_a_kill(tmp_path):
    with start_service(tmp_path) as service:
        client = service.client()
        model = client.create("models", model_body(service))
        client.upload_content(model.id, service.scope, lambda: io.BytesIO(b"kept"), size=4)
        service.kill()
    with (
        start_service(tmp_path) as service,
        service.client().download_content(model.id, service.scope) as chunks,
    ):
        assert b"".join(chunks) == b"kept"


def test_keys_are_private_and_stored_hashed(tmp_path):
    with start_service(tmp_path) as service:
        key = service.ready["apikey"]
        assert stat.S_IMODE(service.ready_file.stat().st_mode) == 0o600
        service.kill()
        kept = [p for p in tmp_path.rglob("*") if p.is_file() and key.encode() in p.read_bytes()]
    assert sorted(p.name for p in kept) == ["ready.json"]


def test_a_stopped_service_removes_its_ready_file(tmp_path):
    with start_service(tmp_path) as service:
        service.process.terminate()
        assert service.process.wait(15) == 0
        assert not service.ready_file.exists()


def test_a_folder_in_use_and_a_remote_address_are_one_clear_line(tmp_path):
    with start_service(tmp_path):
        second = spawn(tmp_path)
        out, _ = second.communicate(timeout=30)
    assert (second.returncode, out.count("\n")) == (11, 1)
    assert "is in use by another server" in out
    remote = spawn(tmp_path / "other", "--host", "0.0.0.0")
    out, _ = remote.communicate(timeout=30)
    assert remote.returncode == 11
    assert "--allow-remote" in out
