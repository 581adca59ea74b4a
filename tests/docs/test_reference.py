"""One truth about the inputs: schema, policy table, typed classes and the reference page agree."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from pulumi_wmlfl.resources import args
from pulumi_wmlfl.schema import specs
from pulumi_wmlfl.schema.policy import FIELDS

ROOT = Path(__file__).parents[2]
INPUTS = {
    "models": args.ModelInputs,
    "remote_training_systems": args.RemoteTrainingSystemInputs,
    "trainings": args.TrainingInputs,
}
NESTED = {
    args.SoftwareSpecArgs: specs._Reference,
    args.HardwareSpecArgs: specs._HardwareSpec,
    args.OrganizationArgs: specs._Organization,
    args.AllowedIdentityArgs: specs._Identity,
    args.FederatedModelArgs: specs._FederatedModel,
    args.PartyArgs: specs._Party,
    args.RemoteTrainingArgs: specs._RemoteTraining,
    args.FederatedLearningArgs: specs._FederatedLearning,
    args.ResultsReferenceArgs: specs._ResultsReference,
    args.TimeoutsArgs: specs._Timeouts,
}
OPEN = {args.DataReferenceArgs, args.ModelVersionArgs, args.RemoteAdminArgs}


def test_the_page_is_what_schema_and_policy_say():
    done = subprocess.run(
        [sys.executable, "docs/generate_reference.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("collection", FIELDS)
def test_every_input_is_in_schema_policy_and_keywords(collection):
    policy = {field.name for field in FIELDS[collection]}
    assert policy == set(specs.SPECS[collection].model_fields)
    keywords = set(INPUTS[collection].__annotations__) | set(args._ObjectInputs.__annotations__)
    assert keywords == policy - {"content_sha256"}


@pytest.mark.parametrize("kind", NESTED, ids=lambda kind: kind.__name__)
def test_a_typed_class_has_the_keys_of_the_schema(kind):
    fields = {field.name for field in dataclasses.fields(kind)} - {"more"}
    assert fields == set(NESTED[kind].model_fields)


def test_every_typed_class_is_compared():
    written = {k for k in vars(args).values() if dataclasses.is_dataclass(k)}
    assert written == set(NESTED) | OPEN
