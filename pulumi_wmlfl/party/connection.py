"""The party's WebSocket: connects, acknowledges, hands requests to a worker, comes back when it breaks.

A round trains in a thread of its own, so pings are answered meanwhile. Replies are kept until the aggregator
asks for something else and are sent again after a reconnection; the aggregator drops duplicates. Imports
`protocol`, `errors`.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import threading
import time
from collections.abc import Callable

import websockets
from websockets.asyncio.client import ClientConnection, connect

from .._redaction import redact, register_secret
from .._version import __version__
from ..errors import (
    AggregatorLost,
    AuthenticationFailed,
    PartyError,
    PartyRefused,
    ProtocolError,
    TransportError,
    UserCodeError,
    WmlflError,
)
from ..protocol import (
    MAX_FRAME_BYTES,
    Ack,
    AggregatorMessage,
    Frame,
    MessageType,
    Refusal,
    Register,
    RegisterReply,
    Request,
    from_aggregator,
)
from .events import EventKind, EventSink, PartyEvent
from .session import Session
from .settings import PartySettings
from .threads import in_thread, until_set
from .wml import certificate_problem

__all__ = ["Connection"]

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 10.0
_OPEN_SECONDS = 30.0
_PING_SECONDS = 20.0
_PING_PATIENCE = 120.0
# A later release may say something that this one does not know; nobody says nothing else.
_MOST_NONSENSE = 10


class Connection:
    """One party's connection to one aggregator, for as long as the training takes."""

    def __init__(
        self,
        settings: PartySettings,
        session: Session,
        *,
        authorization: Callable[[], str],
        training_ended: Callable[[], str],
        on_event: EventSink,
    ) -> None:
        """`training_ended` returns the final state of the training, empty while it goes on."""
        self._settings = settings
        self._session = session
        self._authorization = authorization
        self._training_ended = training_ended
        self._on_event = on_event
        self._kept_key = ""
        self._socket: ClientConnection | None = None
        self._work: asyncio.Queue[Request | RegisterReply] = asyncio.Queue()
        self._taken: set[int] = set()
        self._unconfirmed: dict[int, bytes] = {}
        self._nonsense = 0
        self._registered = self._registered_again = False
        self._fatal: WmlflError | None = None
        self._tls = self._tls_context()

    async def run(self, stop: threading.Event) -> None:
        """Take part until the aggregator says STOP, the training has ended or `stop` is set.

        Raises:
            WmlflError: why the party cannot take part, or not any more.
        """
        worker = asyncio.create_task(self._do_work())
        taking_part = asyncio.create_task(self._take_part())
        stopping = asyncio.create_task(until_set(stop))
        try:
            await asyncio.wait({taking_part, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not taking_part.done():
                raise PartyError(f"{self._settings.display_name} was stopped.")
            await taking_part
        finally:
            for task in (worker, taking_part, stopping):
                task.cancel()
            await asyncio.gather(worker, taking_part, stopping, return_exceptions=True)

    async def _take_part(self) -> None:
        """Connect, and connect again, until the training has ended."""
        pause, lost_since = _FIRST_PAUSE, 0.0
        while True:
            heard, reason = await self._connected_once()
            if reason is None:
                return
            if self._fatal is not None:
                raise self._fatal
            now = time.monotonic()
            if heard or not lost_since:
                pause, lost_since = _FIRST_PAUSE, now
            if now - lost_since > self._settings.reconnect_seconds:
                raise AggregatorLost(
                    f"The aggregator at {self._settings.host} did not come back in "
                    f"{self._settings.reconnect_seconds:.0f} s: {reason}.",
                    hint="Start the party again once it runs: a training that goes on takes it back.",
                )
            self._tell(EventKind.LOST, f"No connection ({reason}); trying again.")
            await asyncio.sleep(pause * random.uniform(0.7, 1.3))  # noqa: S311 - no secret
            pause = min(pause * 2, _LONGEST_PAUSE)
            if await in_thread(self._ended_quietly):
                return

    def _ended_quietly(self) -> str:
        """Ask WML whether the training has ended; that it cannot be asked is no news while it is lost."""
        try:
            return self._training_ended()
        except (AuthenticationFailed, PartyError):
            raise
        except WmlflError as error:
            if error.exit_code == 6:
                raise
            return ""

    async def _connected_once(self) -> tuple[bool, str | None]:
        """Hold one connection; return whether a message came, and why it ended (None: the training did)."""
        heard = False
        try:
            authorization = self._kept_key or await in_thread(self._authorization)
            async with self._open(authorization) as socket:
                key = socket.response.headers.get("apikey") if socket.response else None
                if key:
                    register_secret(key)
                    self._kept_key = key
                self._socket = socket
                await self._greet(socket)
                while True:
                    message = self._read(await socket.recv())
                    if message is None:
                        continue
                    if isinstance(message, Refusal) and not heard and self._may_register_again():
                        return heard, f"refused: {message.detail}"
                    heard = True
                    if await self._receive(socket, message):
                        return heard, None
        except websockets.ConnectionClosed as error:
            return heard, _closing(error)
        except websockets.InvalidStatus as error:
            return heard, self._refused_by_http(error.response.status_code)
        except ssl.SSLCertVerificationError as error:
            raise certificate_problem(self._settings, str(error)) from None
        except (OSError, TimeoutError, TransportError, websockets.WebSocketException) as error:
            return heard, redact(str(error)) or type(error).__name__
        finally:
            self._socket = None

    def _may_register_again(self) -> bool:
        """Say whether a party that came back may begin anew: the service may have forgotten it."""
        if not self._registered or self._registered_again:
            return False
        self._registered, self._registered_again = False, True
        return True

    def _open(self, authorization: str) -> connect:
        settings = self._settings
        return connect(
            # The port is part of the path: IBM's party asks for this very address.
            f"wss://{settings.host}/ml/v4/trainings/{settings.training_id}/aggregator:443",
            ssl=self._tls,
            additional_headers={"rtsid": settings.rts_id, "Authorization": authorization},
            user_agent_header=f"wmlfl-party/{__version__}",
            compression=None,
            max_size=MAX_FRAME_BYTES,
            open_timeout=_OPEN_SECONDS,
            ping_interval=_PING_SECONDS,
            ping_timeout=_PING_PATIENCE,
        )

    async def _greet(self, socket: ClientConnection) -> None:
        """Register, or after a reconnection send again what may not have arrived."""
        if self._registered:
            self._tell(EventKind.CONNECTED, f"Connected to {self._settings.host} again.")
            for frame in list(self._unconfirmed.values()):
                await socket.send(frame)
            return
        self._tell(EventKind.CONNECTED, f"Connected to {self._settings.host}.")
        register = Register(
            id_request=1,
            rts_id=self._settings.rts_id,
            version=__version__,
            ip=f"{self._settings.host}/ml/v4/trainings/{self._settings.training_id}/aggregator",
            port=443,
            verify=True,
        )
        await socket.send(register.frame().encode())

    def _read(self, frame: str | bytes) -> AggregatorMessage | None:
        """Return a message; None for what is none, which is ignored a few times in a row.

        Raises:
            ProtocolError: nothing but nonsense comes, over one connection or over one after the other.
        """
        try:
            message = from_aggregator(Frame.decode(frame if isinstance(frame, bytes) else frame.encode()))
        except ProtocolError as error:
            self._nonsense += 1
            if self._nonsense >= _MOST_NONSENSE:
                raise ProtocolError(
                    f"The aggregator at {self._settings.host} sent {self._nonsense} times in a row what "
                    f"{self._settings.display_name} cannot read; the last: {error.message}",
                    hint="Check wml.url, and that no proxy changes WebSockets on the way.",
                ) from None
            # What must be answered has a deadline.
            self._tell(EventKind.WARNING, f"A message of the aggregator was ignored: {error.message}")
            return None
        self._nonsense = 0
        return message

    async def _receive(self, socket: ClientConnection, message: AggregatorMessage) -> bool:
        """Take one message; True when it was STOP."""
        if isinstance(message, Refusal):
            raise PartyRefused(
                f"The aggregator refused {self._settings.display_name}: {message.detail}",
                hint="`wmlfl party doctor` says what is missing.",
            )
        if isinstance(message, RegisterReply):
            await self._work.put(message)
            return False
        if message.message_type is MessageType.STOP:
            await socket.send(self._ack(message))
            self._tell(EventKind.STOPPED, "The aggregator ended the training.")
            return True
        if message.message_type is MessageType.TRAIN:
            await socket.send(self._ack(message))
        if message.id_request in self._taken:
            kept = self._unconfirmed.get(message.id_request)
            if kept is not None:
                await socket.send(kept)
            return False
        self._taken.add(message.id_request)
        self._unconfirmed.clear()
        await self._work.put(message)
        return False

    def _ack(self, message: Request) -> bytes:
        return Ack(acknowledged=message.id_request, sender=self._settings.rts_id).frame().encode()

    async def _do_work(self) -> None:
        """Do what was asked, in order, in a thread; send each reply over the connection of the moment."""
        while True:
            message = await self._work.get()
            try:
                if isinstance(message, RegisterReply):
                    await in_thread(self._session.register, message)
                    self._registered = True
                else:
                    await self._answer(message)
            except WmlflError as error:
                await self._give_up(error)
            finally:
                self._work.task_done()

    async def _answer(self, message: Request) -> None:
        reply = await in_thread(self._session.handle, message)
        failure = self._session.failure
        frame = reply.frame().encode()
        self._unconfirmed[message.id_request] = frame
        if self._socket is not None:
            try:
                await self._socket.send(frame)
            except websockets.ConnectionClosed:
                # It is sent again over the next connection.
                return
        if isinstance(failure, UserCodeError):
            await self._give_up(failure)

    async def _give_up(self, error: WmlflError) -> None:
        """End because of this party's own side; the aggregator sees it leave."""
        self._fatal = error
        if self._socket is not None:
            await self._socket.close()

    def _refused_by_http(self, status: int) -> str:
        if status in {401, 403}:
            if self._kept_key:
                # The aggregator forgot the key that it gave; the party's own one counts again.
                self._kept_key = ""
                return f"HTTP {status}"
            raise PartyRefused(
                f"{self._settings.host} refused {self._settings.display_name} with HTTP {status}.",
                hint="Check that the key belongs to an identity that the remote training system allows.",
            )
        if status in {400, 404, 405, 426}:
            raise PartyRefused(
                f"{self._settings.host} has no aggregator for the training {self._settings.training_id} "
                f"(HTTP {status}).",
                hint="Check wml.url and wml.training_id.",
            )
        return f"HTTP {status}"

    def _tls_context(self) -> ssl.SSLContext:
        ca_file = self._settings.ca_file
        try:
            return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        except (OSError, ssl.SSLError) as error:
            raise certificate_problem(self._settings, f"{ca_file} cannot be read: {error}") from None

    def _tell(self, kind: EventKind, text: str) -> None:
        self._on_event(PartyEvent(kind, self._settings.display_name, text))


def _closing(error: websockets.ConnectionClosed) -> str:
    if error.rcvd is None:
        return "the connection broke"
    reason = f": {redact(error.rcvd.reason)}" if error.rcvd.reason else ""
    return f"closed by the aggregator with {error.rcvd.code}{reason}"
