"""`WmlClient`: one typed method per operation of WML that the project needs.

Paths, query parameters and bodies are those of WML's v4 API; the scope goes where the API wants it (body of a
create, query of everything else).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO
from urllib.parse import parse_qs, urlsplit

import requests
from pydantic import ValidationError

from ..config import Settings
from ..errors import AnswerLost, ConnectionFailed, UnexpectedAnswer
from ..schema.api import Attachment, WmlObject
from .auth import TokenSource
from .contract import Collection, JsonObject, Scope
from .transport import Call, Transport

__all__ = ["WmlClient", "connect"]

_NOUNS: dict[str, str] = {
    "models": "model",
    "remote_training_systems": "remote training system",
    "trainings": "training",
}
_PAGE = 200
_CHUNK = 1 << 20


class WmlClient:
    """Operations of one WML environment; safe for many threads, one token for all of them."""

    def __init__(
        self, settings: Settings, *, transport: Transport | None = None, tokens: TokenSource | None = None
    ) -> None:
        self.settings = settings
        self._transport = transport or Transport(settings)
        self._tokens = tokens or TokenSource(settings)

    def create(self, collection: Collection, body: JsonObject) -> WmlObject:
        """Create an object from WML's request body, scope included; never repeated blindly.

        Raises:
            AnswerLost: the object may have been made.
        """
        noun = _NOUNS[collection]
        call = Call(
            "POST",
            f"/ml/v4/{collection}",
            f"create the {noun} {body.get('name', '')!r}",
            params=self._query(None),
            body=dict(body),
            repeatable=False,
        )
        return self._object(call)

    def get(self, collection: Collection, object_id: str, scope: Scope) -> WmlObject:
        """Read one object."""
        call = self._call("GET", collection, object_id, scope, "read")
        return self._object(call)

    def list(self, collection: Collection, scope: Scope, *, tag: str | None = None) -> Iterator[WmlObject]:
        """List objects, page after page; `tag` keeps those that carry it."""
        start: str | None = None
        seen: set[str] = set()
        while True:
            params = {**self._query(scope), "limit": str(_PAGE)}
            if tag is not None:
                params["tag.value"] = tag
            if start is not None:
                params["start"] = start
            noun = _NOUNS[collection]
            page = self._send_json(Call("GET", f"/ml/v4/{collection}", f"list the {noun}s", params=params))
            resources = page.get("resources")
            for item in resources if isinstance(resources, list) else []:
                found = _parse(item, f"list the {noun}s")
                # Not every deployment honours the filter.
                if tag is None or tag in _tags(found):
                    yield found
            start = _next_start(page)
            if start is None:
                return
            if start in seen:
                raise UnexpectedAnswer(f"Could not list the {noun}s: WML's pages go round in a circle.")
            seen.add(start)

    def patch(
        self, collection: Collection, object_id: str, scope: Scope, operations: Sequence[JsonObject]
    ) -> WmlObject:
        """Apply an RFC 6902 patch to a model or a remote training system."""
        call = self._call("PATCH", collection, object_id, scope, "update", body=[dict(o) for o in operations])
        return self._object(call)

    def delete(self, collection: Collection, object_id: str, scope: Scope, *, hard: bool = False) -> None:
        """Delete an object; for a training: cancel it, or with `hard` remove its record."""
        doing = "cancel" if collection == "trainings" and not hard else "delete"
        call = self._call("DELETE", collection, object_id, scope, doing)
        if hard:
            call = Call(
                call.method, call.path, call.doing, params={**(call.params or {}), "hard_delete": "true"}
            )
        self._transport.send(call, authorization=self._tokens).close()

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
        call = Call(
            "PUT",
            f"/ml/v4/models/{model_id}/content",
            f"upload the content of the model {model_id}",
            params={**self._query(scope), "content_format": content_format},
            open_content=open_content,
            content_size=size,
        )
        return _attachment(self._send_json(call), call.doing)

    def list_content(self, model_id: str, scope: Scope) -> Sequence[Attachment]:
        """List the model's attachments."""
        call = self._call("GET", "models", model_id, scope, "list the content of", suffix="/content")
        attachments = self._send_json(call).get("attachments")
        items = attachments if isinstance(attachments, list) else []
        return [_attachment(item, call.doing) for item in items]

    def delete_content(self, model_id: str, scope: Scope, attachment_id: str) -> None:
        """Delete one attachment of the model."""
        suffix = f"/content/{attachment_id}"
        call = self._call("DELETE", "models", model_id, scope, "delete content of", suffix=suffix)
        self._transport.send(call, authorization=self._tokens).close()

    @contextmanager
    def download_content(
        self, model_id: str, scope: Scope, *, content_format: str = "native"
    ) -> Iterator[Iterator[bytes]]:
        """Open the model's content as an iterator over chunks of at most 1 MiB."""
        call = Call(
            "GET",
            f"/ml/v4/models/{model_id}/download",
            f"download the content of the model {model_id}",
            params={**self._query(scope), "content_format": content_format},
        )
        response = self._transport.send(call, authorization=self._tokens)
        try:
            yield _chunks(response, call.doing)
        finally:
            response.close()

    def _query(self, scope: Scope | None) -> dict[str, str]:
        return {"version": self.settings.api_version, **(scope.as_dict() if scope else {})}

    def _call(
        self,
        method: str,
        collection: Collection,
        object_id: str,
        scope: Scope,
        verb: str,
        *,
        suffix: str = "",
        body: Any = None,
    ) -> Call:
        return Call(
            method,
            f"/ml/v4/{collection}/{object_id}{suffix}",
            f"{verb} the {_NOUNS[collection]} {object_id}",
            params=self._query(scope),
            body=body,
        )

    def _send_json(self, call: Call) -> dict[str, Any]:
        return self._transport.send_json(call, authorization=self._tokens)

    def _object(self, call: Call) -> WmlObject:
        data = self._send_json(call)
        try:
            return _parse(data, call.doing)
        except UnexpectedAnswer as error:
            if call.is_create:
                raise AnswerLost(
                    f"{error.message} It may have been carried out.",
                    hint="Run the same command again: what was made is found by its marker.",
                ) from None
            raise


