"""`FederatedExperiment`: a model, its parties and the training as one component.

A component has no provider and no state of its own. It declares the three kinds of resources with names and
in an order that keep every later change small and readable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

import pulumi

from ._experiment import DeclarationError, Declared, Json, read_declaration
from .experiment_args import ExperimentPartyArgs, FederatedExperimentArgs, FederatedExperimentInputs
from .model import Model
from .remote_training_system import RemoteTrainingSystem
from .training import Training

__all__ = ["DeclarationError", "ExperimentPartyArgs", "FederatedExperiment", "FederatedExperimentArgs"]

_SCOPE = ("project_id", "space_id")
_OF_PARTY = ("allowed_identities", "description", "custom")
_OF_TRAINING = ("description", "custom", "results_reference", "wait_for", "triggers", "on_delete", "timeouts")
_OF_LEARNING = ("fusion_type", "rounds", "epochs", "hardware_spec", "software_spec", "log_level")


class FederatedExperiment(pulumi.ComponentResource):
    """A federated experiment: a `Model`, a `RemoteTrainingSystem` for each party, and the `Training`.

    Keywords are those of :class:`.experiment_args.FederatedExperimentInputs`. The resources are named
    `NAME-model`, `NAME-PARTY` and `NAME-training`; the order of `parties` means nothing. `party_variables`
    has for each party's name `host`, `training_id`, `rts_id` and the project or space, never a key.

    Raises:
        DeclarationError: something is missing, unknown or named twice; it tells everything at once.
    """

    model: Model
    remote_training_systems: Mapping[str, RemoteTrainingSystem]
    training: Training
    model_id: pulumi.Output[str]
    training_id: pulumi.Output[str]
    state: pulumi.Output[str]
    party_variables: pulumi.Output[Mapping[str, Mapping[str, str]]]

    def __init__(
        self,
        resource_name: str,
        args: FederatedExperimentArgs | Mapping[str, Any] | None = None,
        opts: pulumi.ResourceOptions | None = None,
        **inputs: Unpack[FederatedExperimentInputs],
    ) -> None:
        declared = read_declaration(resource_name, args, inputs)
        super().__init__("wmlfl:index:FederatedExperiment", resource_name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.model = (
            declared.model
            if isinstance(declared.model, Model)
            else Model(f"{resource_name}-model", _model(declared.model, declared.inputs), child)
        )
        self.remote_training_systems = {
            name: RemoteTrainingSystem(f"{resource_name}-{name}", _party(party, declared.inputs), child)
            for name, party in declared.parties.items()
        }
        ids = {name: system.id for name, system in self.remote_training_systems.items()}
        training = {"name": resource_name, **_training(declared, self.model, ids)}
        self.training = Training(f"{resource_name}-training", training, child)
        outputs = {
            "model_id": self.model.id,
            "training_id": self.training.id,
            "state": self.training.state,
            "party_variables": pulumi.Output.all(self.training.party_variables, ids).apply(_by_party),
        }
        for name, output in outputs.items():
            setattr(self, name, output)
        self.register_outputs(outputs)


def _model(declared: Json, given: Json) -> Json:
    common = {} if declared.keys() & set(_SCOPE) else _present(given, _SCOPE)
    return {**common, **declared, **_tags(given, declared)}


def _party(party: Json, given: Json) -> Json:
    organization = party.get("organization")
    if isinstance(organization, str | pulumi.Output):
        organization = {"name": organization, **_present(party, ("region",))}
    properties = {
        "name": party["name"],
        **_present(party, _OF_PARTY),
        **_present(given, _SCOPE),
        **_tags(given, party),
        "organization": organization,
        "remote_admin": party.get("admin"),
    }
    return {key: value for key, value in properties.items() if value is not None}


def _training(declared: Declared, model: Model, ids: Mapping[str, pulumi.Output[str]]) -> Json:
    given = declared.inputs
    systems = [
        {"id": ids[name], **_present(party, ("required",))} for name, party in declared.parties.items()
    ]
    return {
        **_present(given, ("name",)),
        **_present(given, _OF_TRAINING),
        **_present(given, _SCOPE),
        **_tags(given),
        "federated_learning": {
            **given.get("hyperparameters", {}),
            **_present(given, _OF_LEARNING),
            "model": {"type": _framework(declared), "spec": {"id": model.id}},
            "remote_training": {
                "remote_training_systems": systems,
                **_present(given, ("quorum", "max_timeout")),
            },
        },
    }


def _framework(declared: Declared) -> pulumi.Input[str]:
    """Return the framework of the model: as WML's notebooks do, the model's type without its version."""
    if "framework" in declared.inputs:
        given: pulumi.Input[str] = declared.inputs["framework"]
        return given
    model = declared.model
    kind: Any = getattr(model, "type", "") if isinstance(model, Model) else model.get("type", "")
    if isinstance(kind, str):
        return _without_version(kind)
    return pulumi.Output.from_input(kind).apply(_without_version)


def _without_version(kind: str) -> str:
    # pytorch-onnx_2.0 is the format of a PyTorch model; the framework of a training is pytorch.
    name = kind.strip().partition("_")[0].lower()
    return name.removesuffix("-onnx")


def _by_party(values: Sequence[Any]) -> dict[str, dict[str, str]]:
    variables, ids = values
    common = _present(variables, ("host", "training_id", *_SCOPE))
    return {name: {**common, "rts_id": rts_id} for name, rts_id in ids.items()}


def _tags(*owners: Json) -> Json:
    tags = [tag for owner in owners for tag in owner.get("tags", ())]
    return {"tags": tags} if tags else {}


def _present(values: Mapping[str, Any], keys: Sequence[str]) -> Json:
    return {key: values[key] for key in keys if key in values}
