"""What is asked of the parties in a round: one TRAIN, answered with a model's weights, or the steps of trees.

A session decides when a round begins and ends; an exchange talks to the parties meanwhile, and fuses.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Protocol

from starlette.concurrency import run_in_threadpool

from ...fusion import Boosting, Fusion, GlobalUpdate
from ...protocol import MessageType, Request
from ..settings import ServiceSettings
from .boosting import BoostingExchange
from .desk import Desk
from .keys import Keys
from .measuring import measure
from .party import Asked
from .plan import Plan
from .quorum import Ballot

__all__ = ["Exchange", "WeightExchange", "exchange_of"]


class Exchange(Protocol):
    """How the rounds of one training are done."""

    @property
    def needs_beginning(self) -> bool:
        """Whether a round 0 comes before the others, which trains nothing."""
        ...

    def restored(self) -> None:
        """Go on after a restart of the service, with the stored model of some round."""
        ...

    async def open(self, number: int, model: GlobalUpdate | None, ballot: Ballot) -> None:
        """Begin a round; `model` is that of the round before."""
        ...

    def ask(self, number: int, ballot: Ballot) -> None:
        """Ask every party that is there and was not asked; called whenever something happened."""
        ...

    async def finish(self) -> GlobalUpdate:
        """Fuse what the parties answered.

        Raises:
            FusionError: that cannot be done.
        """
        ...

    async def measure(self, model: GlobalUpdate) -> Mapping[str, Mapping[str, float]]:
        """Give the parties the model of the round; return what each of them measured."""
        ...

    def close(self) -> None:
        """Ask nobody any more."""
        ...


def exchange_of(desk: Desk, plan: Plan, fusion: Fusion, keys: Keys, settings: ServiceSettings) -> Exchange:
    """Return how the rounds of a training are done."""
    if isinstance(fusion, Boosting):
        return BoostingExchange(desk, plan, fusion, settings)
    return WeightExchange(desk, plan, fusion, keys, settings)


class WeightExchange:
    """Rounds of one TRAIN: each party trains and answers with its weights, which the desk fuses."""

    needs_beginning = False

    def __init__(self, desk: Desk, plan: Plan, fusion: Fusion, keys: Keys, settings: ServiceSettings) -> None:
        self._desk = desk
        self._plan = plan
        self._fusion = fusion
        self._keys = keys
        self._settings = settings
        self._id_request = 0
        self._frame = b""
        self._tasks: set[asyncio.Task[None]] = set()

    def restored(self) -> None:
        """There is nothing to do: every TRAIN brings the whole model."""

    async def open(self, number: int, model: GlobalUpdate | None, ballot: Ballot) -> None:
        """Make the round's TRAIN, which is the same for every party."""
        request = Request.train(
            self._desk.next_id(),
            model_update=None if model is None else model.model_update,
            local=self._plan.local_parameters(),
            shared=self._plan.shared_parameters(),
        )
        self._id_request = request.id_request
        self._frame = await run_in_threadpool(lambda: request.frame().encode())
        await self._keys.pass_on()
        self._fusion.start_round()
        self._desk.open_round(number, self._id_request, ballot)

    def ask(self, number: int, ballot: Ballot) -> None:
        """Send TRAIN to those who are free, and again to those who never got it."""
        for party in self._desk.parties.values():
            asked = party.asked
            unsent = asked is not None and not asked.acknowledged and asked.queued_for is not party.connection
            lost = asked is not None and unsent and not asked.awaited and asked.id_request != self._id_request
            if lost and party.takes_part:
                # The request of an earlier round was lost with its connection.
                party.asked = None
            trains = party.free and self._keys.admits(party)
            if trains and party.id not in ballot.asked and party.id not in ballot.failed:
                ballot.asked.add(party.id)
                party.asked = Asked(self._id_request, MessageType.TRAIN, round=number)
            asked = party.asked
            if asked is None or asked.id_request != self._id_request:
                continue
            if party.takes_part and not asked.acknowledged and asked.queued_for is not party.connection:
                asked.queued_for = party.connection
                self._spawn(party.train(asked, self._frame))
        if self._keys.wanted():
            self._spawn(self._keys.pass_on())

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self) -> GlobalUpdate:
        """Fuse the weights."""
        return await run_in_threadpool(self._fusion.finish)

    async def measure(self, model: GlobalUpdate) -> Mapping[str, Mapping[str, float]]:
        """Let every party that is free install and measure the model."""
        return await measure(self._desk, self._keys, model, seconds=self._settings.evaluation_seconds)

    def close(self) -> None:
        """Ask nobody any more."""
        for task in self._tasks:
            task.cancel()
