"""One object per resource, whatever is lost or killed in the middle of a create."""

import contextlib
import json
import threading
from contextlib import contextmanager

import pytest

from pulumi_wmlfl.core.marker import is_marker, new_marker
from tests.provider.samples import Declare
from tests.support.provider import Failure, local_config, start_provider
from tests.support.service import start_service, wait_until

COLLECTIONS = ["models", "remote_training_systems", "trainings"]
R = "remote_training_systems"
M = "models"


def objects(service, collection, spared=()):
    return [found for found in service.client().list(collection, service.scope) if found.id not in spared]


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def deployment(service, state, tmp_path):
    """Start a provider process of a deployment of its own; all share the folder of notes."""

    @contextmanager
    def start(cwd=tmp_path, config=None, **variables):
        variables = {"WMLFL_STATE_DIR": str(state), "WMLFL_RETRIES": "0", **variables}
        with start_provider(config or local_config(service), cwd=cwd, **variables) as running:
            yield running

    return start


@pytest.fixture
def content(tmp_path):
    (tmp_path / "weights").write_bytes(b"weights")
    return str(tmp_path / "weights")


LOST = {
    "reset after the service acted": {"drop": True, "after": True},
    "reset before the service acted": {"drop": True},
    "html after the service acted": {"status": 200, "body": "<html></html>", "after": True},
    "truncated": {"truncate": True},
    "server fault after the service acted": {
        "status": 502,
        "body": "<html>Bad gateway</html>",
        "after": True,
    },
}


@pytest.mark.parametrize("kind", LOST)
@pytest.mark.parametrize("collection", COLLECTIONS)
def test_a_lost_answer_makes_one_object(deployment, declare, service, collection, kind):
    inputs = declare(collection)
    before = [found.id for found in objects(service, collection)]
    service.control.fault(method="POST", path=f"/ml/v4/{collection}$", **LOST[kind])
    with deployment() as provider:
        object_id, outputs = provider.create(collection, inputs)
        assert [found.id for found in objects(service, collection, before)] == [object_id]
        assert is_marker(outputs["marker"])
        assert provider.diff(collection, object_id, outputs, inputs) == (False, set())


def failing(provider, collection, inputs):
    with contextlib.suppress(Failure):
        provider.create(collection, inputs)


def lose_the_answer(service, collection):
    """Act on the next create and lose its answer; hold the provider when it looks what became of it."""
    service.control.fault(method="POST", path=f"/ml/v4/{collection}$", after=True, drop=True)
    service.control.fault(method="GET", path=f"/ml/v4/{collection}(\\?.*)?$", delay=30)


@contextmanager
def killed_while_creating(deployment, service, collection, inputs):
    """Kill a provider after the service made the object, before the engine knows of it."""
    with deployment() as provider:
        thread = threading.Thread(target=failing, args=(provider, collection, inputs))
        thread.start()
        if service.control.call("GET", "/faults")["faults"]:
            wait_until(lambda: all(f["hits"] for f in service.control.call("GET", "/faults")["faults"]))
        else:
            wait_until(lambda: objects(service, collection))
        provider.kill()
        thread.join(20)
        service.control.call("DELETE", "/faults")
    yield objects(service, collection)[0].id


def test_a_process_killed_after_the_create_is_taken_over(deployment, declare, service, state):
    lose_the_answer(service, R)
    inputs = declare(R)
    with killed_while_creating(deployment, service, R, inputs) as left, deployment() as provider:
        object_id, outputs = provider.create(R, {**inputs, "description": "declared since"})
        assert object_id == left
        assert outputs["description"] == "declared since"
        provider.end()
    assert len(objects(service, R)) == 1
    assert list((state / "pending").glob("*.json")) == []


def test_a_model_whose_upload_was_cut_off_gets_its_content(deployment, declare, service, content):
    service.control.fault(method="PUT", path="/content$", delay=20, drop=True)
    with deployment() as provider:
        inputs, _ = provider.check(M, declare(M, content=content))
    with killed_while_creating(deployment, service, M, inputs) as left, deployment() as provider:
        object_id, outputs = provider.create(M, inputs)
        assert object_id == left
        assert outputs["content_bytes"] == len(b"weights")
    assert len(objects(service, M)) == 1
    with service.client().download_content(left, service.scope) as chunks:
        assert b"".join(chunks) == b"weights"


