"""The WebSocket of a party: who it is, whether it may take part, and its frames in and out.

A party is refused by accepting its connection and saying why: an HTTP error at this point hangs IBM's party
for ever. Source: party protocol, "WebSocket", "Loss of connection" and "Refusing a party".
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from ..errors import ProtocolError
from ..protocol import Frame, MessageType
from ..protocol import Refusal as RefusalMessage
from .aggregator.desk import Desk
from .aggregator.hub import Hub
from .aggregator.party import Gone, Party
from .http import services_of
from .lines import one_line
from .problems import Refusal
from .services import Services
from .store.contract import Principal

__all__ = ["PATH", "party_route"]

_log = logging.getLogger("pulumi_wmlfl.server.aggregator")

PATH = "/ml/v4/trainings/{id}/aggregator:443"
"""The number belongs to the path; the port is the one of the URL."""

# A process that was started anew sends REGISTER about a second after it connected.
_SILENCE_SECONDS = 2.5
_REGISTER_SECONDS = 30.0
_FAREWELL_SECONDS = 30.0
_LARGEST_REGISTER = 1 << 15
_TOO_BIG = 1009


class _Socket:
    """A party's connection, as a session knows it."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket

    async def send(self, frame: bytes) -> None:
        """Send one frame."""
        try:
            await self._websocket.send_bytes(frame)
        except (WebSocketDisconnect, RuntimeError, OSError) as error:
            raise Gone(f"the connection has ended ({error})") from None

    async def close(self, code: int, reason: str = "") -> None:
        """Close it."""
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, OSError):
            await self._websocket.close(code, reason)

    async def receive(self) -> bytes:
        """Return the next frame.

        Raises:
            WebSocketDisconnect: there is none.
            ProtocolError: it is text.
        """
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code") or 1005)
        data = message.get("bytes")
        if data is None:
            raise ProtocolError("A message is a binary frame; this one is text.")
        return bytes(data)


@dataclass(frozen=True, slots=True)
class _Admission:
    """Who may take part in what; `key` is what the party signs in with when it reconnects."""

    desk: Desk
    party: Party
    principal: Principal
    key: str


def party_route(hub: Hub) -> WebSocketRoute:
    """Return the route of the parties."""

    async def endpoint(websocket: WebSocket) -> None:
        socket = _Socket(websocket)
        try:
            admission = await run_in_threadpool(_admit, hub, websocket)
        except Refusal as refusal:
            await websocket.accept()
            await _send_away(websocket, socket, refusal.message)
            return
        # With this header IBM's party replaces its token, which may expire in the middle of a training.
        await websocket.accept(headers=[(b"apikey", f"Bearer {admission.key}".encode())])
        try:
            first = await _first_frame(admission, socket)
        except WebSocketDisconnect:
            return
        except (ProtocolError, Refusal) as error:
            await _send_away(websocket, socket, error.message)
            return
        await _serve(websocket, socket, admission, first)

    return WebSocketRoute(PATH, endpoint)


def _admit(hub: Hub, websocket: WebSocket) -> _Admission:
    """Check token, training, project and remote training system, in this order.

    Raises:
        Refusal: the party may not take part; the text says why.
    """
    services = services_of(websocket)
    training_id, rts_id = str(websocket.path_params["id"]), websocket.headers.get("rtsid", "")
    principal = _who(services, websocket, training_id, rts_id)
    record = services.store.get("trainings", training_id)
    if record is None:
        raise Refusal(404, "not_found", f"The training {training_id} does not exist.")
    services.access.role(principal, record.scope)
    session = hub.session(training_id)
    if session is None:
        text = f"The training {training_id} is {record.state} and accepts no parties."
        raise Refusal(409, "invalid_state", text)
    party = session.desk.parties.get(rts_id)
    system = services.store.get("remote_training_systems", rts_id, record.scope)
    if party is None or system is None:
        text = (
            f"The training {training_id} does not name the remote training system {rts_id[:80] or '(none)'}."
        )
        raise Refusal(403, "authorization_rejected", text)
    address = websocket.client.host if websocket.client else None
    if not services.access.may_use_rts(principal, system, client_ip=address):
        text = f"The allowed_identities of {rts_id} do not admit {principal.id} from {address}."
        raise Refusal(403, "authorization_rejected", text)
    return _Admission(
        session.desk, party, principal, services.access.party_key(principal, training_id, rts_id)
    )


def _who(services: Services, websocket: WebSocket, training_id: str, rts_id: str) -> Principal:
    scheme, _, token = websocket.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        known = services.access.user_of_party_key(token.strip(), training_id, rts_id)
        if known is not None:
            return known
    return services.access.authenticate(websocket)


async def _first_frame(admission: _Admission, socket: _Socket) -> bytes | None:
    """Tell a party that comes back from one that begins; return its first frame, None if it says nothing.

    A party that comes back sends no REGISTER. So a new connection beside a living one is the same process,
    whose old connection nobody has seen end, unless it registers: then it is a second one.

    Raises:
        Refusal: it is a second one, or it does not register.
    """
    party = admission.party
    if party.registered and party.connection is None:
        return None
    try:
        async with asyncio.timeout(_SILENCE_SECONDS if party.registered else _REGISTER_SECONDS):
            first = await socket.receive()
    except TimeoutError:
        if party.registered:
            return None
        raise Refusal(400, "no_register", "The party did not register in time.") from None
    if len(first) > _LARGEST_REGISTER or not _is_register(first):
        if party.registered:
            return first
        raise Refusal(400, "no_register", "The party must register before it sends anything else.")
    if party.connection is not None:
        raise Refusal(409, "second_connection", f"The party {party.id} is already connected.")
    return first


def _is_register(frame: bytes) -> bool:
    return Frame.decode(frame).message_type is MessageType.REGISTER


async def _serve(websocket: WebSocket, socket: _Socket, admission: _Admission, first: bytes | None) -> None:
    desk, party = admission.desk, admission.party
    desk.admit(party, socket, admission.principal.id, websocket.scope.get("server"))
    try:
        if first is not None:
            await desk.receive(party, socket, first)
        while True:
            await desk.receive(party, socket, await socket.receive())
    except ProtocolError as error:
        await desk.refuse(party, error.message)
        await _linger(socket)
    except WebSocketDisconnect as end:
        if end.code == _TOO_BIG:
            await desk.refuse(party, "It sent a message that is larger than the service accepts.")
    finally:
        desk.leave(party, socket)


async def _send_away(websocket: WebSocket, socket: _Socket, reason: str) -> None:
    """Say why, and wait for the party to leave: one that is closed comes back at once."""
    rts_id, training_id = websocket.headers.get("rtsid", ""), websocket.path_params["id"]
    _log.warning("training %.80r: party %.80r is refused: %s", training_id, rts_id, one_line(reason))
    with contextlib.suppress(Gone):
        await socket.send(RefusalMessage(detail=reason).frame().encode())
        await _linger(socket)


async def _linger(socket: _Socket) -> None:
    with contextlib.suppress(WebSocketDisconnect, TimeoutError):
        async with asyncio.timeout(_FAREWELL_SECONDS):
            while True:
                with contextlib.suppress(ProtocolError):
                    await socket.receive()
    await socket.close(1000)
