"""An existing object as a resource: what a program declares of it, what a state records of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..client.contract import Collection
from .lookup import NOUNS
from .marker import is_of_stack
from .results import Json

__all__ = ["Adopted", "Reference", "Setting"]


@dataclass(frozen=True, slots=True)
class Reference:
    """Stands in a declaration for the id of another object that is taken over."""

    id: str


@dataclass(frozen=True, slots=True)
class Setting:
    """Stands in a declaration for a secret of the stack's configuration."""

    key: str


@dataclass(frozen=True, slots=True)
class Adopted:
    """An object as a resource.

    `declared` is what the program says, with `Reference` and `Setting` in place of ids and secrets; `inputs`
    and `outputs` are what the state records, in plain. `needs` are ids of other objects that are taken over,
    `settings` the secrets by their key in the stack's configuration.
    """

    collection: Collection
    id: str
    name: str
    resource_name: str
    declared: Json
    inputs: Json
    outputs: Json
    needs: tuple[str, ...]
    marker: str = ""
    settings: Mapping[str, Json] = field(default_factory=dict)
    notes: Sequence[str] = ()

    @property
    def noun(self) -> str:
        """What WML calls it."""
        return NOUNS[self.collection]

    @property
    def title(self) -> str:
        """What it is called in texts: kind, id and name."""
        return f"{self.noun} {self.id} ({self.name})"

    def refers(self, key: str, other: str) -> bool:
        """Say whether the declaration of `key` refers to the object with the id `other`."""
        return _holds(self.declared.get(key), Reference(other))

    def with_content(self, path: str, sha256: str, size: int, attachment_id: str) -> Adopted:
        """Return the model with its content, which is in the file at `path`."""
        hashed = {"content": path, "content_sha256": sha256}
        sent = {"content_bytes": size, "content_attachment_id": attachment_id}
        return replace(
            self,
            declared={**self.declared, "content": path},
            inputs={**self.inputs, **hashed},
            outputs={**self.outputs, **hashed, **sent},
        )

    def is_of_another_stack(self, urn: str) -> bool:
        """Say whether it carries the marker of another stack than that of `urn`."""
        return bool(self.marker) and not is_of_stack(self.marker, urn)


def _holds(value: Any, wanted: Reference) -> bool:
    if isinstance(value, dict | list):
        return any(_holds(item, wanted) for item in (value.values() if isinstance(value, dict) else value))
    return bool(value == wanted)
