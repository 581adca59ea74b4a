"""Per field: what a change of it does, what WML makes of it, whether it is secret.

The one table behind check, diff, update, read, the documentation and their tests.

Source: the PATCH paths that WML's v4 API allows for models and remote training systems; trainings have no
PATCH, so every field that WML sees replaces.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["FIELDS", "MADE_IN_LOCATION", "OUTPUTS", "REFERENCES", "Change", "Echo", "Field", "Output"]


class Change(StrEnum):
    """What happens when a field changes."""

    UPDATES = "updated in place"
    REPLACES = "replaces the resource"
    CONTENT = "uploads the content again"
    OURS = "kept in Pulumi's state only"


class Echo(StrEnum):
    """What WML answers when it is asked for a field."""

    EXACT = "as declared"
    COMPLETED = "as declared, and what WML fills in"
    NOTHING = "not at all, or not to be kept"


@dataclass(frozen=True, slots=True)
class Field:
    """One input.

    `secret`: its value holds keys of an object storage. `removable`: WML can take it away in place.
    `same`: a value that means the same as none.
    """

    name: str
    change: Change
    echo: Echo = Echo.EXACT
    secret: bool = False
    required: bool = False
    removable: bool = True
    same: str | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """One output that is not an input, and what it is."""

    name: str
    meaning: str


def _fields(change: Change, *names: str, echo: Echo = Echo.EXACT) -> tuple[Field, ...]:
    return tuple(Field(name, change, echo) for name in names)


_SCOPE = _fields(Change.REPLACES, "project_id", "space_id")
_TEXTS = (
    Field("name", Change.UPDATES, required=True),
    *_fields(Change.UPDATES, "description", "tags", "custom"),
)
# A reference's connection holds the keys of an object storage.
_DATA = tuple(
    Field(name, Change.REPLACES, Echo.NOTHING, secret=True)
    for name in ("training_data_references", "test_data_references")
)

FIELDS: dict[str, tuple[Field, ...]] = {
    "models": (
        *_TEXTS,
        Field("type", Change.REPLACES, required=True),
        Field("software_spec", Change.UPDATES, Echo.COMPLETED, required=True, removable=False),
        Field("model_version", Change.UPDATES, Echo.COMPLETED, removable=False),
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
            echo=Echo.COMPLETED,
        ),
        *_DATA,
        Field("content", Change.CONTENT, Echo.NOTHING),
        Field("content_from_training", Change.REPLACES, Echo.NOTHING),
        Field("content_format", Change.CONTENT, Echo.NOTHING, same="native"),
        Field("content_sha256", Change.CONTENT, Echo.NOTHING),
        *_fields(Change.OURS, "timeouts", "adopt_id"),
        *_SCOPE,
    ),
    "remote_training_systems": (
        *_TEXTS,
        Field("allowed_identities", Change.UPDATES, required=True, removable=False),
        *_fields(Change.UPDATES, "organization", "remote_admin"),
        *_fields(Change.OURS, "timeouts", "adopt_id"),
        *_SCOPE,
    ),
    "trainings": (
        Field("name", Change.REPLACES, required=True),
        *_fields(Change.REPLACES, "description", "tags", "custom"),
        *_DATA,
        Field("federated_learning", Change.REPLACES, Echo.COMPLETED, required=True),
        Field("results_reference", Change.REPLACES, Echo.NOTHING, secret=True, required=True),
        *_fields(Change.OURS, "wait_for", "on_delete", "timeouts", "adopt_id"),
        Field("triggers", Change.REPLACES, Echo.NOTHING),
        *_SCOPE,
    ),
}

# References that take an id or a name, never both; WML answers with both, whichever was sent.
REFERENCES: dict[str, tuple[tuple[str, ...], ...]] = {
    "models": (("software_spec",),),
    "remote_training_systems": (),
    "trainings": (("federated_learning", "hardware_spec"), ("federated_learning", "software_spec")),
}

# What WML adds to the location of a training's results. Source: trainings read back from WML.
MADE_IN_LOCATION = frozenset(
    {
        *("training", "training_status", "assets_path", "notebooks_path"),
        *("logs", "training_log", "model_request_path"),
    }
)

_MADE = (
    Output("created_at", "when it was made (UTC, ISO 8601)"),
    Output("modified_at", "when it was last changed (UTC, ISO 8601)"),
    Output("owner", "the id of the user who made it; some deployments name none for a training"),
    Output("marker", "the tag by which an interrupted deployment finds the object again"),
    Output("href", "its path below the deployment's URL"),
)

OUTPUTS: dict[str, tuple[Output, ...]] = {
    "models": (
        *_MADE,
        Output("content_sha256", "SHA-256 of the content, in hexadecimal"),
        Output("content_bytes", "size of the content in bytes"),
        Output("content_attachment_id", "the id under which WML keeps the content"),
    ),
    "remote_training_systems": _MADE,
    "trainings": (
        *_MADE,
        Output("state", "the training's state when it was last looked at"),
        Output("message", "what WML says about that state"),
        Output("results_location", "where the results lie"),
        Output(
            "party_variables",
            "what the parties need: host, ids by the parties' names, scope; never a key. "
            "A renamed party has its new name here after a `refresh`",
        ),
    ),
}
