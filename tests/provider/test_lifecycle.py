"""The life of each resource through the real provider process, field by field of the policy table."""

import pytest

from pulumi_wmlfl.schema.policy import FIELDS, Change
from tests.provider.samples import APART, MINIMAL, SAMPLED, VALUES
from tests.support.provider import UNKNOWN, Failure
from tests.support.service import wait_until

CASES = [(collection, field) for collection, fields in FIELDS.items() for field in fields]


def cases(*changes):
    found = [case for case in SAMPLED if case[1].change in changes]
    return pytest.mark.parametrize(
        ("collection", "field"), found, ids=[f"{kind}-{field.name}" for kind, field in found]
    )


def test_every_field_has_values():
    assert {field.name for _, field in CASES} == set(VALUES) | APART


@pytest.mark.parametrize("collection", FIELDS)
def test_what_was_created_is_read_back_as_it_was_declared_and_does_not_differ(provider, declare, collection):
    object_id, outputs, inputs = provider.deployed(collection, declare.full(collection))
    _, read_outputs, read_inputs = provider.read(collection, object_id, outputs)
    assert read_inputs == inputs == declare.full(collection)
    assert provider.diff(collection, object_id, outputs, inputs) == (False, set())
    assert provider.diff(collection, object_id, read_outputs, read_inputs) == (False, set())
    assert {k: v for k, v in read_outputs.items() if k != "message"} == {
        k: v for k, v in outputs.items() if k != "message"
    }
    provider.delete(collection, object_id, outputs)
    assert provider.read(collection, object_id, outputs)[0] == ""
    provider.delete(collection, object_id, outputs)


@cases(Change.UPDATES)
def test_an_updatable_field_changes_in_place(provider, declare, service, collection, field):
    first, second = declare.real(list(VALUES[field.name]))
    object_id, outputs, inputs = provider.deployed(collection, declare(collection, **{field.name: first}))
    changed = {**inputs, field.name: second}
    assert provider.diff(collection, object_id, outputs, changed) == (True, set())
    updated = provider.update(collection, object_id, outputs, changed)
    assert updated[field.name] == second
    _, read, _ = provider.read(collection, object_id, updated)
    assert read[field.name] == second
    assert provider.diff(collection, object_id, read, changed) == (False, set())


@cases(Change.REPLACES)
def test_a_replacing_field_says_so(provider, declare, collection, field):
    first, second = declare.real(list(VALUES[field.name]))
    object_id, outputs, inputs = provider.deployed(collection, declare(collection, **{field.name: first}))
    assert provider.diff(collection, object_id, outputs, {**inputs, field.name: second}) == (
        True,
        {field.name},
    )
    assert provider.diff(collection, object_id, outputs, {**inputs, field.name: UNKNOWN})[0]


@cases(Change.OURS)
def test_a_field_of_ours_is_kept_without_a_change_in_wml(provider, declare, service, collection, field):
    first, second = declare.real(list(VALUES[field.name]))
    object_id, outputs, inputs = provider.deployed(collection, declare(collection, **{field.name: first}))
    changed = {**inputs, field.name: second}
    assert provider.diff(collection, object_id, outputs, changed) == (True, set())
    before = service.client().get(collection, object_id, service.scope).metadata.modified_at
    assert provider.update(collection, object_id, outputs, changed)[field.name] == second
    assert service.client().get(collection, object_id, service.scope).metadata.modified_at == before


@pytest.mark.parametrize("collection", FIELDS)
def test_another_scope_replaces(provider, declare, service, collection):
    object_id, outputs, inputs = provider.deployed(collection, declare(collection))
    moved = {key: value for key, value in inputs.items() if key != "project_id"}
    moved["space_id"] = service.space_id
    assert provider.diff(collection, object_id, outputs, moved) == (True, {"project_id", "space_id"})


OPTIONAL = [
    (kind, field)
    for kind, field in SAMPLED
    if field.change is Change.UPDATES and not field.required and field.removable
]


@pytest.mark.parametrize(("collection", "field"), OPTIONAL, ids=[f"{k}-{f.name}" for k, f in OPTIONAL])
@pytest.mark.parametrize("refuses", [False, True], ids=["removed", "emptied"])
def test_an_optional_field_that_is_dropped_is_taken_away(
    provider, declare, service, collection, field, refuses
):
    value = VALUES[field.name][0]
    object_id, outputs, inputs = provider.deployed(collection, declare(collection, **{field.name: value}))
    dropped = {key: item for key, item in inputs.items() if key != field.name}
    assert provider.diff(collection, object_id, outputs, dropped) == (True, set())
    if refuses:
        if field.name in {"organization", "remote_admin"}:
            pytest.skip("WML requires a name in it: it cannot be emptied")
        if field.name == "tags":
            pytest.skip("the marker stays among the tags: they are never removed")
        service.control.fault(method="PATCH", path=".*", status=400, count=1)
    updated = provider.update(collection, object_id, outputs, dropped)
    assert field.name not in updated
    assert field.name not in provider.read(collection, object_id, updated)[2]


