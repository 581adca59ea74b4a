"""The messages of a training as frozen dataclasses, with their way to a frame; `reading` has the way back.

What a party sends: `Register`, `Ack`, `Reply`. What the aggregator sends: `RegisterReply`, `Request`,
`Refusal`.

Source: IBM's party library, releases 1.0.370 and 1.3.39.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from .types import ACK_ID, Frame, MessageType

__all__ = [
    "ERROR",
    "SUCCESS",
    "Ack",
    "AggregatorMessage",
    "PartyMessage",
    "Payload",
    "Refusal",
    "Register",
    "RegisterReply",
    "Reply",
    "Request",
]

Payload: TypeAlias = Mapping[str, Any]
ERROR = "error"
SUCCESS = "success"


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """A party's first message. Its bearer token is not read from a frame: the handshake carried it.

    `version`: release of the party's library, empty if it names none. `ip`, `port`, `verify`: how it
    connected.
    """

    id_request: int
    rts_id: str
    version: str = ""
    ip: str = ""
    port: int | None = None
    verify: bool | None = None
    token: str = field(default="", repr=False)

    def frame(self) -> Frame:
        """Return the frame as IBM's party of the older generation sends it."""
        data = {
            "id": self.rts_id,
            "VERSION": self.version,
            "ip": self.ip,
            "port": self.port,
            "verify": self.verify,
            "token": self.token,
        }
        return Frame(
            id_request=self.id_request,
            message_type=MessageType.REGISTER,
            sender_info=self.rts_id,
            data=data,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """A party's word that it received the request `acknowledged`. Never answered."""

    acknowledged: int
    sender: str | None = None

    def frame(self) -> Frame:
        """Return the frame: its own id is -1."""
        return Frame(
            id_request=ACK_ID,
            message_type=MessageType.ACK,
            sender_info=self.sender,
            data={"ACK": True, "id_request": self.acknowledged},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A party's answer to the request `id_request`.

    An error reply of IBM's party has no `message_type`, and an `id_request` of its own: the one synchronous
    request that is open at this party is meant. `payload` is what the request asks for, `metrics` what the
    party measured while training.
    """

    id_request: int
    message_type: MessageType | None
    status: str = SUCCESS
    payload: Any = field(default=None, repr=False)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    message: str = ""
    sender: str | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the party could do what was asked."""
        return self.status == SUCCESS

    @property
    def is_anonymous_error(self) -> bool:
        """Whether this is an error reply that does not name its request."""
        return self.message_type is None

    def frame(self) -> Frame:
        """Return the frame."""
        data: dict[str, Any] = {"status": self.status, "payload": self.payload}
        if self.message_type == MessageType.TRAIN:
            data["metrics"] = dict(self.metrics)
        if self.message:
            data["message"] = self.message
        return Frame(
            id_request=self.id_request,
            message_type=self.message_type,
            sender_info=self.sender,
            data=data,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterReply:
    """The aggregator's answer to REGISTER: what to train and how; or, with `detail`, that it is refused.

    `model_package`: the bytes of a zip with the untrained model, which IBM's party unpacks and loads.
    `model_config`: `{"name", "path", "spec"}`; `local_training`: `{"name", "path"}`; see `classes`.
    """

    id_request: int
    model_config: Payload | None = None
    local_training: Payload | None = None
    model_package: bytes | None = field(default=None, repr=False)
    status: str = SUCCESS
    detail: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the party takes part."""
        return self.status == SUCCESS

    @classmethod
    def refused(cls, id_request: int, detail: str) -> RegisterReply:
        """Return a refusal: the party logs `detail` and ends with exit code 1."""
        return cls(id_request=id_request, status=ERROR, detail=detail)

    def frame(self) -> Frame:
        """Return the frame."""
        data: dict[str, Any] = {"status": self.status}
        if self.accepted:
            data["model_config"] = None if self.model_config is None else dict(self.model_config)
            data["local_training"] = None if self.local_training is None else dict(self.local_training)
            if self.model_package is not None:
                data["model_package"] = self.model_package
        else:
            data["detail"] = self.detail
        return Frame(id_request=self.id_request, message_type=MessageType.REGISTER, data=data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Something the aggregator asks of a party. TRAIN is acknowledged first, the others only answered."""

    id_request: int
    message_type: MessageType
    payload: Any = field(default=None, repr=False)

    @classmethod
    def train(
        cls,
        id_request: int,
        *,
        model_update: Payload | None,
        local: Payload | None = None,
        shared: Payload | None = None,
    ) -> Request:
        """Return a TRAIN request.

        `model_update` is None in round 1. `local` are the party's hyperparameters (`training`, `optimizer`,
        `criterion`), `shared` those of the whole training.
        """
        hyperparams = {"global": dict(shared or {}), "local": dict(local or {})}
        payload = {"model_update": model_update, "hyperparams": hyperparams}
        return cls(id_request=id_request, message_type=MessageType.TRAIN, payload=payload)

    @classmethod
    def call(cls, id_request: int, func: str, args: Payload) -> Request:
        """Return one step of boosting, which travels as TRAIN."""
        payload = {"func": func, "args": dict(args)}
        return cls(id_request=id_request, message_type=MessageType.TRAIN, payload=payload)

    @classmethod
    def sync_model(
        cls, id_request: int, model_update: Payload, *, return_from: Sequence[str] = ()
    ) -> Request:
        """Return the request to install the fused model.

        `return_from`: parties of `crypto_iter_avg` that are to return it in clear, by their names in the key
        exchange.
        """
        payload: dict[str, Any] = {"model_update": model_update}
        if return_from:
            payload["model_return_party_ids"] = list(return_from)
        return cls(id_request=id_request, message_type=MessageType.SYNC_MODEL, payload=payload)

    @classmethod
    def eval_model(cls, id_request: int) -> Request:
        """Return the request to measure the installed model on the party's test data."""
        return cls(id_request=id_request, message_type=MessageType.EVAL_MODEL, payload={})

    @classmethod
    def save_model(cls, id_request: int, filename: str | None = None) -> Request:
        """Return the request to save the installed model in the party's folder."""
        payload = {} if filename is None else {"filename": filename}
        return cls(id_request=id_request, message_type=MessageType.SAVE_MODEL, payload=payload)

    @classmethod
    def stop(cls, id_request: int) -> Request:
        """Return the end of the training. Never before the reply to REGISTER: IBM's party would hang."""
        return cls(id_request=id_request, message_type=MessageType.STOP)

    def frame(self) -> Frame:
        """Return the frame; `sender_info` is None, else IBM's party drops the request."""
        return Frame(
            id_request=self.id_request, message_type=self.message_type, data={"payload": self.payload}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The aggregator refuses a party; sent on an accepted socket: an HTTP error hangs IBM's party."""

    detail: str

    def frame(self) -> Frame:
        """Return the frame."""
        return Frame(
            id_request=0,
            message_type=MessageType.ERROR_AUTH,
            data={"status": ERROR, "detail": self.detail},
        )


PartyMessage: TypeAlias = Register | Ack | Reply
AggregatorMessage: TypeAlias = RegisterReply | Request | Refusal
