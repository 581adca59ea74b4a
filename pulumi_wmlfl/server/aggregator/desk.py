"""Where the parties of one training are received: registration, messages, refusals, reports.

A message is checked and fused before the next one of any party of this training is decoded: so one update
is in memory, however many parties there are.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import secrets
from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool

from ...errors import FusionError, ProtocolError, ServiceError
from ...fusion import Fusion
from ...protocol import (
    Ack,
    Frame,
    MessageType,
    PartyMessage,
    Refusal,
    Register,
    RegisterReply,
    Reply,
    Request,
    from_party,
)
from ..clock import timestamp
from ..jobs import IllegalTransition
from ..lines import one_line
from ..services import Services
from ..store.contract import Record
from .metrics import training_metrics
from .party import Connection, Gone, Party
from .plan import Plan
from .quorum import Ballot
from .workspace import Workspace

__all__ = ["Desk"]

_log = logging.getLogger("pulumi_wmlfl.server.aggregator")
_SMALL = 1 << 15
_LONGEST_LOG = 50
_MOST_REFUSALS = 3
_REPORT_SECONDS = 0.05
_FAREWELL_SECONDS = 5.0
# What the log says of an event, and whether somebody should look at it.
_TOLD = {
    "register": ("registered", logging.INFO),
    "disconnect": ("has no connection any more", logging.INFO),
    "reconnect": ("is connected again", logging.INFO),
    "leave": ("has left", logging.INFO),
    "late": ("its update came too late", logging.INFO),
    "fail": ("could not train", logging.WARNING),
    "refuse": ("is refused", logging.WARNING),
}


class Desk:
    """The parties of one training."""

    def __init__(
        self, services: Services, record: Record, plan: Plan, workspace: Workspace, fusion: Fusion
    ) -> None:
        self.training_id = record.id
        self.local_metrics: dict[str, dict[str, float]] = {}
        self._services = services
        self._settings = services.settings
        self._workspace = workspace
        self._plan = plan
        known = record.status.get("federated_learning_info") or {}
        self._states: dict[str, dict[str, Any]] = {
            state["id"]: {**state, "registration_log": list(state.get("registration_log", ()))}
            for state in known.get("remote_training_systems", {}).get("states", ())
        }
        self._address: Mapping[str, Any] = known.get("aggregator", {})
        self.parties: dict[str, Party] = {
            named.id: Party(named, name=str(self._states.get(named.id, {}).get("name", "")))
            for named in plan.parties
        }
        for party in self.parties.values():
            # After a restart of the service a party that knows itself registered only reconnects.
            events = [entry["event"] for entry in self._state_of(party)["registration_log"]]
            party.registered = bool(events) and events[-1] not in {"refuse", "leave"}
        self._ids = itertools.count(secrets.randbelow(2**31) << 20)
        self._happened = asyncio.Event()
        self._unreported = asyncio.Event()
        self._fusing = asyncio.Lock()
        self._fusion = fusion
        self._round = 0
        self._asked_id = 0
        self._ballot: Ballot | None = None
        self._replies: dict[int, bytes] = {}
        self._config: RegisterReply | None = None
        self._preparing = asyncio.Lock()
        self.closed = ""
        self.problem = ""

    # what a session asks of it

    def next_id(self) -> int:
        """Return an id for a request; it is unique, also across restarts of the service."""
        return next(self._ids)

    def present(self) -> frozenset[str]:
        """Return the parties that are registered and connected."""
        return frozenset(party.id for party in self.parties.values() if party.takes_part)

    def something_happened(self) -> None:
        """Let the session look again."""
        self._happened.set()

    async def happens(self, *, until: float) -> None:
        """Wait until something happened since the last call, or a time of the event loop has come."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(None if math.isinf(until) else max(until, loop.time())):
                await self._happened.wait()
        except TimeoutError:
            return
        self._happened.clear()

    def open_round(self, number: int, id_request: int, ballot: Ballot) -> None:
        """Take the answers to this TRAIN from now on."""
        self._round, self._asked_id, self._ballot = number, id_request, ballot
        self.local_metrics = {}

    def takes(self, ballot: Ballot) -> bool:
        """Say whether the round of a ballot still takes updates."""
        return self._ballot is ballot

    async def close_round(self) -> None:
        """Take no more updates."""
        async with self._fusing:
            self._ballot = None

    async def dismiss(self, text: str) -> None:
        """Send every party home; whoever comes later is refused with `text`."""
        self.closed = text
        self._ballot = None
        await asyncio.gather(*(self._stop(party) for party in self.parties.values()))

    async def _stop(self, party: Party) -> None:
        if not party.takes_part:
            return
        try:
            async with asyncio.timeout(_FAREWELL_SECONDS):
                await party.send(Request.stop(self.next_id()).frame().encode())
        except (Gone, TimeoutError) as gone:
            _log.debug("party %s was not stopped: %s", party.id, gone)

    # connections

    def admit(self, party: Party, connection: Connection, user: str, server: tuple[str, int] | None) -> None:
        """Take the connection of a party that may take part; what it replaces is closed."""
        loop = asyncio.get_running_loop()
        again = party.registered
        before = party.attach(connection, ready_at=loop.time() + self._settings.settle_seconds)
        party.user = user
        if server is not None:
            self._address = _address(server, self.training_id)
        if again:
            self.note(party, "reconnect")
        if before is not None:
            self._close_later(before)
        self.something_happened()

    def _close_later(self, connection: Connection) -> None:
        task = asyncio.create_task(connection.close(1000, "replaced by a newer connection"))
        task.add_done_callback(lambda done: done.exception())

    def leave(self, party: Party, connection: Connection) -> None:
        """Note that a connection ended."""
        if party.detach(connection):
            if party.registered:
                self.note(party, "disconnect")
            self.something_happened()

    async def refuse(self, party: Party, reason: str) -> None:
        """Send a party away that broke the protocol: it alone is out; it may register again."""
        party.refusals += 1
        party.registered = False
        party.forget()
        if self._ballot is not None:
            self._ballot.failed.add(party.id)
        self.note(party, "refuse", reason=reason)
        if party.connection is not None:
            try:
                async with asyncio.timeout(_FAREWELL_SECONDS):
                    await party.send(Refusal(detail=reason).frame().encode())
            except (Gone, TimeoutError) as gone:
                _log.debug("party %s did not hear the reason: %s", party.id, gone)
        self.something_happened()

    # messages

    async def receive(self, party: Party, connection: Connection, data: bytes) -> None:
        """Take one message of a party; what is sent in answer is sent when the next may be decoded."""
        try:
            async with self._fusing:
                if not party.registered and len(data) > _SMALL:
                    return
                message = await self._decode(data)
                if not isinstance(message, Register) and party.connection is connection:
                    # It came back, and is not a new process whose REGISTER is on its way.
                    party.ready_at = 0.0
                if isinstance(message, Reply):
                    await self._answer(party, message, size=len(data))
            # What was sent over a connection that was replaced since counts too, but for this.
            if isinstance(message, Register) and party.connection is connection:
                await self._register(party, message)
            elif isinstance(message, Ack):
                party.acknowledged(message.acknowledged)
        except (ProtocolError, FusionError) as error:
            await self.refuse(party, error.message)
        except Gone as gone:
            _log.debug("party %s was not answered: %s", party.id, gone)

    async def _decode(self, data: bytes) -> PartyMessage:
        if len(data) <= _SMALL:
            return from_party(Frame.decode(data))
        return await run_in_threadpool(lambda: from_party(Frame.decode(data)))

    async def _answer(self, party: Party, reply: Reply, *, size: int) -> None:
        # A message that crosses a refusal is one of nobody.
        if party.registered and party.takes(reply):
            return
        asked = party.answered(reply) if party.registered else None
        if asked is None:
            _log.debug("party %s: an answer to nothing that is open is ignored", party.id)
        elif asked.kind is MessageType.TRAIN:
            if asked.id_request == self._asked_id and self._ballot is not None:
                await self._update(party, reply, self._ballot, size=size)
            else:
                self.note(party, "late", round=asked.round)
        self.something_happened()

    async def _update(self, party: Party, reply: Reply, ballot: Ballot, *, size: int) -> None:
        """Fuse an update; called while no other message is handled."""
        if not reply.succeeded:
            reason = reply.message or "it gave no reason"
            ballot.failed.add(party.id)
            self.note(party, "fail", round=self._round, reason=reason)
            return
        if size <= _SMALL:
            self._fusion.add(party.id, reply.payload)
        else:
            await run_in_threadpool(self._fusion.add, party.id, reply.payload)
        self.local_metrics[party.id] = training_metrics(reply.metrics)
        ballot.answered.add(party.id)

    async def _register(self, party: Party, message: Register) -> None:
        if message.rts_id != party.id:
            raise ProtocolError(f"REGISTER names {message.rts_id[:80]}, the handshake named {party.id}.")
        try:
            if self.closed or self.problem:
                raise ServiceError(self.closed or self.problem)
            if party.refusals >= _MOST_REFUSALS:
                raise ServiceError(f"This party was refused {party.refusals} times in this training.")
            # Of parties that register at once the first one prepares what all of them are told.
            async with self._preparing:
                frame = await self._registered_frame(message.id_request)
        except ServiceError as error:
            await party.send(RegisterReply.refused(message.id_request, str(error)).frame().encode())
            self.note(party, "refuse", reason=str(error))
            return
        party.forget()
        party.registered = True
        party.registrations += 1
        party.ready_at = asyncio.get_running_loop().time() + self._settings.settle_seconds
        if self._ballot is not None:
            self._ballot.ask_again(party.id)
        self.note(party, "register", **({"version": message.version} if message.version else {}))
        await party.send(frame)
        self.something_happened()

    async def _registered_frame(self, id_request: int) -> bytes:
        """Return the reply to REGISTER; parties usually have the same `id_request`, so it is kept."""
        frame = self._replies.get(id_request)
        if frame is None:
            config = await self._registration()
            reply = RegisterReply(
                id_request=id_request,
                model_config=config.model_config,
                local_training=config.local_training,
                model_package=config.model_package,
            )
            frame = await run_in_threadpool(lambda: reply.frame().encode())
            self._replies = {id_request: frame}
        return frame

    async def _registration(self) -> RegisterReply:
        """Return what every party is told, made for the first one.

        Raises:
            ServiceError: the model's package is missing or wrong; the training fails.
        """
        if self._config is None:
            try:
                self._config = await run_in_threadpool(
                    self._workspace.registration, self._services, self._plan
                )
            except ServiceError as error:
                self.problem = str(error)
                self.something_happened()
                raise
        return self._config

    # reports

    def name_of(self, party: Party) -> str:
        """Return a party's name for a line of the log; its id if it has none."""
        return one_line(party.name) or party.id

    def title(self, party: Party) -> str:
        """Return what the log calls a party: its name, and its id."""
        return f"{self.name_of(party)} ({party.id})" if party.name else party.id

    def _state_of(self, party: Party) -> dict[str, Any]:
        fresh = {"id": party.id, "name": party.name, "registration_log": []}
        return self._states.setdefault(party.id, fresh)

    def note(self, party: Party, event: str, **more: Any) -> None:
        """Write an event into the party's registration log, which WML shows, and into the log."""
        told, level = _TOLD.get(event, (event, logging.INFO))
        at = f" in round {more['round']}" if "round" in more else ""
        why = f": {one_line(more['reason'])}" if "reason" in more else "."
        _log.log(level, "training %s: party %s %s%s%s", self.training_id, self.title(party), told, at, why)
        entry = {"event": event, "timestamp": timestamp(self._services.clock()), **more}
        log = self._state_of(party)["registration_log"]
        log.append(entry)
        del log[:-_LONGEST_LOG]
        self._unreported.set()

    def report(self) -> dict[str, Any]:
        """Return the parties' states as a part of the training's status."""
        self._unreported.clear()
        states = [self._state_of(party) for party in self.parties.values()]
        copies = [{**state, "registration_log": list(state["registration_log"])} for state in states]
        systems = {"states": copies}
        return {"federated_learning_info": {"aggregator": self._address, "remote_training_systems": systems}}

    async def keep_reporting(self) -> None:
        """Put the parties' states into the status whenever they changed, many changes at once."""
        while True:
            await self._unreported.wait()
            status = self.report()
            try:
                await run_in_threadpool(self._services.jobs.report, self.training_id, status)
            except IllegalTransition as reason:
                _log.debug("%s", reason)
                return
            await asyncio.sleep(_REPORT_SECONDS)


def _address(server: tuple[str, int], training_id: str) -> dict[str, Any]:
    host, port = server
    endpoint = f"/ml/v4/trainings/{training_id}"
    connection = {"protocol": "wss", "host": host, "port": port, "endpoint": endpoint, "headers": {}}
    return {"connection": connection}
