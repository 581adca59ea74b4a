"""Rounds of boosted trees: each party tells the gradients of its samples, the service grows the trees.

A party introduces itself (sketches, ranks, mean target), gets the baseline and every tree that there is, and
takes part: it tells its gradients, gets the new trees and measures the model. So one that comes later, or a
new process of one that was lost, is brought up to date on its own while the others go on. `init_rejoin` of
IBM's party is not used: it installs one round, and its sketch would have to be asked for again.

What a party was given is kept in mind, for adding a tree twice spoils its predictions. Where a lost
connection leaves that open, its predictions are begun anew; a model that may have a round twice cannot be
mended, and its party must be started again.

Source: party protocol, "XGBoost-like boosting"; IBM's party library, release 1.0.370.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool

from ...errors import FusionError, ProtocolError
from ...fusion import Boosting, Ensemble, GlobalUpdate, Gradients, Introduction
from ...protocol import MessageType, Reply, Request
from ...protocol.boosting import apply_tree, install_trees, read_gradients, read_samples, step
from ..settings import ServiceSettings
from .batch import Unfinished
from .desk import Desk
from .metrics import training_metrics
from .party import Party
from .plan import Plan
from .quorum import Ballot

__all__ = ["BoostingExchange"]

_log = logging.getLogger("pulumi_wmlfl.server.aggregator")
_LAST_STEP = "get_metrics"


@dataclass(slots=True)
class _Progress:
    """What a party's process was given: `applied` rounds are in its predictions, `installed` in its model."""

    registration: int
    introduced: bool = False
    begun: bool = False
    applied: int = 0
    installed: int = 0
    spoiled: bool = False
    busy: bool = False


