"""examples/environments: each stack's settings fit, and what was tried in one is promoted to the next."""

import shutil
from pathlib import Path

import pytest
import yaml

from pulumi_wmlfl.config import resolve_settings
from tests.support.stacks import Stack

EXAMPLES = Path(__file__).parents[2] / "examples"
FOLDER = EXAMPLES / "environments"


@pytest.mark.parametrize(
    ("stack", "platform", "url"),
    [
        ("dev", "cpd", "https://cpd.example.com"),
        ("prod", "cloud", "https://eu-de.ml.cloud.ibm.com"),
    ],
)
def test_the_settings_of_a_stack_fit(stack, platform, url):
    config = yaml.safe_load((FOLDER / f"Pulumi.{stack}.yaml").read_text())["config"]
    given = {key: value for key, value in config.items() if key.startswith("wmlfl:")}
    settings = resolve_settings(given, {"WMLFL_APIKEY": "any-key"})
    assert (settings.platform, settings.url) == (platform, url)
    assert settings.project_id


def test_parameters_are_promoted(tmp_path, service):
    rehearsal = {"WMLFL_PLATFORM": "local"}
    stack = Stack(tmp_path, "", engine="embedded", WMLFL_READY_FILE=service.ready_file, **rehearsal)
    shutil.copytree(EXAMPLES / "digits" / "untrained_model", tmp_path / "digits" / "untrained_model")
    shutil.rmtree(stack.folder)
    shutil.copytree(FOLDER, stack.folder, ignore=shutil.ignore_patterns("__pycache__"))
    # Users of the local service; those of the example are not known there.
    for path in stack.folder.glob("Pulumi.*.yaml"):
        document = yaml.safe_load(path.read_text())
        for party in document["config"]["wmlfl-environments:parties"]:
            party["user"] = service.user_id
        path.write_text(yaml.safe_dump(document))
    client, scope = service.client(), service.scope
    stack.run("stack", "init", "dev")
    stack.run("stack", "init", "prod")
    said = stack.run("preview", "--non-interactive", code=1)
    assert "no parameters to promote: deploy organization/wmlfl-environments/dev first." in said
    assert "Traceback" not in said
    for name, rounds in {"local": 2, "dev": 10, "prod": 10}.items():
        stack.run("stack", "select", "--create", name)
        stack.up()
        outputs = stack.outputs()
        assert outputs["parameters"]["rounds"] == rounds
        training = client.get("trainings", outputs["training_id"], scope)
        assert training.entity["federated_learning"]["rounds"] == rounds
        assert name in training.metadata.tags
    stack.run("preview", "--expect-no-changes", "--non-interactive")
    assert set(outputs["party_variables"]) == {"north", "south", "clinic"}
    assert len(list(client.list("trainings", scope))) == 3
