"""The few REST calls that a party makes: sign in, read its training and what the training names.

A party is no administrator: it only reads, with its own key. TLS is always verified. Imports `errors`,
`requests`.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Mapping
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from .._redaction import register_secret
from .._version import __version__
from ..errors import (
    AuthenticationFailed,
    BadRequest,
    CertificateRejected,
    ConfigurationError,
    ConnectionFailed,
    NotFound,
    PermissionDenied,
    RequestTimedOut,
    ServerFault,
    UnexpectedAnswer,
    WmlflError,
    WmlResponseError,
)
from .settings import PartySettings

__all__ = ["FINAL_STATES", "WmlApi", "state_of", "token_user"]

FINAL_STATES = frozenset({"completed", "failed", "canceled", "error"})
_GRANT = "urn:ibm:params:oauth:grant-type:apikey"
_TIMEOUT = (10.0, 60.0)
_RENEW_EARLY = 300.0


class WmlApi:
    """Reads from WML as the party; safe for threads that take turns."""

    def __init__(self, settings: PartySettings, *, retries: int = 3) -> None:
        self._settings = settings
        self._session = requests.Session()
        self._session.headers["User-Agent"] = f"wmlfl-party/{__version__}"
        # Else an entry of ~/.netrc would replace the token.
        self._session.auth = lambda request: request
        # An environment's CA bundle must not replace the one that the party was given.
        self._verify: str | bool = str(settings.ca_file) if settings.ca_file else True
        retry = Retry(
            total=retries, backoff_factor=0.3, status_forcelist=(429, 502, 503, 504), raise_on_status=False
        )
        self._session.mount("https://", HTTPAdapter(max_retries=retry))
        self._lock = threading.Lock()
        self._authorization = ""
        self._renew_at = 0.0

    def __enter__(self) -> WmlApi:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def authorization(self, *, renew: bool = False) -> str:
        """Return the value of the `Authorization` header; signs in when there is none that is good.

        Raises:
            AuthenticationFailed: the credentials are not accepted.
            ConfigurationError: there are none.
            TransportError: the sign-in service gives no usable answer.
        """
        credentials = self._settings.credentials
        if credentials.token:
            return f"Bearer {credentials.token}"
        with self._lock:
            if renew or not self._authorization or time.time() >= self._renew_at:
                token = self._sign_in()
                register_secret(token)
                lifetime = float(_claims(token).get("exp", time.time() + 1200.0)) - time.time()
                self._renew_at = time.time() + max(30.0, lifetime - _RENEW_EARLY)
                self._authorization = f"Bearer {token}"
            return self._authorization

    def training(self) -> dict[str, Any]:
        """Return the training as WML shows it."""
        return self._read(f"/ml/v4/trainings/{self._settings.training_id}", "the training")

    def remote_training_system(self) -> dict[str, Any]:
        """Return the party's remote training system."""
        path = f"/ml/v4/remote_training_systems/{self._settings.rts_id}"
        return self._read(path, "the remote training system")

    def model(self, model_id: str) -> dict[str, Any]:
        """Return what WML knows of a model; not its content."""
        return self._read(f"/ml/v4/models/{model_id}", "the model")

    def version(self) -> str:
        """Return the platform's version, empty where it has none; needs no key."""
        response = self._send(
            "GET", f"{self._settings.url}/ml/wml_services/version", "read the platform's version"
        )
        try:
            return str(response.json().get("version", "")) if response.ok else ""
        except (ValueError, AttributeError):
            return ""

    def _sign_in(self) -> str:
        settings, credentials = self._settings, self._settings.credentials
        if not (credentials.apikey or credentials.password):
            raise ConfigurationError(
                "The party has no key.", hint="Set WMLFL_APIKEY to the key of the party's user."
            )
        if settings.platform == "cpd":
            if not credentials.username:
                raise ConfigurationError("Cloud Pak for Data needs a user name.", hint="Set WMLFL_USERNAME.")
            proof = (
                {"api_key": credentials.apikey} if credentials.apikey else {"password": credentials.password}
            )
            where = f"{settings.url}/icp4d-api/v1/authorize"
            response = self._send("POST", where, "sign in", json={"username": credentials.username, **proof})
        else:
            where = f"{settings.iam_url}/identity/token"
            form = {"grant_type": _GRANT, "apikey": credentials.apikey}
            response = self._send("POST", where, "sign in", data=form)
        if 400 <= response.status_code < 500:
            name = "key" if credentials.apikey else "password"
            raise AuthenticationFailed(
                f"{settings.display_name} could not sign in: {where} does not accept its {name}.",
                status=response.status_code,
                hint="WMLFL_APIKEY must be the key of the party's own user.",
            )
        answer = self._object(response, "sign in")
        token = answer.get("access_token") or answer.get("token")
        if not isinstance(token, str) or not token:
            raise UnexpectedAnswer(
                f"{where} answered without a token.", hint="Check wml.url and wml.platform."
            )
        return token

    def _read(self, path: str, what: str) -> dict[str, Any]:
        settings = self._settings
        url = f"{settings.url}{path}"
        query = {"version": settings.api_version, **settings.scope}
        doing = f"read {what} {path.rpartition('/')[2]}"
        response = self._send("GET", url, doing, params=query, authorized=True)
        if response.status_code == 401 and not settings.credentials.token:
            self.authorization(renew=True)
            response = self._send("GET", url, doing, params=query, authorized=True)
        return self._object(response, doing)

    def _send(
        self, method: str, url: str, doing: str, *, authorized: bool = False, **options: Any
    ) -> requests.Response:
        headers = {"Authorization": self.authorization()} if authorized else {}
        try:
            return self._session.request(
                method,
                url,
                headers=headers,
                timeout=_TIMEOUT,
                verify=self._verify,
                # A sign-in would send the key on to wherever an answer points.
                allow_redirects=False,
                **options,
            )
        except requests.exceptions.SSLError as error:
            raise certificate_problem(self._settings, str(error)) from None
        except requests.Timeout:
            raise RequestTimedOut(f"Could not {doing}: {url} gave no answer in time.") from None
        except requests.ConnectionError:
            raise ConnectionFailed(
                f"Could not {doing}: {self._settings.host} cannot be reached.",
                hint="Check wml.url and that the service runs; `wmlfl party doctor` looks closer.",
            ) from None
        except (requests.RequestException, OSError) as error:
            raise ConfigurationError(f"Could not {doing}: {error}.") from None

    def _object(self, response: requests.Response, doing: str) -> dict[str, Any]:
        try:
            body = response.json()
        except ValueError:
            body = None
        if not response.ok:
            raise _refusal(response, body, doing)
        if not isinstance(body, dict):
            raise UnexpectedAnswer(
                f"Could not {doing}: the answer is no JSON object.",
                hint=f"Check that {self._settings.url} is the address of WML.",
            )
        return body


