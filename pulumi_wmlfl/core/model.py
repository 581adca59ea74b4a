"""Models: metadata and content in two steps; a model whose upload failed is removed again."""

from __future__ import annotations

from typing import Any

from ..client.contract import Scope
from ..errors import ContentError, NotFound, Problem, WmlflError
from ..schema.policy import Change, Field
from .archive import open_content
from .base import CheckResult, Created, Json, Manager, Progress

__all__ = ["ModelManager"]


class ModelManager(Manager):
    """Lifecycle of `/ml/v4/models`."""

    collection = "models"
    noun = "model"

    def check(self, news: Json) -> CheckResult:
        """As every check, and the content's hash becomes an input, so that a preview shows its change."""
        checked = super().check({key: value for key, value in news.items() if key != "content_sha256"})
        path = checked.inputs.get("content")
        if not isinstance(path, str):
            return checked
        try:
            with open_content(path) as content:
                return CheckResult({**checked.inputs, "content_sha256": content.sha256}, checked.problems)
        except ContentError as error:
            return CheckResult(checked.inputs, (*checked.problems, Problem("content", str(error))))

    def differs(self, spec: Field, old: Any, new: Any) -> bool:
        """As always; a software specification is the same if what was declared of it is."""
        if spec.name == "content_format":
            return (old or "native") != (new or "native")
        return super().differs(spec, old, new)

    def create(self, inputs: Json, progress: Progress) -> Created:
        """Create the model and upload its content; if that fails, delete the model and say so."""
        scope = self.scope(inputs)
        found = self.api.create("models", self.body(inputs))
        sent: Json = {}
        try:
            sent = self._upload(found.id, scope, inputs, progress)
            found = self.api.get("models", found.id, scope)
        except BaseException as error:
            self._undo(found.id, scope, error)
            raise
        return Created(found.id, {**self.outputs(inputs, found), **sent})

    def read(self, object_id: str, outputs: Json) -> tuple[Json, Json] | None:
        """As every read; the content's hash and size are those of the last upload."""
        found = super().read(object_id, outputs)
        if found is None:
            return None
        kept = {key: outputs[key] for key in ("content_bytes",) if key in outputs}
        return found[0], {**found[1], **kept}

    def update(self, object_id: str, olds: Json, news: Json, progress: Progress) -> Json:
        """Patch what differs and upload the content again if its hash changed."""
        scope = self.scope(news)
        operations = self.patch(olds, news)
        if operations:
            self.api.patch("models", object_id, scope, operations)
        sent = {key: olds[key] for key in ("content_bytes",) if key in olds}
        changed = [f for f in self.fields if f.change is Change.CONTENT]
        if any(self.differs(f, olds.get(f.name), news.get(f.name)) for f in changed):
            sent = self._upload(object_id, scope, news, progress)
        return {**self.outputs(news, self.api.get("models", object_id, scope)), **sent}

    def _upload(self, model_id: str, scope: Scope, inputs: Json, progress: Progress) -> Json:
        path = inputs.get("content")
        if not path:
            return {}
        content_format = str(inputs.get("content_format") or "native")
        with open_content(str(path)) as content:
            progress(f"uploading {content.size:,} bytes")
            sent = self.api.upload_content(
                model_id, scope, content.open, size=content.size, content_format=content_format
            )
            size = content.size
        # Whether a second upload replaces the first is not documented: make sure that one is left.
        for attachment in self.api.list_content(model_id, scope):
            stale = attachment.attachment_id != sent.attachment_id
            if stale and attachment.content_format == content_format:
                self.api.delete_content(model_id, scope, attachment.attachment_id)
        return {"content_bytes": size}

    def _undo(self, model_id: str, scope: Scope, error: BaseException) -> None:
        try:
            self.api.delete("models", model_id, scope)
            left = "The model was removed again."
        except NotFound:
            left = "The model was removed again."
        except WmlflError as undo:
            left = f"The model {model_id} is left behind: {undo}"
        if isinstance(error, WmlflError):
            error.hint = f"{error.hint} {left}".strip()
