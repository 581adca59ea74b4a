"""Reads a frame as the message that the other side may send, or refuses it.

Fields that a release adds are kept where they are payload and ignored where they are not.
"""

from __future__ import annotations

from ..errors import ProtocolError
from .messages import (
    ERROR,
    SUCCESS,
    Ack,
    AggregatorMessage,
    PartyMessage,
    Payload,
    Refusal,
    Register,
    RegisterReply,
    Reply,
    Request,
)
from .types import Frame, MessageType

__all__ = ["from_aggregator", "from_party"]

_VERSION_KEYS = ("WATSONX_AI_VERSION", "VERSION")
_LONGEST_TEXT = 1000
_NOT_FROM_PARTY = frozenset({MessageType.ERROR_AUTH, MessageType.STOP})
_NOT_FROM_AGGREGATOR = frozenset({MessageType.ACK})


def from_party(frame: Frame) -> PartyMessage:
    """Read what a party sent.

    Raises:
        ProtocolError: a party does not send this, or it lacks what its type needs.
    """
    kind = frame.message_type
    if kind in _NOT_FROM_PARTY:
        raise ProtocolError(f"A party does not send {kind.name}.")
    data = _mapping(frame.data, "A party's message")
    if kind is MessageType.REGISTER:
        return _register(frame, data)
    if kind is MessageType.ACK:
        acknowledged = data.get("id_request")
        if isinstance(acknowledged, bool) or not isinstance(acknowledged, int):
            raise ProtocolError("An acknowledgement names the id_request it acknowledges.")
        return Ack(acknowledged=acknowledged, sender=frame.sender_info)
    metrics = data.get("metrics")
    return Reply(
        id_request=frame.id_request,
        message_type=kind,
        status=_status(data),
        payload=data.get("payload"),
        metrics={} if metrics is None else _mapping(metrics, "A party's metrics"),
        message=_text(data.get("message")),
        sender=frame.sender_info,
    )


def from_aggregator(frame: Frame) -> AggregatorMessage:
    """Read what an aggregator sent.

    Raises:
        ProtocolError: an aggregator does not send this, or it lacks what its type needs.
    """
    kind = frame.message_type
    if kind is None or kind in _NOT_FROM_AGGREGATOR:
        raise ProtocolError(f"An aggregator does not send {kind.name if kind else 'a message without type'}.")
    data = _mapping(frame.data, "An aggregator's message")
    if kind is MessageType.ERROR_AUTH:
        return Refusal(detail=_text(data.get("detail")) or "No reason was given.")
    if kind is MessageType.REGISTER:
        return _register_reply(frame, data)
    return Request(id_request=frame.id_request, message_type=kind, payload=data.get("payload"))


def _register(frame: Frame, data: Payload) -> Register:
    rts_id = data.get("id")
    if not isinstance(rts_id, str) or not rts_id:
        raise ProtocolError("REGISTER names the id of a remote training system.")
    version = next((data[key] for key in _VERSION_KEYS if isinstance(data.get(key), str)), "")
    port, verify = data.get("port"), data.get("verify")
    return Register(
        id_request=frame.id_request,
        rts_id=rts_id,
        version=_text(version),
        ip=_text(data.get("ip")),
        port=port if isinstance(port, int) and not isinstance(port, bool) else None,
        verify=verify if isinstance(verify, bool) else None,
    )


def _register_reply(frame: Frame, data: Payload) -> RegisterReply:
    status = _status(data)
    if status != SUCCESS:
        return RegisterReply.refused(frame.id_request, _text(data.get("detail")) or "No reason was given.")
    package = data.get("model_package")
    if package is not None and not isinstance(package, bytes):
        raise ProtocolError("The model_package of a reply to REGISTER is bytes.")
    return RegisterReply(
        id_request=frame.id_request,
        model_config=_mapping(data.get("model_config"), "The model_config of a reply to REGISTER"),
        local_training=_mapping(data.get("local_training"), "The local_training of a reply to REGISTER"),
        model_package=package,
    )


def _mapping(value: object, what: str) -> Payload:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ProtocolError(f"{what} is a map with names as keys; this one is not.")
    return value


def _status(data: Payload) -> str:
    status = data.get("status")
    if not isinstance(status, str) or status not in {SUCCESS, ERROR}:
        raise ProtocolError("The status of a message is 'success' or 'error'.")
    return status


def _text(value: object) -> str:
    return value[:_LONGEST_TEXT] if isinstance(value, str) else ""
