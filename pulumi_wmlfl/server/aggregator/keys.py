"""Who can read the model: nobody has to ask in most trainings; in encrypted ones the parties that have keys.

The keys of `crypto_iter_avg` are made by one party before the first round and passed on, encrypted, to the
others. A party that comes later, or a new process of one that was lost, gets them from any party that has
them and does not train at the moment. Nobody trains without keys: IBM's party would never answer again. When
no party that has them is left, the model is lost with them, for the service cannot read it.

Source: party protocol, "crypto_iter_avg"; IBM's party library, release 1.0.370.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Protocol

from starlette.concurrency import run_in_threadpool

from ...errors import FusionError, ProtocolError
from ...fusion import EncryptedMean, Fusion, GlobalUpdate, read_update
from ...protocol import Reply, Request
from ...protocol.key_exchange import (
    GeneratedKeys,
    distribute_keys,
    generate_keys,
    read_certificate,
    request_certificate,
)
from .desk import Desk
from .party import Gone, Party

__all__ = ["Keys", "NoKeys", "SharedKeys", "keys_of"]

_log = logging.getLogger("pulumi_wmlfl.server.aggregator")
_AT_ONCE = 4


class Keys(Protocol):
    """What a session asks before a party may train, and when the model is to be stored."""

    def admits(self, party: Party) -> bool:
        """Say whether a party can be asked to train."""
        ...

    def present(self) -> frozenset[str]:
        """Return the parties that are connected, and can train now or soon."""
        ...

    async def share(self) -> None:
        """Give the parties that are there what they need before the first round."""
        ...

    def wanted(self) -> bool:
        """Say whether a party came since that could be given it now."""
        ...

    async def pass_on(self) -> None:
        """Give it to parties that came since."""
        ...

    async def open(self, model: GlobalUpdate, *, patience: float) -> GlobalUpdate:
        """Return the model in clear; wait at most `patience` seconds for a party that can read it."""
        ...


def keys_of(desk: Desk, fusion: Fusion, *, seconds: float) -> Keys:
    """Return the keys of a training; `seconds`: how long a party may take for one step."""
    return SharedKeys(desk, fusion, seconds=seconds) if isinstance(fusion, EncryptedMean) else NoKeys(desk)


class NoKeys:
    """A training whose weights the service sees."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def admits(self, party: Party) -> bool:  # noqa: ARG002
        """Admit everybody."""
        return True

    def present(self) -> frozenset[str]:
        """Return the parties that are registered and connected."""
        return self._desk.present()

    async def share(self) -> None:
        """There is nothing to share."""

    def wanted(self) -> bool:
        """Say that nobody lacks anything."""
        return False

    async def pass_on(self) -> None:
        """There is nothing to pass on."""

    async def open(self, model: GlobalUpdate, *, patience: float) -> GlobalUpdate:  # noqa: ARG002
        """Return the model as it is."""
        return model


