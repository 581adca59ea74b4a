"""Sign-in as IBM Cloud and as Cloud Pak for Data, and what a token is good for."""

import base64
import json

import pytest

from tests.server.samples import refused
from tests.support.service import GRANT, Http


@pytest.fixture
def stranger(service):
    http = Http(service.url, service.ca_file, "x")
    del http.session.headers["Authorization"]
    return http


def works(service, token):
    return Http(service.url, service.ca_file, token)("GET", "/v2/projects").status_code == 200


@pytest.mark.parametrize("path", ["/identity/token", "/oidc/token"])
@pytest.mark.parametrize("where", ["data", "params"])
def test_an_api_key_gives_an_iam_token(service, stranger, path, where):
    answer = stranger("POST", path, **{where: {"grant_type": GRANT, "apikey": service.apikey}})
    body = answer.json()
    assert (answer.status_code, body["token_type"], body["expires_in"]) == (200, "Bearer", 3600)
    _, claims, _ = body["access_token"].split(".")
    decoded = json.loads(base64.urlsafe_b64decode(claims + "=="))
    assert decoded["iam_id"] == service.user_id
    assert decoded["exp"] == body["expiration"]
    assert works(service, body["access_token"])


def test_basic_bx_bx_is_no_hindrance(service, stranger):
    form = {"apikey": service.apikey, "grant_type": GRANT, "response_type": "cloud_iam"}
    answer = stranger("POST", "/oidc/token", data=form, headers={"Authorization": "Basic Yng6Yng="})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("form", "code", "message"),
    [
        ({"grant_type": GRANT, "apikey": "wrong"}, "BXNIM0415E", "Provided API key could not be found."),
        ({"grant_type": GRANT}, "BXNIM0109E", "Property missing or empty: apikey"),
        ({"apikey": "x"}, "BXNIM0109E", "Property missing or empty: grant_type"),
        (
            {"grant_type": "password", "apikey": "x"},
            "BXNIM0106E",
            "The provided grant_type is not supported.",
        ),
    ],
)
def test_iam_refuses_in_its_own_words(stranger, form, code, message):
    answer = stranger("POST", "/identity/token", data=form)
    body = answer.json()
    assert (answer.status_code, body["errorCode"], body["errorMessage"]) == (400, code, message)
    assert body["context"]["requestId"]


@pytest.mark.parametrize("proof", ["api_key", "password"])
def test_a_name_and_a_key_give_a_cpd_token(service, stranger, proof):
    login = {"username": service.ready["username"], proof: service.apikey}
    answer = stranger("POST", "/icp4d-api/v1/authorize", json=login)
    assert answer.status_code == 200
    assert answer.json()["_messageCode_"] == "200"
    assert works(service, answer.json()["token"])


@pytest.mark.parametrize(
    ("login", "status"),
    [
        ({"username": "developer", "api_key": "wrong"}, 401),
        ({"username": "somebody", "api_key": "KEY"}, 401),
        ({"username": "developer"}, 400),
        ({"username": ["developer"], "api_key": {"a": 1}}, 401),
        ([], 400),
    ],
)
def test_cpd_refuses_in_its_own_words(service, stranger, login, status):
    if isinstance(login, dict) and login.get("api_key") == "KEY":
        login = {**login, "api_key": service.apikey}
    answer = stranger("POST", "/icp4d-api/v1/authorize", json=login)
    assert answer.status_code == status
    assert answer.json()["_statusCode_"] == status
    assert answer.json()["message"]


def test_basic_credentials_and_an_iam_token_are_validated(service, stranger):
    basic = (service.ready["username"], service.apikey)
    token = stranger("GET", "/v1/preauth/validateAuth", auth=basic).json()["accessToken"]
    assert works(service, token)
    headers = {"username": service.ready["username"], "iam-token": token}
    again = stranger("GET", "/v1/preauth/validateAuth", headers=headers)
    assert works(service, again.json()["accessToken"])
    other = stranger("GET", "/v1/preauth/validateAuth", headers={**headers, "username": "other"})
    assert other.status_code == 401


def test_an_identity_token_is_given_for_a_password(service, stranger):
    form = {"grant_type": "password", "username": service.ready["username"], "password": service.apikey}
    good = stranger("POST", "/idprovider/v1/auth/identitytoken", data=form)
    assert good.json()["expires_in"] == 3600
    assert works(service, good.json()["access_token"])
    bad = stranger("POST", "/idprovider/v1/auth/identitytoken", data={**form, "password": "wrong"})
    assert (bad.status_code, bad.json()["error"]) == (400, "invalid_grant")


def test_a_zen_api_key_needs_no_exchange(service, stranger):
    def header(text):
        return {"Authorization": f"ZenApiKey {base64.b64encode(text.encode()).decode()}"}

    good = f"{service.ready['username']}:{service.apikey}"
    assert stranger("GET", "/v2/projects", headers=header(good)).status_code == 200
    answer = stranger("GET", "/v2/projects", headers=header("developer:wrong"))
    refused(answer, 401, "the token is invalid", "authentication_token_invalid")


def test_a_token_ends_when_its_time_is_over(service, http):
    assert http("GET", "/v2/projects").status_code == 200
    service.control.change(clock_offset=3601)
    refused(http("GET", "/v2/projects"), 401, "the token has expired", "authentication_token_expired")


def test_a_changed_token_is_refused(service, http):
    token = http.session.headers["Authorization"].removeprefix("Bearer ")
    head, claims, signature = token.split(".")
    forged = json.loads(base64.urlsafe_b64decode(claims + "=="))
    forged["iam_id"] = "IBMid-other"
    body = base64.urlsafe_b64encode(json.dumps(forged).encode()).decode().rstrip("=")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    for bad in (f"{head}.{body}.{signature}", f"{unsigned}.{claims}.", f"{unsigned}.{body}.{signature}"):
        answer = Http(service.url, service.ca_file, bad)("GET", "/v2/projects")
        refused(answer, 401, "the token is invalid", "authentication_token_invalid")


def test_every_operation_but_sign_in_and_health_needs_a_token(service, stranger, http):
    open_paths = {
        "/identity/token",
        "/oidc/token",
        "/icp4d-api/v1/authorize",
        "/v1/preauth/validateAuth",
        "/idprovider/v1/auth/identitytoken",
        "/ml/wml_services/version",
        "/ml/wml_services/v2/version",
        "/wml_services/training/heartbeat",
    }
    described = http("GET", "/openapi.json").json()["paths"]
    assert len(described) > 25
    for path, methods in described.items():
        for method in methods:
            answer = stranger(method.upper(), path.replace("{", "").replace("}", ""))
            if path in open_paths:
                assert answer.status_code in {200, 400, 401}
            else:
                refused(answer, 401, "there is no token", "authorization_required")
                assert answer.headers["WWW-Authenticate"] == "Bearer"