def test_a_model_version_that_is_dropped_replaces(provider, declare):
    version = {"model_version": {"number": "1"}}
    object_id, outputs, inputs = provider.deployed("models", declare("models", **version))
    del inputs["model_version"]
    assert provider.diff("models", object_id, outputs, inputs) == (True, {"model_version"})


@cases(Change.UPDATES)
@pytest.mark.parametrize("was_declared", [True, False], ids=["declared", "undeclared"])
def test_drift_is_seen_and_put_right(provider, declare, service, collection, field, was_declared):
    first, second = declare.real(list(VALUES[field.name]))
    if not was_declared and (field.required or not field.removable):
        first = MINIMAL[collection].get(field.name, first)
    wanted = {field.name: first} if was_declared or field.required or not field.removable else {}
    object_id, outputs, inputs = provider.deployed(collection, declare(collection, **wanted))
    client = service.client()
    op = "replace" if wanted else "add"
    client.patch(
        collection, object_id, service.scope, [{"op": op, "path": f"/{field.name}", "value": second}]
    )
    _, drifted, read_inputs = provider.read(collection, object_id, outputs)
    assert read_inputs[field.name] == second
    assert {k: v for k, v in read_inputs.items() if k != field.name} == {
        k: v for k, v in inputs.items() if k != field.name
    }
    assert provider.diff(collection, object_id, drifted, inputs) == (True, set())
    provider.update(collection, object_id, drifted, inputs)
    assert provider.read(collection, object_id, outputs)[2] == inputs


def test_a_key_that_somebody_added_to_custom_is_drift(provider, declare, service):
    collection = "remote_training_systems"
    object_id, outputs, _inputs = provider.deployed(collection, declare(collection, custom={"a": 1}))
    added = [{"op": "replace", "path": "/custom", "value": {"a": 1, "b": 2}}]
    service.client().patch(collection, object_id, service.scope, added)
    assert provider.read(collection, object_id, outputs)[2]["custom"] == {"a": 1, "b": 2}