def _parse(data: Any, doing: str) -> WmlObject:
    try:
        return WmlObject.model_validate(data)
    except ValidationError:
        raise UnexpectedAnswer(
            f"Could not {doing}: the answer is not an object of WML.", hint="Check wmlfl:url."
        ) from None


def _attachment(data: Any, doing: str) -> Attachment:
    try:
        return Attachment.model_validate(data)
    except ValidationError:
        raise UnexpectedAnswer(f"Could not {doing}: the answer names no attachment.") from None


def _tags(found: WmlObject) -> set[str]:
    """Tags of an object; trainings of some releases repeat them in the entity, or give objects."""
    listed = [*(found.metadata.tags or []), *(found.entity.get("tags") or [])]
    return {str(tag.get("value")) if isinstance(tag, dict) else str(tag) for tag in listed}


def _next_start(page: dict[str, Any]) -> str | None:
    """Read the opaque token of the next page out of its href, which is relative and may begin with `//`."""
    following = page.get("next")
    href = following.get("href") if isinstance(following, dict) else None
    if not isinstance(href, str):
        return None
    values = parse_qs(urlsplit(href.replace("//", "/", 1)).query).get("start")
    return values[-1] if values else None


def _chunks(response: requests.Response, doing: str) -> Iterator[bytes]:
    try:
        yield from response.iter_content(_CHUNK)
    except requests.RequestException as error:
        raise ConnectionFailed(
            f"Could not {doing}: the connection broke ({type(error).__name__}).",
            hint="Run the command again.",
        ) from None


@functools.lru_cache(maxsize=32)
def connect(settings: Settings) -> WmlClient:
    """Return the client of an environment; equal settings share one client and so one token and pool."""
    return WmlClient(settings)
