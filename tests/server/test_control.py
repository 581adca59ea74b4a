"""The control side: health, reset, request log, faults, modes."""

import time

import pytest
import requests

from tests.server.samples import made, made_training, model_body, party_body, project, refused
from tests.support.service import Http

MODELS = "/ml/v4/models"


def count(http, service):
    return len(http("GET", MODELS, params=project(service)).json()["resources"])


def test_health_needs_no_token_and_everything_else_the_control_token(service, http):
    health = requests.get(f"{service.url}/control/v1/health", verify=service.ca_file, timeout=10)
    assert health.json()["status"] == "ok"
    for method, path in (("POST", "reset"), ("GET", "requests"), ("POST", "faults"), ("PATCH", "settings")):
        answer = http(method, f"/control/v1/{path}", json={})
        refused(answer, 401, "control_token of the ready file", "authorization_required")
    control = Http(service.url, service.ca_file, service.ready["control_token"])
    refused(control("GET", "/v2/projects"), 401, "the token is invalid")


def test_a_reset_drops_objects_and_keeps_users_and_projects(own_service):
    http = own_service.http()
    model = made(http, "models", model_body(own_service))["metadata"]["id"]
    query = project(own_service, content_format="native")
    http("PUT", f"{MODELS}/{model}/content", params=query, data=b"x")
    made_training(http, own_service)
    own_service.control.fault(status=500)
    own_service.control.change(page_size=1)
    own_service.control.call("POST", "/reset")
    for collection in ("models", "remote_training_systems", "trainings"):
        page = http("GET", f"/ml/v4/{collection}", params=project(own_service)).json()
        assert (page["resources"], page["limit"]) == ([], 100)
    assert list((own_service.data_dir / "content").glob("??/*")) == []


def test_the_request_log_tells_all_but_secrets(service, http):
    http("GET", MODELS, params=project(service, search="needle"))
    Http(service.url, service.ca_file, "x")("POST", "/identity/token", params={"apikey": service.apikey})
    entry = service.control.requests(path="models$", method="GET")[-1]
    assert (entry["method"], entry["path"], entry["status"]) == ("GET", MODELS, 200)
    assert "search=needle" in entry["query"]
    assert entry["seconds"] > 0
    sign_in = service.control.requests(path="/identity/token")[-1]
    assert sign_in["query"] == "apikey=%2A%2A%2A"
    assert service.apikey not in str(service.control.requests())
    answer = service.ask_control("GET", "/requests", params={"path": "("})
    refused(answer, 400, "not a regular expression")


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "authentication_token_expired"), (429, "token_quota_reached"), (503, "injected_fault")],
)
def test_a_status_is_answered_so_many_times_and_nothing_is_done(service, http, status, code):
    service.control.fault(
        method="POST", path=f"^{MODELS}$", status=status, count=2, headers={"Retry-After": "7"}
    )
    for _ in range(2):
        answer = http("POST", MODELS, json=model_body(service))
        refused(answer, status, "injected", code)
        assert answer.headers["Retry-After"] == "7"
    assert count(http, service) == 0
    assert http("POST", MODELS, json=model_body(service)).status_code == 201


def test_a_fault_can_spare_the_first_and_bring_its_own_body(service, http):
    service.control.fault(path="projects", skip=1, status=500, body="<html>proxy</html>")
    service.control.fault(path="spaces", status=418, body={"own": "json"})
    assert http("GET", "/v2/projects").status_code == 200
    broken = http("GET", "/v2/projects")
    assert (broken.status_code, broken.text) == (500, "<html>proxy</html>")
    assert broken.headers["Content-Type"].startswith("text/html")
    assert http("GET", "/v2/projects").status_code == 200
    assert http("GET", "/v2/spaces").json() == {"own": "json"}


@pytest.mark.parametrize(("after", "models"), [(False, 0), (True, 1)])
def test_a_connection_is_dropped_before_or_after_the_service_acts(service, http, after, models):
    fault = service.control.fault(method="POST", path=MODELS, drop=True, after=after)
    with pytest.raises(requests.ConnectionError):
        http("POST", MODELS, json=model_body(service))
    assert count(http, service) == models
    logged = service.control.requests(path=MODELS, method="POST")[-1]
    assert (logged["fault"], logged["status"]) == (fault["id"], 0)


def test_an_answer_is_cut_in_the_middle(service, http):
    service.control.fault(method="POST", path=MODELS, truncate=True)
    with pytest.raises(requests.RequestException):
        http("POST", MODELS, json=model_body(service))
    assert count(http, service) == 1


def test_an_answer_is_replaced_after_the_service_acted(service, http):
    service.control.fault(method="POST", path=MODELS, after=True, status=503)
    refused(http("POST", MODELS, json=model_body(service)), 503, "injected")
    assert count(http, service) == 1


def test_an_answer_is_delayed(service, http):
    service.control.fault(path="projects", delay=0.3)
    began = time.monotonic()
    assert http("GET", "/v2/projects").status_code == 200
    assert time.monotonic() - began >= 0.3
    service.control.change(delay_seconds=0.2)
    began = time.monotonic()
    assert http("GET", "/v2/projects").status_code == 200
    assert time.monotonic() - began >= 0.2


def test_federated_learning_can_be_gone_as_in_newer_releases(service, http):
    service.control.change(federated_learning=False)
    for path in ("/ml/v4/remote_training_systems", "/ml/v4/trainings/x"):
        answer = http("GET", path, params=project(service))
        assert answer.status_code == 404
        assert "DOCTYPE" in answer.text
    assert http("GET", MODELS, params=project(service)).status_code == 200
    service.control.change(federated_learning=True)
    made(http, "remote_training_systems", party_body(service))


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"path": "("}, "path: not a regular expression"),
        ({"status": 900}, "status: Input should be less than or equal to 599"),
        ({"statuss": 500}, "statuss: Extra inputs are not permitted"),
        ({}, "A fault needs one of status, drop, truncate and delay"),
    ],
)
def test_a_wrong_fault_is_refused(service, fault, message):
    refused(service.ask_control("POST", "/faults", json=fault), 400, message)


def test_wrong_settings_and_names_are_refused(service):
    control = service.ask_control
    refused(control("PATCH", "/settings", json={"page_size": 0}), 400, "page_size")
    refused(control("PATCH", "/settings", json={"delay": 1}), 400, "delay: Extra inputs are not permitted")
    refused(control("POST", "/scopes", json={"members": {"nobody": "admin"}}), 404, "The user nobody")
    member = {"project_id": "x", "user_id": service.user_id, "role": "admin"}
    refused(control("POST", "/members", json=member), 404, "The project x does not exist")
    refused(control("POST", "/trainings/x/state", json={"state": "running"}), 409, "does not exist any more")
