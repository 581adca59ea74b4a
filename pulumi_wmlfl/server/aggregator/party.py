"""One party of one training: its connection of the moment, what it was asked, and what it answered.

The party is the remote training system, not the connection: connections come and go. Everything runs on the
service's event loop. Source: party protocol, "Loss of connection" and "Message types".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ...protocol import MessageType, Reply, Request
from .batch import Batch, Unfinished
from .plan import NamedParty

__all__ = ["Asked", "Connection", "Gone", "Party"]

_log = logging.getLogger("pulumi_wmlfl.server.aggregator")


class Gone(Exception):
    """The party cannot be reached, or did not answer in time."""


class Connection(Protocol):
    """A party's open WebSocket."""

    async def send(self, frame: bytes) -> None:
        """Send one frame; raises :class:`Gone` when the connection has ended."""

    async def close(self, code: int, reason: str = "") -> None:
        """Close it; never raises."""


@dataclass(slots=True)
class Asked:
    """A request that a party has not answered yet; `round` is 0 for everything but TRAIN."""

    id_request: int
    kind: MessageType
    round: int = 0
    acknowledged: bool = False
    queued_for: Connection | None = None
    sent_over: Connection | None = None
    answer: asyncio.Future[Reply] | None = None

    @property
    def awaited(self) -> bool:
        """Whether somebody waits for its answer at this moment; see :meth:`Party.call`."""
        return self.answer is not None and not self.answer.done()


class Party:
    """A remote training system that a training names.

    `ready_at` (loop time, seconds): before it nothing is asked, since IBM's party builds its model first.
    `registrations` counts its REGISTERs since the service started, `refusals` how often what it sent was
    refused. `has_keys`: it can read an encrypted model.
    """

    def __init__(self, named: NamedParty, *, name: str) -> None:
        self.id = named.id
        self.name = name
        self.required = named.required
        self.connection: Connection | None = None
        self.registered = False
        self.has_keys = False
        self.ready_at = 0.0
        self.asked: Asked | None = None
        self.registrations = 0
        self.refusals = 0
        self.user = ""
        self._batch: Batch | None = None
        self._writing = asyncio.Lock()

    @property
    def takes_part(self) -> bool:
        """Whether it is registered and connected."""
        return self.registered and self.connection is not None

    @property
    def free(self) -> bool:
        """Whether it can be asked something."""
        return self.takes_part and self.asked is None and self._batch is None

    def attach(self, connection: Connection, *, ready_at: float) -> Connection | None:
        """Take a new connection; return the one it replaces. What needs an answer at once has failed."""
        before, self.connection = self.connection, connection
        self.ready_at = ready_at
        self._connection_changed()
        return before

    def detach(self, connection: Connection) -> bool:
        """Note that a connection ended; False if it was replaced before."""
        if self.connection is not connection:
            return False
        self.connection = None
        self._connection_changed()
        return True

    def forget(self) -> None:
        """Begin anew: a party that registers knows nothing of what was asked before."""
        self._forget_calls()
        if self._batch is not None:
            self._batch.give_up("it began anew, or was refused")
        self.asked = None
        self.has_keys = False

    def _connection_changed(self) -> None:
        self._forget_calls()
        if self._batch is not None:
            self._batch.connection_changed()

    def _forget_calls(self) -> None:
        """Give up what was asked and is answered at once, or never: an answer is lost with its connection."""
        asked = self.asked
        if asked is not None and asked.answer is not None:
            if not asked.answer.done():
                asked.answer.set_exception(Gone("the connection was lost"))
                # Nobody may be waiting any more.
                asked.answer.exception()
            self.asked = None

    async def send(self, frame: bytes) -> None:
        """Send a frame over the connection of the moment.

        Raises:
            Gone: there is none, or it has just ended.
        """
        connection = self.connection
        if connection is None:
            raise Gone("not connected")
        async with self._writing:
            await connection.send(frame)

    async def call(self, request: Request, frame: bytes, *, seconds: float) -> Reply:
        """Ask something that is answered without ACK, and wait for the answer; `frame` is `request` encoded.

        Raises:
            Gone: there was no answer within `seconds`; until it comes the party counts as busy.
        """
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self.asked = Asked(request.id_request, request.message_type, answer=answer)
        try:
            await self.send(frame)
            async with asyncio.timeout(seconds):
                return await answer
        except TimeoutError:
            raise Gone(f"no answer within {seconds:g} s") from None

    async def carry_out(
        self, requests: Sequence[Request], *, seconds: float, patience: float
    ) -> Sequence[Reply]:
        """Send several steps at once when the party is ready; return the answers, see :class:`.batch.Batch`.

        Raises:
            Unfinished: not all were answered.
        """
        batch = self._batch = Batch(requests)
        try:
            await self.settled()
            for request in requests:
                if not batch.over:
                    await self.send(request.frame().encode())
            await batch.finished(lambda: self.takes_part, seconds=seconds, patience=patience)
        except Gone as gone:
            raise Unfinished(str(gone), batch.replies, timed_out=False) from None
        finally:
            self._batch = None
        return batch.replies

    async def settled(self) -> None:
        """Wait until the party may be asked something."""
        loop = asyncio.get_running_loop()
        while (pause := self.ready_at - loop.time()) > 0:
            await asyncio.sleep(pause)

    def takes(self, reply: Reply) -> bool:
        """Take an answer to one of the steps of :meth:`carry_out`; False if it is none."""
        return self._batch is not None and self._batch.take(reply)

    def answered(self, reply: Reply) -> Asked | None:
        """Return what `reply` answers, and take it off; None for a duplicate or an answer to nothing.

        An error reply of IBM's party names no request: the one that is open is meant.
        """
        asked = self.asked
        if asked is None:
            return None
        anonymous = reply.is_anonymous_error and asked.answer is not None
        if not anonymous and (reply.id_request, reply.message_type) != (asked.id_request, asked.kind):
            return None
        self.asked = None
        if asked.answer is not None and not asked.answer.done():
            asked.answer.set_result(reply)
        return asked

    def acknowledged(self, id_request: int) -> None:
        """Note that a request arrived."""
        if self.asked is not None and self.asked.id_request == id_request:
            self.asked.acknowledged = True
        if self._batch is not None:
            self._batch.acknowledge(id_request)

    async def train(self, asked: Asked, frame: bytes) -> None:
        """Send TRAIN when the party is ready, unless it came over this connection before.

        A party that reconnected may never have got it: what was not acknowledged is sent again.
        """
        await self.settled()
        connection = self.connection
        if self.asked is not asked or asked.acknowledged or connection in (None, asked.sent_over):
            return
        asked.sent_over = connection
        try:
            await self.send(frame)
        except Gone as gone:
            _log.debug("party %s did not get round %d: %s", self.id, asked.round, gone)
