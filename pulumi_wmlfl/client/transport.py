"""HTTP for WML: sessions, deadlines, retries and TLS; nothing here knows what a model is.

Retries are ours and not `urllib3.Retry`'s, because three rules need to see the answer: a create is never
repeated when it may have been carried out, a 401 renews the token once, and a truncated body counts as a
lost answer. TLS is always verified; there is no switch.
"""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, BinaryIO, Protocol

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from .._version import __version__
from ..config import Settings
from ..errors import (
    AnswerLost,
    ConnectionFailed,
    RequestTimedOut,
    TransportError,
    UnexpectedAnswer,
    WmlResponseError,
    redact,
)
from .problems import error_for

__all__ = ["Authorization", "Call", "Transport"]

_log = logging.getLogger("pulumi_wmlfl.client")
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 524})
_LONGEST_PAUSE = 60.0
_FIRST_PAUSE = 0.5
_POOL = 32


class Authorization(Protocol):
    """Gives the value of the `Authorization` header."""

    def header(self, *, renew: bool = False) -> str:
        """Return the value; with `renew` a new one, because the last was refused."""
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
    headers: Mapping[str, str] | None = None

    @property
    def is_create(self) -> bool:
        """Say whether carrying it out twice would do harm."""
        return not self.repeatable


class Transport:
    """Sends calls to one host. Safe for many threads: each has its own session."""

    def __init__(
        self,
        settings: Settings,
        *,
        base_url: str = "",
        sleep: Callable[[float], None] = time.sleep,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._settings = settings
        self.base_url = (base_url or settings.url).rstrip("/")
        self._sleep = sleep
        self._uniform = uniform
        self._local = threading.local()

    def send(self, call: Call, *, authorization: Authorization | None = None) -> requests.Response:
        """Send `call` and return the successful answer, its body unread.

        `authorization` gives the header's value; it is asked to renew it once, after a 401.

        Raises:
            TransportError: there is no usable answer.
            WmlResponseError: WML refused.
        """
        renewed = False
        attempt = 0
        while True:
            header = authorization.header() if authorization else ""
            try:
                response = self._once(call, header)
                if 200 <= response.status_code < 300:
                    return response
                error: WmlResponseError | TransportError = self._refusal(call, response)
            except TransportError as transport_error:
                error = transport_error
            if isinstance(error, WmlResponseError) and error.status == 401 and authorization and not renewed:
                renewed = True
                authorization.header(renew=True)
                continue
            attempt += 1
            if attempt > self._settings.retries or not self._may_repeat(call, error):
                raise error
            pause = self._pause(attempt, error)
            _log.debug(
                "%s %s failed (%s); again in %.1f s", call.method, call.path, type(error).__name__, pause
            )
            self._sleep(pause)

    def send_json(self, call: Call, *, authorization: Authorization | None = None) -> dict[str, Any]:
        """Send `call` and return its answer, a JSON object; an unreadable one counts as lost."""
        attempt = 0
        while True:
            response = self.send(call, authorization=authorization)
            try:
                return self._object(call, response)
            except TransportError as error:
                attempt += 1
                if call.is_create or attempt > self._settings.retries:
                    raise
                self._sleep(self._pause(attempt, error))

    def _object(self, call: Call, response: requests.Response) -> dict[str, Any]:
        try:
            body = response.content
            data = json.loads(body) if body else {}
        except requests.RequestException as error:
            raise self._lost(call, f"the answer broke off ({type(error).__name__})") from None
        except (ValueError, RecursionError):
            kind = "HTML" if b"<" in body[:200] else "no JSON"
            raise self._lost(call, f"the answer to status {response.status_code} is {kind}") from None
        finally:
            response.close()
        if not isinstance(data, dict):
            raise self._lost(call, "the answer is JSON, but no object")
        return data

    def _lost(self, call: Call, why: str) -> TransportError:
        if call.is_create:
            return AnswerLost(
                f"Could not {call.doing}: {why}, so it may have been carried out.",
                hint="Run the same command again: what was made is found by its marker.",
            )
        return UnexpectedAnswer(
            f"Could not {call.doing}: {why}.",
            hint=f"Check that {self.base_url} is the address of WML and not of a proxy or sign-in page.",
        )

    def _once(self, call: Call, authorization: str) -> requests.Response:
        headers = {"Accept": "application/json", **(call.headers or {})}
        if authorization:
            headers["Authorization"] = authorization
        data: Any = None
        content: BinaryIO | None = None
        if call.open_content is not None:
            content = call.open_content()
            # An empty stream would be sent chunked, which WML's gateway refuses.
            data = content if call.content_size else b""
            headers.setdefault("Content-Type", "application/octet-stream")
            headers["Content-Length"] = str(call.content_size)
        elif call.body is not None:
            data = json.dumps(call.body).encode()
            headers.setdefault("Content-Type", "application/json")
        elif call.form is not None:
            data = dict(call.form)
        started = time.monotonic()
        try:
            response = self._session().request(
                call.method,
                self.base_url + call.path,
                params=dict(call.params or {}),
                data=data,
                headers=headers,
                timeout=(min(30.0, self._settings.request_timeout), self._settings.request_timeout),
                stream=True,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise self._failure(call, error) from None
        finally:
            if content is not None:
                content.close()
        _log.debug(
            "%s %s -> %d in %.0f ms",
            call.method,
            redact(call.path),
            response.status_code,
            (time.monotonic() - started) * 1000,
        )
        return response

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            # The environment may name proxies, but neither .netrc nor a bundle may replace ours.
            session.trust_env = not self._settings.ca_file
            session.verify = self._settings.ca_file or True
            session.headers["User-Agent"] = f"pulumi-wmlfl/{__version__}"
            adapter = HTTPAdapter(pool_connections=2, pool_maxsize=_POOL, max_retries=0)
            session.mount("https://", adapter)
            session.mount("http://", adapter)
            self._local.session = session
        return session

    def _failure(self, call: Call, error: requests.RequestException) -> TransportError:
        if isinstance(error, requests.exceptions.SSLError):
            return ConnectionFailed(
                f"Could not {call.doing}: the certificate of {self.base_url} is not trusted "
                f"({_reason(error)}).",
                hint="Name the file of its certificate authority in wmlfl:caFile or WMLFL_CA_FILE.",
            )
        if _nothing_sent(error):
            return ConnectionFailed(
                f"Could not {call.doing}: {self.base_url} cannot be reached ({_reason(error)}).",
                hint="Check wmlfl:url, the network and whether the service runs.",
            )
        if call.is_create:
            return self._lost(call, f"no answer came ({_reason(error)})")
        if isinstance(error, requests.exceptions.Timeout):
            return RequestTimedOut(
                f"Could not {call.doing}: no answer within {self._settings.request_timeout:g} s.",
                hint="Raise wmlfl:requestTimeout if this environment is slow.",
            )
        return ConnectionFailed(
            f"Could not {call.doing}: the connection to {self.base_url} broke ({_reason(error)}).",
            hint="Run the same command again.",
        )

    def _refusal(self, call: Call, response: requests.Response) -> WmlResponseError:
        try:
            body = response.raw.read(65536, decode_content=True) or b""
        except Exception:  # noqa: BLE001 - a broken body must not hide the status
            body = b""
        finally:
            response.close()
        return error_for(
            response.status_code,
            body,
            doing=call.doing,
            method=call.method,
            path=call.path,
            retry_after=_retry_after(response.headers.get("Retry-After")),
            authentication_hint=self._authentication_hint(),
        )

    def _authentication_hint(self) -> str:
        key = "token" if self._settings.token else "apikey" if self._settings.apikey else "password"
        environment = {"token": "WMLFL_TOKEN", "apikey": "WMLFL_APIKEY", "password": "WMLFL_PASSWORD"}[key]
        return (
            f"The {key} came from {self._settings.source(key)}. Refresh and destroy use the configuration "
            f"recorded in the state: set {environment}, or add --run-program."
        )

    @staticmethod
    def _may_repeat(call: Call, error: WmlResponseError | TransportError) -> bool:
        if isinstance(error, AnswerLost):
            return False
        if isinstance(error, TransportError):
            certificate = "certificate" in error.message
            return not certificate
        if error.status not in _RETRIED:
            return False
        return call.repeatable or error.status == 429

    def _pause(self, attempt: int, error: WmlResponseError | TransportError) -> float:
        asked = getattr(error, "retry_after", None)
        if asked is not None:
            return float(min(max(asked, 0.0), _LONGEST_PAUSE))
        highest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0**attempt)
        return self._uniform(highest / 4, highest)


def _nothing_sent(error: requests.RequestException) -> bool:
    if isinstance(error, requests.exceptions.ConnectTimeout | requests.exceptions.ProxyError):
        return True
    reason = getattr(error.args[0], "reason", error.args[0]) if error.args else None
    return isinstance(reason, NewConnectionError | ConnectTimeoutError)


def _reason(error: requests.RequestException) -> str:
    """Name the innermost cause without the request's address, which may carry a secret."""
    cause: BaseException = error
    reason = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(reason, BaseException):
        cause = reason
    text = str(cause).rsplit(": ", 1)[-1].strip("()'\" ")
    return redact(text[:160]) or type(cause).__name__


def _retry_after(value: str | None) -> float | None:
    """Read a `Retry-After` header: seconds or an HTTP date (RFC 9110, 10.2.3)."""
    if not value:
        return None
    try:
        return float(value)
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None
