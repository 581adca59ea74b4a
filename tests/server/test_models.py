"""`/ml/v4/models`: WML's answers and refusals, its odd habits included."""

import pytest

from tests.server.samples import VERSION, made, model_body, project, refused
from tests.support.service import wait_until


def test_a_model_is_answered_as_wml_does(service, http):
    body = model_body(
        service, description="d", tags=["a"], custom={"untrained": True}, model_version={"number": "1"}
    )
    found = made(http, "models", body)
    metadata, entity = found["metadata"], found["entity"]
    assert metadata["project_id"] == service.project_id
    assert (metadata["name"], metadata["description"], metadata["tags"]) == ("m", "d", ["a"])
    assert metadata["owner"] == service.user_id
    assert metadata["created_at"] == metadata["modified_at"]
    assert metadata["created_at"][-5] == "."
    assert metadata["created_at"].endswith("Z")
    assert "rev" not in metadata
    spec = {"id": "336b29df-e0e1-5e7d-b6a5-f6ab722625b2", "name": "runtime-23.1-py3.10"}
    assert entity["software_spec"] == spec
    assert entity["hybrid_pipeline_software_specs"] == []
    assert entity["custom"] == {"untrained": True}
    assert not {"name", "description", "tags", "project_id"} & set(entity)
    assert found["system"] == {"warnings": []}
    read = http("GET", f"/ml/v4/models/{metadata['id']}", params=project(service)).json()
    assert read == found


def test_the_seed_s_trailing_space_and_old_specification_are_accepted(service, http):
    found = made(
        http, "models", model_body(service, type="tensorflow_2.1 ", software_spec={"name": "default_py3.7"})
    )
    assert found["entity"]["type"] == "tensorflow_2.1"
    assert "default_py3.7 is constricted" in found["system"]["warnings"][0]["message"]


def test_a_model_lives_in_a_space_too(service, http):
    body = {**model_body(service), "space_id": service.space_id}
    del body["project_id"]
    found = made(http, "models", body)
    path = f"/ml/v4/models/{found['metadata']['id']}"
    assert http("GET", path, params={"space_id": service.space_id}).status_code == 200
    refused(http("GET", path, params=project(service)), 404, "does not exist in this project", "not_found")


@pytest.mark.parametrize(
    ("change", "message", "code"),
    [
        ({"name": None}, "name", "json_type_error"),
        ({"name": ""}, "name: String should have at least 1 character", "json_validation_error"),
        ({"name": "a <b>bold</b> model"}, "You cannot include any tags", "json_validation_error"),
        ({"type": "  "}, "type: String should have at least 1 character", "json_validation_error"),
        ({"type": 5}, "type: Input should be a valid string", "json_type_error"),
        ({"tags": "a"}, "tags: Input should be a valid list", "json_type_error"),
        ({"tags": [{"description": "no value"}]}, "tags.0", "json_type_error"),
        ({"software_spec": {}}, "exactly one of id and name", "json_validation_error"),
        ({"software_spec": {"id": "x", "name": "y"}}, "exactly one of id and name", "json_validation_error"),
        (
            {"software_spec": {"name": "runtime-23.1-py3.11"}},
            "runtime-23.1-py3.11 does not exist. Did you mean runtime-",
            "invalid_request_entity",
        ),
        ({"custom": []}, "custom: Input should be a valid dictionary", "json_type_error"),
    ],
)
def test_a_wrong_model_is_refused(service, http, change, message, code):
    answer = http("POST", "/ml/v4/models", params=VERSION, json=model_body(service, **change))
    refused(answer, 400, message, code)


def test_a_missing_field_is_named(service, http):
    body = model_body(service)
    del body["type"]
    error = refused(http("POST", "/ml/v4/models", json=body), 400, "type: Field required")
    assert error["target"] == {"type": "field", "name": "type"}


@pytest.mark.parametrize(
    ("in_body", "in_query"),
    [
        ({}, {}),
        ({}, {"project_id": "P"}),
        ({"project_id": "P", "space_id": "S"}, {}),
        ({"project_id": "P"}, {"space_id": "S"}),
    ],
)
def test_a_create_needs_exactly_one_scope_in_its_body(service, http, in_body, in_query):
    names = {"P": service.project_id, "S": service.space_id}
    body = {key: value for key, value in model_body(service).items() if key != "project_id"}
    body |= {key: names[value] for key, value in in_body.items()}
    query = {key: names[value] for key, value in in_query.items()}
    error = refused(http("POST", "/ml/v4/models", params=query, json=body), 400, "project_id")
    assert error["target"]["name"] == "project_id"


def test_a_patch_changes_what_it_may_and_the_resource_key(service, http):
    found = made(http, "models", model_body(service, description="d", tags=["a"]))
    path = f"/ml/v4/models/{found['metadata']['id']}"
    operations = [
        {"op": "add", "path": "/name", "value": "n"},
        {"op": "remove", "path": "/description"},
        {"op": "replace", "path": "/tags", "value": []},
        {"op": "add", "path": "/custom", "value": {"k": [1]}},
        {"op": "replace", "path": "/software_spec", "value": {"name": "runtime-24.1-py3.11"}},
    ]
    answer = http("PATCH", path, params=project(service), json=operations)
    assert answer.status_code == 200, answer.text
    changed = answer.json()
    assert (changed["metadata"]["name"], changed["metadata"]["tags"]) == ("n", [])
    assert "description" not in changed["metadata"]
    assert changed["entity"]["custom"] == {"k": [1]}
    assert changed["entity"]["software_spec"]["id"] == "45f12dfe-aa78-5b8d-9f38-0ee223c47309"
    assert changed["metadata"]["modified_at"] >= found["metadata"]["modified_at"]
    assert changed["metadata"]["commit_info"]["committed_at"] == changed["metadata"]["modified_at"]
    assert changed["metadata"]["resource_key"] != found["metadata"]["resource_key"]
    assert http("GET", path, params=project(service)).json() == changed


