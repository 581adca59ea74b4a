"""The state machine of a training: which state may follow which, journalled, driven by the clock.

Every change is one transaction, so a killed service goes on where it was: what is due is read back from the
store at the start. Whoever waits for a training listens here. Source: states of the v4 API.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Protocol

from starlette.concurrency import run_in_threadpool

from ..errors import ServiceError
from .clock import timestamp
from .lines import one_line
from .problems import Refusal
from .store.contract import JournalEntry, Record
from .store.sqlite import SqliteStore

__all__ = [
    "TERMINAL",
    "AggregatorPort",
    "Change",
    "IllegalTransition",
    "State",
    "TrainingJobs",
    "failure",
]

_log = logging.getLogger("pulumi_wmlfl.server.jobs")


class State(StrEnum):
    """States of a federated-learning training."""

    PENDING = "pending"
    ACCEPTING_PARTIES = "accepting_parties"
    RUNNING = "running"
    STORING = "storing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"


TERMINAL = frozenset({State.COMPLETED, State.FAILED, State.CANCELED})
_FOLLOWING: Mapping[str, frozenset[str]] = {
    State.PENDING: frozenset({State.ACCEPTING_PARTIES, State.FAILED, State.CANCELED}),
    State.ACCEPTING_PARTIES: frozenset({State.RUNNING, State.FAILED, State.CANCELED}),
    State.RUNNING: frozenset({State.STORING, State.COMPLETED, State.FAILED, State.CANCELED}),
    State.STORING: frozenset({State.COMPLETED, State.FAILED, State.CANCELED}),
}
_LONGEST_SLEEP = 60.0
_LONGEST_MAX_TIMEOUT = 43200.0


class IllegalTransition(ServiceError):
    """A training cannot go from the state it is in to the wanted one, or is gone."""


class AggregatorPort(Protocol):
    """What a training needs of an aggregator; all methods run on the service's event loop."""

    async def open(self, training_id: str) -> None:
        """Begin to accept parties; also called at the start for every training that has not ended."""

    async def cancel(self, training_id: str, reason: str) -> None:
        """Stop: the training has ended by cancelling, deletion or time-out."""

    def hurry(self, training_id: str) -> bool:
        """Wait for nobody else if the quorum is there; False if it is not."""

    def missing(self, training_id: str) -> str:
        """Say in a sentence which parties are not there; empty if it takes none for this training."""

    async def shutdown(self) -> None:
        """Stop everything; the service ends."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a listener gets: the training as it is after a change; None when it was deleted."""

    training_id: str
    record: Record | None


