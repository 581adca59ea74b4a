"""The calls of IBM's notebook "Part 1 - WML Federated Learning with MNIST for Admin", by plain `requests`.

Paths, parameters, headers and bodies are the notebook's, where they are odd too: a blank after the type, a
zip sent as JSON, tags as objects, a training without any query. Only host, key and authority differ.
"""

import io
import json
import zipfile

import requests

from tests.support.service import wait_until

VERSION = "2019-10-25"


def test_the_notebook_runs_to_its_end(service):
    url, project = service.url, service.project_id
    options = {"verify": service.ca_file, "timeout": 30}

    answer = requests.post(
        f"{url}/oidc/token",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        data=f"grant_type=urn:ibm:params:oauth:grant-type:apikey&apikey={service.apikey}",
        **options,
    )
    token = json.loads(answer.content)["access_token"]
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    scoped = {"version": VERSION, "project_id": project}

    model = {
        "name": "Untrained MNIST Model",
        "type": "tensorflow_2.1 ",
        "software_spec": {"name": "default_py3.7"},
        "custom": {"untrained": True},
        "project_id": project,
    }
    answer = requests.post(
        f"{url}/ml/v4/models", headers=headers, params={"version": VERSION}, data=json.dumps(model), **options
    )
    assert answer.status_code == 201, answer.text
    model_id = answer.json()["metadata"]["id"]

    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("saved_model.pb", "untrained")
    answer = requests.put(
        f"{url}/ml/v4/models/{model_id}/content",
        headers=headers,
        params={**scoped, "content_format": "native"},
        data=package.getvalue(),
        **options,
    )
    assert answer.status_code == 201, answer.text

    identity = {"id": service.user_id, "type": "user"}
    party = {
        "name": "Remote Party 1",
        "project_id": project,
        "description": "Sample Remote Training System",
        "tags": ["Federated Learning"],
        "organization": {"name": "IBM", "region": "US"},
        "allowed_identities": [identity],
        "remote_admin": identity,
    }
    answer = requests.post(
        f"{url}/ml/v4/remote_training_systems",
        headers=headers,
        params=scoped,
        data=json.dumps(party),
        **options,
    )
    assert answer.status_code == 201, answer.text
    party_id = answer.json()["metadata"]["id"]

    training = {
        "name": "FL Aggregator",
        "tags": [{"value": "tags_jobs_fl", "description": "Sample FL Aggregator"}],
        "federated_learning": {
            "model": {"spec": {"id": model_id}, "type": "tensorflow"},
            "fusion_type": "iter_avg",
            "rounds": 5,
            "remote_training": {
                "quorum": 1.0,
                "remote_training_systems": [{"id": party_id, "required": True}],
            },
            "hardware_spec": {"name": "XS"},
        },
        "training_data_references": [],
        "results_reference": {
            "type": "s3",
            "name": "outputData",
            "connection": {
                "endpoint_url": "https://s3.us-south.cloud-object-storage.appdomain.cloud",
                "access_key_id": "xxxx",
                "secret_access_key": "xxxx",
            },
            "location": {"bucket": "xxxx", "path": "."},
        },
        "project_id": project,
    }
    answer = requests.post(f"{url}/ml/v4/trainings", headers=headers, data=json.dumps(training), **options)
    assert answer.status_code == 201, answer.text
    training_id = answer.json()["metadata"]["id"]

    def state():
        answer = requests.get(
            f"{url}/ml/v4/trainings/{training_id}", headers=headers, params=scoped, **options
        )
        assert answer.status_code == 200, answer.text
        return answer.json()["entity"]["status"]["state"]

    wait_until(lambda: state() == "accepting_parties")
