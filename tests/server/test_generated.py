"""Generated requests: whatever comes, the answer is WML's and the service goes on."""

import copy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.server.samples import made, model_body, party_body, project, training_body

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(["<b>", "\u202e", "' OR 1=1 --", "../../etc/passwd", "{{7*7}}", "9" * 400]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=10), inner, max_size=3)
    ),
    max_leaves=8,
)
PATHS = [
    *("/name", "/description", "/tags", "/custom", "/organization", "/remote_admin", "/allowed_identities"),
    *("/project_id", "", "/", "/tags/0", "//name"),
]
SETTINGS = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def places(value, path=()):
    """Every place in a body, as a path."""
    yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*path, index))


def changed(body, path, value, *, drop):
    """A copy of `body` with one place replaced or taken away."""
    if not path:
        return value
    copied = copy.deepcopy(body)
    target = copied
    for step in path[:-1]:
        target = target[step]
    if drop:
        del target[path[-1]]
    else:
        target[path[-1]] = value
    return copied


def body_of(collection, service, party):
    if collection == "models":
        return model_body(service, description="d", tags=["a"], custom={"k": [1]})
    if collection == "trainings":
        return training_body(service, party, learning={"hardware_spec": {"name": "S"}})
    return party_body(service, organization={"name": "O"}, remote_admin={"id": "x", "type": "user"})


@pytest.fixture
def party(service, http):
    return made(http, "remote_training_systems", party_body(service))["metadata"]["id"]


@pytest.mark.parametrize("collection", ["models", "remote_training_systems", "trainings"])
@SETTINGS
@given(data=st.data())
def test_a_changed_body_is_stored_as_it_is_or_refused(service, http, party, collection, data):
    body = body_of(collection, service, party)
    path = data.draw(st.sampled_from(list(places(body))))
    wrong = changed(body, path, data.draw(VALUES), drop=data.draw(st.booleans()))
    answer = http("POST", f"/ml/v4/{collection}", params={"version": "2020-08-01"}, json=wrong)
    assert answer.status_code in {201, 202, 400, 403, 404}, answer.text
    if answer.status_code >= 400:
        assert answer.json()["errors"][0]["message"]
        return
    item = f"/ml/v4/{collection}/{answer.json()['metadata']['id']}"
    found = http("GET", item, params=project(service))
    if answer.status_code == 201 and collection != "trainings":
        assert found.json() == answer.json()
    assert http("GET", f"/ml/v4/{collection}", params=project(service, search="a")).status_code == 200
    assert http("DELETE", item, params=project(service, hard_delete="true")).status_code == 204


@SETTINGS
@given(
    operations=st.one_of(
        VALUES,
        st.lists(
            st.fixed_dictionaries(
                {
                    "op": st.sampled_from(["add", "replace", "remove", "test", "copy"]),
                    "path": st.sampled_from(
                        [
                            "/name",
                            "/description",
                            "/tags",
                            "/custom",
                            "/organization",
                            "/remote_admin",
                            "/allowed_identities",
                            "/project_id",
                            "",
                            "/",
                            "/tags/0",
                            "//name",
                        ]
                    ),
                },
                optional={"value": VALUES},
            ),
            max_size=3,
        ),
    )
)
def test_a_patch_is_applied_whole_or_refused_whole(service, http, party, operations):
    item = f"/ml/v4/remote_training_systems/{party}"
    before = http("GET", item, params=project(service)).json()
    answer = http("PATCH", item, params=project(service), json=operations)
    assert answer.status_code in {200, 400}, answer.text
    after = http("GET", item, params=project(service)).json()
    assert after == (answer.json() if answer.status_code == 200 else before)


@SETTINGS
@given(
    query=st.dictionaries(
        st.sampled_from(
            [
                "limit",
                "start",
                "tag.value",
                "search",
                "state",
                "type",
                "total_count",
                "version",
                "rev",
                "space_id",
            ]
        ),
        st.text(max_size=12),
        max_size=4,
    ),
    collection=st.sampled_from(["models", "remote_training_systems", "trainings"]),
)
def test_any_query_is_answered(service, http, party, query, collection):
    answer = http("GET", f"/ml/v4/{collection}", params={"project_id": service.project_id, **query})
    assert answer.status_code in {200, 400}, answer.text


@SETTINGS
@given(
    raw=st.binary(max_size=200),
    path=st.sampled_from(["/identity/token", "/icp4d-api/v1/authorize", "/ml/v4/models"]),
)
def test_any_bytes_are_answered(http, raw, path):
    assert http("POST", path, data=raw).status_code in {400, 401}