class TrainingJobs:
    """Moves trainings from state to state; every method but :meth:`run` may be called from any thread.

    They wait for the disk: from the event loop call them through `run_in_threadpool`.
    """

    def __init__(
        self, store: SqliteStore, *, pending_seconds: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._clock = clock
        self.pending_seconds = pending_seconds
        self.aggregator: AggregatorPort | None = None
        self._changed = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listeners: dict[str, set[asyncio.Queue[Change]]] = {}

    # states

    def first_status(self) -> tuple[State, Mapping[str, Any], float]:
        """Return state, status and due time (seconds since 1970) of a new training."""
        status = {"state": State.PENDING, "message": _message("The aggregator is starting.")}
        return State.PENDING, status, self._clock() + self.pending_seconds

    def transition(
        self,
        training_id: str,
        to_state: str,
        *,
        status: Mapping[str, Any] | None = None,
        due_at: float | None = None,
    ) -> Record:
        """Move a training to `to_state`; `status` is merged, key by key, into what WML shows as its status.

        `due_at` (seconds since 1970) is when the clock looks at it again.

        Raises:
            IllegalTransition: the training is gone or `to_state` cannot follow its present state.
        """
        now = timestamp(self._clock())
        details: dict[str, Any] = {"to": str(to_state)}

        def alter(record: Record) -> Record:
            if to_state not in _FOLLOWING.get(record.state, frozenset()):
                raise IllegalTransition(
                    f"The training {training_id} is {record.state} and cannot become {to_state}."
                )
            details["from"] = record.state
            ended = {"completed_at": now} if to_state in TERMINAL else {}
            merged = {**record.status, **ended, **(status or {}), "state": str(to_state)}
            return replace(record, state=str(to_state), status=merged, modified_at=now, due_at=due_at)

        record = self._store.change_training(training_id, alter, event="state", data=details)
        if record is None:
            raise IllegalTransition(f"The training {training_id} does not exist any more.")
        said = record.status.get("message", {}).get("text", "")
        level = logging.WARNING if to_state == State.FAILED else logging.INFO
        _log.log(
            level, "training %s: %s after %s. %s", training_id, to_state, details["from"], one_line(said)
        )
        self._notify(training_id, record)
        return record

    def report(
        self,
        training_id: str,
        status: Mapping[str, Any],
        *,
        event: str = "",
        data: Mapping[str, Any] | None = None,
    ) -> Record:
        """Merge `status` into a training's status without a change of state; with `event` also journal it.

        Raises:
            IllegalTransition: the training is gone or has ended.
        """
        now = timestamp(self._clock())

        def alter(record: Record) -> Record:
            if record.state in TERMINAL:
                raise IllegalTransition(f"The training {training_id} has ended: it is {record.state}.")
            merged = {**record.status, **status, "state": record.state}
            return replace(record, status=merged, modified_at=now)

        record = self._store.change_training(training_id, alter, event=event, data=data or {})
        if record is None:
            raise IllegalTransition(f"The training {training_id} does not exist any more.")
        self._notify(training_id, record)
        return record

    def journal(self, training_id: str, event: str, data: Mapping[str, Any]) -> None:
        """Append to a training's journal; durable when it returns."""
        self._store.add_journal(training_id, timestamp(self._clock()), event, data)

    def read_journal(self, training_id: str) -> list[JournalEntry]:
        """Return a training's journal in the order it was written."""
        return self._store.journal(training_id)

    def cancel(self, training_id: str) -> Record:
        """Cancel a training and tell the aggregator.

        Raises:
            Refusal: 400, because it has ended; clients look for the words `Job already completed`.
        """
        text = "The training was canceled."
        try:
            record = self.transition(training_id, State.CANCELED, status={"message": _message(text)})
        except IllegalTransition:
            current = self._store.get("trainings", training_id)
            state = current.state if current else "deleted"
            raise Refusal(
                400, "invalid_request_entity", f"Job already completed with state {state}."
            ) from None
        self.stop_aggregator(training_id, text)
        return record

    def deleted(self, training_id: str) -> None:
        """Tell listeners and the aggregator that a training is gone."""
        _log.info("training %s: deleted.", training_id)
        self._notify(training_id, None)
        self.stop_aggregator(training_id, "The training was deleted.")

    def stop_aggregator(self, training_id: str, reason: str) -> None:
        """Let the aggregator stop a training; returns before it has."""
        loop, aggregator = self._loop, self.aggregator
        if loop is not None and aggregator is not None:
            asyncio.run_coroutine_threadsafe(_cancel_safely(aggregator, training_id, reason), loop)

    # listeners

    @contextmanager
    def listen(self, training_id: str) -> Iterator[asyncio.Queue[Change]]:
        """Give a queue of the training's changes from now on; for use on the event loop."""
        queue: asyncio.Queue[Change] = asyncio.Queue()
        self._listeners.setdefault(training_id, set()).add(queue)
        try:
            yield queue
        finally:
            self._listeners[training_id].discard(queue)
            if not self._listeners[training_id]:
                del self._listeners[training_id]

    def _notify(self, training_id: str, record: Record | None) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._deliver, Change(training_id, record))

    def _deliver(self, change: Change) -> None:
        for queue in self._listeners.get(change.training_id, ()):
            queue.put_nowait(change)
        self._changed.set()

    # the clock

    def wake(self) -> None:
        """Let the clock look at the store again."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._changed.set)

    async def run(self) -> None:
        """Do what is due, for ever; cancelled when the service ends."""
        self._loop = asyncio.get_running_loop()
        for record in await run_in_threadpool(self._store.active_trainings):
            if record.state != State.PENDING:
                await self._open(record.id)
        while True:
            self._changed.clear()
            try:
                pause = await self._tick()
            except Exception:  # noqa: BLE001 - logged; the service goes on
                _log.exception("a training could not be moved on")
                pause = 1.0
            try:
                await asyncio.wait_for(self._changed.wait(), timeout=pause)
            except TimeoutError:
                continue

    async def _tick(self) -> float:
        """Carry out what is due; return the seconds until the next."""
        for training_id, due_at in await run_in_threadpool(self._store.due_trainings):
            left = due_at - self._clock()
            if left > 0:
                return min(left, _LONGEST_SLEEP)
            try:
                await self._due(training_id)
            except IllegalTransition as error:
                # It was canceled or deleted in between.
                _log.debug("%s", error)
        return _LONGEST_SLEEP

    async def _due(self, training_id: str) -> None:
        record = await run_in_threadpool(self._store.get, "trainings", training_id)
        if record is None:
            return
        if record.state == State.PENDING:
            await self._accept_parties(record)
        else:
            await self._time_out(record)

    async def _accept_parties(self, record: Record) -> None:
        now = self._clock()
        status = {
            "wait_for_quorum_at": timestamp(now),
            "message": _message("The aggregator accepts parties."),
        }
        await run_in_threadpool(
            self.transition, record.id, State.ACCEPTING_PARTIES, status=status, due_at=now + _limit_of(record)
        )
        await self._open(record.id)

    async def _time_out(self, record: Record) -> None:
        if self.aggregator is not None and self.aggregator.hurry(record.id):
            again = self._clock() + _limit_of(record)
            await run_in_threadpool(
                self._store.change_training,
                record.id,
                lambda now: replace(now, due_at=again) if now.state == State.ACCEPTING_PARTIES else now,
                event="",
                data={},
            )
            return
        missing = self.aggregator.missing(record.id) if self.aggregator is not None else ""
        text = f"The quorum was not reached within max_timeout{f': {missing}' if missing else '.'}"
        await run_in_threadpool(
            self.transition, record.id, State.FAILED, status=failure(record.id, "quorum_not_reached", text)
        )
        if self.aggregator is not None:
            await _cancel_safely(self.aggregator, record.id, text)

    async def _open(self, training_id: str) -> None:
        if self.aggregator is not None:
            await self.aggregator.open(training_id)


def _limit_of(record: Record) -> float:
    """Return how long a training waits for its quorum, in seconds."""
    remote = record.entity["federated_learning"]["remote_training"]
    return float(remote.get("max_timeout") or _LONGEST_MAX_TIMEOUT)


async def _cancel_safely(aggregator: AggregatorPort, training_id: str, reason: str) -> None:
    try:
        await aggregator.cancel(training_id, reason)
    except Exception:  # noqa: BLE001 - logged; the service goes on
        _log.exception("the aggregator of the training %s could not be stopped", training_id)


def failure(training_id: str, code: str, text: str) -> dict[str, Any]:
    """Return the status of a training that failed: a message, and an error body as WML gives it."""
    errors = {"trace": training_id.replace("-", ""), "errors": [{"code": code, "message": text}]}
    return {"message": {"level": "error", "text": text}, "failure": errors}


def _message(text: str) -> dict[str, str]:
    return {"level": "info", "text": text}