@pytest.fixture
def content(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights").write_bytes(b"one")
    return folder


def test_content_is_compared_by_its_hash_alone(provider, declare, service, content, tmp_path):
    model = declare("models", content=str(content))
    object_id, outputs, inputs = provider.deployed("models", model)
    assert outputs["content_sha256"] == inputs["content_sha256"]
    moved = tmp_path / "elsewhere"
    content.rename(moved)
    news, _ = provider.check("models", {**model, "content": str(moved)})
    assert provider.diff("models", object_id, outputs, news) == (False, set())

    (moved / "weights").write_bytes(b"two")
    news, _ = provider.check("models", {**model, "content": str(moved)})
    assert provider.diff("models", object_id, outputs, news) == (True, set())
    updated = provider.update("models", object_id, outputs, news)
    assert updated["content_sha256"] == news["content_sha256"] != outputs["content_sha256"]
    assert updated["modified_at"] > outputs["modified_at"]
    assert len(service.client().list_content(object_id, service.scope)) == 1
    assert provider.read("models", object_id, updated)[2] == news


def test_content_that_somebody_replaced_or_removed_is_drift(provider, declare, service, content):
    model = declare("models", content=str(content))
    object_id, outputs, inputs = provider.deployed("models", model)
    client = service.client()
    import io

    client.upload_content(object_id, service.scope, lambda: io.BytesIO(b"other"), size=5)
    _, drifted, read = provider.read("models", object_id, outputs)
    assert read["content_sha256"] != inputs["content_sha256"]
    assert drifted["content_bytes"] == 5
    assert provider.diff("models", object_id, drifted, inputs) == (True, set())
    repaired = provider.update("models", object_id, drifted, inputs)
    assert provider.read("models", object_id, repaired)[2] == inputs

    for attachment in client.list_content(object_id, service.scope):
        client.delete_content(object_id, service.scope, attachment.attachment_id)
    _, drifted, read = provider.read("models", object_id, repaired)
    assert "content_sha256" not in read
    assert provider.diff("models", object_id, drifted, inputs) == (True, set())
    assert (
        provider.read("models", object_id, provider.update("models", object_id, drifted, inputs))[2] == inputs
    )


def test_content_that_is_dropped_from_the_program_is_removed(provider, declare, service, content):
    object_id, outputs, inputs = provider.deployed("models", declare("models", content=str(content)))
    news = {k: v for k, v in inputs.items() if k not in {"content", "content_sha256"}}
    assert provider.diff("models", object_id, outputs, news) == (True, set())
    assert "content_bytes" not in provider.update("models", object_id, outputs, news)
    assert list(service.client().list_content(object_id, service.scope)) == []


def test_a_model_whose_upload_fails_is_removed_again(provider, declare, service, content):
    service.control.fault(method="PUT", path=".*/content", status=507, count=1)
    model, _ = provider.check("models", declare("models", content=str(content)))
    with pytest.raises(Failure, match="removed again"):
        provider.create("models", model)
    assert list(service.client().list("models", service.scope)) == []


def test_an_object_that_takes_a_moment_to_appear_is_waited_for(provider, declare, service, content):
    service.control.fault(method="PUT", path=".*/content", status=404, count=2)
    service.control.fault(method="GET", path="/ml/v4/trainings/.*", status=404, count=1)
    _, outputs, _ = provider.deployed("models", declare("models", content=str(content)))
    assert outputs["content_bytes"] > 0
    assert provider.deployed("trainings", declare("trainings"))[1]["state"] == "accepting_parties"


@pytest.mark.parametrize("collection", FIELDS)
def test_an_existing_object_is_read_with_all_that_wml_says(provider, declare, collection):
    object_id, _outputs, inputs = provider.deployed(collection, declare.full(collection))
    found, read, _ = provider.read(collection, object_id, {"name": "resource-name", **declare.scope})
    assert found == object_id
    assert read["name"] == inputs["name"]
    secret = {field.name for kind, field in CASES if kind == collection and field.secret}
    ours = {"triggers", "timeouts", "wait_for", "on_delete"}
    for name in set(inputs) - secret - ours - {"software_spec", "hybrid_pipeline_software_specs"}:
        assert read[name] == inputs[name]
    assert "AKIDAKID" not in str(read)


@pytest.mark.parametrize("collection", FIELDS)
def test_reading_what_does_not_exist_is_an_error(provider, declare, collection):
    with pytest.raises(Failure, match=r"There is no .* nothing"):
        provider.read(collection, "nothing", {"name": "x", **declare.scope})


def test_an_object_deleted_behind_pulumi_s_back_is_named_when_it_is_updated(provider, declare, service):
    collection = "remote_training_systems"
    object_id, outputs, inputs = provider.deployed(collection, declare(collection))
    service.client().delete(collection, object_id, service.scope)
    with pytest.raises(Failure, match="wmlfl refresh"):
        provider.update(collection, object_id, outputs, {**inputs, "description": "x"})


def test_party_variables_name_the_parties_with_one_listing(provider, declare, service):
    parties = [
        service.client()
        .create(
            "remote_training_systems",
            {**MINIMAL["remote_training_systems"], **declare.scope, "name": f"p{n}"},
        )
        .id
        for n in range(5)
    ]
    training = declare("trainings")
    training["federated_learning"]["remote_training"]["remote_training_systems"] = [
        {"id": party} for party in parties
    ]
    object_id, outputs, _ = provider.deployed("trainings", training)
    assert outputs["party_variables"] == {
        "host": service.url,
        "training_id": object_id,
        "project_id": service.project_id,
        "remote_training_systems": {f"p{n}": party for n, party in enumerate(parties)},
    }
    asked = service.control.requests(path="/ml/v4/remote_training_systems.*", method="GET")
    mine = [r for r in asked if service.project_id in str(r)]
    assert len(mine) == 1


def test_the_order_of_a_training_s_parties_means_nothing(provider, declare):
    training = declare("trainings")
    remote = training["federated_learning"]["remote_training"]
    remote["remote_training_systems"] = [{"id": "a", "required": True}, {"id": "b", "required": False}]
    inputs, _ = provider.check("trainings", training)
    remote["remote_training_systems"].reverse()
    assert provider.diff("trainings", "t", inputs, training) == (False, set())
    remote["remote_training_systems"][0]["required"] = True
    assert provider.diff("trainings", "t", inputs, training) == (True, {"federated_learning"})


def test_a_deleted_training_is_cancelled_first_and_its_record_removed(provider, declare, service):
    object_id, outputs, _ = provider.deployed("trainings", declare("trainings"))
    provider.delete("trainings", object_id, outputs)
    assert list(service.client().list("trainings", service.scope)) == []


def test_on_delete_cancel_keeps_the_record(provider, declare, service):
    object_id, outputs, _ = provider.deployed("trainings", declare("trainings", on_delete="cancel"))
    provider.delete("trainings", object_id, outputs)
    state = lambda: service.client().get("trainings", object_id, service.scope).state  # noqa: E731
    assert wait_until(lambda: state() == "canceled")
