"""The resources through the real Pulumi CLI against the real service."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pulumi_wmlfl.errors import NotFound

CLI = shutil.which("pulumi") and shutil.which("pulumi-language-python")
pytestmark = [
    pytest.mark.pulumi_cli,
    pytest.mark.skipif(not CLI, reason="the Pulumi CLI is not on PATH"),
]

PROGRAM = """
import pulumi, json, os
from pulumi_wmlfl import Model, RemoteTrainingSystem, Training
v = json.loads(os.environ["VARIANT"])
m = Model("m", type="tensorflow_2.12", software_spec={"name": "runtime-23.1-py3.10"}, content="model")
r = RemoteTrainingSystem("r", description=v.get("description", "one"),
                         allowed_identities=[{"id": "IBMid-local", "type": "user"}])
t = Training("t", federated_learning={"model": {"spec": {"id": m.id}, "type": "tensorflow"},
             "fusion_type": v.get("fusion", "iter_avg"), "rounds": v.get("rounds", 3),
             "remote_training": {"remote_training_systems": [{"id": r.id, "required": True}]}},
             results_reference={"type": "s3", "location": {"bucket": "b", "path": "."},
                 "connection": {"endpoint_url": "https://s3", "access_key_id": "AK-5e3c7e7",
                                "secret_access_key": "SK-9f8e7d6c"}})
pulumi.export("model", m.id)
pulumi.export("party", r.id)
pulumi.export("training", t.id)
pulumi.export("variables", t.party_variables)
"""


class Stack:
    """One Pulumi project in a folder, driven by the CLI."""

    def __init__(self, folder: Path, service):
        self.folder = folder
        self.environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "passphrase-of-the-tests",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "WMLFL_READY_FILE": str(service.ready_file),
        }
        (folder / "state").mkdir()
        (folder / "model").mkdir()
        (folder / "model" / "saved_model.pb").write_bytes(b"weights")
        (folder / "__main__.py").write_text(PROGRAM)
        config = "config:\n  wmlfl:platform: local\n"
        (folder / "Pulumi.yaml").write_text(f"name: test\nruntime: python\n{config}")
        self("stack", "init", "dev")

    def __call__(self, *arguments, variant=None, code=0):
        environment = {**self.environment, "VARIANT": json.dumps(variant or {})}
        done = subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code or (code and done.returncode), done.stdout + done.stderr
        return done.stdout + done.stderr

    def up(self, **options):
        return self("up", "--yes", "--skip-preview", **options)

    def outputs(self):
        return json.loads(self("stack", "output", "--json"))


@pytest.fixture
def stack(tmp_path, service):
    made = Stack(tmp_path, service)
    yield made
    made("destroy", "--yes", "--skip-preview")


def test_a_whole_life(stack, service):
    client, scope = service.client(), service.scope
    stack.up()
    first = stack.outputs()
    assert first["variables"]["remote_training_systems"] == {"r": first["party"]}
    assert client.get("trainings", first["training"], scope).state == "accepting_parties"
    with client.download_content(first["model"], scope) as chunks:
        assert b"".join(chunks).startswith(b"PK")

    stack("preview", "--expect-no-changes")
    stack("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    state = [p.read_text() for p in (stack.folder / "state").rglob("*.json*") if p.is_file()]
    assert state
    assert not [text for text in state if "SK-9f8e7d6c" in text or service.ready["apikey"] in text]

    stack.up(variant={"description": "two"})
    assert stack.outputs() == first
    assert client.get("remote_training_systems", first["party"], scope).metadata.description == "two"

    stack.up(variant={"description": "two", "rounds": 4})
    second = stack.outputs()
    assert second["training"] != first["training"]
    with pytest.raises(NotFound):
        client.get("trainings", first["training"], scope)

    (stack.folder / "model" / "saved_model.pb").write_bytes(b"other weights")
    stack.up(variant={"description": "two", "rounds": 4})
    assert stack.outputs()["model"] == first["model"]

    change = [{"op": "replace", "path": "/description", "value": "drift"}]
    client.patch("remote_training_systems", first["party"], scope, change)
    client.delete("models", first["model"], scope)
    stack("refresh", "--yes", "--skip-preview")
    stack.up(variant={"description": "two", "rounds": 4})
    assert client.get("remote_training_systems", first["party"], scope).metadata.description == "two"
    assert stack.outputs()["model"] != first["model"]


def test_wrong_inputs_are_named_before_anything_is_made(stack, service):
    before = len(list(service.client().list("models", service.scope)))
    said = stack("preview", variant={"fusion": "sum", "rounds": 0}, code=1)
    assert "federated_learning.fusion_type" in said
    assert "federated_learning.rounds" in said
    assert len(list(service.client().list("models", service.scope))) == before


def test_a_wrong_key_is_one_clear_line_without_the_key(stack):
    stack.environment["WMLFL_APIKEY"] = "wrong-key-2718281828"
    said = stack.up(code=1)
    del stack.environment["WMLFL_APIKEY"]
    assert "Could not sign in" in said
    assert "environment variable WMLFL_APIKEY" in said
    assert "wrong-key-2718281828" not in said
    assert 'wml.py", line' not in said


TYPED = """
import pulumi, json, os
from pulumi_wmlfl import *
v = json.loads(os.environ["VARIANT"])
m = Model("m", ModelArgs(type="tensorflow_2.12", software_spec=SoftwareSpecArgs(name="runtime-23.1-py3.10"),
                         content=pulumi.FileArchive("model"), custom={"a": v.get("a", 1)}))