class BoostingExchange:
    """See the module."""

    def __init__(self, desk: Desk, plan: Plan, fusion: Boosting, settings: ServiceSettings) -> None:
        self._desk = desk
        self._plan = plan
        self._fusion = fusion
        self._settings = settings
        self._progress: dict[str, _Progress] = {}
        self._arithmetic = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def needs_beginning(self) -> bool:
        """Whether there is no baseline yet."""
        return self._fusion.ensemble is None

    def restored(self) -> None:
        """Let nobody take part who does not register again: what its process was given is not known."""
        for party in self._desk.parties.values():
            party.registered = False

    async def open(self, number: int, model: GlobalUpdate | None, ballot: Ballot) -> None:  # noqa: ARG002
        """Begin a round."""
        async with self._arithmetic:
            self._fusion.start_round()
        self._desk.open_round(number, 0, ballot)

    def ask(self, number: int, ballot: Ballot) -> None:
        """Let everybody take part who is there and free."""
        for party in self._desk.parties.values():
            waits = party.id not in ballot.asked and party.id not in ballot.failed
            if waits and party.free and not self._progress_of(party).busy:
                ballot.asked.add(party.id)
                task = asyncio.create_task(self._take_part(party, number, ballot))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def finish(self) -> GlobalUpdate:
        """Grow the trees; in round 0 make baseline and bins."""
        async with self._arithmetic:
            return await run_in_threadpool(self._fusion.finish)

    async def measure(self, model: GlobalUpdate) -> Mapping[str, Mapping[str, float]]:  # noqa: ARG002
        """Give the new trees to every party that is free, and let it measure the model."""
        now = asyncio.get_running_loop().time()
        ready = [
            party
            for party in self._desk.parties.values()
            if party.free and now >= party.ready_at and self._may_measure(self._progress_of(party))
        ]
        found = await asyncio.gather(*(self._measured(party) for party in ready))
        return {party.id: metrics for party, metrics in zip(ready, found, strict=True) if metrics}

    def close(self) -> None:
        """Ask nobody any more."""
        for task in self._tasks:
            task.cancel()

    # a party

    def _progress_of(self, party: Party) -> _Progress:
        found = self._progress.get(party.id)
        if found is None or found.registration != party.registrations:
            # A process that was started anew has nothing.
            found = self._progress[party.id] = _Progress(party.registrations)
        return found

    @staticmethod
    def _may_measure(progress: _Progress) -> bool:
        return progress.begun and not progress.busy and not progress.spoiled

    async def _take_part(self, party: Party, number: int, ballot: Ballot) -> None:
        """Let a party do its part of a round, and whatever it lacks before."""
        progress = self._progress_of(party)
        progress.busy = True
        try:
            await party.settled()
            if progress.registration != party.registrations:
                raise Unfinished("it began anew", [], timed_out=False)
            await self._introduce(party, progress)
            if number:
                await self._bring_up_to_date(party, progress)
                await self._add(party, await self._gradients(party), number, ballot)
            else:
                ballot.answered.add(party.id)
        except Unfinished as reason:
            await self._unfinished(party, progress, reason, ballot)
        except (ProtocolError, FusionError) as error:
            await self._desk.refuse(party, error.message)
        except Exception:  # noqa: BLE001 - nobody would wait for this party's answer in vain
            _log.exception("training %s: party %s cannot take part", self._desk.training_id, party.id)
            await self._desk.refuse(party, "The aggregator failed with it; the service's log tells why.")
        finally:
            progress.busy = False
            self._desk.something_happened()

    async def _unfinished(
        self, party: Party, progress: _Progress, reason: Unfinished, ballot: Ballot | None
    ) -> None:
        _log.info("training %s: party %s: %s", self._desk.training_id, self._desk.title(party), reason)
        if progress.registration != party.registrations:
            # Another process took its place, and is asked as such.
            pass
        elif reason.timed_out:
            text = f"It did not do what it was asked: {reason}; its own log may say why."
            await self._desk.refuse(party, text)
        elif progress.spoiled:
            text = "Its connection was lost while it installed trees, and nobody knows whether it did."
            await self._desk.refuse(party, f"{text} Start it again.")
        if ballot is not None and party.id not in ballot.answered and not reason.timed_out:
            ballot.ask_again(party.id)

    async def _introduce(self, party: Party, progress: _Progress) -> None:
        """Let a party say what there is to know of its data, unless it did."""
        if progress.introduced:
            return
        arguments = {
            "params": self._fusion.parameters.to_wire(),
            "party_id": party.id,
            "last_step": _LAST_STEP,
        }
        about = await self._steps(party, [self._step("initialize", **arguments)])
        asked = [self._step("generate_sketch"), self._step("get_avg_stats")]
        # It looks at every value, one by one.
        sketched, statistics = await self._steps(party, asked, seconds=self._plan.timeout)
        introduction = await run_in_threadpool(
            lambda: _introduction(party.id, about[0].payload, sketched.payload, statistics.payload)
        )
        async with self._arithmetic:
            await run_in_threadpool(self._fusion.add, party.id, introduction)
        progress.introduced = True

    async def _bring_up_to_date(self, party: Party, progress: _Progress) -> None:
        """Give a party everything that it lacks of the model."""
        ensemble = self._ensemble()
        if not progress.begun:
            arguments: dict[str, dict[str, Any]] = {
                "init_null_preds": {"baseline": ensemble.baseline},
                "init_grad": {},
                "set_cat_bitsets": {
                    "known_cat_bitsets": np.zeros((0, 8), np.uint32),
                    "f_idx_map": np.zeros(len(ensemble.thresholds), np.uint32),
                },
                "set_fit": {"in_fit": False},
                # IBM's party can only install trees within a round, which this begins.
                "update_grad": {},
            }
            await self._steps(party, [self._step(method, **given) for method, given in arguments.items()])
            progress.begun, progress.applied = True, 0
        await self._give_trees(party, progress, ())

    async def _give_trees(
        self, party: Party, progress: _Progress, then: Sequence[Request]
    ) -> Sequence[Reply]:
        """Give a party the rounds that it lacks, and ask something more; return all answers."""
        rounds = self._ensemble().rounds
        trees = [
            apply_tree(self._desk.next_id(), index, nodes)
            for each in rounds[progress.applied :]
            for index, nodes in enumerate(each)
        ]
        models = [install_trees(self._desk.next_id(), each) for each in rounds[progress.installed :]]
        requests = [*trees, *models, *then]
        if not requests:
            return []
        try:
            replies = await self._steps(party, requests)
        except Unfinished as unfinished:
            answered = {reply.id_request for reply in unfinished.replies}
            progress.begun = progress.begun and all(tree.id_request in answered for tree in trees)
            progress.spoiled = not all(model.id_request in answered for model in models)
            if not progress.spoiled:
                progress.installed = len(rounds)
            if progress.begun:
                progress.applied = len(rounds)
            raise
        progress.applied = progress.installed = len(rounds)
        return replies

    async def _gradients(self, party: Party) -> Gradients:
        trees = range(self._fusion.parameters.trees)
        requests = [self._step("update_grad"), *(self._step("collect_hist", k=index) for index in trees)]
        replies = await self._steps(party, requests)
        return Gradients([read_gradients(reply.payload, party.id) for reply in replies[1:]])

    async def _add(self, party: Party, gradients: Gradients, number: int, ballot: Ballot) -> None:
        async with self._arithmetic:
            if not self._desk.takes(ballot):
                self._desk.note(party, "late", round=number)
                return
            await run_in_threadpool(self._fusion.add, party.id, gradients)
            ballot.answered.add(party.id)

    async def _measured(self, party: Party) -> dict[str, float]:
        progress = self._progress_of(party)
        progress.busy = True
        try:
            replies = await self._give_trees(party, progress, [self._step(_LAST_STEP)])
            return training_metrics(replies[-1].metrics)
        except Unfinished as reason:
            await self._unfinished(party, progress, reason, None)
        except ProtocolError as error:
            await self._desk.refuse(party, error.message)
        finally:
            progress.busy = False
        return {}

    # steps

    def _ensemble(self) -> Ensemble:
        if self._fusion.ensemble is None:
            raise FusionError("There is no model yet.")
        return self._fusion.ensemble

    def _step(self, method: str, **arguments: Any) -> Request:
        return step(self._desk.next_id(), method, **arguments)

    async def _steps(
        self, party: Party, requests: Sequence[Request], *, seconds: float | None = None
    ) -> Sequence[Reply]:
        """Let a party carry out steps; return its answers.

        Raises:
            Unfinished: some did not come.
            ProtocolError: it could not carry one out.
        """
        replies = await party.carry_out(
            requests,
            seconds=self._settings.evaluation_seconds if seconds is None else seconds,
            patience=self._settings.settle_seconds,
        )
        for request, reply in zip(requests, replies, strict=True):
            refused = request.message_type is MessageType.SYNC_MODEL and reply.payload is False
            if refused or not reply.succeeded:
                payload = request.payload if isinstance(request.payload, Mapping) else {}
                what = payload.get("func", request.message_type.name)
                raise ProtocolError(
                    f"The party could not carry out {what}: {reply.message or 'no reason given'}."
                )
        return replies


def _introduction(party: str, about: object, samples: object, statistics: object) -> Introduction:
    sketches, ranks = read_samples(samples, party)
    parts = [(sketch.accuracy, sketch.values, sketch.counts) for sketch in sketches]
    return Introduction(about, parts, ranks, statistics)