def test_a_training_that_was_waited_for_is_waited_for_again(deployment, declare, service):
    inputs = declare("trainings")
    service.control.change(pending_seconds=600)
    with killed_while_creating(deployment, service, "trainings", inputs) as left:
        service.control.move(left, "accepting_parties")
        with deployment() as provider:
            assert provider.create("trainings", inputs)[0] == left
    assert len(objects(service, "trainings")) == 1


def test_what_was_left_behind_and_cannot_become_what_is_declared_is_removed(deployment, declare, service):
    lose_the_answer(service, M)
    with (
        killed_while_creating(deployment, service, M, declare(M)) as left,
        deployment() as provider,
    ):
        object_id, outputs = provider.create(M, declare(M, type="pytorch-onnx_2.0"))
        assert object_id != left
        assert outputs["type"] == "pytorch-onnx_2.0"
    assert [found.id for found in objects(service, M)] == [object_id]


def test_replacing_with_unchanged_inputs_makes_a_new_object(deployment, declare, service):
    inputs = declare(R)
    with deployment() as provider:
        first, _ = provider.create(R, inputs)
        provider.end()
    with deployment() as provider:
        second, _ = provider.create(R, inputs)
    assert second != first
    assert {found.id for found in objects(service, R)} == {first, second}


def test_replacing_in_the_same_deployment_makes_a_new_object(deployment, declare, service):
    inputs = declare(R)
    with deployment() as provider:
        assert provider.create(R, inputs)[0] != provider.create(R, inputs)[0]


def test_an_object_that_the_engine_knows_is_never_taken_over(deployment, declare):
    inputs = declare(R)
    with deployment() as provider:
        first, outputs = provider.create(R, inputs)
        provider.kill()
    with deployment() as provider:
        provider.diff(R, first, outputs, {**inputs, "project_id": "another"})
        assert provider.create(R, inputs)[0] != first


def test_an_object_that_the_engine_knows_by_a_new_name_is_never_taken_over(deployment, declare):
    inputs = declare(R)
    with deployment() as provider:
        first, outputs = provider.create(R, inputs)
        provider.kill()
    with deployment() as provider:
        # Renamed, with an alias; then another resource gets the name that is free.
        old, provider.name = provider.name, "renamed"
        provider.diff(R, first, outputs, inputs)
        provider.name = old
        assert provider.create(R, inputs)[0] != first


def test_what_replace_takes_over_because_of_a_crash_is_not_deleted_as_the_original(
    deployment, declare, service
):
    inputs = declare(R)
    with deployment() as provider:
        first, outputs = provider.create(R, inputs)
        provider.kill()
    with deployment() as provider:
        # With --replace the engine asks about nothing before it creates.
        assert provider.create(R, inputs)[0] == first
        provider.delete(R, first, outputs)
        provider.end()
    assert [found.id for found in objects(service, R)] == [first]
    with deployment() as provider:
        assert provider.create(R, inputs)[0] != first
        provider.delete(R, first, outputs)
    assert first not in [found.id for found in objects(service, R)]


def test_a_stack_of_the_same_name_elsewhere_takes_nothing_over(deployment, declare, service, tmp_path):
    lose_the_answer(service, R)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with (
        killed_while_creating(deployment, service, R, declare(R)) as left,
        deployment(elsewhere) as other,
    ):
        assert other.create(R, declare(R))[0] != left


@pytest.mark.parametrize("what", [{"name": "y"}, {"stack": "copy"}], ids=["renamed", "a copied stack"])
def test_another_resource_takes_nothing_over(deployment, declare, service, what):
    lose_the_answer(service, R)
    with killed_while_creating(deployment, service, R, declare(R)) as left, deployment() as provider:
        for attribute, value in what.items():
            setattr(provider, attribute, value)
        assert provider.create(R, declare(R))[0] != left


def test_a_stack_of_the_same_name_in_another_backend_takes_nothing_over(deployment, declare, service):
    one, other = {"PULUMI_BACKEND_URL": "file:///one"}, {"PULUMI_BACKEND_URL": "file:///other"}
    with deployment(**one) as provider:
        # In the state of one, which its killed provider could not be told.
        in_use, _ = provider.create(R, declare(R))
        provider.kill()
    with deployment(**other) as provider:
        assert provider.create(R, declare(R))[0] != in_use
    with deployment(PULUMI_BACKEND_URL="file:///one/") as provider:
        assert provider.create(R, declare(R))[0] == in_use


