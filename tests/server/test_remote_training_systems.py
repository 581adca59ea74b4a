"""`/ml/v4/remote_training_systems`."""

import pytest

from tests.server.samples import VERSION, made, party_body, project, refused

PATH = "/ml/v4/remote_training_systems"


def test_a_remote_training_system_is_echoed_unchanged(service, http):
    admin = {"id": "IBMid-1", "type": "user"}
    body = party_body(
        service,
        description="d",
        tags=["Federated Learning"],
        organization={"name": "IBM", "region": "US"},
        remote_admin=admin,
        allowed_identities=[{"id": "IBMid-1", "type": "user", "allowed_ips": ["10.0.0.0/8", "::1"]}],
        custom={"k": 1},
    )
    found = made(http, "remote_training_systems", body)
    entity = {key: body[key] for key in ("organization", "remote_admin", "allowed_identities", "custom")}
    assert found["entity"] == entity
    assert "system" not in found
    assert set(found["metadata"]) == {
        *("id", "name", "description", "tags", "owner", "project_id", "created_at", "modified_at")
    }
    read = http("GET", f"{PATH}/{found['metadata']['id']}", params=project(service))
    assert read.json() == found


@pytest.mark.parametrize("admin", [{"id": "IBMid-1", "type": "user"}, {"name": "A. Admin", "email": "a@b.c"}])
def test_both_shapes_of_remote_admin_are_accepted(service, http, admin):
    found = made(http, "remote_training_systems", party_body(service, remote_admin=admin))
    assert found["entity"]["remote_admin"] == admin


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"allowed_identities": []}, "allowed_identities: List should have at least 1 item"),
        ({"allowed_identities": [{"id": "x"}]}, "allowed_identities.0.type: Field required"),
        ({"allowed_identities": [{"type": "user"}]}, "allowed_identities.0.id: Field required"),
        ({"allowed_identities": [{"id": 5, "type": "user"}]}, "allowed_identities.0.id"),
        ({"organization": {"region": "EU"}}, "organization.name: Field required"),
        ({"description": "<script>x</script>"}, "You cannot include any tags in the HTTP request."),
        ({"name": ""}, "name: String should have at least 1 character"),
    ],
)
def test_a_wrong_one_is_refused(service, http, change, message):
    refused(http("POST", PATH, params=VERSION, json=party_body(service, **change)), 400, message)


@pytest.mark.parametrize(
    ("op", "path", "value"),
    [
        ("replace", "/name", "q"),
        ("add", "/description", "d"),
        ("add", "/tags", ["a", "b"]),
        ("add", "/custom", {"a": {"b": None}}),
        ("add", "/organization", {"name": "O"}),
        ("replace", "/allowed_identities", [{"id": "x", "type": "service"}]),
        ("add", "/remote_admin", {"id": "x", "type": "user"}),
    ],
)
def test_every_field_but_the_scope_can_be_patched(service, http, op, path, value):
    found = made(http, "remote_training_systems", party_body(service))
    item = f"{PATH}/{found['metadata']['id']}"
    headers = {"Content-Type": "application/json-patch+json"}
    body = [{"op": op, "path": path, "value": value}]
    changed = http("PATCH", item, params=project(service), json=body, headers=headers).json()
    member = path.removeprefix("/")
    place = "metadata" if member in {"name", "description", "tags"} else "entity"
    assert changed[place][member] == value


def test_the_last_identity_cannot_be_taken_away(service, http):
    found = made(http, "remote_training_systems", party_body(service))
    item, query = f"{PATH}/{found['metadata']['id']}", project(service)
    gone = [{"op": "remove", "path": "/allowed_identities"}]
    refused(http("PATCH", item, params=query, json=gone), 400, "/allowed_identities takes add or replace")
    empty = [{"op": "replace", "path": "/allowed_identities", "value": []}]
    refused(http("PATCH", item, params=query, json=empty), 400, "at least 1 item")
    scope = [{"op": "replace", "path": "/project_id", "value": "x"}]
    refused(http("PATCH", item, params=query, json=scope), 400, "/project_id cannot be changed")


def test_a_deleted_one_is_gone(service, http):
    found = made(http, "remote_training_systems", party_body(service))
    item, query = f"{PATH}/{found['metadata']['id']}", project(service)
    assert http("DELETE", item, params=query).status_code == 204
    refused(http("GET", item, params=query), 404, "The remote training system", "not_found")
    refused(http("DELETE", item, params=query), 404, "does not exist")


def test_a_revision_keeps_the_identities_of_its_time(service, http):
    found = made(http, "remote_training_systems", party_body(service))
    item, query = f"{PATH}/{found['metadata']['id']}", project(service)
    commit = {"project_id": service.project_id}
    assert http("POST", f"{item}/revisions", params=VERSION, json=commit).json()["metadata"]["rev"] == "1"
    change = [{"op": "replace", "path": "/allowed_identities", "value": [{"id": "new", "type": "user"}]}]
    http("PATCH", item, params=query, json=change)
    old = http("GET", item, params={**query, "rev": "1", "limit": "200"}).json()
    assert old["entity"] == found["entity"]
    body = {"project_id": service.project_id, "commit_message": 5}
    refused(http("POST", f"{item}/revisions", json=body), 400, "commit_message")
    refused(http("POST", f"{item}/revisions", json={}), 400, "Exactly one of project_id and space_id")


def test_names_are_not_unique(service, http):
    ids = {made(http, "remote_training_systems", party_body(service))["metadata"]["id"] for _ in range(3)}
    assert len(ids) == 3
