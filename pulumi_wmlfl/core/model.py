"""Models: metadata and content in two steps; a model whose upload failed is removed again."""

from __future__ import annotations

import hashlib

from ..client.contract import Scope
from ..errors import ContentError, NotFound, Problem, WaitTimedOut, WmlflError
from ..schema.api import Attachment, WmlObject
from ..schema.policy import Change
from .archive import open_content
from .base import Manager
from .diff import differs
from .patch import patch_for
from .results import CheckResult, Created, Json, Progress, Undone
from .trained import trained_content

__all__ = ["ModelManager"]

_IMPORT_SECONDS = 1800.0
_LONGEST_POLL = 5.0
_CONTENT = ("content_sha256", "content_bytes", "content_attachment_id")


class ModelManager(Manager):
    """Lifecycle of `/ml/v4/models`."""

    collection = "models"
    noun = "model"

    def check(self, news: Json) -> CheckResult:
        """As every check, and the content's hash becomes an input, so that a preview shows its change."""
        checked = super().check({key: value for key, value in news.items() if key not in _CONTENT})
        path = checked.inputs.get("content")
        if not isinstance(path, str) or not path:
            return checked
        try:
            with open_content(path) as content:
                inputs = {**checked.inputs, "content_sha256": content.sha256}
                return CheckResult(inputs, checked.problems, checked.warnings)
        except ContentError as error:
            problem = Problem("content", str(error))
            return CheckResult(checked.inputs, (*checked.problems, problem), checked.warnings)

    def body(self, inputs: Json) -> Json:
        """As every resource's; for the model of a training with the place of its content."""
        body = super().body(inputs)
        training_id = body.pop("content_from_training", None)
        if training_id:
            body["content_location"] = trained_content(self.api, str(training_id), self.scope(inputs))
        return body

    def complete(self, found: WmlObject, inputs: Json, progress: Progress) -> Created:
        """Upload the content, or wait for WML to fetch it; if that fails, delete the model and say so."""
        scope = self.scope(inputs)
        if inputs.get("content_from_training"):
            try:
                return super().complete(self._imported(found, scope, inputs, progress), inputs, progress)
            except WmlflError as error:
                raise self._undone(found.id, scope, error) from None
        if not inputs.get("content"):
            return super().complete(found, inputs, progress)
        try:
            sent = self.soon(lambda: self._upload(found.id, scope, inputs, progress))
            # The upload advances `modified_at`.
            found = self.get_new(found.id, scope)
        except WmlflError as error:
            raise self._undone(found.id, scope, error) from None
        return Created(found.id, {**self.outputs(inputs, found), **sent})

    def read(self, object_id: str, outputs: Json) -> tuple[Json, Json] | None:
        """As every read; WML names no checksum, so content that is not our upload is fetched and hashed."""
        found = super().read(object_id, outputs)
        if found is None:
            return None
        inputs, made = ({k: v for k, v in values.items() if k not in _CONTENT} for values in found)
        if not outputs.get("content_sha256"):
            return inputs, made
        content = self._content(object_id, self.scope(outputs), outputs)
        if "content_sha256" in content:
            inputs["content_sha256"] = content["content_sha256"]
        return inputs, {**made, **content}

    def update(self, object_id: str, olds: Json, news: Json, progress: Progress) -> Json:
        """Patch what differs and upload the content again if its hash changed."""
        scope = self.scope(news)
        sent = {key: olds[key] for key in _CONTENT[1:] if key in olds}
        found = self.patched(object_id, olds, news) if patch_for(self.fields, olds, news) else None
        changed = [f for f in self.fields if f.change is Change.CONTENT]
        if any(differs(f, olds.get(f.name), news.get(f.name)) for f in changed):
            sent = self._replace_content(object_id, scope, news, progress)
            found = None
        return {**self.outputs(news, found or self.api.get("models", object_id, scope)), **sent}

    def _imported(self, found: WmlObject, scope: Scope, inputs: Json, progress: Progress) -> WmlObject:
        """Wait until WML has fetched the content. Source: `content_import_state` of the v4 API."""
        deadline = self._clock() + self.seconds(inputs, "create", _IMPORT_SECONDS)
        pause = 0.1
        while (state := found.entity.get("content_import_state") or "completed") != "completed":
            if state == "failed":
                told = (found.system or {}).get("warnings") or []
                said = "; ".join(str(entry.get("message")) for entry in told if isinstance(entry, dict))
                raise ContentError(f"WML could not fetch the content of the model {found.id}. {said}")
            if self._clock() > deadline:
                raise WaitTimedOut(f"WML has not fetched the content of the model {found.id} in time.")
            progress("WML fetches the content")
            self._sleep(pause)
            pause = min(_LONGEST_POLL, pause * 1.5)
            found = self.get_new(found.id, scope)
        return found

    def _replace_content(self, model_id: str, scope: Scope, news: Json, progress: Progress) -> Json:
        """Upload the declared content, then remove every other: whether WML replaces it is not documented."""
        before = self.api.list_content(model_id, scope)
        sent = self._upload(model_id, scope, news, progress) if news.get("content") else {}
        for attachment in before:
            if attachment.attachment_id != sent.get("content_attachment_id"):
                try:
                    self.api.delete_content(model_id, scope, attachment.attachment_id)
                except NotFound:
                    continue
        return sent

    def _upload(self, model_id: str, scope: Scope, inputs: Json, progress: Progress) -> Json:
        content_format = str(inputs.get("content_format") or "native")
        with open_content(str(inputs["content"])) as content:
            progress(f"uploading {content.size:,} bytes")
            sent = self.api.upload_content(
                model_id, scope, content.open, size=content.size, content_format=content_format
            )
            progress(f"uploaded {content.size:,} bytes")
            return {
                "content_sha256": content.sha256,
                "content_bytes": content.size,
                "content_attachment_id": sent.attachment_id,
            }

    def _content(self, model_id: str, scope: Scope, outputs: Json) -> Json:
        """Return hash, size and id of the content that WML has; what we uploaded is not fetched again."""
        content_format = str(outputs.get("content_format") or "native")
        found = [a for a in self._attachments(model_id, scope) if a.content_format in (None, content_format)]
        if not found:
            return {}
        ours = outputs.get("content_attachment_id")
        if [attachment.attachment_id for attachment in found] == [ours]:
            return {key: outputs[key] for key in _CONTENT if key in outputs}
        digest, size = hashlib.sha256(), 0
        with self.api.download_content(model_id, scope, content_format=content_format) as chunks:
            for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
        return {
            "content_sha256": digest.hexdigest(),
            "content_bytes": size,
            "content_attachment_id": found[-1].attachment_id,
        }

    def _attachments(self, model_id: str, scope: Scope) -> list[Attachment]:
        try:
            return list(self.api.list_content(model_id, scope))
        except NotFound:
            return []

    def _undone(self, model_id: str, scope: Scope, error: WmlflError) -> WmlflError:
        try:
            with self.api.within(None):
                self.api.delete("models", model_id, scope)
        except NotFound:
            pass
        except WmlflError as undo:
            error.hint = (
                f"{error.hint} The model {model_id} is left behind, the next `up` goes on with it: {undo}"
            )
            return error
        return Undone(error, "The model was removed again.")
