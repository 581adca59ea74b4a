"""Runs one party from its settings to the end of the training.

The order is the party's own first: its data handler must work before anybody else is troubled. Then sign-in,
the training's state, the connection. Imports `protocol` and `errors` through its neighbours.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..errors import MissingExtra, PartyError, TrainingFailed, WaitTimedOut, WmlflError
from .events import EventKind, EventSink, PartyEvent, PartyResult
from .handler import load_data
from .settings import PartySettings, read_settings
from .wml import FINAL_STATES, WmlApi, state_of

__all__ = ["declared_model", "run_party"]

_JOINABLE = frozenset({"accepting_parties", "running"})
_POLL_SECONDS = 1.0
_PENDING_SECONDS = 1800.0
_FINAL_SECONDS = 15.0


def run_party(
    party: PartySettings | Path | str,
    *,
    on_event: EventSink | None = None,
    stop: threading.Event | None = None,
    **overrides: Any,
) -> PartyResult:
    """Take part in a training until it ends, and return how it went.

    `party` is a kit's folder, a configuration file, or settings; `overrides` are those of
    :func:`read_settings`. `on_event` is called for everything that happens, from several threads, one at a
    time. Ctrl-C ends it, and so does setting `stop`.

    Raises:
        ConfigurationError: the configuration is incomplete or wrong.
        UserCodeError: the data handler or the party's own model failed.
        AuthenticationFailed, PermissionDenied, NotFound: WML refuses the party's key.
        PartyRefused: the aggregator refuses the party.
        TrainingFailed: the training has ended, or ends other than by completing.
        AggregatorLost: the connection broke for good.
        PartyError: it was stopped, or its training is of a kind that the light party cannot do.

    Example:
        >>> run_party("kits/hospital-north", on_event=print)  # doctest: +SKIP
    """
    settings = party if isinstance(party, PartySettings) else read_settings(Path(party), overrides=overrides)
    tell = _one_at_a_time(on_event or (lambda _: None))
    stop = stop or threading.Event()
    try:
        from .connection import Connection
        from .session import Session
    except ModuleNotFoundError:
        raise MissingExtra("A party", "party") from None

    name = settings.display_name
    data = load_data(settings.data)
    tested = "no" if data.x_test is None else len(data.x_test)
    tell(PartyEvent(EventKind.DATA, name, f"{data.count} samples to train on, {tested} to test with."))
    with WmlApi(settings) as api, WmlApi(settings, retries=0) as watch:
        training = _wait_until_open(api, settings, tell, stop)
        learning = training.get("entity", {}).get("federated_learning") or {}
        session = Session(
            settings,
            data,
            declared_model=None if settings.model or settings.trust_model else declared_model(api, learning),
            rounds=_whole_number(learning.get("rounds")),
            on_event=tell,
        )
        ended = _EndOfTraining(watch)
        connection = Connection(
            settings, session, authorization=api.authorization, training_ended=ended.state, on_event=tell
        )
        asyncio.run(connection.run(stop))
        state = ended.wait(_FINAL_SECONDS)
    if state in FINAL_STATES - {"completed"}:
        raise TrainingFailed(
            f"The training {settings.training_id} is {state}.{ended.message()}",
            hint="Ask its administrator for a new one.",
        )
    if session.failure is not None:
        raise session.failure
    rounds = tuple(session.rounds[number] for number in sorted(session.rounds))
    return PartyResult(name, settings.training_id, state, rounds, data.count)


def declared_model(api: WmlApi, learning: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return `custom.party_model` of the WML model that a training names; None where it has none."""
    model = learning.get("model")
    spec = model.get("spec") if isinstance(model, Mapping) else None
    href = spec.get("href") if isinstance(spec, Mapping) else None
    model_id = (href if isinstance(href, Mapping) else spec or {}).get("id")
    if not model_id:
        return None
    custom = (api.model(str(model_id)).get("entity") or {}).get("custom")
    described = custom.get("party_model") if isinstance(custom, Mapping) else None
    if not isinstance(described, Mapping):
        return None
    if "path" in described:
        raise PartyError(
            "The WML model's custom.party_model names code, which is not taken from others.",
            hint="Describe the model with --model.",
        )
    return described


class _EndOfTraining:
    """Asks WML how the training stands."""

    def __init__(self, api: WmlApi) -> None:
        self._api = api
        self._last: Mapping[str, Any] = {}

    def state(self) -> str:
        """Return the state if it is final, else an empty text."""
        self._last = self._api.training()
        state = state_of(self._last)
        return state if state in FINAL_STATES else ""

    def wait(self, seconds: float) -> str:
        """Return the final state; after `seconds` the present one: storing results may take longer."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                found = self.state()
            except WmlflError as error:
                # It trained to the end; that WML cannot be asked now does not change it.
                return f"unknown ({error.message})"
            if found or time.monotonic() > deadline:
                return found or state_of(self._last)
            time.sleep(0.25)

    def message(self) -> str:
        """Return WML's words on the state, after a blank."""
        status = (self._last.get("entity") or {}).get("status") or {}
        message = status.get("message")
        text = message.get("text") if isinstance(message, Mapping) else message
        return f" {text}" if isinstance(text, str) and text else ""


def _wait_until_open(
    api: WmlApi, settings: PartySettings, tell: EventSink, stop: threading.Event
) -> Mapping[str, Any]:
    """Sign in and return the training once it accepts parties."""
    name = settings.display_name
    api.authorization()
    tell(PartyEvent(EventKind.SIGNED_IN, name, f"Signed in at {settings.host}."))
    deadline = time.monotonic() + _PENDING_SECONDS
    waiting = False
    while True:
        training = api.training()
        state = state_of(training)
        if state in _JOINABLE:
            return training
        if state in FINAL_STATES or state == "storing":
            raise TrainingFailed(
                f"The training {settings.training_id} is {state}: a party cannot join it any more.",
                hint="Ask its administrator for a new one.",
            )
        if time.monotonic() > deadline:
            raise WaitTimedOut(
                f"The training {settings.training_id} is still {state}; parties cannot join it yet."
            )
        if not waiting:
            tell(
                PartyEvent(
                    EventKind.WAITING, name, f"The training is {state}; waiting until parties may join."
                )
            )
            waiting = True
        if stop.wait(_POLL_SECONDS):
            raise PartyError(f"{name} was stopped.")


def _one_at_a_time(sink: EventSink) -> Callable[[PartyEvent], None]:
    lock = threading.Lock()

    def tell(event: PartyEvent) -> None:
        with lock:
            sink(event)

    return tell


def _whole_number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
