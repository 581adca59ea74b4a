"""The dashboard over HTTP: who sees what, who may change what, and what a browser is told about it."""

import re

import pytest
import requests

from tests.server.samples import made, made_training, model_body, party_body, project, refused, training_body
from tests.support.service import spawn, wait_until

DATA = ("session", "trainings", "trainings/some-id", "objects", "requests")


class Page:
    """What a browser does: keeps a cookie, sends the CSRF token with what changes something."""

    def __init__(self, service, apikey=None):
        self.service = service
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = service.ca_file
        self.csrf = ""
        if apikey is not None:
            self.answer = self("POST", "session", json={"apikey": apikey})
            assert self.answer.status_code == 200, self.answer.text
            self.csrf = self.answer.json()["csrf_token"]

    def __call__(self, method, path, *, scope=None, headers=None, **options):
        query = scope or {"project_id": self.service.project_id}
        url = f"{self.service.url}/dashboard/api/{path}"
        sent = {"X-CSRF-Token": self.csrf, **(headers or {})}
        return self.session.request(method, url, params=query, headers=sent, timeout=30, **options)

    def data(self, path, **options):
        answer = self("GET", path, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()


def member(service, role=None):
    """Return a new user's key and id; with `role` a member of the test's project."""
    found = service.control.new_user(f"page-{service.project_id[:8]}-{role}")
    if role:
        body = {"project_id": service.project_id, "user_id": found["user_id"], "role": role}
        service.control.call("POST", "/members", json=body)
    return found["apikey"], found["user_id"]


@pytest.fixture
def page(service):
    return Page(service, service.apikey)


def test_the_page_is_public_plain_and_loads_nothing_from_elsewhere(service):
    get = Page(service).session.get
    html = get(f"{service.url}/dashboard").text
    names = re.findall(r'(?:src|href)="([^"#]+)"', html)
    assert {"app.js", "dashboard.css", "icon.svg"} == set(names)
    assert not re.search(r"<style|style=|<script(?![^>]* src=)|\son\w+=", html)
    modules = {"app.js"}
    while waiting := [name for name in modules if name not in names or name == "app.js"]:
        name = waiting[0]
        text = get(f"{service.url}/dashboard/{name}").text
        found = {item.removeprefix("./") for item in re.findall(r'from "([^"]+)"', text)}
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", text)
        assert set(re.findall(r"https?://[^\"'` ]+", text)) <= {"http://www.w3.org/2000/svg"}
        names.append(name)
        modules = (modules | found) - {name}
    for name in {"", *names}:
        answer = get(f"{service.url}/dashboard/{name}")
        assert answer.status_code == 200, name
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", ["nothing.js", "..%2Fapp.py", "%2e%2e/app.py", "routes_dashboard.py"])
def test_nothing_but_the_pages_files_is_served(service, name):
    assert Page(service).session.get(f"{service.url}/dashboard/{name}").status_code == 404


@pytest.mark.parametrize("path", DATA)
def test_data_need_a_session(service, path):
    stranger = Page(service)
    refused(stranger("GET", path), 401, "Sign in", "authorization_required")
    name = f"__Secure-wmlfl-{service.url.rpartition(':')[2]}"
    refused(stranger("GET", path, headers={"Cookie": f"{name}=guess"}), 401, "Sign in")
    # Neither a token of the API nor a key opens the page's own paths.
    bearer = service.http().session.headers["Authorization"]
    for value in (bearer, f"Bearer {service.apikey}"):
        refused(stranger("GET", path, headers={"Authorization": value}), 401, "Sign in")
    query = {"project_id": service.project_id, "apikey": service.apikey}
    refused(stranger("GET", path, scope=query), 401, "Sign in")


def test_the_cookie_is_for_this_page_only(service, page):
    cookie = page.answer.headers["Set-Cookie"]
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"secure", "httponly", "samesite=strict", "path=/dashboard"} == attributes
    value = cookie.partition("=")[2].partition(";")[0]
    assert value not in page.answer.text
    assert service.apikey not in page.answer.text
    assert page.answer.headers["Cache-Control"] == "no-store"
    # It is no token of the API.
    query = project(service)
    for headers in ({"Authorization": f"Bearer {value}"}, {"Cookie": cookie.partition(";")[0]}):
        answer = Page(service).session.get(f"{service.url}/ml/v4/models", params=query, headers=headers)
        assert answer.status_code == 401


