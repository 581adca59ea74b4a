"""Explicit providers and lookups: the programs of the page, with both engines."""

import re
from pathlib import Path

import pytest

from pulumi_wmlfl import Provider, get_model
from pulumi_wmlfl.errors import LookupFailed
from tests.server.samples import made, model_body, party_body, training_body
from tests.support.stacks import ENGINES, Stack

PAGE = (Path(__file__).parents[2] / "docs" / "environments.md").read_text()
PROVIDERS, LOOKUPS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def other(service, tmp_path_factory):
    """Another project of the same service."""
    return service.with_fresh_scopes(tmp_path_factory.mktemp("other"))


@pytest.mark.parametrize("engine", ENGINES)
def test_two_environments_in_one_program(tmp_path, service, other, engine):
    settings = {
        "northReadyFile": service.ready_file,
        "southUrl": other.url,
        "southAuthority": other.ca_file,
        "southProject": other.project_id,
        "aside": "true",
    }
    config = "".join(f"  test:{key}: {value}\n" for key, value in settings.items())
    # What the environment says of the stack's own WML is not for the providers.
    stack = Stack(tmp_path, PROVIDERS, engine=engine, config=config, WMLFL_APIKEY="of-the-stacks-own-1234")
    stack.run("config", "set", "--secret", "southKey", text=service.apikey)
    stack.up()
    ids = stack.outputs()
    for name, place in {"north": service, "south": other}.items():
        found = list(place.client().list("remote_training_systems", place.scope))
        assert [(entry.id, entry.metadata.name) for entry in found] == [(ids[name], f"party-{name}")]
    state = [path.read_text() for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert any("wmlfl:southUrl" in text or "wmlfl:url" in text for text in state)
    assert not [text for text in state if service.apikey in text]
    stack.run("preview", "--expect-no-changes", "--non-interactive")
    wrong = {"WMLFL_PROVIDER_SOUTH_APIKEY": "a-wrong-key-31415"}
    said = stack.run("refresh", "--yes", "--skip-preview", "--non-interactive", code=1, **wrong)
    assert "environment variable WMLFL_PROVIDER_SOUTH_APIKEY" in said
    stack.destroy()
    for place in (service, other):
        assert list(place.client().list("remote_training_systems", place.scope)) == []


@pytest.mark.parametrize("engine", ENGINES)
def test_a_program_looks_up_what_exists(tmp_path, service, engine):
    http = service.http()
    made(http, "models", model_body(service, name="Untrained"))
    stack = Stack(tmp_path, LOOKUPS, engine=engine, WMLFL_READY_FILE=service.ready_file)
    stack.up()
    assert stack.outputs() == {"type": "tensorflow_2.12", "party": "nobody yet"}
    made(http, "models", model_body(service, name="Untrained"))
    said = stack.run("preview", "--non-interactive", code=1)
    assert "2 models of the project" in said
    assert "Traceback" not in said


@pytest.fixture
def configured(service, monkeypatch):
    for key in ("WMLFL_APIKEY", "WMLFL_URL"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("WMLFL_PLATFORM", "local")
    monkeypatch.setenv("WMLFL_READY_FILE", str(service.ready_file))
    monkeypatch.setenv("WMLFL_RETRIES", "0")


def test_a_training_is_found_by_tag_without_the_keys_of_its_storage(service, configured):
    from pulumi_wmlfl import get_training

    http = service.http()
    model = made(http, "models", model_body(service))["metadata"]["id"]
    party = made(http, "remote_training_systems", party_body(service))["metadata"]["id"]
    connection = {"endpoint_url": "https://s3", "access_key_id": "AK", "secret_access_key": "SK"}
    results = {"type": "s3", "location": {"bucket": "b", "path": "."}, "connection": connection}
    body = {**training_body(service, party, model_id=model), "results_reference": results}
    training = made(http, "trainings", {**body, "tags": ["spring"]})["metadata"]["id"]
    found = get_training(tag="spring")
    assert (found.id, found.name, found.project_id) == (training, "t", service.project_id)
    assert found.state in {"pending", "accepting_parties"}
    assert found.results_location["bucket"] == "b"
    assert "connection" not in found.entity["results_reference"]
    assert get_training(training).tags == ["spring"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "takes either an id, or a name, a tag or both"),
        ({"id": "a", "name": "b"}, "takes either an id, or a name, a tag or both"),
        ({"name": ""}, "name of a lookup must be plain text"),
        ({"name": "a", "project_id": "p", "space_id": "s"}, "not both"),
        ({"id": "no-such-model"}, "WML answered 404"),
        ({"name": "no such model"}, "No model of the project"),
    ],
)
def test_a_lookup_says_what_is_wrong(configured, given, said):
    with pytest.raises(LookupFailed) as raised:
        get_model(**given)
    assert said in str(raised.value)
    assert re.search(r" \[WMLFL\d{3}\]$", str(raised.value))


def test_a_lookup_that_cannot_be_made_ends_with_the_code_of_the_reason(configured, monkeypatch):
    monkeypatch.setenv("WMLFL_APIKEY", "last-years-key")
    with pytest.raises(LookupFailed, match=r"wins over every other: correct it, or unset it\. \[WMLFL302\]$"):
        get_model("x")


def test_a_provider_knows_its_settings():
    with pytest.raises(TypeError, match=r"has no plattform\. Did you mean 'platform'\?"):
        Provider("p", plattform="local")
