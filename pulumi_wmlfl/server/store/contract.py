"""What the service asks of its store; every method is safe for many threads and durable when it returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Attachment", "JournalEntry", "Page", "Principal", "Record", "Revision", "Scope", "Selection"]


@dataclass(frozen=True, slots=True)
class Scope:
    """A project or a space."""

    kind: Literal["project_id", "space_id"]
    id: str


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: `id` is what WML shows as owner (`IBMid-...`), `username` the CPD name.

    `key_id` and `key_name` are of the key this user signed in with.
    """

    id: str
    username: str
    email: str = ""
    key_id: str = ""
    key_name: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One stored object. `entity` is what WML shows under `entity`; times are WML's text form.

    `state` and `status` are filled for trainings only.
    """

    id: str
    collection: str
    scope: Scope
    name: str
    created_at: str
    modified_at: str
    owner: str = ""
    description: str | None = None
    tags: Sequence[str] | None = None
    entity: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    state: str = ""
    status: Mapping[str, Any] = field(default_factory=dict)
    due_at: float | None = None
    position: int = 0


@dataclass(frozen=True, slots=True)
class Revision:
    """A committed revision of a model or a remote training system."""

    rev: int
    record: Record
    committed_at: str
    message: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """Content of a model: where its bytes are (`sha256`) and how many (`size`)."""

    id: str
    model_id: str
    content_format: str
    sha256: str
    size: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects a listing has; everything that is given must hold.

    `any_tags` holds when one of them is there; `entity_values` maps SQLite JSON paths to text.
    """

    all_tags: Sequence[str] = ()
    any_tags: Sequence[str] = ()
    search: str = ""
    state: str = ""
    entity_values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing; `next_position` is None on the last page, `total` where it was not asked for."""

    records: Sequence[Record]
    next_position: int | None
    total: int | None


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One line of a training's journal; `at` is WML's text form of the time."""

    at: str
    event: str
    data: Mapping[str, Any]
