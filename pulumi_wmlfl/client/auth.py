"""Tokens: one contract for IBM Cloud IAM, Cloud Pak for Data, the local service and fixed tokens.

A token is fetched once, shared by every thread and renewed when 80 % of its life has passed; one thread
renews, the others wait and share what it got, its failure too. Source: IAM and CPD sign-in of the API
reference; the 80 % rule is IBM SDK core's.
"""

from __future__ import annotations

import base64
import binascii
import json
import threading
import time
from collections.abc import Callable
from typing import Any

from .._redaction import register_secret
from ..config import Settings
from ..errors import AuthenticationFailed, UnexpectedAnswer, WmlflError, WmlResponseError
from .deadlines import within
from .transport import Call, Transport

__all__ = ["TokenSource"]

_GRANT = "urn:ibm:params:oauth:grant-type:apikey"
_USED_SHARE = 0.8
_FALLBACK_LIFETIME = 1200.0
_SHORTEST_LIFETIME = 30.0
_TRY_AGAIN_AFTER = 30.0


class TokenSource:
    """Gives the value of the `Authorization` header; safe for many threads."""

    def __init__(
        self,
        settings: Settings,
        *,
        transport: Transport | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._clock = clock
        base = settings.iam_url if settings.platform != "cpd" else settings.url
        self._transport = transport or Transport(settings, base_url=base, sleep=sleep)
        self._lock = threading.Lock()
        self._value = ""
        self._renew_at = 0.0
        self._expires_at = 0.0
        self._flights = 0
        self._failure: WmlflError | None = None

    def header(self) -> str:
        """Return the header's value, a new one if it is time.

        Raises:
            AuthenticationFailed: the credentials are not accepted.
            TransportError: the sign-in service gives no usable answer.
        """
        fixed = self._fixed()
        if fixed:
            return fixed
        flights = self._flights
        with self._lock:
            if self._value and self._clock() < self._renew_at:
                return self._value
            if self._failure is not None and self._flights != flights:
                # The sign-in that this thread waited for failed: asking again for each of a hundred
                # resources would lock the user out.
                raise _copy(self._failure)
            return self._renewed()

    def discard(self, refused: str) -> bool:
        """Forget a value that was refused; return whether there can be another."""
        if self._fixed():
            return False
        with self._lock:
            # Another thread may have renewed it already: only the value that was refused is thrown away.
            if self._value == refused:
                self._value = ""
        return True

    def _renewed(self) -> str:
        try:
            self._fetch()
            self._failure = None
        except WmlflError as error:
            if not (self._value and self._clock() < self._expires_at):
                self._failure = error
                raise
            self._renew_at = self._clock() + _TRY_AGAIN_AFTER
        finally:
            self._flights += 1
        return self._value

    def _fixed(self) -> str:
        settings = self._settings
        if settings.token:
            scheme = "Bearer" if "." in settings.token else "Basic"
            return f"{scheme} {settings.token}"
        if settings.authentication == "zenapikey":
            pair = base64.b64encode(f"{settings.username}:{settings.apikey}".encode()).decode()
            register_secret(pair)
            return f"ZenApiKey {pair}"
        return ""

    def _fetch(self) -> None:
        call = self._sign_in_call()
        try:
            # The token is for everybody: the limit of one operation must not end it for the others.
            with within(None):
                answer = self._transport.send_json(call)
        except WmlResponseError as error:
            if 400 <= error.status < 500 and error.status not in {408, 425, 429}:
                raise AuthenticationFailed(
                    f"Could not sign in at {self._transport.base_url}.",
                    status=error.status,
                    wml_code=error.wml_code,
                    wml_message=error.wml_message,
                    trace=error.trace,
                    hint=self._settings.credentials_hint(),
                ) from None
            raise
        token = answer.get("access_token") or answer.get("token")
        if not isinstance(token, str) or not token:
            raise UnexpectedAnswer(
                f"Could not sign in at {self._transport.base_url}: the answer has no token.",
                hint="Check wmlfl:url and wmlfl:iamUrl.",
            )
        register_secret(token)
        now = self._clock()
        lifetime = self._lifetime(answer, token, now)
        self._renew_at = now + _USED_SHARE * lifetime
        self._expires_at = now + lifetime
        self._value = f"Bearer {token}"

    def _sign_in_call(self) -> Call:
        settings = self._settings
        if settings.platform == "cpd":
            proof = {"api_key": settings.apikey} if settings.apikey else {"password": settings.password}
            return Call(
                "POST",
                "/icp4d-api/v1/authorize",
                "sign in",
                body={"username": settings.username, **proof},
            )
        return Call(
            "POST", "/identity/token", "sign in", form={"grant_type": _GRANT, "apikey": settings.apikey}
        )

    @staticmethod
    def _lifetime(answer: dict[str, Any], token: str, now: float) -> float:
        """Seconds that the token lives: as answered, else as its own `exp` claim says."""
        seconds = answer.get("expires_in")
        if isinstance(seconds, int | float) and seconds > 0:
            return float(seconds)
        try:
            part = token.split(".")[1]
            claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
            return max(_SHORTEST_LIFETIME, float(claims["exp"]) - now)
        except (IndexError, KeyError, TypeError, ValueError, binascii.Error):
            return _FALLBACK_LIFETIME


def _copy(error: WmlflError) -> WmlflError:
    """Return an equal error: each resource adds its own words to its own."""
    copied = type(error).__new__(type(error), *error.args)
    copied.__dict__.update(error.__dict__)
    return copied
