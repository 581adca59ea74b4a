"""The local service as this project's own client sees it, and what it leaves on disk."""

import io
import stat

import pytest

from pulumi_wmlfl.errors import BadRequest, NotFound
from tests.support.service import start_service, wait_until


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
