"""What `core` asks of a WML client: a typing protocol, so that `core` never sees HTTP.

Every method raises the errors of :mod:`pulumi_wmlfl.errors`: `NotFound` for a missing object,
`FederatedLearningUnavailable` for a missing collection, `AnswerLost` when a create may have happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal, Protocol

from ..schema.api import Attachment, WmlObject

__all__ = ["Collection", "JsonObject", "Scope", "WmlApi"]

JsonObject = Mapping[str, Any]
Collection = Literal["models", "remote_training_systems", "trainings"]


@dataclass(frozen=True, slots=True)
class Scope:
    """The project or the space an object lives in; exactly one kind."""

    kind: Literal["project_id", "space_id"]
    id: str

    def as_dict(self) -> dict[str, str]:
        """Return `{"project_id": id}` or `{"space_id": id}`."""
        return {self.kind: self.id}


class WmlApi(Protocol):
    """The operations of WML that the resources need."""

    def within(self, seconds: float | None) -> AbstractContextManager[None]:
        """Let no request in the block begin, or be repeated, after `seconds`; None sets no limit."""
        ...

    def create(self, collection: Collection, body: JsonObject) -> WmlObject:
        """Create an object from WML's request body, scope included; never repeated blindly."""
        ...

    def get(self, collection: Collection, object_id: str, scope: Scope) -> WmlObject:
        """Read one object."""
        ...

    def list(self, collection: Collection, scope: Scope, *, tag: str | None = None) -> Iterator[WmlObject]:
        """List objects, page after page; `tag` keeps those that carry it."""
        ...

    def patch(
        self, collection: Collection, object_id: str, scope: Scope, operations: Sequence[JsonObject]
    ) -> WmlObject:
        """Apply an RFC 6902 patch to a model or a remote training system."""
        ...

    def delete(self, collection: Collection, object_id: str, scope: Scope, *, hard: bool = False) -> None:
        """Delete an object; for a training: cancel it, or with `hard` remove its record."""
        ...

    def upload_content(
        self,
        model_id: str,
        scope: Scope,
        open_content: Callable[[], BinaryIO],
        *,
        size: int,
        content_format: str = "native",
    ) -> Attachment:
        """Upload `size` bytes as the model's content, streamed; `open_content` is called for each try."""
        ...

    def list_content(self, model_id: str, scope: Scope) -> Sequence[Attachment]:
        """List the model's attachments."""
        ...

    def delete_content(self, model_id: str, scope: Scope, attachment_id: str) -> None:
        """Delete one attachment of the model."""
        ...

    def download_asset_file(self, path: str, scope: Scope) -> AbstractContextManager[Iterator[bytes]]:
        """Open a file of a project or space, such as a training's result, as chunks of bytes."""
        ...

    def download_content(
        self, model_id: str, scope: Scope, *, content_format: str = "native"
    ) -> AbstractContextManager[Iterator[bytes]]:
        """Open the model's content as an iterator over chunks of bytes."""
        ...
