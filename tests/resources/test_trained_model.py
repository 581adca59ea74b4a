"""What a completed training produced is declared as a model."""

import io
import zipfile

import pytest

from pulumi_wmlfl.core.model import ModelManager
from pulumi_wmlfl.errors import ContentError, WmlflError
from tests.aggregator.conftest import quick_service, trainer  # noqa: F401 - fixtures
from tests.aggregator.parties import Party
from tests.aggregator.trainings import Experiment, package
from tests.support.stacks import Stack

PROGRAM = """
import pulumi
from pulumi_wmlfl import Model
model = Model("trained", type="scikit-learn_1.1", software_spec={"name": "runtime-23.1-py3.10"},
              content_from_training=pulumi.Config().require("training"), description="of the spring")
pulumi.export("model", model.id)
"""


class Unknown:
    """Nothing is unknown here."""


def test_the_result_of_a_training_is_a_model(tmp_path, trainer):  # noqa: F811
    experiment = Experiment(trainer, learning={"rounds": 1})
    stack = Stack(tmp_path, PROGRAM, engine="embedded", WMLFL_READY_FILE=trainer.ready_file)
    stack.run("config", "set", "training", experiment.id)
    client, scope = trainer.client(), trainer.scope
    experiment.reaches("accepting_parties")
    said = stack.run("up", "--yes", "--skip-preview", "--non-interactive", code=1)
    assert f"The training {experiment.id} is accepting_parties: it has no trained model." in said
    assert [found.id for found in client.list("models", scope)] == [experiment.model_id]

    parties = [Party(trainer, experiment.id, rts_id) for rts_id in experiment.rts]
    experiment.reaches("completed")
    assert [party.ended() for party in parties] == ["stopped", "stopped"]
    refuses_results_without_a_model(trainer, experiment)
    stack.up()
    model_id = stack.outputs()["model"]
    with client.download_content(model_id, scope) as chunks:
        bundle = zipfile.ZipFile(io.BytesIO(b"".join(chunks)))
    assert bundle.read("package.zip") == package()
    assert "weights.npz" in bundle.namelist()
    stack.run("preview", "--expect-no-changes", "--non-interactive")
    stack.run("refresh", "--yes", "--skip-preview", "--expect-no-changes", "--non-interactive")
    stack.destroy()
    assert [found.id for found in client.list("models", scope)] == [experiment.model_id]


def refuses_results_without_a_model(trainer, experiment):  # noqa: F811
    """Nothing is left behind when the results do not lead to a model."""
    scope = trainer.scope.as_dict()
    manager = ModelManager(trainer.client(), unknown=Unknown, default_scope=scope)
    inputs = {"name": "m", "type": "x_1", "software_spec": {"name": "runtime-23.1-py3.10"}, **scope}
    inputs["content_from_training"] = experiment.id
    elsewhere = {"type": "container", "contents": [{"content_format": "native", "location": "nowhere"}]}
    for body, error, said in (
        ({}, ContentError, "does not say where its model is"),
        ({"content_location": elsewhere}, WmlflError, "WML could not fetch the content"),
    ):
        trainer.control.fault(method="GET", path="/v2/asset_files/", status=200, body=body)
        with pytest.raises(error, match=said):
            manager.create(inputs, lambda _: None)
    left = trainer.client().list("models", trainer.scope)
    assert [found.id for found in left] == [experiment.model_id]
