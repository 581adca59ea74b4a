"""HTTP for WML: deadlines, retries and errors; nothing here knows what a model is.

Retries are ours and not `urllib3.Retry`'s, because three rules need to see the answer: a create is never
repeated when it may have been carried out, a 401 renews the token once, and a truncated body counts as a
lost answer. TLS is always verified; there is no switch.
"""

from __future__ import annotations

import errno
import json
import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol, TypeVar

import requests
from urllib3.exceptions import HTTPError

from .._redaction import redact
from ..config import Settings
from ..errors import (
    AnswerLost,
    CertificateRejected,
    RequestTimedOut,
    TransportError,
    UnexpectedAnswer,
    WmlResponseError,
)
from .deadlines import time_left
from .failures import answer_lost, failure_of, retry_after
from .problems import error_for
from .sessions import Sessions, Upload

__all__ = ["Authorization", "Call", "Transport"]

_log = logging.getLogger("pulumi_wmlfl.client")
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 524})
# What a gateway answers when it got no answer itself: behind it the request may have been carried out.
_GATEWAY = frozenset({502, 504, 520, 524})
_LONGEST_PAUSE = 60.0
_FIRST_PAUSE = 0.5
_LONGEST_ANSWER = 64 << 20
_LONGEST_REFUSAL = 64 << 10

T = TypeVar("T")


_TIME_IS_UP = "the time for this operation is up"
_MORE_TIME = "Raise `timeouts` of the resource to try for longer."


