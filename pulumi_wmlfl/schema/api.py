"""What WML says: wire models that keep every field they do not know, and states as an enum.

Source: the v4 API's resource envelope (`metadata`, `entity`, `system`) and training states.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Attachment", "Metadata", "TrainingState", "WmlObject"]


class TrainingState(StrEnum):
    """States of a training; WML may add others, which count as not terminal."""

    QUEUED = "queued"
    PENDING = "pending"
    ACCEPTING_PARTIES = "accepting_parties"
    RUNNING = "running"
    STORING = "storing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"
    ERROR = "error"

    @staticmethod
    def is_terminal(state: str) -> bool:
        """Say whether a training in `state` has ended."""
        return state in _TERMINAL


_TERMINAL = frozenset({"completed", "failed", "canceled", "error"})


class _Wire(BaseModel):
    model_config = ConfigDict(extra="allow", protected_namespaces=())


class Metadata(_Wire):
    """What every object has: id, scope, name, tags and times (UTC, ISO 8601 with milliseconds)."""

    id: str
    name: str | None = None
    description: str | None = None
    tags: list[Any] | None = None
    owner: str | None = None
    project_id: str | None = None
    space_id: str | None = None
    created_at: str | None = None
    modified_at: str | None = None


class WmlObject(_Wire):
    """A model, a remote training system or a training as WML returns it."""

    metadata: Metadata
    entity: dict[str, Any] = Field(default_factory=dict)
    system: dict[str, Any] | None = None

    @property
    def id(self) -> str:
        """The object's id."""
        return self.metadata.id

    @property
    def state(self) -> str:
        """State of a training (`entity.status.state`); empty for other objects."""
        status = self.entity.get("status")
        state = status.get("state") if isinstance(status, dict) else None
        return state if isinstance(state, str) else ""


class Attachment(_Wire):
    """Content of a model as WML lists it."""

    attachment_id: str
    content_format: str | None = None
    persisted: bool | None = None