@pytest.mark.parametrize(
    ("operations", "message"),
    [
        ([{"op": "replace", "path": "/type", "value": "x"}], "0: The path /type cannot be changed"),
        ([{"op": "replace", "path": "/metadata/name", "value": "x"}], "/metadata/name cannot be changed"),
        ([{"op": "replace", "path": "/custom/k", "value": "x"}], "/custom/k cannot be changed"),
        ([{"op": "add", "path": "/software_spec", "value": {"name": "x"}}], "/software_spec takes replace"),
        ([{"op": "remove", "path": "/name"}], "/name takes add or replace"),
        ([{"op": "replace", "path": "/tags", "value": ["x"]}], "There is no /tags to replace"),
        ([{"op": "remove", "path": "/description"}], "There is no /description to remove"),
        ([{"op": "move", "path": "/name", "from": "/x"}], "0.op"),
        ([{"op": "replace", "path": "/name"}], "needs a value"),
        ([{"op": "replace", "path": "/name", "value": 5}], "name: Input should be a valid string"),
        ([5], "0: Input should be a valid dictionary"),
        ({"op": "replace"}, "must be a JSON array"),
    ],
)
def test_a_wrong_patch_changes_nothing(service, http, operations, message):
    found = made(http, "models", model_body(service))
    path = f"/ml/v4/models/{found['metadata']['id']}"
    first = [{"op": "replace", "path": "/name", "value": "new"}]
    body = first + operations if isinstance(operations, list) and "0" not in message else operations
    refused(http("PATCH", path, params=project(service), json=body), 400, message)
    assert http("GET", path, params=project(service)).json() == found


def test_a_deleted_model_is_gone_for_every_operation(service, http):
    model_id = made(http, "models", model_body(service))["metadata"]["id"]
    path, query = f"/ml/v4/models/{model_id}", project(service)
    assert http("DELETE", path, params=query).status_code == 204
    message = f"The model {model_id} does not exist in this project or space."
    refused(http("GET", path, params=query), 404, message, "not_found")
    refused(http("DELETE", path, params=query), 404, message)
    refused(http("PATCH", path, params=query, json=[]), 404, message)
    refused(http("GET", f"{path}/content", params=query), 404, message)
    refused(http("GET", f"{path}/revisions", params=query), 404, message)
    upload = {**query, "content_format": "native"}
    refused(http("PUT", f"{path}/content", params=upload, data=b"x"), 404, message)
    refused(http("POST", f"{path}/revisions", json={"project_id": service.project_id}), 404, message)


def test_revisions_keep_what_was(service, http):
    found = made(http, "models", model_body(service))
    path, query = f"/ml/v4/models/{found['metadata']['id']}", project(service)
    upload = {**query, "content_format": "native"}
    http("PUT", f"{path}/content", params=upload, data=b"first")
    body = {"project_id": service.project_id, "commit_message": "as it was"}
    first = http("POST", f"{path}/revisions", params=VERSION, json=body)
    assert first.status_code == 201
    assert first.json()["metadata"]["rev"] == "1"
    assert first.json()["metadata"]["commit_info"]["commit_message"] == "as it was"
    http("PUT", f"{path}/content", params=upload, data=b"second")
    http("PATCH", path, params=query, json=[{"op": "replace", "path": "/name", "value": "renamed"}])
    http("POST", f"{path}/revisions", json={"project_id": service.project_id})
    listed = http("GET", f"{path}/revisions", params=query).json()["resources"]
    assert [item["metadata"]["rev"] for item in listed] == ["2", "1"]
    assert all(set(item) == {"metadata"} for item in listed)
    names = {
        rev: http("GET", path, params={**query, "rev": rev}).json()["metadata"]["name"]
        for rev in ("1", "latest")
    }
    assert names == {"1": "m", "latest": "renamed"}
    old = http("GET", f"{path}/download", params={**query, "rev": "1"}).content
    assert (old, http("GET", f"{path}/download", params=query).content) == (b"first", b"second")
    refused(http("GET", path, params={**query, "rev": "9"}), 404, "revision 9 of the model")
    paged = http("GET", f"{path}/revisions", params={**query, "limit": 1}).json()
    assert "start=" in paged["next"]["href"]


def test_an_asset_is_deleted_as_ibm_s_sdk_does(service, http):
    model_id = made(http, "models", model_body(service))["metadata"]["id"]
    query = project(service, purge_on_delete="true")
    assert http("DELETE", f"/v2/assets/{model_id}", params=query).status_code == 204
    refused(http("DELETE", f"/v2/assets/{model_id}", params=query), 404, f"The asset {model_id}")


def test_a_model_of_results_is_accepted_and_says_how_its_import_went(service, http):
    location = {"type": "container", "location": {"path": "x"}, "contents": []}
    answer = http("POST", "/ml/v4/models", json=model_body(service, content_location=location))
    assert answer.status_code == 202
    assert answer.json()["entity"]["content_import_state"] == "running"
    path = f"/ml/v4/models/{answer.json()['metadata']['id']}"

    def imported():
        found = http("GET", path, params=project(service)).json()
        return found if found["entity"]["content_import_state"] != "running" else None

    found = wait_until(imported)
    assert found["entity"]["content_import_state"] == "failed"
    assert "content_location.contents must name" in found["system"]["warnings"][0]["message"]