class Authorization(Protocol):
    """Gives the value of the `Authorization` header."""

    def header(self) -> str:
        """Return the value."""
        ...

    def discard(self, refused: str) -> bool:
        """Forget a value that was refused; return whether there can be another."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """One request: `path` begins with `/`; `doing` completes "Could not ..." in an error."""

    method: str
    path: str
    doing: str
    params: Mapping[str, str] | None = None
    body: Any = None
    open_content: Callable[[], BinaryIO] | None = None
    content_size: int = 0
    repeatable: bool = True
    form: Mapping[str, str] | None = None

    @property
    def is_create(self) -> bool:
        """Say whether carrying it out twice would do harm."""
        return not self.repeatable


class Transport:
    """Sends calls to one host. Safe for many threads."""

    def __init__(
        self,
        settings: Settings,
        *,
        base_url: str = "",
        sleep: Callable[[float], None] = time.sleep,
        uniform: Callable[[float, float], float] = random.uniform,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self.base_url = (base_url or settings.url).rstrip("/")
        self._sessions = Sessions(settings, self.base_url)
        self._sleep = sleep
        self._uniform = uniform
        self._clock = clock

    def open(self, call: Call, *, authorization: Authorization | None = None) -> requests.Response:
        """Send `call` and return the successful answer, its body unread; the caller closes it.

        `authorization` gives the header's value; after a 401 it is asked for another one, once.

        Raises:
            TransportError: there is no usable answer.
            WmlResponseError: WML refused.
        """
        return self._attempts(call, authorization, lambda response: response)

    def send(self, call: Call, *, authorization: Authorization | None = None) -> None:
        """Send `call` and make nothing of the successful answer's body; raises as `open`."""
        self._attempts(call, authorization, self._skip)

    def send_json(self, call: Call, *, authorization: Authorization | None = None) -> dict[str, Any]:
        """Send `call` and return its answer, a JSON object; raises as `open`, an unreadable one is lost."""
        return self._attempts(call, authorization, lambda response: self._object(call, response))

    def _attempts(
        self, call: Call, authorization: Authorization | None, read: Callable[[requests.Response], T]
    ) -> T:
        renewed = False
        attempt = 0
        while True:
            left = time_left()
            if left is not None and left <= 0:
                raise RequestTimedOut(f"Could not {call.doing}: {_TIME_IS_UP}.", hint=_MORE_TIME)
            header = authorization.header() if authorization else ""
            error: WmlResponseError | TransportError
            try:
                response = self._once(call, header)
                if 200 <= response.status_code < 300:
                    return read(response)
                error = self._refusal(call, response)
            except TransportError as transport_error:
                error = transport_error
            status = error.status if isinstance(error, WmlResponseError) else 0
            if status == 401 and authorization and not renewed:
                renewed = True
                if authorization.discard(header):
                    continue
            if call.is_create and status in _GATEWAY:
                raise answer_lost(call.doing, f"a gateway answered {status}")
            attempt += 1
            if attempt > self._settings.retries or not _may_repeat(call, error):
                raise error
            pause = self._pause(attempt, error)
            left = time_left()
            if left is not None and pause >= left:
                error.hint = f"{error.hint} {_TIME_IS_UP.capitalize()}. {_MORE_TIME}".strip()
                raise error
            _log.debug(
                "%s %s failed (%s); again in %.1f s", call.method, call.path, type(error).__name__, pause
            )
            self._sleep(pause)

    def _once(self, call: Call, authorization: str) -> requests.Response:
        headers = {"Accept": "application/json"}
        data: Any = None
        content: BinaryIO | None = None
        if call.open_content is not None:
            content = call.open_content()
            # An empty stream would be sent chunked, which WML's gateway refuses.
            data = Upload(content, call.content_size) if call.content_size else b""
            headers["Content-Type"] = "application/octet-stream"
        elif call.body is not None:
            data = json.dumps(call.body).encode()
            headers["Content-Type"] = "application/json"
        elif call.form is not None:
            data = dict(call.form)
        began = self._clock()
        try:
            response = self._sessions.request(
                call.method,
                call.path,
                params=call.params or {},
                data=data,
                headers=headers,
                authorization=authorization,
            )
        except OSError as error:
            raise self._failure(call, error) from None
        finally:
            if content is not None:
                content.close()
        _log.debug(
            "%s %s -> %d in %.0f ms",
            call.method,
            redact(call.path),
            response.status_code,
            (self._clock() - began) * 1000,
        )
        return response

    def _failure(self, call: Call, error: Exception) -> TransportError:
        return failure_of(
            error,
            doing=call.doing,
            base_url=self.base_url,
            seconds=self._settings.request_timeout,
            is_create=call.is_create,
        )

    def _object(self, call: Call, response: requests.Response) -> dict[str, Any]:
        try:
            body = self._read(response, _LONGEST_ANSWER)
        except (HTTPError, OSError) as error:
            raise self._failure(call, error) from None
        try:
            data = json.loads(body) if body else {}
        except (ValueError, RecursionError):
            if body.lstrip()[:1] in {b"{", b"["}:
                raise self._failure(call, EOFError()) from None
            kind = "a page of HTML" if b"<" in body[:200] else "no JSON"
            raise self._unexpected(
                call, f"the answer, with status {response.status_code}, is {kind}"
            ) from None
        if not isinstance(data, dict):
            raise self._unexpected(call, "the answer is JSON, but no object")
        return data

    def _read(self, response: requests.Response, largest: int) -> bytes:
        """Read a body to its end, so that the connection can be used again, within time and size."""
        deadline = self._clock() + self._settings.request_timeout
        parts: list[bytes] = []
        size = 0
        try:
            while part := response.raw.read1(1 << 16, decode_content=True):
                parts.append(part)
                size += len(part)
                if size > largest:
                    raise OSError(errno.EMSGSIZE, f"it is larger than {largest >> 10} KiB")
                if self._clock() > deadline:
                    raise TimeoutError
        finally:
            response.close()
        return b"".join(parts)

    def _unexpected(self, call: Call, why: str) -> TransportError:
        if call.is_create:
            return answer_lost(call.doing, why)
        return UnexpectedAnswer(
            f"Could not {call.doing}: {why}.",
            hint=f"Check that {self.base_url} is the address of WML and not of a proxy or sign-in page.",
        )

    def _skip(self, response: requests.Response) -> bytes:
        """Read a body that does not matter, so that it frees the connection."""
        try:
            return self._read(response, _LONGEST_REFUSAL)
        except (HTTPError, OSError):
            return b""

    def _refusal(self, call: Call, response: requests.Response) -> WmlResponseError:
        return error_for(
            response.status_code,
            self._skip(response),
            doing=call.doing,
            method=call.method,
            path=call.path,
            retry_after=retry_after(response.headers.get("Retry-After")),
            authentication_hint=self._settings.credentials_hint(),
        )

    def _pause(self, attempt: int, error: WmlResponseError | TransportError) -> float:
        asked = error.retry_after if isinstance(error, WmlResponseError) else None
        if asked is not None:
            return min(asked, _LONGEST_PAUSE)
        highest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0**attempt)
        return self._uniform(highest / 4, highest)


def _may_repeat(call: Call, error: WmlResponseError | TransportError) -> bool:
    if isinstance(error, WmlResponseError):
        return error.status in _RETRIED and (call.repeatable or error.status == 429)
    return not isinstance(error, AnswerLost | CertificateRejected | UnexpectedAnswer)