class SharedKeys:
    """The keys of an encrypted training; see the module."""

    def __init__(self, desk: Desk, fusion: EncryptedMean, *, seconds: float) -> None:
        self._desk = desk
        self._fusion = fusion
        self._seconds = seconds
        self._public_key = b""
        self._passing = asyncio.Lock()
        self._sending = asyncio.Semaphore(_AT_ONCE)

    def admits(self, party: Party) -> bool:
        """Say whether a party has the keys."""
        return party.has_keys

    def present(self) -> frozenset[str]:
        """Return who is connected, if one of them can give the others the keys."""
        there = [party for party in self._desk.parties.values() if party.takes_part]
        can_read = any(party.has_keys for party in there)
        return frozenset(party.id for party in there) if can_read else frozenset()

    # before the first round

    async def share(self) -> None:
        """Let one of the parties that are there make the keys, and give them to the others.

        Raises:
            FusionError: no party could make them.
        """
        if self.present():
            await self.pass_on()
            return
        parties = await self._ready(self._lacking())
        certificates = await self._certificates(parties)
        parties = [party for party in parties if party.id in certificates]
        for maker in parties:
            request = generate_keys(self._desk.next_id(), certificates)
            made = await self._made(maker, request, frozenset(certificates) - {maker.id})
            if made is None or not await self._use(maker, made.public_key):
                continue
            maker.has_keys = True
            others = [party for party in parties if party is not maker]
            await asyncio.gather(*(self._give(made, party) for party in others))
            return
        if parties:
            raise FusionError(
                "No party could make the keys of the training: the certificates of all of them must be signed"
                " by an authority that each of them trusts."
            )

    async def _use(self, maker: Party, public_key: bytes) -> bool:
        try:
            await run_in_threadpool(self._fusion.use_key, public_key)
        except FusionError as error:
            await self._desk.refuse(maker, error.message)
            return False
        self._public_key = public_key
        for party in self._desk.parties.values():
            # Of an earlier attempt, should they come back.
            party.has_keys = False
        _log.info("training %s: party %s made the keys", self._desk.training_id, maker.id)
        return True

    # later

    def wanted(self) -> bool:
        """Say whether a party lacks the keys while one that has them is free."""
        return not self._passing.locked() and bool(self._holders() and self._lacking())

    async def pass_on(self) -> None:
        """Give the keys to parties that came since, if a party that has them is free."""
        if not self.wanted():
            return
        async with self._passing:
            newcomers = await self._ready(self._lacking())
            certificates = await self._certificates(newcomers)
            for party in newcomers:
                if party.id in certificates:
                    await self._pass_on_to(party, certificates[party.id])
        self._desk.something_happened()

    async def _pass_on_to(self, party: Party, certificate: bytes) -> None:
        holders = self._holders()
        for holder in holders:
            request = distribute_keys(self._desk.next_id(), {party.id: certificate})
            made = await self._made(holder, request, frozenset({party.id}))
            if made is not None and made.public_key == self._public_key:
                await self._give(made, party)
                return
        if holders:
            await self._desk.refuse(party, "No other party gave it the keys: none trusts its certificate.")

    # steps

    def _holders(self) -> list[Party]:
        return [party for party in self._desk.parties.values() if party.free and party.has_keys]

    def _lacking(self) -> list[Party]:
        return [party for party in self._desk.parties.values() if party.free and not party.has_keys]

    async def _ready(self, parties: Sequence[Party]) -> list[Party]:
        """Return these parties when they may be asked something."""
        pause = max((party.ready_at for party in parties), default=0.0) - asyncio.get_running_loop().time()
        if pause > 0:
            await asyncio.sleep(pause)
        return [party for party in parties if party.free]

    async def _certificates(self, parties: Sequence[Party]) -> Mapping[str, bytes]:
        """Return the certificate of every party that has one; the others are refused."""
        found = await asyncio.gather(*(self._certificate(party) for party in parties))
        return {party.id: cert for party, cert in zip(parties, found, strict=True) if cert is not None}

    async def _certificate(self, party: Party) -> bytes | None:
        reply = await self._call(party, request_certificate(self._desk.next_id(), party.id))
        if reply is None:
            return None
        try:
            return read_certificate(reply.payload, party.id)
        except ProtocolError as error:
            await self._desk.refuse(party, error.message)
            return None

    async def _made(self, party: Party, request: Request, others: frozenset[str]) -> GeneratedKeys | None:
        """Let a party make keys, or pass on those that it has; None if it could not."""
        reply = await self._call(party, request)
        if reply is None or not reply.succeeded:
            # It may be the certificate of another one that it does not trust.
            _log.warning("training %s: party %s gave no keys", self._desk.training_id, party.id)
            return None
        try:
            return GeneratedKeys.read(reply.payload, others)
        except ProtocolError as error:
            await self._desk.refuse(party, error.message)
            return None

    async def _give(self, made: GeneratedKeys, party: Party) -> None:
        async with self._sending:
            reply = await self._call(party, made.set_keys(self._desk.next_id(), party.id))
        if reply is None:
            return
        if reply.succeeded and reply.payload is True:
            party.has_keys = True
        else:
            await self._desk.refuse(party, "It could not read the keys that another party made.")

    async def _call(self, party: Party, request: Request) -> Reply | None:
        """Ask a party; None if its connection was lost. One that does not answer is refused."""
        frame = await run_in_threadpool(lambda: request.frame().encode())
        connection = party.connection
        try:
            return await party.call(request, frame, seconds=self._seconds)
        except Gone as gone:
            if party.takes_part and party.connection is connection:
                await self._desk.refuse(party, f"{request.message_type.name}: {gone}.")
            return None

    # the end

    async def open(self, model: GlobalUpdate, *, patience: float) -> GlobalUpdate:
        """Let a party that has the keys install the model and return it in clear; it is believed.

        Raises:
            FusionError: there was none within `patience` seconds.
        """
        if model.layers is not None:
            return model
        loop = asyncio.get_running_loop()
        end = loop.time() + patience
        asked: set[str] = set()
        while True:
            for party in self._holders():
                if party.id not in asked:
                    asked.add(party.id)
                    if (opened := await self._opened(party, model)) is not None:
                        return opened
            if loop.time() >= end or not self.present() - asked:
                raise FusionError("No party returned the encrypted model in clear.")
            await self._desk.happens(until=end)

    async def _opened(self, party: Party, model: GlobalUpdate) -> GlobalUpdate | None:
        request = Request.sync_model(self._desk.next_id(), model.model_update, return_from=[party.id])
        reply = await self._call(party, request)
        payload = reply.payload if reply is not None and reply.succeeded else None
        returned = payload.get("model_return") if isinstance(payload, Mapping) else None
        try:
            update = await run_in_threadpool(read_update, returned)
        except FusionError as error:
            _log.warning("training %s: party %s: %s", self._desk.training_id, party.id, error)
            return None
        wire = {"weights": update.layout.to_wire(update.layers)}
        return GlobalUpdate(wire, update.layers, update.layout, model.parties)