def test_a_wrong_sign_in_is_refused(service):
    stranger = Page(service)
    refused(stranger("POST", "session", json={"apikey": "wrong"}), 401, "There is no such API key")
    for body in ({}, {"apikey": 1}, [], {"apikey": ""}):
        refused(stranger("POST", "session", json=body), 400, "apikey is required")
    # What a form of another site could send.
    refused(stranger("POST", "session", data={"apikey": service.apikey}), 400, "must be JSON")
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        answer = stranger("POST", "session", json={"apikey": service.apikey}, headers=headers)
        refused(answer, 403, "answers its own page only")
    assert not stranger.session.cookies


def test_a_session_ends_by_signing_out_by_time_and_with_its_key(service, page):
    page.data("trainings")
    refused(page("DELETE", "session", headers={"X-CSRF-Token": "wrong"}), 403, "does not come from this page")
    kept = dict(page.session.cookies)
    assert page("DELETE", "session").status_code == 204
    assert not page.session.cookies
    page.session.cookies.update(kept)
    refused(page("GET", "trainings"), 401, "Sign in")
    again = Page(service, service.apikey)
    service.control.change(clock_offset=3000)
    again.data("trainings")
    service.control.change(clock_offset=6500)
    again.data("trainings")
    service.control.change(clock_offset=10200)
    refused(again("GET", "trainings"), 401, "Sign in")
    # However often it is used, it does not last for ever.
    watching = Page(service, service.apikey)
    for offset in range(10200, 10200 + 12 * 3600, 3000):
        service.control.change(clock_offset=offset)
        watching.data("trainings")
    service.control.change(clock_offset=10200 + 12 * 3600)
    refused(watching("GET", "trainings"), 401, "Sign in")


def test_a_session_ends_with_its_key(own_service):
    from pulumi_wmlfl.server.access import Access
    from pulumi_wmlfl.server.store.database import Database

    found = own_service.control.new_user("leaver")
    page = Page(own_service, found["apikey"])
    database = Database(own_service.data_dir / "service.sqlite")
    access = Access(database)
    (key,) = [key for key in access.keys() if key.username == "leaver"]  # noqa: SIM118 - no mapping
    assert page("GET", "session").status_code == 200
    access.remove_key(key.id)
    database.close()
    refused(page("GET", "session"), 401, "Sign in")


def test_nobody_sees_what_is_not_theirs(service, http, page):
    training = made_training(http, service)["metadata"]["id"]
    stranger = Page(service, member(service)[0])
    assert stranger.data("session")["scopes"] == []
    for path in ("trainings", f"trainings/{training}", "objects", "requests"):
        refused(stranger("GET", path), 403, "is no member of the project")
        refused(page("GET", path, scope={"project_id": "unknown"}), 404, "does not exist")
        refused(page("GET", path, scope={"version": "2020-08-01"}), 400, "Exactly one of")
    other = {"project_id": service.control.new_scope()}
    refused(page("GET", f"trainings/{training}", scope=other), 404, "does not exist")
    refused(page("POST", f"trainings/{training}/cancel", scope=other), 404, "does not exist")
    refused(stranger("POST", f"trainings/{training}/cancel"), 403, "is no member of the project")
    assert page.data("trainings", scope=other) == {"total": 0, "trainings": []}
    assert page.data("objects", scope=other)["models"]["items"] == []


