"""What the service accepts: its own request models, strict about WML's rules, open where WML is open.

They share nothing with the client's, so that a wrong field name cannot pass on both sides.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    ValidationError,
    model_validator,
)

from .problems import Refusal, bad_request

__all__ = [
    "ModelRequest",
    "PatchOperation",
    "PatchRequest",
    "RemoteTrainingSystemRequest",
    "RevisionRequest",
    "TrainingRequest",
    "parse",
    "refusal_of",
]

T = TypeVar("T", bound=BaseModel)
_HTML = re.compile(r"<[a-zA-Z/!][^>]*>")
_FUSION_TYPES = Literal[
    "iter_avg",
    "avg",
    "pfnm",
    "spahm",
    "xgb_classifier",
    "xgb_regressor",
    "crypto_iter_avg",
    # Not WML's: robust fusions that the local service offers besides.
    "coordinate_median",
    "trimmed_mean",
    "krum",
]


def _no_html(value: object) -> object:
    if isinstance(value, str) and _HTML.search(value):
        raise ValueError("Invalid content. You cannot include any tags in the HTTP request.")
    return value


def _trim(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


def _tag_text(value: object) -> object:
    """Turn tag objects (`{value, description}`) into their value, as the real service does."""
    if isinstance(value, list):
        return [item.get("value") if isinstance(item, dict) else item for item in value]
    return value


Text = Annotated[str, BeforeValidator(_no_html)]
Name = Annotated[str, Field(min_length=1), BeforeValidator(_no_html)]
Tags = Annotated[list[str] | None, BeforeValidator(_tag_text)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="allow", protected_namespaces=(), strict=True)


class _Reference(_Request):
    """A specification named by exactly one of id and name."""

    id: str | None = None
    name: str | None = None

    @model_validator(mode="after")
    def _one(self) -> _Reference:
        if (self.id is None) == (self.name is None):
            raise ValueError("exactly one of id and name is required")
        return self


class _Scoped(_Request):
    name: Name
    description: Text | None = None
    tags: Tags = None
    project_id: str | None = None
    space_id: str | None = None
    custom: dict[str, Any] | None = None


class _ContentLocation(_Request):
    """Where the content is fetched from; what is missing shows when that is tried, as at WML."""

    type: str | None = None
    connection: dict[str, Any] | None = None
    location: dict[str, Any] | None = None


class ModelRequest(_Scoped):
    """Body of `POST /ml/v4/models`."""

    type: Annotated[str, Field(min_length=1), BeforeValidator(_trim)]
    software_spec: _Reference
    content_location: _ContentLocation | None = None


class _Identity(_Request):
    id: Annotated[str, Field(min_length=1)]
    type: Annotated[str, Field(min_length=1)]
    allowed_ips: list[str] | None = None


class _Organization(_Request):
    name: Name
    region: Text | None = None


class RemoteTrainingSystemRequest(_Scoped):
    """Body of `POST /ml/v4/remote_training_systems`."""

    allowed_identities: Annotated[list[_Identity], Field(min_length=1)]
    organization: _Organization | None = None
    remote_admin: dict[str, Any] | None = None


class _Party(_Request):
    id: Annotated[str, Field(min_length=1)]
    required: bool | None = None


class _RemoteTraining(_Request):
    remote_training_systems: Annotated[list[_Party], Field(min_length=1)]
    quorum: Annotated[float, Field(ge=0, le=1)] | None = None
    max_timeout: Annotated[int, Field(ge=1, le=43200)] | None = None


class _Model(_Request):
    type: Annotated[str, Field(min_length=1)]
    spec: dict[str, Any] | None = None


class _Hardware(_Reference):
    num_nodes: Annotated[int, Field(ge=1)] | None = None


class _FederatedLearning(_Request):
    """Of hyperparameters only the types; what they may be, and the parties' own, the aggregator says."""

    fusion_type: _FUSION_TYPES
    remote_training: _RemoteTraining
    model: _Model | None = None
    rounds: Annotated[int, Field(ge=1)] | None = None
    termination_predicate: Text | None = None
    hardware_spec: _Hardware | None = None
    software_spec: _Reference | None = None
    version: str | None = None
    log_level: Literal["critical", "error", "warning", "info", "debug"] | None = None
    save_intermediate_models: bool | None = None
    crypto: dict[str, Any] | None = None
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

    @model_validator(mode="after")
    def _encrypted(self) -> _FederatedLearning:
        size = self.hardware_spec.name if self.hardware_spec else None
        if self.fusion_type == "crypto_iter_avg" and size == "XS":
            raise ValueError("crypto_iter_avg needs a hardware_spec of at least S")
        return self


class _Results(_Request):
    type: Annotated[str, Field(min_length=1)]
    location: dict[str, Any]
    connection: dict[str, Any] | None = None


class TrainingRequest(_Scoped):
    """Body of `POST /ml/v4/trainings`."""

    name: Text | None = None  # type: ignore[assignment]
    results_reference: _Results
    federated_learning: _FederatedLearning | None = None
    training_data_references: list[dict[str, Any]] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> TrainingRequest:
        others = {"pipeline", "experiment", "model_definition"} & set(self.model_extra or {})
        if self.federated_learning is None or others:
            raise ValueError("this service runs federated_learning trainings, and only those")
        return self


class PatchOperation(BaseModel):
    """One operation of an RFC 6902 patch."""

    model_config = ConfigDict(extra="ignore")
    op: Literal["add", "replace", "remove"]
    path: str
    value: Any = None


class PatchRequest(RootModel[list[PatchOperation]]):
    """Body of a PATCH."""


class RevisionRequest(_Request):
    """Body of a request for a revision."""

    project_id: str | None = None
    space_id: str | None = None
    commit_message: Text | None = None


def parse(model: type[T], body: object) -> T:
    """Validate `body`.

    Raises:
        Refusal: 400 that names the first wrong field, `json_type_error` for a wrong type.
    """
    if not isinstance(body, dict):
        raise bad_request("The request body must be a JSON object.", code="json_type_error")
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise refusal_of(error) from None


def refusal_of(error: ValidationError, *, prefix: str = "") -> Refusal:
    """Return the refusal for the first thing that is wrong."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in (prefix, *first["loc"]) if part != "")
    code = "json_type_error" if str(first["type"]).endswith("_type") else "json_validation_error"
    message = str(first["msg"]).removeprefix("Value error, ")
    return bad_request(f"{where}: {message}" if where else message, target=where, code=code)
