"""Typed inputs at every level, for those who prefer classes to dictionaries: WML's keys, key for key.

A dictionary is accepted wherever one of these is; every value may be an `Output`. Places that WML's schema
leaves open (`custom`, `connection`, `location`, hyperparameters) stay dictionaries, or take more keywords.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypedDict, Unpack

import pulumi

__all__ = [
    "AllowedIdentityArgs",
    "Args",
    "DataReferenceArgs",
    "FederatedLearningArgs",
    "FederatedModelArgs",
    "HardwareSpecArgs",
    "ModelArgs",
    "ModelVersionArgs",
    "OrganizationArgs",
    "PartyArgs",
    "RemoteAdminArgs",
    "RemoteTrainingArgs",
    "RemoteTrainingSystemArgs",
    "ResultsReferenceArgs",
    "SoftwareSpecArgs",
    "TimeoutsArgs",
    "TrainingArgs",
]

Text = pulumi.Input[str]
Texts = pulumi.Input[Sequence[pulumi.Input[str]]]
Number = pulumi.Input[float]
Whole = pulumi.Input[int]
Open = pulumi.Input[Mapping[str, Any]]
Opens = pulumi.Input[Sequence[pulumi.Input[Mapping[str, Any]]]]


class Args:
    """Base of all typed inputs."""

    def as_dict(self) -> dict[str, Any]:
        """Return WML's keys with their values; what is None is left out."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}  # type: ignore[arg-type]
        values |= values.pop("more", None) or {}
        return {key: value for key, value in values.items() if value is not None}


@dataclass(kw_only=True)
class SoftwareSpecArgs(Args):
    """A software specification by `name` or by `id`, one of them."""

    name: Text | None = None
    id: Text | None = None
    rev: Text | None = None


@dataclass(kw_only=True)
class HardwareSpecArgs(Args):
    """A hardware specification (`XS`, `S`, `M`, `L`, `XL`) by `name` or by `id`, one of them."""

    name: Text | None = None
    id: Text | None = None
    rev: Text | None = None
    num_nodes: Whole | None = None


@dataclass(kw_only=True)
class ModelVersionArgs(Args):
    """A model's version; newer releases of WML only."""

    number: Text | None = None
    tag: Text | None = None
    description: Text | None = None


@dataclass(kw_only=True)
class OrganizationArgs(Args):
    """The organisation that a party belongs to; `region` is free text."""

    name: Text
    region: Text | None = None


@dataclass(kw_only=True)
class AllowedIdentityArgs(Args):
    """Who may join as this party: a user's id and `type` (`user`), and from which addresses."""

    id: Text
    type: Text = "user"
    allowed_ips: Texts | None = None


@dataclass(kw_only=True)
class RemoteAdminArgs(Args):
    """The party's administrator: `id` and `type`, or `name` and `email`, as the release wants it."""

    id: Text | None = None
    type: Text | None = None
    name: Text | None = None
    email: Text | None = None


@dataclass(kw_only=True)
class FederatedModelArgs(Args):
    """The untrained model of a training: its framework, and `spec={"id": model.id}`."""

    type: Text
    spec: Open | None = None
    model_file: Text | None = None


@dataclass(kw_only=True)
class PartyArgs(Args):
    """One remote training system of a training; `required`: no round without it."""

    id: Text
    required: pulumi.Input[bool] | None = None


@dataclass(kw_only=True)
class RemoteTrainingArgs(Args):
    """Who takes part: `quorum` is a share from 0 to 1, `max_timeout` the seconds to wait for it."""

    remote_training_systems: pulumi.Input[Sequence[pulumi.Input[PartyArgs | Mapping[str, Any]]]]
    quorum: Number | None = None
    max_timeout: Whole | None = None