def test_only_who_may_write_cancels_and_only_from_the_page(service, http, page):
    training = made_training(http, service)["metadata"]["id"]
    path = f"trainings/{training}"
    viewer = Page(service, member(service, "viewer")[0])
    assert viewer.data(path)["may_cancel"] is False
    refused(viewer("POST", f"{path}/cancel"), 403, "The role viewer may not change anything here.")
    assert page.data(path)["may_cancel"] is True
    for csrf in ("", viewer.csrf, "é"):
        headers = {"X-CSRF-Token": csrf.encode()}
        refused(page("POST", f"{path}/cancel", headers=headers), 403, "does not come from this page")
    refused(page("POST", f"{path}/cancel", headers={"Origin": "https://evil.example"}), 403, "own page only")
    assert page("GET", f"{path}/cancel").status_code == 405
    assert page.data(path)["state"] != "canceled"
    assert page("POST", f"{path}/cancel", headers={"Origin": service.url}).status_code == 204
    assert page.data(path)["state"] == "canceled"
    assert page.data(path)["may_cancel"] is False
    refused(page("POST", f"{path}/cancel"), 400, "Job already completed")


def test_what_a_training_shows(service, http, page):
    model = made(http, "models", model_body(service, name="Untrained"))["metadata"]["id"]
    parties = [
        made(http, "remote_training_systems", party_body(service, name=name))["metadata"]["id"]
        for name in ("North", "South")
    ]
    remote = {"max_timeout": 600}
    secret = {"access_key_id": "AKIAEXAMPLE", "secret_access_key": "very-secret"}
    results = {"type": "s3", "connection": {**secret, "endpoint_url": "https://s3.example"}}
    results["location"] = {"bucket": "b", "path": "p"}
    body = training_body(service, *parties, model_id=model, remote=remote, results_reference=results)
    training = made(http, "trainings", {**body, "tags": ["<b>bold</b>"]})["metadata"]["id"]
    wait_until(lambda: page.data(f"trainings/{training}")["state"] == "accepting_parties")

    def entry(number, mean, north):
        systems = [{"id": parties[0], "fused": north, "local": 0.1}, {"id": parties[1], "fused": "nan"}]
        metrics = {"acc": {"global": mean, "remote_training_systems": systems}}
        return {"iteration": number, "timestamp": "", "ml_federated_metrics": metrics}

    metrics = [entry(1, 0.5, 0.4), entry(2, "nan", 0.6), entry(3, 0.75, 0.7)]
    service.control.move(training, "running", iteration=3, total_iterations=5, metrics=metrics)
    shown = page.data(f"trainings/{training}")
    assert (shown["iteration"], shown["rounds"], shown["state"]) == (3, 5, "running")
    assert (shown["tags"], shown["model"]["name"], shown["quorum"]) == (["<b>bold</b>"], "Untrained", 1.0)
    (acc,) = shown["metrics"]
    assert (acc["name"], acc["mean"], acc["parties_left_out"]) == ("acc", [[1, 0.5], [3, 0.75]], 0)
    own = [[number, 0.1] for number in (1, 2, 3)]
    north = {"name": "North", "points": [[1, 0.4], [2, 0.6], [3, 0.7]], "own": own}
    assert acc["parties"] == [north, {"name": "South", "points": [], "own": []}]
    assert [(item["name"], item["required"], item["connected"]) for item in shown["party_list"]] == [
        ("North", True, False),
        ("South", True, False),
    ]
    (line,) = page.data("trainings")["trainings"]
    assert (line["id"], line["iteration"], line["parties"]) == (training, 3, 2)
    everything = [page("GET", path).text for path in ("trainings", f"trainings/{training}", "objects")]
    assert not any(value in text for value in secret.values() for text in everything)


