"""What a user may declare of each resource: WML's request bodies, key for key, and a few inputs of ours.

Unknown keys are refused, except where WML's schema leaves a place open.
"""

from __future__ import annotations

import difflib
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

__all__ = ["FEDERATED_LEARNING_KEYS", "SERVICE_FUSION_TYPES", "SPECS", "known_keys"]

Json = dict[str, Any]

FUSION_TYPES = ("iter_avg", "avg", "pfnm", "spahm", "xgb_classifier", "xgb_regressor", "crypto_iter_avg")
# What the local service fuses beyond WML's enumeration.
SERVICE_FUSION_TYPES = ("coordinate_median", "trimmed_mean", "krum")
_HTML_TAG = re.compile(r"<[a-zA-Z/!][^>]*>")


def _fusion_type(value: str) -> str:
    known = (*FUSION_TYPES, *SERVICE_FUSION_TYPES)
    if value not in known:
        near = difflib.get_close_matches(value, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise PydanticCustomError(
            "fusion_type", "must be one of {known}{hint}", {"known": ", ".join(known), "hint": hint}
        )
    return value


def _no_html_tags(value: str) -> str:
    if found := _HTML_TAG.search(value):
        raise PydanticCustomError(
            "html_tag",
            "must not contain a tag: WML's firewall refuses {tag} in a request",
            {"tag": repr(found.group())},
        )
    return value


_NoTags = Annotated[str, AfterValidator(_no_html_tags)]
Text = Annotated[_NoTags, Field(min_length=1)]


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, protected_namespaces=())


class _Timeouts(_Spec):
    create: Annotated[float, Field(gt=0)] | None = None
    update: Annotated[float, Field(gt=0)] | None = None
    delete: Annotated[float, Field(gt=0)] | None = None


class _Scoped(_Spec):
    name: Text
    description: _NoTags | None = None
    tags: list[str] | None = None
    custom: Json | None = None
    project_id: str | None = None
    space_id: str | None = None
    timeouts: _Timeouts | None = None
    adopt_id: Text | None = None


class _Reference(_Spec):
    id: str | None = None
    name: str | None = None
    rev: str | None = None


class _HardwareSpec(_Reference):
    num_nodes: Annotated[int, Field(ge=1)] | None = None


class ModelSpec(_Scoped):
    """Inputs of a Model: the body of `POST /ml/v4/models`, and `content`."""

    type: Text
    software_spec: _Reference
    hyper_parameters: Json | None = None
    domain: str | None = None
    label_column: str | None = None
    transformed_label_column: str | None = None
    schemas: Json | None = None
    training_data_references: list[Json] | None = None
    test_data_references: list[Json] | None = None
    pipeline: Json | None = None
    model_definition: Json | None = None
    size: Json | None = None
    metrics: list[Json] | None = None
    user_defined_objects: Json | None = None
    hybrid_pipeline_software_specs: list[Json] | None = None
    model_version: Json | None = None
    training_id: str | None = None
    training: Json | None = None
    data_preprocessing: list[Json] | None = None
    content: Text | None = None
    content_from_training: Text | None = None
    content_format: Literal["native"] | None = None
    content_sha256: str | None = None


class _Identity(_Spec):
    id: Text
    type: Text
    allowed_ips: list[str] | None = None


class _Organization(_Spec):
    name: Text
    region: _NoTags | None = None


class RemoteTrainingSystemSpec(_Scoped):
    """Inputs of a RemoteTrainingSystem: the body of `POST /ml/v4/remote_training_systems`."""

    allowed_identities: Annotated[list[_Identity], Field(min_length=1)]
    organization: _Organization | None = None
    remote_admin: Json | None = None


class _Party(_Spec):
    id: Text
    required: bool | None = None


class _RemoteTraining(_Spec):
    remote_training_systems: Annotated[list[_Party], Field(min_length=1)]
    quorum: Annotated[float, Field(ge=0, le=1)] | None = None
    max_timeout: Annotated[int, Field(ge=1, le=43200)] | None = None


class _FederatedModel(_Spec):
    type: Text
    spec: Json | None = None
    model_file: str | None = None


class _FederatedLearning(BaseModel):
    """WML keeps this place open: what is not here is let through.

    Of hyperparameters only the types are fixed: releases differ in the ranges, which are facts.
    """

    model_config = ConfigDict(extra="allow", strict=True, protected_namespaces=())
    fusion_type: Annotated[str, AfterValidator(_fusion_type)]
    remote_training: _RemoteTraining
    model: _FederatedModel | None = None
    rounds: Annotated[int, Field(ge=1)] | None = None
    epochs: Annotated[int, Field(ge=1)] | None = None
    hardware_spec: _HardwareSpec | None = None
    software_spec: _Reference | None = None
    version: str | None = None
    log_level: Literal["critical", "error", "warning", "info", "debug"] | None = None
    termination_predicate: str | None = None
    save_intermediate_models: bool | None = None
    optimizer: Json | None = None
    loss: str | None = None
    metrics: Any = None
    crypto: Json | None = None
    byzantine_threshold: int | None = None
    sigma: float | None = None
    sigma0: float | None = None
    gamma: float | None = None
    iters: int | None = None
    learning_rate: float | None = None
    num_classes: int | None = None
    max_bins: int | None = None
    max_depth: int | None = None
    max_leaf_nodes: int | None = None
    min_samples_leaf: int | None = None
    l2_regularization: float | None = None
    sketch_accuracy_vs_privacy: float | None = None
    random_state: int | None = None
    verbose: Any = None


FEDERATED_LEARNING_KEYS = frozenset(_FederatedLearning.model_fields)


class _ResultsReference(_Spec):
    type: Text
    location: Json
    connection: Json | None = None
    name: str | None = None
    id: str | None = None


class TrainingSpec(_Scoped):
    """Inputs of a Training: the body of `POST /ml/v4/trainings`, and what to wait for."""

    federated_learning: _FederatedLearning
    results_reference: _ResultsReference
    training_data_references: list[Json] | None = None
    test_data_references: list[Json] | None = None
    wait_for: Literal["accepting_parties", "none", "completed"] | None = None
    triggers: Json | None = None
    on_delete: Literal["delete", "cancel"] | None = None


SPECS: dict[str, type[BaseModel]] = {
    "models": ModelSpec,
    "remote_training_systems": RemoteTrainingSystemSpec,
    "trainings": TrainingSpec,
}


def known_keys(spec: type[BaseModel]) -> list[str]:
    """Return every key of a spec, nested ones too: a typo is mostly near one of them."""
    keys: set[str] = set()
    models: list[type[BaseModel]] = [spec, *_Spec.__subclasses__(), _FederatedLearning]
    for model in models:
        keys |= set(model.model_fields)
    return sorted(keys)
