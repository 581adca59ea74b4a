"""Projects, spaces and roles: nobody sees or changes what is not theirs."""

import pytest

from tests.server.samples import made, made_training, model_body, party_body, project, refused, training_body

COLLECTIONS = ("models", "remote_training_systems", "trainings")


def user(service, role=None):
    """A user of this test with a role in its project; None: a stranger to it."""
    name = f"user-{service.project_id[:8]}-{role}"
    found = service.control.new_user(name)
    if role:
        service.control.call(
            "POST",
            "/members",
            json={"project_id": service.project_id, "user_id": found["user_id"], "role": role},
        )
    return service.http(found["apikey"])


@pytest.fixture
def objects(service, http):
    """One object of each collection."""
    training = made_training(http, service)["metadata"]["id"]
    newest = {
        name: http("GET", f"/ml/v4/{name}", params=project(service)).json()["resources"][0]["metadata"]["id"]
        for name in COLLECTIONS[:2]
    }
    return {**newest, "trainings": training}


def test_a_stranger_is_refused_everywhere(service, http, objects):
    stranger = user(service)
    message = f"The user is no member of the project {service.project_id}."
    for collection, object_id in objects.items():
        path, query = f"/ml/v4/{collection}/{object_id}", project(service)
        for method in ("GET", "DELETE"):
            refused(stranger(method, path, params=query), 403, message, "user_authorization_failed")
        refused(stranger("GET", f"/ml/v4/{collection}", params=query), 403, message)
    for body, collection in ((model_body, "models"), (party_body, "remote_training_systems")):
        refused(stranger("POST", f"/ml/v4/{collection}", json=body(service)), 403, message)
    refused(stranger("GET", f"/v2/projects/{service.project_id}"), 403, message)
    assert stranger("GET", "/v2/projects").json()["total_results"] == 0
    refused(stranger("DELETE", f"/v2/assets/{objects['models']}", params=project(service)), 403, message)


def test_a_viewer_reads_and_changes_nothing(service, http, objects):
    viewer = user(service, "viewer")
    message = "The role viewer may not change anything here."
    query = project(service)
    for collection, object_id in objects.items():
        path = f"/ml/v4/{collection}/{object_id}"
        assert viewer("GET", path, params=query).status_code == 200
        refused(viewer("DELETE", path, params=query), 403, message, "authorization_rejected")
    model = f"/ml/v4/models/{objects['models']}"
    refused(viewer("POST", "/ml/v4/models", json=model_body(service)), 403, message)
    refused(viewer("PATCH", model, params=query, json=[]), 403, message)
    upload = {**query, "content_format": "native"}
    refused(viewer("PUT", f"{model}/content", params=upload, data=b"x"), 403, message)
    body = training_body(service, objects["remote_training_systems"])
    refused(viewer("POST", "/ml/v4/trainings", json=body), 403, message)
    assert viewer("GET", f"/v2/projects/{service.project_id}").status_code == 200


def test_an_editor_changes_and_owns_what_it_makes(service, http):
    editor = user(service, "editor")
    model = made(editor, "models", model_body(service))
    assert model["metadata"]["owner"] != service.user_id
    path = f"/ml/v4/models/{model['metadata']['id']}"
    assert http("GET", path, params=project(service)).json()["metadata"] == model["metadata"]
    assert editor("DELETE", path, params=project(service)).status_code == 204


def test_objects_are_invisible_from_another_scope(service, http, objects):
    other = service.control.new_scope()
    for collection, object_id in objects.items():
        for scope in ({"project_id": other}, {"space_id": service.space_id}):
            path = f"/ml/v4/{collection}/{object_id}"
            refused(http("GET", path, params=scope), 404, "does not exist in this project or space")
            refused(http("DELETE", path, params=scope), 404, "does not exist in this project or space")
            assert http("GET", f"/ml/v4/{collection}", params=scope).json()["resources"] == []


def test_an_unknown_scope_is_named(service, http):
    for query, noun in (({"project_id": "nope"}, "project"), ({"space_id": "nope"}, "space")):
        answer = http("GET", "/ml/v4/models", params=query)
        refused(answer, 404, f"The {noun} nope does not exist.", "not_found")
    # A project's id is no space's.
    answer = http("GET", "/ml/v4/models", params={"space_id": service.project_id})
    refused(answer, 404, f"The space {service.project_id} does not exist.")


def test_projects_spaces_and_specifications_are_served_as_the_sdk_reads_them(service, http):
    found = http("GET", f"/v2/projects/{service.project_id}").json()
    assert found["entity"]["storage"]["type"] == "assetfiles"
    assert "entity" in http("GET", f"/v2/spaces/{service.space_id}").json()
    assert service.project_id in [
        item["metadata"]["guid"] for item in http("GET", "/v2/projects").json()["resources"]
    ]
    assert http("GET", "/v2/spaces?limit=1").status_code == 200
    named = {"name": "runtime-23.1-py3.10"}
    listed = http("GET", "/v2/software_specifications", params=named).json()
    assert listed["total_results"] == 1
    spec = listed["resources"][0]["metadata"]["asset_id"]
    assert http("GET", f"/v2/software_specifications/{spec}").json()["metadata"]["name"] == named["name"]
    assert http("GET", "/v2/software_specifications", params={"name": "x"}).json()["total_results"] == 0
    refused(http("GET", "/v2/software_specifications/x"), 404, "The software specification x does not exist.")
    states = http("GET", "/ml/v4/list/software_specifications").json()["results"]
    assert {item["state"] for item in states} == {"supported", "deprecated", "constricted"}
    sizes = http("GET", "/v2/hardware_specifications").json()["resources"]
    assert [item["metadata"]["name"] for item in sizes] == ["XS", "S", "M", "L", "XL"]
    hardware = sizes[0]["metadata"]["asset_id"]
    assert http("GET", f"/v2/hardware_specifications/{hardware}").status_code == 200
    refused(http("GET", "/v2/hardware_specifications/x"), 404, "The hardware specification x does not exist.")
    assert http("GET", "/ml/v4/deployments").json() == {"resources": []}
    assert http("GET", "/ml/v4/instances/any").json()["entity"]["status"] == "active"
    assert http("GET", "/ml/wml_services/version").json() == {"version": "5.1.0"}
    assert http("GET", "/ml/wml_services/v2/version").json() == {"version": "5.1.0"}
    assert http("GET", "/wml_services/training/heartbeat").status_code == 200


@pytest.mark.parametrize(
    "path", ["/ml/v1/foundation_model_specs", "/ml/v4/functions/x", "/", "/v2/assets", "/control/v2"]
)
def test_what_is_not_served_is_a_404_in_wml_s_words(http, path):
    refused(http("GET", path), 404, f"The path {path} is not served here.", "not_found")


@pytest.mark.parametrize(
    "path",
    ["/ml/v4/models/..%2f..%2fetc", "/ml/v4/models/%2e%2e/x", "/ml/v4/models/x/content/..%2F..%2Fca.key"],
)
def test_a_path_leads_nowhere_else(service, http, path):
    # The client must not tidy the path itself.
    from requests import Request

    request = http.session.prepare_request(Request("GET", service.url))
    request.url = f"{service.url}{path}?project_id={service.project_id}"
    answer = http.session.send(request, verify=service.ca_file, timeout=10)
    assert answer.status_code == 404
    assert answer.json()["errors"][0]["code"] == "not_found"