r = RemoteTrainingSystem("r", allowed_identities=[AllowedIdentityArgs(id="IBMid-local")],
                         organization=pulumi.Output.from_input(OrganizationArgs(name="IBM")))
remote = RemoteTrainingArgs(remote_training_systems=[PartyArgs(id=r.id)], quorum=v.get("quorum", 1.0))
t = Training("t", federated_learning=FederatedLearningArgs(
                 model=FederatedModelArgs(type="tensorflow", spec={"id": m.id}), fusion_type="iter_avg",
                 rounds=v.get("rounds", 3), remote_training=remote, optimizer={"name": "SGD"},
                 more=v.get("more", {})),
             results_reference=ResultsReferenceArgs(type="container", location={"path": "."}),
             timeouts=TimeoutsArgs(create=v.get("seconds", 30)), triggers=v.get("triggers"))
pulumi.export("training", t.id)
pulumi.export("name", Model.get("found", m.id).name if v.get("name") else None)
"""


@pytest.fixture
def typed(stack):
    (stack.folder / "__main__.py").write_text(TYPED)
    return stack


def test_the_preview_names_what_changes_and_facts_warn_once(typed):
    typed.up()
    typed("preview", "--expect-no-changes")
    said = typed("preview", "--diff", variant={"a": 2, "rounds": 5, "quorum": 0.5, "more": {"epoch": 2}})
    assert "~ a: 1 => 2" in said
    assert "~ rounds         : 3 => 5" in said
    assert "+-pulumi-python:dynamic/wmlfl:Training: (replace)" in said
    assert said.count("warning: federated_learning.remote_training.quorum: 0.5 of 1 parties") == 1
    assert (
        "warning: federated_learning.epoch: is not a key that is known here; did you mean 'epochs'?" in said
    )


def test_a_wait_that_was_too_short_goes_on_with_the_next_up(typed, service):
    service.control.change(pending_seconds=600)
    said = typed.up(variant={"seconds": 0.5}, code=1)
    assert "is still pending" in said
    assert 'training.py", line' not in said
    client = service.client()
    waiting = next(iter(client.list("trainings", service.scope)))
    assert waiting.id in said
    service.control.move(waiting.id, "accepting_parties")
    typed.up(variant={"seconds": 0.5})
    assert typed.outputs()["training"] == waiting.id
    typed("preview", "--expect-no-changes", variant={"seconds": 0.5})
    assert len(list(client.list("trainings", service.scope))) == 1


def test_an_existing_object_is_read(typed):
    typed.up()
    typed.up(variant={"name": True})
    assert typed.outputs()["name"] == "m"


LEAKY = """
import pulumi
from pulumi_wmlfl import Model, RemoteTrainingSystem, Training
def data(n):
    connection = {"endpoint_url": "https://s3", "access_key_id": f"AK-clear-{n}",
                  "secret_access_key": f"SK-clear-{n}"}
    return {"type": "s3", "location": {"bucket": "b"}, "connection": connection}
m = Model("m", type="x_1", software_spec={"name": "runtime-23.1-py3.10"},
          training_data_references=[data(1)], test_data_references=pulumi.Output.from_input([data(2)]))
r = RemoteTrainingSystem("r", allowed_identities=[{"id": "IBMid-local", "type": "user"}])
Training("t", federated_learning={"model": {"spec": {"id": m.id}, "type": "tensorflow"},
         "fusion_type": "iter_avg", "rounds": 3,
         "remote_training": {"remote_training_systems": [{"id": r.id}]}},
         training_data_references=[data(3)], test_data_references=[pulumi.Output.from_input(data(4))],
         results_reference=pulumi.Output.from_input(data(5)))
"""


def test_keys_of_data_references_never_reach_the_state_in_clear(stack):
    (stack.folder / "__main__.py").write_text(LEAKY)
    stack.up()
    stack("refresh", "--yes", "--skip-preview")
    stack("preview", "--expect-no-changes")
    files = [path for path in (stack.folder / "state").rglob("*") if path.is_file()]
    assert any("training_data_references" in path.read_text() for path in files)
    assert [str(path) for path in files if "-clear-" in path.read_text()] == []
