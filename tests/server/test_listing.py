"""Listings: pages, filters, and the links that IBM's SDK follows in its own way."""

import pytest

from tests.server.samples import made, made_training, model_body, party_body, project, refused
from tests.support.service import wait_until

COLLECTIONS = ("models", "remote_training_systems", "trainings")


def ids(answer):
    assert answer.status_code == 200, answer.text
    return [item["metadata"]["id"] for item in answer.json()["resources"]]


@pytest.fixture
def five(service, http):
    """Five parties, newest first."""
    bodies = [party_body(service, name=f"party {number}") for number in range(5)]
    return [made(http, "remote_training_systems", body)["metadata"]["id"] for body in bodies][::-1]


def test_pages_come_newest_first_and_are_followed_as_ibm_s_sdk_does(service, http, five):
    query = project(service, limit=2)
    page = http("GET", "/ml/v4/remote_training_systems", params=query)
    found = ids(page)
    assert page.json()["limit"] == 2
    while "next" in page.json():
        href = page.json()["next"]["href"]
        assert href.startswith("/ml/v4/remote_training_systems?")
        # The SDK joins with a slash too many and appends its own parameters again.
        page = http("GET", f"/{href}", params=query)
        found += ids(page)
    assert found == five
    assert "next" not in page.json()
    first = page.json()["first"]["href"]
    assert ids(http("GET", first)) == five[:2]


def test_an_object_made_between_two_pages_is_neither_doubled_nor_does_it_hide_one(service, http, five):
    page = http("GET", "/ml/v4/remote_training_systems", params=project(service, limit=3)).json()
    made(http, "remote_training_systems", party_body(service))
    assert ids(http("GET", page["next"]["href"])) == five[3:]


@pytest.mark.parametrize("collection", COLLECTIONS)
@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "1.5", "٣", "9" * 30])
def test_a_wrong_limit_is_refused(service, http, collection, limit):
    answer = http("GET", f"/ml/v4/{collection}", params=project(service, limit=limit))
    error = refused(answer, 400, "limit must be between 1 and 200", "invalid_input_argument")
    assert error["target"]["name"] == "limit"


@pytest.mark.parametrize("start", ["x", "cDE=x", "cC0x", "cDk5OTk5OTk5OTk5OTk5OTk5OTk5", "%00"])
def test_a_made_up_start_is_refused(service, http, start):
    answer = http("GET", "/ml/v4/models", params=project(service, start=start))
    refused(answer, 400, "start must come from the href", "invalid_input_argument")


def test_the_default_page_size_is_configurable(service, http, five):
    service.control.change(page_size=2)
    assert ids(http("GET", "/ml/v4/remote_training_systems", params=project(service))) == five[:2]
    assert len(list(service.client().list("remote_training_systems", service.scope))) == 5


@pytest.mark.parametrize("collection", ["models", "remote_training_systems"])
def test_tags_and_search_filter(service, http, collection):
    body = model_body if collection == "models" else party_body
    both = made(http, collection, body(service, name="Alpha", tags=["a", "b"]))["metadata"]["id"]
    one = made(http, collection, body(service, description="an ALPHA too", tags=["a"]))["metadata"]["id"]
    other = made(http, collection, body(service, tags=["this or that"]))["metadata"]["id"]
    made(http, collection, body(service))

    def found(**query):
        return set(ids(http("GET", f"/ml/v4/{collection}", params=project(service, **query))))

    assert found(**{"tag.value": "a"}) == {both, one}
    assert found(**{"tag.value": "b or this or that"}) == {both}
    assert found(**{"tag.value": "this or that"}) == {other}
    assert found(**{"tag.value": "a and b"}) == {both}
    assert found(**{"tag.value": "x"}) == set()
    assert found(search="alpha") == {both, one}
    assert found(search="alpha", **{"tag.value": "b"}) == {both}


def test_models_are_found_by_specification(service, http):
    wanted = made(http, "models", model_body(service, software_spec={"name": "runtime-22.2-py3.10"}))
    made(http, "models", model_body(service))
    spec = wanted["entity"]["software_spec"]["id"]
    assert ids(http("GET", "/ml/v4/models", params=project(service, software_spec=spec))) == [
        wanted["metadata"]["id"]
    ]


def test_trainings_are_found_by_state_tag_and_definition(service, http):
    first = made_training(http, service, training_definition_id="D")["metadata"]["id"]
    second = made_training(http, service, tags=["other"])["metadata"]["id"]

    def found(**query):
        return ids(http("GET", "/ml/v4/trainings", params=project(service, **query)))

    assert found(training_definition_id="D") == [first]
    assert found(**{"tag.value": "fl"}) == [first]
    assert found(type="experiment") == []
    wait_until(lambda: found(state="accepting_parties") == [second, first])
    assert found(state="completed") == []
    answer = http("GET", "/ml/v4/trainings", params=project(service, total_count="true", limit=1)).json()
    assert answer["total_count"] == 2
    assert "total_count" not in http("GET", "/ml/v4/trainings", params=project(service)).json()


def test_a_listing_needs_one_scope(service, http):
    for collection in COLLECTIONS:
        error = refused(http("GET", f"/ml/v4/{collection}"), 400, "Exactly one of project_id and space_id")
        assert error["code"] == "invalid_input_argument"
        both = {"project_id": service.project_id, "space_id": service.space_id}
        refused(http("GET", f"/ml/v4/{collection}", params=both), 400, "both a project_id and a space_id")
        twice = [("project_id", service.project_id), ("project_id", "other")]
        refused(http("GET", f"/ml/v4/{collection}", params=twice), 400, "several values of project_id")
        same = [("project_id", service.project_id)] * 2 + [("version", "2020-08-01")] * 2
        assert http("GET", f"/ml/v4/{collection}", params=same).status_code == 200


@pytest.mark.parametrize("version", ["2019-10-25", "2099-01-01", None])
def test_any_date_is_a_version(service, http, version):
    query = {"project_id": service.project_id, **({"version": version} if version else {})}
    assert http("GET", "/ml/v4/models", params=query).status_code == 200


def test_what_is_no_date_is_no_version(service, http):
    answer = http("GET", "/ml/v4/models", params={"project_id": service.project_id, "version": "newest"})
    refused(answer, 400, "version must be a date", "invalid_input_argument")