@dataclass(kw_only=True)
class FederatedLearningArgs(Args):
    """How a training fuses; keys that WML takes beside these go into `more`."""

    fusion_type: Text
    remote_training: pulumi.Input[RemoteTrainingArgs | Mapping[str, Any]]
    model: pulumi.Input[FederatedModelArgs | Mapping[str, Any]] | None = None
    rounds: Whole | None = None
    epochs: Whole | None = None
    hardware_spec: pulumi.Input[HardwareSpecArgs | Mapping[str, Any]] | None = None
    software_spec: pulumi.Input[SoftwareSpecArgs | Mapping[str, Any]] | None = None
    version: Text | None = None
    log_level: Text | None = None
    termination_predicate: Text | None = None
    save_intermediate_models: pulumi.Input[bool] | None = None
    optimizer: Open | None = None
    loss: Text | None = None
    metrics: Text | Texts | None = None
    crypto: Open | None = None
    byzantine_threshold: Whole | None = None
    sigma: Number | None = None
    sigma0: Number | None = None
    gamma: Number | None = None
    iters: Whole | None = None
    learning_rate: Number | None = None
    num_classes: Whole | None = None
    max_bins: Whole | None = None
    max_depth: Whole | None = None
    max_leaf_nodes: Whole | None = None
    min_samples_leaf: Whole | None = None
    l2_regularization: Number | None = None
    sketch_accuracy_vs_privacy: Number | None = None
    random_state: Whole | None = None
    verbose: pulumi.Input[bool] | Whole | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class DataReferenceArgs(Args):
    """A reference to data; `connection` holds keys and is kept encrypted."""

    type: Text
    connection: Open | None = None
    location: Open | None = None
    id: Text | None = None
    schema: Open | None = None


@dataclass(kw_only=True)
class ResultsReferenceArgs(Args):
    """Where the results go; `connection` holds keys and is kept encrypted."""

    type: Text
    location: Open
    connection: Open | None = None
    name: Text | None = None
    id: Text | None = None


@dataclass(kw_only=True)
class TimeoutsArgs(Args):
    """How long an operation may take, in seconds."""

    create: Number | None = None
    update: Number | None = None
    delete: Number | None = None


class _ObjectInputs(TypedDict, total=False):
    """What every resource takes."""

    name: Text
    description: Text
    tags: Texts | Opens
    custom: Open
    project_id: Text
    space_id: Text
    timeouts: pulumi.Input[TimeoutsArgs | Mapping[str, Any]]
    adopt_id: Text


class ModelInputs(_ObjectInputs, total=False):
    """Keywords of `Model`."""

    type: Text
    software_spec: pulumi.Input[SoftwareSpecArgs | Mapping[str, Any]]
    content: Text | pulumi.FileAsset | pulumi.FileArchive
    content_from_training: Text
    content_format: Text
    model_version: pulumi.Input[ModelVersionArgs | Mapping[str, Any]]
    hyper_parameters: Open
    domain: Text
    label_column: Text
    transformed_label_column: Text
    schemas: Open
    training_data_references: pulumi.Input[Sequence[DataReferenceArgs | Mapping[str, Any]]]
    test_data_references: pulumi.Input[Sequence[DataReferenceArgs | Mapping[str, Any]]]
    pipeline: Open
    model_definition: Open
    size: Open
    metrics: Opens
    user_defined_objects: Open
    hybrid_pipeline_software_specs: Opens
    training_id: Text
    training: Open
    data_preprocessing: Opens


class RemoteTrainingSystemInputs(_ObjectInputs, total=False):
    """Keywords of `RemoteTrainingSystem`."""

    allowed_identities: pulumi.Input[Sequence[pulumi.Input[AllowedIdentityArgs | Mapping[str, Any]]]]
    organization: pulumi.Input[OrganizationArgs | Mapping[str, Any]]
    remote_admin: pulumi.Input[RemoteAdminArgs | Mapping[str, Any]]


class TrainingInputs(_ObjectInputs, total=False):
    """Keywords of `Training`."""

    federated_learning: pulumi.Input[FederatedLearningArgs | Mapping[str, Any]]
    results_reference: pulumi.Input[ResultsReferenceArgs | Mapping[str, Any]]
    training_data_references: pulumi.Input[Sequence[DataReferenceArgs | Mapping[str, Any]]]
    test_data_references: pulumi.Input[Sequence[DataReferenceArgs | Mapping[str, Any]]]
    wait_for: Text
    triggers: Open
    on_delete: Text


class _ObjectArgs(Args):
    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def as_dict(self) -> dict[str, Any]:
        return {key: value for key, value in self._values.items() if value is not None}


class ModelArgs(_ObjectArgs):
    """Inputs of a `Model` as one value: every keyword of `Model`."""

    def __init__(self, **values: Unpack[ModelInputs]) -> None:
        super().__init__(dict(values))


class RemoteTrainingSystemArgs(_ObjectArgs):
    """Inputs of a `RemoteTrainingSystem` as one value: every keyword of `RemoteTrainingSystem`."""

    def __init__(self, **values: Unpack[RemoteTrainingSystemInputs]) -> None:
        super().__init__(dict(values))


class TrainingArgs(_ObjectArgs):
    """Inputs of a `Training` as one value: every keyword of `Training`."""

    def __init__(self, **values: Unpack[TrainingInputs]) -> None:
        super().__init__(dict(values))
