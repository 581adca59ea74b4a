"""The component: what it declares, what a change of it does, what it refuses."""

import json
import re
from pathlib import Path

import pytest

from pulumi_wmlfl import ExperimentPartyArgs, FederatedExperiment, FederatedExperimentArgs
from pulumi_wmlfl.errors import InputError
from pulumi_wmlfl.party.kit import find_party_variables
from tests.aggregator.trainings import made_model
from tests.support.stacks import ENGINES, Stack

PAGE = Path(__file__).parents[2] / "docs" / "experiment.md"
PROGRAM = PAGE.read_text().partition("```python\n")[2].partition("```")[0]
PARTIES = re.compile(r"^parties = .*$", re.MULTILINE)


@pytest.fixture(params=ENGINES)
def stack(request, tmp_path, service):
    made = Stack(tmp_path, PROGRAM, engine=request.param, WMLFL_READY_FILE=service.ready_file)
    (made.folder / "untrained_model.pt").write_bytes(b"weights")
    return made


def declare(stack, *names):
    """Make the program of the page one with other parties."""
    parties = {name: f"{name.title()}ern Hospital" for name in names}
    (stack.folder / "__main__.py").write_text(PARTIES.sub(f"parties = {parties}", PROGRAM))


def test_an_experiment_grows_by_a_party(stack, service):
    client, scope = service.client(), service.scope
    names = {"tumours", "tumours-model", "tumours-north", "tumours-south", "tumours-training"}
    assert stack.planned() == dict.fromkeys(names, "create")
    stack.up()
    first = stack.outputs()
    assert first["state"] == "accepting_parties"
    training = client.get("trainings", first["training_id"], scope)
    learning = training.entity["federated_learning"]
    assert learning["model"] == {"type": "pytorch", "spec": {"id": first["model_id"]}}
    assert learning["optimizer"]["spec"] == {"lr": 0.1}
    assert training.metadata.name == "tumours"
    by_party = first["party_variables"]
    assert learning["remote_training"]["remote_training_systems"] == [
        {"id": by_party["north"]["rts_id"], "required": True},
        {"id": by_party["south"]["rts_id"], "required": False},
    ]
    assert by_party["north"].keys() == {"host", "training_id", "rts_id", "project_id"}
    system = client.get("remote_training_systems", by_party["south"]["rts_id"], scope)
    assert system.metadata.name == "south"
    assert "ward-7" in system.metadata.tags
    assert system.entity["organization"] == {"name": "Southern Hospital", "region": "EU"}
    assert service.apikey not in json.dumps(first)
    assert find_party_variables(first).parties == {n: v["rts_id"] for n, v in by_party.items()}

    declare(stack, "south", "north")
    assert stack.planned() == {}
    declare(stack, "north", "south", "central")
    _, _, listed = stack.run("preview", "--diff").partition("remote_training_systems")
    assert [f"[{n}]" in listed for n in range(3)] == [False, False, True]
    declare(stack, "west", "south", "north")
    assert stack.planned() == {"tumours-west": "create", "tumours-training": "replace"}
    stack.up()
    second = stack.outputs()
    assert set(second["party_variables"]) == {"west", "north", "south"}
    assert second["model_id"] == first["model_id"]
    assert second["training_id"] != first["training_id"]
    assert [found.id for found in client.list("trainings", scope)] == [second["training_id"]]

    stack.destroy()
    for collection in ("models", "remote_training_systems", "trainings"):
        assert list(client.list(collection, scope)) == []


def test_a_mistake_is_one_line_without_a_traceback(stack):
    renamed = stack.folder / "__main__.py"
    renamed.write_text(PROGRAM.replace("name=name,", 'name="north",'))
    said = stack.run("preview", "--non-interactive", code=1)
    assert "FederatedExperiment 'tumours': parties[1].name: 'north' is the name of another party, too" in said
    assert "Traceback" not in said


VALID = {
    "model": {"type": "tensorflow_2.12"},
    "parties": [{"name": "a", "allowed_identities": []}],
    "fusion_type": "iter_avg",
    "results_reference": {"type": "container", "location": {}},
}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"fusion_type": None}, "fusion_type: is required"),
        ({"round": 3}, "round: is not known here; did you mean 'rounds'?"),
        ({"parties": []}, "parties: must be a list of at least one party, and not an Output"),
        ({"parties": ["a"]}, "parties[0]: must be a dictionary or an Args object, not str"),
        ({"parties": [{"name": "a"}]}, "parties[0].allowed_identities: is required"),
        (
            {"parties": [{"name": "a", "allowed_identities": [], "organisation": "A"}]},
            "parties[0].organisation: is not known here; did you mean 'organization'?",
        ),
        ({"parties": [{"name": 7, "allowed_identities": []}]}, "parties[0].name: must be plain text"),
        (
            {"parties": [{"name": "a", "allowed_identities": [], "region": "EU"}]},
            "parties[0].region: goes with an organization that is given as its name",
        ),
        ({"tags": "one"}, "tags: must be a list"),
        ({"model": "an-id"}, "model: must be a dictionary or an Args object, not str"),
    ],
)
def test_what_cannot_be_declared_is_named(changes, said):
    with pytest.raises(InputError) as raised:
        FederatedExperiment("e", {**VALID, **changes})
    assert said in str(raised.value)


def test_everything_wrong_is_told_at_once():
    party = ExperimentPartyArgs(name="", allowed_identities=[])
    with pytest.raises(InputError) as raised:
        FederatedExperiment("e", FederatedExperimentArgs(parties=[party], quorums=1))
    assert {problem.path for problem in raised.value.problems} == {
        *("model", "fusion_type", "results_reference", "quorums", "parties[0].name"),
    }


ELSEWHERE = """
import pulumi
from pulumi_wmlfl import FederatedExperiment, Model, Provider
config = pulumi.Config()
ward = Provider("ward", platform="local", ready_file=config.require("readyFile"))
found = Model.get("found", config.require("model"), pulumi.ResourceOptions(provider=ward))
experiment = FederatedExperiment(
    "digits", model=found, fusion_type="iter_avg", rounds=2, wait_for="none",
    parties=[{"name": "a", "organization": {"name": "A"},
              "allowed_identities": [{"id": "IBMid-local", "type": "user"}]}],
    results_reference={"type": "container", "location": {"path": "."}},
    opts=pulumi.ResourceOptions(providers=[ward]),
)
pulumi.export("training_id", experiment.training_id)
"""


def test_an_experiment_with_a_model_that_exists_in_another_environment(tmp_path, service):
    model_id = made_model(service)
    config = f"  wmlfl:platform: cloud\n  test:readyFile: {service.ready_file}\n  test:model: {model_id}\n"
    stack = Stack(tmp_path, ELSEWHERE, engine="embedded", config=config)
    # What is read has the name that WML says, not the resource's.
    assert 'name: "found"' not in stack.run("preview", "--diff")
    stack.up()
    client, scope = service.client(), service.scope
    training = client.get("trainings", stack.outputs()["training_id"], scope)
    learning = training.entity["federated_learning"]
    assert learning["model"] == {"type": "scikit-learn", "spec": {"id": model_id}}
    stack.run("preview", "--expect-no-changes", "--non-interactive")
    stack.destroy()
    assert [found.id for found in client.list("models", scope)] == [model_id]
    assert list(client.list("trainings", scope)) == []