@pytest.mark.parametrize("named", ["login", "project"])
def test_a_backend_counts_whatever_names_it(deployment, declare, service, tmp_path, monkeypatch, named):
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)

    def at(place):
        """Return the environment of a deployment with the state at `place`."""
        if named == "project":
            text = f"name: test\nruntime: python\nbackend: {{url: 'file:///{place}'}}\n"
            (tmp_path / "Pulumi.yaml").write_text(text)
        else:
            (tmp_path / "credentials.json").write_text(json.dumps({"current": f"file:///{place}"}))
        return {"PULUMI_HOME": str(tmp_path)}

    with deployment(**at("one")) as provider:
        in_use, _ = provider.create(R, declare(R))
        provider.kill()
    with deployment(**at("other")) as provider:
        assert provider.create(R, declare(R))[0] != in_use
    with deployment(**at("one")) as provider:
        assert provider.create(R, declare(R))[0] == in_use


def test_a_local_service_that_comes_back_at_another_port_is_the_same(deployment, tmp_path):
    with start_service(tmp_path / "data") as service:
        first = service.url
        inputs = Declare(service)(R)
        with deployment(config=local_config(service)) as provider:
            made, _ = provider.create(R, inputs)
            provider.kill()
    with start_service(tmp_path / "data") as service:
        assert service.url != first
        with deployment(config=local_config(service)) as provider:
            assert provider.create(R, inputs)[0] == made


def test_nothing_is_looked_up_where_nothing_can_be_pending(deployment, declare, service):
    with deployment() as provider:
        for name in ("a", "b", "c"):
            provider.create(R, declare(R, name=name))
    asked = service.control.requests(path=f"/ml/v4/{R}(\\?.*)?$", method="GET")
    assert [request for request in asked if service.project_id in str(request)] == []


def test_lost_answers_share_their_look_ups(deployment, declare, service):
    service.control.fault(method="POST", path=f"/ml/v4/{R}$", count=0, delay=0.5, after=True, drop=True)
    made = []
    with deployment() as provider:
        threads = [
            threading.Thread(target=lambda n=n: made.append(provider.create(R, declare(R, name=f"r{n}"))))
            for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert len({object_id for object_id, _ in made}) == len(objects(service, R)) == 8
    asked = service.control.requests(path=f"/ml/v4/{R}(\\?.*)?$", method="GET")
    assert len([request for request in asked if service.project_id in str(request)]) <= 12


def test_a_folder_for_notes_that_cannot_be_written_stops_before_anything_is_made(
    deployment, declare, service, state
):
    state.write_text("a file is in the way")
    with deployment() as provider, pytest.raises(Failure, match="WMLFL_STATE_DIR"):
        provider.create(R, declare(R))
    assert objects(service, R) == []


def test_adopt_id_takes_over_an_existing_object(deployment, declare, service, content):
    existing = service.client().create(M, declare(M)).id
    with deployment() as provider:
        inputs, failures = provider.check(
            M, declare(M, adopt_id=existing, description="ours now", content=content)
        )
        assert failures == []
        object_id, outputs = provider.create(M, inputs)
        assert object_id == existing
        assert outputs["description"] == "ours now"
        assert provider.read(M, existing, outputs)[2] == inputs
        with pytest.raises(Failure, match="differs in type"):
            provider.create(M, {**inputs, "type": "other_1"})
        with pytest.raises(Failure, match=r"no model nothing to adopt"):
            provider.create(M, {**inputs, "adopt_id": "nothing"})
    assert len(objects(service, M)) == 1


def test_adopt_id_leaves_an_object_of_another_stack_alone(deployment, declare, service):
    marker = new_marker("urn:pulumi:other::test::pulumi-python:dynamic/wmlfl:RemoteTrainingSystem::a")
    existing = service.client().create(R, {**declare(R), "tags": [marker]}).id
    before = service.client().get(R, existing, service.scope).entity
    with (
        deployment() as provider,
        pytest.raises(Failure, match=f"{existing} cannot be adopted: it carries the marker of another stack"),
    ):
        provider.create(R, declare(R, adopt_id=existing, description="ours now"))
    assert service.client().get(R, existing, service.scope).entity == before


def test_the_provider_ends_when_the_engine_is_gone(deployment, declare):
    with deployment() as provider:
        provider.check(R, declare(R))
        provider.stop_engine()
        assert provider.process.wait(30) == 1
