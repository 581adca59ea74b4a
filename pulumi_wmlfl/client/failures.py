"""From what `requests` raises to one of our errors: what happened, whether anything was sent, what to do.

The texts are made of the innermost cause and never of an exception's own text, which may hold an address with
parameters. Imports `errors` only.
"""

from __future__ import annotations

import http.client
import math
import socket
import ssl
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

import requests
from urllib3.exceptions import ConnectTimeoutError, IncompleteRead, NewConnectionError, ReadTimeoutError

from ..errors import (
    AnswerLost,
    CertificateRejected,
    ConnectionFailed,
    RequestTimedOut,
    TransportError,
)

__all__ = ["answer_lost", "failure_of", "reason_of", "retry_after"]

_NEVER_SENT = (
    NewConnectionError,
    ConnectTimeoutError,
    ConnectionRefusedError,
    requests.exceptions.ConnectTimeout,
    requests.exceptions.ProxyError,
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidHeader,
    socket.gaierror,
)
_TOO_LONG = (TimeoutError, requests.exceptions.Timeout, ReadTimeoutError)
_CLOSED = (ssl.SSLEOFError, ssl.SSLZeroReturnError, http.client.RemoteDisconnected)
_WORDS = {
    _CLOSED: "the other side closed it",
    (IncompleteRead, http.client.IncompleteRead, EOFError): "the answer broke off",
    (*_TOO_LONG, ConnectTimeoutError): "it took too long",
}
_HOSTNAME_MISMATCH, _ADDRESS_MISMATCH, _EXPIRED = 62, 64, 10


def failure_of(
    error: Exception, *, doing: str, base_url: str, seconds: float, is_create: bool
) -> TransportError:
    """Return the error for what `requests` raised; `doing` completes "Could not ..."."""
    causes = list(_causes(error))
    why = reason_of(error)
    for certificate in (cause for cause in causes if isinstance(cause, ssl.SSLCertVerificationError)):
        text = f"Could not {doing}: the certificate of {base_url} is not accepted ({why})."
        return CertificateRejected(text, hint=_certificate_hint(certificate))
    if any(isinstance(cause, _NEVER_SENT) for cause in causes):
        proxy = any(isinstance(cause, requests.exceptions.ProxyError) for cause in causes)
        through = "through the proxy " if proxy else ""
        return ConnectionFailed(
            f"Could not {doing}: {base_url} cannot be reached {through}({why}).",
            hint="Check wmlfl:url, the network and whether the service runs.",
        )
    if is_create:
        return answer_lost(doing, f"no answer came ({why})")
    if any(isinstance(cause, _TOO_LONG) for cause in causes):
        return RequestTimedOut(
            f"Could not {doing}: no answer within {seconds:g} s.",
            hint="Raise wmlfl:requestTimeout if this environment is slow.",
        )
    return ConnectionFailed(
        f"Could not {doing}: the connection to {base_url} broke ({why}).", hint="Run the same command again."
    )


def answer_lost(doing: str, why: str) -> AnswerLost:
    """Return the error of a create whose answer never came."""
    return AnswerLost(
        f"Could not {doing}: {why}, so it may have been carried out.",
        hint="Run the same command again: what was made is found by its marker.",
    )


def reason_of(error: BaseException) -> str:
    """Say why in a few words, from the innermost cause that says anything."""
    said = (_words(cause) for cause in reversed(list(_causes(error))))
    return next(filter(None, said), type(error).__name__)


def _words(cause: BaseException) -> str:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return cause.verify_message
    if isinstance(cause, ssl.SSLError) and not isinstance(cause, _CLOSED):
        return f"no TLS: {(cause.reason or 'unknown').replace('_', ' ').lower()}"
    for kinds, words in _WORDS.items():
        if isinstance(cause, kinds):
            return words
    return cause.strerror or "" if isinstance(cause, OSError) and cause.errno is not None else ""


def retry_after(value: str | None) -> float | None:
    """Read a `Retry-After` header: seconds or an HTTP date (RFC 9110, 10.2.3); None if it is neither."""
    try:
        seconds = float(value or "nan")
        return max(0.0, seconds) if math.isfinite(seconds) else None
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value or "").timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None


def _certificate_hint(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code in {_HOSTNAME_MISMATCH, _ADDRESS_MISMATCH}:
        return "Set wmlfl:url to the host name that the certificate was made for."
    if error.verify_code == _EXPIRED:
        return "Its operator must renew it; check this machine's clock too."
    return "Name the file of its certificate authority in wmlfl:caFile or WMLFL_CA_FILE."


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Walk from an exception to its innermost cause; urllib3 keeps causes in `reason` and `args` too."""
    waiting, seen = [error], set()
    while waiting:
        cause = waiting.pop(0)
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        inner = [getattr(cause, "reason", None), cause.__cause__, cause.__context__, *cause.args]
        waiting += [item for item in inner if isinstance(item, BaseException)]
