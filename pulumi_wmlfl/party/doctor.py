"""Checks on the party's machine whether a kit will work: each problem with its remedy, before the training.

The checks go from the party's own (versions, configuration, data) outwards (name, connection, certificate,
sign-in, training, admission). One that cannot be made because of an earlier problem is skipped. Nothing is
changed anywhere. Imports `protocol`, `errors`.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.metadata
import socket
import ssl
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from ..errors import ConfigurationError, MissingExtra, UserCodeError, WmlflError
from .handler import LocalData, load_data
from .kit_files import UNFILLED
from .models import build_model
from .run import declared_model
from .settings import PartySettings, read_settings
from .wml import FINAL_STATES, WmlApi, certificate_problem, state_of, token_user

__all__ = ["Finding", "examine"]

Status = Literal["ok", "problem", "skipped"]
_NEEDED = ("numpy", "msgpack", "websockets", "requests")
_CONNECT_SECONDS = 10.0
_REFUSAL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was looked at, how it stands, what to do."""

    check: str
    status: Status
    detail: str
    remedy: str = ""


class _Problem(Exception):
    """A check failed."""

    def __init__(self, detail: str, remedy: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.remedy = remedy


class _Skipped(Exception):
    """A check could not be made."""


def examine(
    source: Path | None,
    *,
    overrides: Mapping[str, Any] | None = None,
    on_finding: Callable[[Finding], None] = lambda _: None,
) -> list[Finding]:
    """Check a kit's folder or configuration; `overrides` are those of :func:`read_settings`.

    Every finding is passed to `on_finding` as soon as it is there.
    """
    return _Examination(source, overrides or {}, on_finding).run()


class _Examination:
    """The state of one run: what earlier checks found out."""

    def __init__(
        self, source: Path | None, overrides: Mapping[str, Any], on_finding: Callable[[Finding], None]
    ) -> None:
        self._source = source
        self._overrides = overrides
        self._on_finding = on_finding
        self._settings: PartySettings | None = None
        self._data: LocalData | None = None
        self._api: WmlApi | None = None
        self._named = False
        self._reached = False
        self._user: str | None = None
        self._training: Mapping[str, Any] | None = None

    def run(self) -> list[Finding]:
        """Make all checks in their order."""
        checks = (
            ("versions", self._versions),
            ("configuration", self._configuration),
            ("data handler", self._data_handler),
            ("host name", self._host_name),
            ("connection", self._connection),
            ("certificate", self._certificate),
            ("sign-in", self._sign_in),
            ("training", self._find_training),
            ("identity", self._identity),
            ("model", self._model),
            ("admission", self._admission),
        )
        try:
            return [self._made(name, check) for name, check in checks]
        finally:
            if self._api is not None:
                self._api.__exit__()

    def _made(self, name: str, check: Callable[[], str]) -> Finding:
        try:
            finding = Finding(name, "ok", check())
        except _Skipped as reason:
            finding = Finding(name, "skipped", str(reason))
        except _Problem as problem:
            finding = Finding(name, "problem", problem.detail, problem.remedy)
        except WmlflError as error:
            answered = str(error).removesuffix(error.hint).strip()
            finding = Finding(name, "problem", answered, error.hint)
        self._on_finding(finding)
        return finding

    def _known(self) -> PartySettings:
        if self._settings is None:
            raise _Skipped("needs the configuration")
        return self._settings

    # the party's own

    def _versions(self) -> str:
        found = [f"Python {sys.version_info.major}.{sys.version_info.minor}"]
        for package in (*_NEEDED, "scikit-learn"):
            try:
                found.append(f"{package} {importlib.metadata.version(package)}")
            except importlib.metadata.PackageNotFoundError:
                if package in _NEEDED:
                    raise MissingExtra(f"The party needs {package} and", "party") from None
                found.append("no scikit-learn")
        return ", ".join(found)

    def _configuration(self) -> str:
        self._settings = settings = read_settings(self._source, overrides=self._overrides)
        return f"{settings.display_name} at {settings.host}, training {settings.training_id}"

    def _data_handler(self) -> str:
        settings = self._known()
        try:
            self._data = data = load_data(settings.data)
        except UserCodeError as error:
            if UNFILLED in str(error):
                raise _Problem(
                    f"{settings.data.path.name} is not filled in yet.",
                    f"Edit get_data() in {settings.data.path}.",
                ) from None
            raise
        tested = "no test data" if data.x_test is None else f"{len(data.x_test)} to test with"
        return f"{data.count} samples of shape {data.x.shape[1:]} to train on, {tested}"

    def _model(self) -> str:
        settings, training = self._known(), self._found_training()
        if settings.trust_model:
            return "the aggregator's, trusted: it is a pickle and will be executed"
        learning = training.get("entity", {}).get("federated_learning") or {}
        assert self._api is not None  # noqa: S101 - there is a training, so it was asked
        spec = settings.model or declared_model(self._api, learning)
        if not spec:
            raise _Problem(
                "No model is described, and the aggregator's is a pickle, which is not executed.",
                "Describe it under `model` in party.yml, such as {estimator: SGDRegressor}.",
            )
        if self._data is None:
            raise _Skipped("needs the data handler")
        build_model(spec, self._data, folder=settings.folder)
        return f"{spec.get('estimator') or spec.get('name') or spec.get('path')} fits the data"

    # the way to the service

    def _host_name(self) -> str:
        host = urlsplit(self._known().url).hostname or ""
        try:
            found = socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP)
        except OSError as error:
            raise _Problem(
                f"{host} has no address ({error.strerror}).",
                "Check wml.url, the DNS and a VPN that it may need.",
            ) from None
        self._named = True
        return f"{host} is {', '.join(sorted({str(item[4][0]) for item in found})[:3])}"

    def _connection(self) -> str:
        settings = self._known()
        if not self._named:
            raise _Skipped("needs the host name")
        parts = urlsplit(settings.url)
        port = parts.port or 443
        try:
            with socket.create_connection((parts.hostname or "", port), timeout=_CONNECT_SECONDS):
                self._reached = True
        except OSError as error:
            raise _Problem(
                f"{parts.hostname} does not answer on port {port} ({error.strerror or error}).",
                "Check that the service runs and that no firewall forbids outgoing connections to it.",
            ) from None
        return f"port {port} answers"

    def _certificate(self) -> str:
        settings = self._reachable()
        parts = urlsplit(settings.url)
        host = parts.hostname or ""
        try:
            context = ssl.create_default_context(cafile=str(settings.ca_file) if settings.ca_file else None)
        except (OSError, ssl.SSLError):
            self._reached = False
            raise _Problem(
                f"{settings.ca_file} holds no certificate.",
                "Ask the administrator for the service's CA file.",
            ) from None
        try:
            with (
                socket.create_connection((host, parts.port or 443), timeout=_CONNECT_SECONDS) as plain,
                context.wrap_socket(plain, server_hostname=host) as secured,
            ):
                return f"trusted, {secured.version()}"
        except ssl.SSLCertVerificationError as error:
            self._reached = False
            raise certificate_problem(settings, error.verify_message) from None
        except OSError as error:
            self._reached = False
            raise _Problem(
                f"The handshake failed ({error}).", "Check that wml.url is an address of HTTPS."
            ) from None

    def _reachable(self) -> PartySettings:
        settings = self._known()
        if not self._reached:
            raise _Skipped("needs the connection")
        return settings

    # the service

    def _sign_in(self) -> str:
        settings = self._reachable()
        self._api = WmlApi(settings, retries=0)
        self._user = token_user(self._api.authorization())
        return f"as {self._user or 'a user that the token does not name'}"

    def _find_training(self) -> str:
        settings = self._known()
        if self._api is None or self._user is None:
            raise _Skipped("needs the sign-in")
        training = self._api.training()
        state = state_of(training)
        if state in FINAL_STATES:
            raise _Problem(f"The training is {state}.", "Ask the administrator for a new one, and a new kit.")
        learning = training.get("entity", {}).get("federated_learning") or {}
        named = (learning.get("remote_training") or {}).get("remote_training_systems") or []
        if settings.rts_id not in {item.get("id") for item in named if isinstance(item, Mapping)}:
            raise _Problem(
                f"The training does not name the remote training system {settings.rts_id}.",
                "Ask the administrator for a new kit: `wmlfl party kit`.",
            )
        self._training = training
        return f"{state}, {learning.get('fusion_type')}, {learning.get('rounds', 'unknown')} rounds"

    def _found_training(self) -> Mapping[str, Any]:
        if self._training is None:
            raise _Skipped("needs the training")
        return self._training

    def _identity(self) -> str:
        settings = self._known()
        self._found_training()
        assert self._api is not None  # noqa: S101 - there is a training, so it was asked
        system = self._api.remote_training_system()
        allowed = (system.get("entity") or {}).get("allowed_identities") or []
        ids = [str(item.get("id")) for item in allowed if isinstance(item, Mapping)]
        if self._user and self._user not in ids:
            raise _Problem(
                f"{settings.display_name} is for {', '.join(ids) or 'nobody'}; this key is of {self._user}.",
                "Use that user's key, or ask the administrator to add you to allowed_identities.",
            )
        return f"{self._user or 'the user'} may use {settings.rts_id}"

    def _admission(self) -> str:
        settings, training = self._known(), self._found_training()
        assert self._api is not None  # noqa: S101 - there is a training, so it was asked
        if state_of(training) not in {"accepting_parties", "running"}:
            raise _Skipped(f"the training is {state_of(training)}: parties cannot join yet")
        if _has_joined(training, settings.rts_id):
            return "this party has joined already"
        refusal = asyncio.run(_knock(settings, self._api.authorization()))
        if refusal:
            raise _Problem(f"The aggregator refuses: {refusal}", "Tell the administrator this reason.")
        return "the aggregator takes the party's connection"