def test_a_long_training_stays_small(service, http, page):
    training = made_training(http, service)["metadata"]["id"]
    wait_until(lambda: page.data(f"trainings/{training}")["state"] == "accepting_parties")
    metrics = [
        {"iteration": number, "ml_federated_metrics": {"loss": {"global": 1 / number}}}
        for number in range(1, 5001)
    ]
    service.control.move(training, "running", iteration=5000, metrics=metrics)
    (loss,) = page.data(f"trainings/{training}")["metrics"]
    assert len(loss["mean"]) <= 300
    assert loss["mean"][-1] == [5000, 1 / 5000]


def test_what_objects_show(service, http, page):
    model = made(http, "models", model_body(service, name="Weights"))["metadata"]["id"]
    upload = project(service, content_format="native")
    assert http("PUT", f"/ml/v4/models/{model}/content", params=upload, data=b"12345").ok
    made(
        http,
        "remote_training_systems",
        party_body(service, name="Clinic", organization={"name": "Village", "region": "JP"}),
    )
    shown = page.data("objects")
    (item,) = shown["models"]["items"]
    assert (item["id"], item["name"], item["bytes"]) == (model, "Weights", 5)
    (system,) = shown["remote_training_systems"]["items"]
    assert (system["organization"], system["identities"]) == ("Village, JP", [service.user_id])


def test_requests_are_their_owners_and_the_admins(service, http, page):
    editor_key, editor_id = member(service, "editor")
    editor, stranger_key = service.http(editor_key), member(service)[0]
    made(editor, "models", model_body(service, name="Theirs"))
    refused(editor("GET", "/ml/v4/models/gone", params=project(service)), 404, "does not exist")
    service.http(stranger_key)("GET", "/v2/projects", params={"secret": "of-the-stranger"})
    requests.get(f"{service.url}/ml/v4/models", verify=service.ca_file, timeout=30)

    seen = page.data("requests")["requests"]
    missing = next(item for item in seen if item["path"] == "/ml/v4/models/gone")
    assert (missing["status"], missing["user"]) == (404, editor_id)
    assert "The model gone does not exist" in missing["problem"]
    assert any(item["status"] == 401 and not item["user"] for item in seen)
    assert {item["path"] for item in seen if item["user"] == editor_id} >= {"/ml/v4/models"}
    assert {item["user"] for item in seen} <= {"", service.user_id, editor_id}
    assert not any(item["path"].startswith("/dashboard") for item in seen)

    theirs = Page(service, editor_key).data("requests")["requests"]
    assert {item["user"] for item in theirs} == {editor_id}
    # An admin of another project sees nothing of this one.
    elsewhere = {"project_id": service.control.new_scope()}
    assert editor_id not in {item["user"] for item in page.data("requests", scope=elsewhere)["requests"]}


@pytest.mark.parametrize("path", ["trainings", "objects", "requests"])
def test_nothing_new_is_answered_without_a_body(service, http, page, path):
    made_training(http, service)
    # The clock moves the new training once.
    wait_until(lambda: page.data("trainings")["trainings"][0]["state"] == "accepting_parties")
    first = page("GET", path)
    assert first.headers["Cache-Control"] == "no-store"
    known = {"If-None-Match": first.headers["ETag"]}

    def unchanged():
        answer = page("GET", path, headers=known)
        known["If-None-Match"] = answer.headers["ETag"]
        return answer.status_code == 304 and not answer.content

    wait_until(unchanged)
    made_training(http, service)
    again = page("GET", path, headers=known)
    assert again.status_code == 200
    assert again.json() != first.json()


def test_the_service_says_where_its_dashboard_is(tmp_path):
    process = spawn(tmp_path / "data")
    try:
        wait_until(lambda: (tmp_path / "data/ready.json").exists() or process.poll() is not None)
        lines = [process.stdout.readline() for _ in range(3)]
    finally:
        process.terminate()
        process.communicate(timeout=15)
    (address,) = [line.split()[1] for line in lines if line.startswith("  address ")]
    assert f"  dashboard    {address}/dashboard/\n" in lines
