"""Per field: what a change of it does. The one table behind check, diff, update, read and the documentation.

Source: the PATCH paths that WML's v4 API allows for models and remote training systems; trainings have no
PATCH, so every field that WML sees replaces.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["FIELDS", "Change", "Field"]


class Change(StrEnum):
    """What happens when a field changes."""

    UPDATES = "updated in place"
    REPLACES = "replaces the resource"
    CONTENT = "uploads the content again"
    OURS = "kept in Pulumi's state only"
    DERIVED = "follows from another field"


@dataclass(frozen=True, slots=True)
class Field:
    """One input: its name, what a change does, whether its value is secret."""

    name: str
    change: Change
    secret: bool = False
    required: bool = False


def _fields(change: Change, *names: str) -> tuple[Field, ...]:
    return tuple(Field(name, change) for name in names)


_SCOPE = _fields(Change.REPLACES, "project_id", "space_id")
_TEXTS = (
    Field("name", Change.UPDATES, required=True),
    *_fields(Change.UPDATES, "description", "tags", "custom"),
)
# A reference's connection holds the keys of an object storage.
_DATA = tuple(
    Field(name, Change.REPLACES, secret=True) for name in ("training_data_references", "test_data_references")
)

FIELDS: dict[str, tuple[Field, ...]] = {
    "models": (
        *_TEXTS,
        Field("type", Change.REPLACES, required=True),
        Field("software_spec", Change.UPDATES, required=True),
        Field("model_version", Change.UPDATES),
        *_fields(
            Change.REPLACES,
            "hyper_parameters",
            "domain",
            "label_column",
            "transformed_label_column",
            "schemas",
            "pipeline",
            "model_definition",
            "size",
            "metrics",
            "user_defined_objects",
            "hybrid_pipeline_software_specs",
            "training_id",
            "training",
            "data_preprocessing",
        ),
        *_DATA,
        Field("content", Change.OURS),
        Field("content_format", Change.CONTENT),
        Field("content_sha256", Change.CONTENT),
        Field("timeouts", Change.OURS),
        *_SCOPE,
    ),
    "remote_training_systems": (
        *_TEXTS,
        Field("allowed_identities", Change.UPDATES, required=True),
        *_fields(Change.UPDATES, "organization", "remote_admin"),
        Field("timeouts", Change.OURS),
        *_SCOPE,
    ),
    "trainings": (
        Field("name", Change.REPLACES, required=True),
        *_fields(Change.REPLACES, "description", "tags", "custom"),
        *_DATA,
        Field("federated_learning", Change.REPLACES, required=True),
        Field("results_reference", Change.REPLACES, secret=True, required=True),
        *_fields(Change.OURS, "wait_for", "on_delete", "timeouts"),
        Field("triggers", Change.REPLACES),
        *_SCOPE,
    ),
}