def certificate_problem(settings: PartySettings, detail: str) -> WmlflError:
    """Return the error of a server whose certificate is not trusted."""
    short = "its certificate is not signed by an authority that this party trusts"
    if "hostname" in detail.lower() or "ip address mismatch" in detail.lower():
        short = "its certificate was made for another name"
    elif "expired" in detail.lower():
        short = "its certificate has expired"
    ca_file = str(settings.ca_file) if settings.ca_file else "the system's authorities"
    return CertificateRejected(
        f"{settings.host} is not trusted: {short} (trusted: {ca_file}).",
        hint="Get the service's CA file from the administrator and name it in wml.ca_file or --ca-file.",
    )


def state_of(training: Mapping[str, Any]) -> str:
    """Return the state of a training."""
    entity = training.get("entity")
    status = entity.get("status") if isinstance(entity, Mapping) else None
    return str(status.get("state") or "") if isinstance(status, Mapping) else ""


def token_user(authorization: str) -> str:
    """Return the user that a token names, as `allowed_identities` does; empty if it cannot be told."""
    claims = _claims(authorization.rpartition(" ")[2])
    return str(claims.get("iam_id") or claims.get("uid") or claims.get("sub") or "")


def _claims(token: str) -> dict[str, Any]:
    try:
        part = token.split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _refusal(response: requests.Response, body: object, doing: str) -> WmlflError:
    first: Mapping[str, Any] = {}
    trace = ""
    if isinstance(body, dict):
        errors = body.get("errors")
        first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
        trace = str(body.get("trace") or "")
    status = response.status_code
    kinds: dict[int, tuple[type[WmlResponseError], str]] = {
        401: (AuthenticationFailed, "The token is not accepted any more: check the party's key."),
        403: (PermissionDenied, "The party's user needs to be a viewer of the project or space."),
        404: (NotFound, "It may have been deleted, or be in another project or space: ask for a new kit."),
    }
    kind, hint = kinds.get(status, (ServerFault if status >= 500 else BadRequest, ""))
    return kind(
        f"Could not {doing}.",
        status=status,
        wml_code=str(first.get("code") or ""),
        wml_message=str(first.get("message") or ""),
        trace=trace,
        hint=hint,
    )
