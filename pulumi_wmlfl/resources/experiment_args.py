"""Typed inputs of a `FederatedExperiment`: WML's own words, put where somebody who declares looks for them.

Imports nothing but the other typed inputs: a program that declares resources must start quickly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import pulumi

from .args import (
    AllowedIdentityArgs,
    Args,
    HardwareSpecArgs,
    ModelArgs,
    Number,
    Open,
    OrganizationArgs,
    RemoteAdminArgs,
    ResultsReferenceArgs,
    SoftwareSpecArgs,
    Text,
    TimeoutsArgs,
    Whole,
)

if TYPE_CHECKING:
    from .model import Model

__all__ = ["ExperimentPartyArgs", "FederatedExperimentArgs", "FederatedExperimentInputs"]


@dataclass(kw_only=True)
class ExperimentPartyArgs(Args):
    """One party of an experiment.

    `name` is plain text and unique in the experiment: the party's resource is named after it, and so is its
    remote training system. `allowed_identities` says who may join as this party, `required` that no round is
    trained without it, `admin` who administers it. `organization` is a name, with its `region` beside it, or
    WML's object of both.
    """

    name: str
    allowed_identities: pulumi.Input[Sequence[pulumi.Input[AllowedIdentityArgs | Mapping[str, Any]]]]
    organization: Text | OrganizationArgs | Mapping[str, Any] | None = None
    region: Text | None = None
    required: pulumi.Input[bool] | None = None
    admin: pulumi.Input[RemoteAdminArgs | Mapping[str, Any]] | None = None
    description: Text | None = None
    tags: Sequence[Text] | None = None
    custom: Open | None = None


class FederatedExperimentInputs(TypedDict, total=False):
    """Keywords of `FederatedExperiment`; `model`, `parties`, `fusion_type`, `results_reference` are required.

    `model`: what a `Model` is declared with, or a `Model`. `parties`: a list, not an `Output`: each of them
    is a resource. `framework`: that of the model; it follows from the model's type. `hyperparameters`: what
    single fusion types take beside the keywords here. `tags` are put on every object, `description` on the
    training.
    """

    model: ModelArgs | Mapping[str, Any] | Model
    parties: Sequence[ExperimentPartyArgs | Mapping[str, Any]]
    fusion_type: Text
    results_reference: pulumi.Input[ResultsReferenceArgs | Mapping[str, Any]]
    framework: Text
    rounds: Whole
    epochs: Whole
    quorum: Number
    max_timeout: Whole
    hardware_spec: pulumi.Input[HardwareSpecArgs | Mapping[str, Any]]
    software_spec: pulumi.Input[SoftwareSpecArgs | Mapping[str, Any]]
    log_level: Text
    hyperparameters: Mapping[str, Any]
    name: Text
    description: Text
    tags: Sequence[Text]
    custom: Open
    wait_for: Text
    triggers: Open
    on_delete: Text
    timeouts: pulumi.Input[TimeoutsArgs | Mapping[str, Any]]
    project_id: Text
    space_id: Text


class FederatedExperimentArgs(Args):
    """Inputs of a `FederatedExperiment` as one value: every keyword of `FederatedExperiment`."""

    def __init__(self, **values: Unpack[FederatedExperimentInputs]) -> None:
        self._values = dict(values)

    def as_dict(self) -> dict[str, Any]:
        """Return the keywords that were given."""
        return {key: value for key, value in self._values.items() if value is not None}
