"""`wmlfl keys`: users and keys of a data folder, while the service runs."""

import json
import stat

import pytest

from tests.server.samples import made, model_body, project, refused
from tests.support.service import spawn


def keys(service, *arguments):
    """Run `wmlfl keys`; return its exit code and what it said."""
    command, *rest = arguments
    process = spawn(service.data_dir, *rest, command=f"keys {command}")
    out, _ = process.communicate(timeout=60)
    return process.returncode, out


def test_a_key_works_at_once_and_ends_at_once(own_service):
    code, out = keys(own_service, "add", "hospital-a")
    assert code == 0
    assert "hospital-a (IBMid-hospital-a)" in out
    key = out.strip().splitlines()[-1].strip()
    party = own_service.http(key)
    assert party("GET", f"/v2/projects/{own_service.project_id}").status_code == 200
    answer = party("POST", "/ml/v4/models", json=model_body(own_service))
    refused(answer, 403, "The role viewer may not change anything")
    code, out = keys(own_service, "list", "--json")
    listed = {item["username"]: item["id"] for item in json.loads(out)["data"]}
    assert set(listed) == {"developer", "hospital-a"}
    assert key not in out
    code, out = keys(own_service, "remove", listed["hospital-a"])
    assert (code, out) == (0, f"Removed the key {listed['hospital-a']}.\n")
    refused(party("GET", "/v2/projects"), 401, "the token is invalid")
    code, out = keys(own_service, "remove", listed["hospital-a"])
    assert (code, out.count("\n")) == (11, 1)
    assert "There is no key" in out


def test_a_role_and_a_scope_can_be_given_and_the_key_written_to_a_file(own_service, tmp_path):
    target = tmp_path / "key.json"
    options = ("--role", "editor", "--project-id", own_service.project_id, "--out", str(target))
    code, out = keys(own_service, "add", "editor", *options)
    assert code == 0
    written = json.loads(target.read_text())
    assert written["apikey"] not in out
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    http = own_service.http(written["apikey"])
    made(http, "models", model_body(own_service))
    in_space = {"space_id": own_service.space_id}
    refused(http("GET", "/ml/v4/models", params=in_space), 403, "no member of the space")
    keys(own_service, "add", "editor", "--role", "viewer", "--space-id", own_service.space_id)
    assert http("GET", "/ml/v4/models", params=in_space).status_code == 200
    assert http("GET", "/ml/v4/models", params=project(own_service)).status_code == 200


def test_a_later_role_replaces_the_earlier(own_service, tmp_path):
    target = tmp_path / "key.json"
    keys(own_service, "add", "party", "--out", str(target))
    http = own_service.http(json.loads(target.read_text())["apikey"])
    refused(http("POST", "/ml/v4/models", json=model_body(own_service)), 403, "The role viewer")
    keys(own_service, "add", "party", "--role", "editor")
    made(http, "models", model_body(own_service))
    # A second key without a role changes none.
    keys(own_service, "add", "party")
    keys(own_service, "add", "developer")
    made(http, "models", model_body(own_service))
    made(own_service.http(), "models", model_body(own_service))


@pytest.mark.parametrize("options", [("--project-id", "nope"), ("--space-id", "nope")])
def test_an_unknown_scope_is_one_clear_line(service, options):
    code, out = keys(service, "add", "x", *options)
    assert (code, out.count("\n")) == (11, 1)
    assert "nope in this data folder" in out


def test_a_folder_without_a_service_is_one_clear_line(tmp_path):
    process = spawn(tmp_path, command="keys list")
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out.count("\n")) == (11, 1)
    assert "is not the data folder of a service" in out
