"""`WmlClient`: one typed method per operation of WML that the project needs.

Paths, query parameters and bodies are those of WML's v4 API; the scope goes where the API wants it (body of a
create, query of everything else).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, BinaryIO
from urllib.parse import parse_qs, quote

import requests
from pydantic import ValidationError

from ..config import Settings
from ..errors import AnswerLost, ConnectionFailed, UnexpectedAnswer
from ..schema.api import Attachment, WmlObject
from .auth import TokenSource
from .contract import Collection, JsonObject, Scope
from .deadlines import within
from .failures import reason_of
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
        self,
        settings: Settings,
        *,
        transport: Transport | None = None,
        tokens: TokenSource | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.settings = settings
        self._transport = transport or Transport(settings, sleep=sleep)
        self._tokens = tokens or TokenSource(settings, sleep=sleep)

    def within(self, seconds: float | None) -> AbstractContextManager[None]:
        """Let no request in the block begin, or be repeated, after `seconds`; None sets no limit."""
        return within(seconds)

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
        noun = _NOUNS[collection]
        while True:
            params = {**self._query(scope), "limit": str(_PAGE)}
            if tag is not None:
                params["tag.value"] = tag
            if start is not None:
                params["start"] = start
            page = self._send_json(Call("GET", f"/ml/v4/{collection}", f"list the {noun}s", params=params))
            resources = page.get("resources")
            if not isinstance(resources, list):
                # An empty list would say that there is nothing, and make what is there twice.
                raise UnexpectedAnswer(
                    f"Could not list the {noun}s: the answer is no list.", hint="Check wmlfl:url."
                )
            for item in resources:
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
        self._transport.send(call, authorization=self._tokens)

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
            f"/ml/v4/models/{quote(model_id, safe='')}/content",
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
        suffix = f"/content/{quote(attachment_id, safe='')}"
        call = self._call("DELETE", "models", model_id, scope, "delete content of", suffix=suffix)
        self._transport.send(call, authorization=self._tokens)

    @contextmanager
    def download_content(
        self, model_id: str, scope: Scope, *, content_format: str = "native"
    ) -> Iterator[Iterator[bytes]]:
        """Open the model's content as an iterator over chunks of at most 1 MiB."""
        call = Call(
            "GET",
            f"/ml/v4/models/{quote(model_id, safe='')}/download",
            f"download the content of the model {model_id}",
            params={**self._query(scope), "content_format": content_format},
        )
        response = self._transport.open(call, authorization=self._tokens)
        try:
            yield _chunks(response, call.doing)
        finally:
            response.close()

    @contextmanager
    def download_asset_file(self, path: str, scope: Scope) -> Iterator[Iterator[bytes]]:
        """Open a file of a project or space, such as a training's result, as chunks of at most 1 MiB.

        `path` may begin with the folder of the project's assets, as a training's `assets_path` does.
        """
        call = Call(
            "GET",
            f"/v2/asset_files/{quote(path.removeprefix('/'))}",
            f"download the file {path}",
            params=self._query(scope),
        )
        response = self._transport.open(call, authorization=self._tokens)
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
            f"/ml/v4/{collection}/{quote(object_id, safe='')}{suffix}",
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
    more = found.entity.get("tags")
    listed = [*(found.metadata.tags or []), *(more if isinstance(more, list) else [])]
    return {str(tag.get("value")) if isinstance(tag, dict) else str(tag) for tag in listed}


def _next_start(page: dict[str, Any]) -> str | None:
    """Read the opaque token of the next page out of its href, which is relative and may begin with `//`."""
    following = page.get("next")
    href = following.get("href") if isinstance(following, dict) else None
    if not isinstance(href, str):
        return None
    values = parse_qs(href.partition("?")[2]).get("start")
    return values[-1] if values else None


def _chunks(response: requests.Response, doing: str) -> Iterator[bytes]:
    try:
        yield from response.iter_content(_CHUNK)
    except requests.RequestException as error:
        raise ConnectionFailed(
            f"Could not {doing}: the connection broke ({reason_of(error)}).",
            hint="Run the command again.",
        ) from None


_clients: dict[Settings, WmlClient] = {}
_clients_lock = threading.Lock()


def connect(settings: Settings, *, sleep: Callable[[float], None] = time.sleep) -> WmlClient:
    """Return the client of an environment; equal settings share one client and so one token and pool.

    `sleep` pauses between the tries of a request.
    """
    with _clients_lock:
        if settings not in _clients:
            _clients[settings] = WmlClient(settings, sleep=sleep)
        return _clients[settings]
