"""A party's side of the protocol without the network: requests in, replies out, one at a time.

What the party answers follows IBM's party, where that is sound. Better than it: a failed TRAIN is answered
with an error under its own id, and the data handler is asked once. Imports `protocol`, `errors`.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import PartyError, PartyRefused, ProtocolError, UserCodeError, WmlflError
from ..protocol import MessageType, RegisterReply, Reply, Request
from .events import EventKind, EventSink, PartyEvent, Round
from .handler import LocalData
from .models import PartyModel, build_model
from .settings import PartySettings

__all__ = ["Session"]

_HANDLERS = frozenset({"LocalTrainingHandler", "FedAvgLocalTrainingHandler"})
_COUNTED = "FedAvgLocalTrainingHandler"


class Session:
    """One party in one training. Not safe for threads: one worker calls it."""

    def __init__(
        self,
        settings: PartySettings,
        data: LocalData,
        *,
        declared_model: Mapping[str, Any] | None,
        rounds: int,
        on_event: EventSink,
    ) -> None:
        self._settings = settings
        self._data = data
        self._declared_model = declared_model
        self._planned = rounds
        self._on_event = on_event
        self._model: PartyModel | None = None
        self._counted = False
        self._measured: dict[str, float] | None = None
        self._fused = 0
        self._installed = b""
        self._untouched = False
        self.rounds: dict[int, Round] = {}
        self.failure: WmlflError | None = None

    def register(self, reply: RegisterReply) -> None:
        """Build the model that the aggregator's reply asks for; a second reply changes nothing.

        Raises:
            PartyRefused: the aggregator does not admit the party.
            PartyError: the training is of a kind that this party cannot do.
            ConfigurationError: the described model is wrong.
        """
        if not reply.accepted:
            raise PartyRefused(f"The aggregator refused {self._name}: {reply.detail}")
        if self._model is not None:
            return
        handler = str((reply.local_training or {}).get("name"))
        if handler not in _HANDLERS:
            raise PartyError(
                f"This training needs the party-side handler {handler}, which the light party does not have.",
                hint="Use IBM's party for it; the light party does averaging and k-means.",
            )
        self._counted = handler == _COUNTED
        config = reply.model_config or {}
        spec = self._described(config, reply.model_package)
        model = build_model(spec, self._data, folder=self._settings.folder)
        wanted = str(config.get("name"))
        if wanted not in model.wire_classes:
            raise PartyError(
                f"The training's model is of the kind {wanted}, this party's model is not.",
                hint="Describe a model of that kind with --model.",
            )
        self._model = model
        self._tell(EventKind.REGISTERED, "The aggregator admitted the party.")

    def _described(self, config: Mapping[str, Any], package: bytes | None) -> Mapping[str, Any]:
        settings = self._settings
        if settings.model:
            return settings.model
        if settings.trust_model:
            from .package import describe_trusted_package

            return describe_trusted_package(package, config.get("spec") or {})
        if self._declared_model:
            return self._declared_model
        raise PartyError(
            "No model is described for this party, and the aggregator's is a pickle, which is not executed.",
            hint="Describe it with --model, such as --model SGDClassifier, or in the WML model's "
            "custom.party_model; or trust the aggregator with --trust-model.",
        )

    def handle(self, request: Request) -> Reply:
        """Carry out one request and return the reply; also of a failure, which `failure` then has."""
        self.failure = None
        started = time.monotonic()
        try:
            return self._dispatch(request, started)
        except WmlflError as error:
            self.failure = error
        except Exception as error:  # noqa: BLE001 - whatever a model's code raises must be answered
            self.failure = PartyError(f"The model failed: {type(error).__name__}: {error}.")
        self._tell(EventKind.FAILED, str(self.failure))
        # File names of this machine are no business of the aggregator.
        shown = (
            "The party's own code failed." if isinstance(self.failure, UserCodeError) else str(self.failure)
        )
        return replace(self._reply(request), status="error", message=shown)

    def _dispatch(self, request: Request, started: float) -> Reply:
        if self._model is None:
            raise ProtocolError("The aggregator asked for work before it admitted the party.")
        payload = request.payload if isinstance(request.payload, dict) else {}
        match request.message_type:
            case MessageType.TRAIN:
                return self._train(self._model, request, payload, started)
            case MessageType.SYNC_MODEL:
                self._install(self._model, payload.get("model_update"))
                return self._reply(request)
            case MessageType.EVAL_MODEL:
                return self._reply(request, payload=self._shared(self._evaluate(self._model)))
            case MessageType.SAVE_MODEL:
                return self._reply(request, payload=self._save(self._model, payload.get("filename")))
        raise ProtocolError(f"The light party has no answer to {request.message_type.name}.")

    def _train(
        self, model: PartyModel, request: Request, payload: Mapping[str, Any], started: float
    ) -> Reply:
        if not isinstance(request.payload, dict) or "func" in payload:
            raise ProtocolError("The aggregator's TRAIN has no payload that the light party can do.")
        self._install(model, payload.get("model_update"), begins_round=True)
        # Nobody tells a party the number of the round: a round that was never fused is repeated.
        number = self._fused + 1
        self._tell(EventKind.TRAINING, f"Round {number}", number)
        self._measured, self._untouched = None, False
        model.fit(self._data, self._hyperparameters(payload))
        update = model.update()
        if self._counted:
            update["train_counts"] = self._data.count
        measured = self._evaluate(model)
        seconds = time.monotonic() - started
        self.rounds[number] = Round(number, seconds, measured)
        self._tell(EventKind.TRAINED, f"Round {number}", number, measured, seconds)
        return self._reply(request, payload=update, metrics=self._shared(measured))

    def _hyperparameters(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Return the training parameters: the aggregator's, over them the party's own."""
        merged: dict[str, Any] = {}
        for source in (payload.get("hyperparams"), self._settings.hyperparams):
            local = source.get("local") if isinstance(source, Mapping) else None
            training = local.get("training") if isinstance(local, Mapping) else None
            merged.update(training if isinstance(training, Mapping) else {})
        return merged

    def _install(self, model: PartyModel, update: object, *, begins_round: bool = False) -> None:
        """Take over a fused model; `begins_round`: it came with TRAIN, which may come without one."""
        if update is None and begins_round:
            return
        if not isinstance(update, Mapping):
            raise ProtocolError("The aggregator's request has no model_update.")
        found = _fingerprint(update)
        known = found == self._installed
        if known and self._untouched:
            # TRAIN brings once more what SYNC had brought.
            return
        model.install(update)
        self._measured, self._untouched, self._installed = None, True, found
        if known and begins_round:
            # The aggregator has lost the round and starts it again.
            return
        number = self._fused + 1
        if number in self.rounds:
            self._fused = number
            fused = self._evaluate(model)
            self.rounds[number] = replace(self.rounds[number], fused=fused)
            self._tell(EventKind.FUSED, f"Model of all parties after round {number}", number, fused)

    def _evaluate(self, model: PartyModel) -> dict[str, float]:
        if self._measured is None:
            self._measured = model.evaluate(self._data)
        return self._measured

    def _shared(self, metrics: Mapping[str, float]) -> dict[str, float]:
        return {} if self._settings.private else dict(metrics)

    def _save(self, model: PartyModel, filename: object) -> bool:
        """Save under `trained/` in the party's folder; the aggregator names the file, not where it is."""
        name = filename if isinstance(filename, str) and filename else None
        if name is not None and (Path(name).name != name or name.startswith(".")):
            raise ProtocolError(f"The aggregator named {name!r}, which is no plain file name.")
        if name is not None and not name.endswith(".npz"):
            name = f"{name}.npz"
        folder = self._settings.folder / "trained"
        try:
            folder.mkdir(exist_ok=True)
            file = model.save(folder, name)
        except OSError as error:
            raise PartyError(f"The model could not be saved: {error}.") from None
        self._tell(EventKind.SAVED, f"Saved {file}")
        return True

    def _reply(
        self, request: Request, *, payload: Any = None, metrics: Mapping[str, float] | None = None
    ) -> Reply:
        return Reply(
            id_request=request.id_request,
            message_type=request.message_type,
            payload=payload,
            metrics=metrics or {},
            sender=self._settings.rts_id,
        )

    @property
    def _name(self) -> str:
        return self._settings.display_name

    def _tell(
        self,
        kind: EventKind,
        text: str,
        number: int = 0,
        metrics: Mapping[str, float] | None = None,
        seconds: float = 0.0,
    ) -> None:
        self._on_event(PartyEvent(kind, self._name, text, number, self._planned, seconds, metrics or {}))


def _fingerprint(update: object) -> bytes:
    """Return a digest of a model update: equal updates have equal ones."""
    digest = hashlib.blake2b(digest_size=16)

    def add(value: object) -> None:
        if isinstance(value, Mapping):
            for key in value:
                digest.update(f"{key}:".encode())
                add(value[key])
        elif isinstance(value, np.ndarray | np.generic):
            digest.update(f"{value.dtype}{value.shape}".encode())
            digest.update(np.ascontiguousarray(value).data)
        elif isinstance(value, list) and value and isinstance(value[0], float):
            add(np.asarray(value))
        elif isinstance(value, list):
            digest.update(f"{len(value)}".encode())
            for item in value:
                add(item)
        else:
            digest.update(repr(value).encode())

    add(update)
    return digest.digest()
