"""What a user may declare: validation of the inputs of Model, RemoteTrainingSystem and Training.

All problems of a resource are found at once, each on its property. Values that are not known yet at preview
(instances of the given `unknown` class) are let through, everything around them is checked.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import Problem

__all__ = ["check_inputs", "normalise"]

WAIT_FOR = ("accepting_parties", "none", "completed")
Json = dict[str, Any]
Text = Annotated[str, Field(min_length=1, pattern=r"^[^<>]*$")]


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", protected_namespaces=(), arbitrary_types_allowed=True)


class _Timeouts(_Spec):
    create: Annotated[float, Field(gt=0)] | None = None
    update: Annotated[float, Field(gt=0)] | None = None
    delete: Annotated[float, Field(gt=0)] | None = None


class _Scoped(_Spec):
    name: Text
    description: Annotated[str, Field(pattern=r"^[^<>]*$")] | None = None
    tags: list[str] | None = None
    custom: Json | None = None
    project_id: str | None = None
    space_id: str | None = None
    timeouts: _Timeouts | None = None


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
    content_format: Literal["native"] | None = None
    content_sha256: str | None = None


class _Identity(_Spec):
    id: Text
    type: Text
    allowed_ips: list[str] | None = None


class _Organization(_Spec):
    name: Text
    region: str | None = None


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
    """WML keeps this place open: fusion types bring hyperparameters of their own."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())
    fusion_type: Literal[
        "iter_avg", "avg", "pfnm", "spahm", "xgb_classifier", "xgb_regressor", "crypto_iter_avg"
    ]
    remote_training: _RemoteTraining
    model: _FederatedModel | None = None
    rounds: Annotated[int, Field(ge=1)] | None = None
    epochs: Annotated[int, Field(ge=1)] | None = None
    hardware_spec: _HardwareSpec | None = None
    software_spec: _Reference | None = None
    log_level: Literal["critical", "error", "warning", "info", "debug"] | None = None


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


_SPECS: dict[str, type[_Scoped]] = {
    "models": ModelSpec,
    "remote_training_systems": RemoteTrainingSystemSpec,
    "trainings": TrainingSpec,
}


def normalise(value: Any) -> Any:
    """Undo what transport and habit do to inputs: 3.0 is 3, a tag object is its value, `type` is trimmed."""
    if isinstance(value, dict):
        cleaned = {key: normalise(item) for key, item in value.items()}
        if isinstance(cleaned.get("type"), str):
            cleaned["type"] = cleaned["type"].strip()
        if isinstance(cleaned.get("tags"), list):
            cleaned["tags"] = [
                tag["value"] if isinstance(tag, dict) and "value" in tag else tag for tag in cleaned["tags"]
            ]
        return cleaned
    if isinstance(value, list):
        return [normalise(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


def check_inputs(collection: str, inputs: Json, *, unknown: type) -> list[Problem]:
    """Return every problem of normalised `inputs`; values of class `unknown` are let through."""
    problems = _shape_problems(_SPECS[collection], inputs, unknown)
    known = _Known(inputs, unknown)
    for rule in _RULES[collection]:
        problems += rule(known)
    return problems


def _shape_problems(spec: type[BaseModel], inputs: Json, unknown: type) -> list[Problem]:
    try:
        spec.model_validate(inputs)
    except ValidationError as error:
        found = error.errors(include_url=False)
        return [_problem(spec, entry) for entry in found if not isinstance(entry.get("input"), unknown)]
    return []


def _problem(spec: type[BaseModel], entry: Any) -> Problem:
    where = ".".join(str(part) for part in entry["loc"])
    kind = entry["type"]
    if kind == "missing":
        return Problem(where, "is required")
    if kind == "extra_forbidden":
        name = str(entry["loc"][-1])
        near = difflib.get_close_matches(name, _known_keys(spec), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return Problem(where, f"is not a property that WML knows{hint}")
    if kind == "string_pattern_mismatch":
        return Problem(where, "must not contain < or >, which WML's firewall refuses")
    message = str(entry["msg"])
    return Problem(where, message[:1].lower() + message[1:])


def _known_keys(spec: type[BaseModel]) -> list[str]:
    """Return every key of a spec, nested ones too: a typo is mostly near one of them."""
    keys: set[str] = set()
    models: list[type[BaseModel]] = [spec, *_Spec.__subclasses__(), _FederatedLearning]
    for model in models:
        keys |= set(model.model_fields)
    return sorted(keys)


class _Known:
    """Reads inputs; a place that is missing, wrong or not known yet reads as None."""

    def __init__(self, inputs: Json, unknown: type) -> None:
        self._inputs = inputs
        self._unknown = unknown

    def __call__(self, *path: str | int) -> Any:
        value: Any = self._inputs
        for part in path:
            if isinstance(value, dict) and isinstance(part, str):
                value = value.get(part)
            elif isinstance(value, list) and isinstance(part, int) and part < len(value):
                value = value[part]
            else:
                return None
        return None if isinstance(value, self._unknown) else value

    def has(self, key: str) -> bool:
        return self._inputs.get(key) is not None


Rule = Callable[[_Known], list[Problem]]


def _one_scope(known: _Known) -> list[Problem]:
    if known.has("project_id") and known.has("space_id"):
        return [Problem("space_id", "give either project_id or space_id, not both")]
    if not known.has("project_id") and not known.has("space_id"):
        text = (
            "no project: set project_id or space_id here, or wmlfl:projectId or wmlfl:spaceId for the stack"
        )
        return [Problem("", text)]
    return []


def _one_reference(*path: str) -> Rule:
    def rule(known: _Known) -> list[Problem]:
        reference = known(*path)
        if isinstance(reference, dict) and ("id" in reference) == ("name" in reference):
            return [Problem(".".join(path), "give exactly one of id and name")]
        return []

    return rule


def _parties(known: _Known) -> list[Problem]:
    base = ("federated_learning", "remote_training", "remote_training_systems")
    parties = known(*base)
    seen: dict[str, int] = {}
    problems = []
    for index in range(len(parties) if isinstance(parties, list) else 0):
        party = known(*base, index, "id")
        if isinstance(party, str) and party in seen:
            path = f"{'.'.join(base)}[{index}].id"
            problems.append(Problem(path, f"names the same party as number {seen[party]}"))
        elif isinstance(party, str):
            seen[party] = index
    return problems


def _training_rules(known: _Known) -> list[Problem]:
    fusion = known("federated_learning", "fusion_type")
    problems = []
    if fusion == "crypto_iter_avg" and known("federated_learning", "hardware_spec", "name") == "XS":
        problems.append(
            Problem("federated_learning.hardware_spec.name", "encrypted fusion needs at least S, not XS")
        )
    learning = known("federated_learning")
    needs_rounds = fusion in {"iter_avg", "avg", "pfnm", "xgb_classifier", "xgb_regressor", "crypto_iter_avg"}
    if needs_rounds and isinstance(learning, dict) and "rounds" not in learning:
        problems.append(Problem("federated_learning.rounds", f"is required for {fusion}"))
    if fusion in {"xgb_classifier", "xgb_regressor"} and isinstance(learning, dict):
        problems += [
            Problem(f"federated_learning.{key}", f"is required for {fusion}")
            for key in ("learning_rate", "loss")
            if key not in learning
        ]
    return problems


_RULES: dict[str, tuple[Rule, ...]] = {
    "models": (_one_scope, _one_reference("software_spec")),
    "remote_training_systems": (_one_scope,),
    "trainings": (_one_scope, _parties, _training_rules),
}
