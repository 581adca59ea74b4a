"""Request bodies as users send them, and short ways to make the objects."""

VERSION = {"version": "2020-08-01"}


def model_body(service, **more):
    body = {"name": "m", "type": "tensorflow_2.12", "software_spec": {"name": "runtime-23.1-py3.10"}}
    return {**body, "project_id": service.project_id, **more}


def party_body(service, **more):
    identities = [{"id": service.user_id, "type": "user"}]
    return {"name": "p", "allowed_identities": identities, "project_id": service.project_id, **more}


def training_body(service, *parties, model_id=None, remote=None, learning=None, **more):
    systems = [{"id": party, "required": True} for party in parties]
    federated = {
        "model": {"type": "tensorflow", **({"spec": {"id": model_id}} if model_id else {})},
        "fusion_type": "iter_avg",
        "rounds": 5,
        "remote_training": {"quorum": 1.0, "remote_training_systems": systems, **(remote or {})},
        **(learning or {}),
    }
    results = {"type": "container", "name": "dropped", "connection": {}, "location": {"path": "."}}
    return {
        "name": "t",
        "description": "d",
        "tags": [{"value": "fl", "description": "as in the seed notebook"}],
        "federated_learning": federated,
        "training_data_references": [],
        "results_reference": results,
        "project_id": service.project_id,
        **more,
    }


def project(service, **more):
    """Query of most requests."""
    return {**VERSION, "project_id": service.project_id, **more}


def made(http, collection, body):
    """Create an object; return it."""
    answer = http("POST", f"/ml/v4/{collection}", params=VERSION, json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def made_training(http, service, **more):
    """Create a model, a party and a training; return the training."""
    model = made(http, "models", model_body(service))["metadata"]["id"]
    party = made(http, "remote_training_systems", party_body(service))["metadata"]["id"]
    return made(http, "trainings", training_body(service, party, model_id=model, **more))


def refused(answer, status, message, code=None):
    """Check an error answer: status, WML's body, and what it says."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert len(body["trace"]) == 32
    assert int(body["trace"], 16) >= 0
    assert message in body["errors"][0]["message"]
    if code is not None:
        assert body["errors"][0]["code"] == code
    return body["errors"][0]