def _has_joined(training: Mapping[str, Any], rts_id: str) -> bool:
    """Say whether the party was registered: another connection could then be taken for its own."""
    status = (training.get("entity") or {}).get("status") or {}
    info = status.get("federated_learning_info") or {}
    systems = info.get("remote_training_systems") or {}
    states = systems.get("states") if isinstance(systems, Mapping) else systems
    for state in states or []:
        if isinstance(state, Mapping) and state.get("id") == rts_id:
            log = state.get("registration_log") or []
            return bool(log) and log[-1].get("event") != "refuse"
    return False


async def _knock(settings: PartySettings, authorization: str) -> str:
    """Open the party's connection, wait a moment for a refusal, and leave without registering."""
    import websockets
    from websockets.asyncio.client import connect

    from ..protocol import Frame, Refusal, from_aggregator

    address = f"wss://{settings.host}/ml/v4/trainings/{settings.training_id}/aggregator:443"
    context = ssl.create_default_context(cafile=str(settings.ca_file) if settings.ca_file else None)
    headers = {"rtsid": settings.rts_id, "Authorization": authorization}
    try:
        async with connect(address, ssl=context, additional_headers=headers, compression=None) as connection:
            frame = await asyncio.wait_for(connection.recv(decode=False), _REFUSAL_SECONDS)
            message = from_aggregator(Frame.decode(frame))
            return message.detail if isinstance(message, Refusal) else ""
    except TimeoutError:
        return ""
    except websockets.InvalidStatus as error:
        return f"HTTP {error.response.status_code}"
    except (OSError, websockets.WebSocketException) as error:
        raise ConfigurationError(f"The WebSocket cannot be opened: {error}.") from None
