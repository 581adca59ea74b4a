"""The state machine of a training: which state may follow which, journalled, driven by the clock.

Every change is one transaction, so a killed service goes on where it was: what is due is read back from the
store at the start. Source: states of the v4 API.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from starlette.concurrency import run_in_threadpool

from .clock import timestamp
from .problems import Refusal
from .store.contract import Record
from .store.sqlite import SqliteStore

__all__ = ["TERMINAL", "AggregatorPort", "TrainingJobs"]

_log = logging.getLogger("pulumi_wmlfl.server.jobs")

TERMINAL = frozenset({"completed", "failed", "canceled", "error"})
_FOLLOWING: dict[str, frozenset[str]] = {
    "pending": frozenset({"accepting_parties", "failed", "canceled"}),
    "accepting_parties": frozenset({"running", "failed", "canceled"}),
    "running": frozenset({"accepting_parties", "completed", "failed", "canceled"}),
}
_LONGEST_SLEEP = 60.0
_DEFAULT_MAX_TIMEOUT = 43200.0


class AggregatorPort(Protocol):
    """What a training needs of an aggregator."""

    async def open(self, training_id: str) -> None:
        """Begin to accept parties; also called at the start for every training that has not ended."""

    async def cancel(self, training_id: str, reason: str) -> None:
        """Stop: the training was canceled or deleted."""

    async def shutdown(self) -> None:
        """Stop everything; the service ends."""


class TrainingJobs:
    """Moves trainings from state to state."""

    def __init__(
        self, store: SqliteStore, *, pending_seconds: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._clock = clock
        self.pending_seconds = pending_seconds
        self.aggregator: AggregatorPort | None = None
        self._changed = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def first_status(self) -> tuple[str, Mapping[str, Any], float]:
        """Return state, status and due time of a new training."""
        status = {"state": "pending", "message": {"level": "info", "text": "The aggregator is starting."}}
        return "pending", status, self._clock() + self.pending_seconds

    def transition(
        self,
        training_id: str,
        state: str,
        *,
        status: Mapping[str, Any] | None = None,
        due_at: float | None = None,
    ) -> bool:
        """Move a training to `state`, journalled; `status` is merged into what WML shows.

        Returns False if it is gone or `state` cannot follow its present one.
        """
        record = self._store.get("trainings", training_id)
        if record is None or state not in _FOLLOWING.get(record.state, frozenset()):
            return False
        now = timestamp(self._clock())
        merged = {**record.status, **(status or {}), "state": state}
        moved = self._store.put_state(
            training_id, expected=record.state, state=state, status=merged, modified_at=now, due_at=due_at
        )
        if moved:
            self.wake()
        return moved

    def wake(self) -> None:
        """Let the clock look at the store again; may be called from any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._changed.set)

    def cancel(self, record: Record) -> None:
        """Cancel a training.

        Raises:
            Refusal: 400, because it has ended; clients look for the words `Job already completed`.
        """
        message = {"level": "info", "text": "The training was canceled."}
        if record.state in TERMINAL or not self.transition(
            record.id, "canceled", status={"message": message, "completed_at": timestamp(self._clock())}
        ):
            current = self._store.get("trainings", record.id) or record
            raise Refusal(400, "invalid_request_entity", f"Job already completed with state {current.state}.")

    async def run(self) -> None:
        """Do what is due, for ever; cancelled when the service ends."""
        self._loop = asyncio.get_running_loop()
        for record in await run_in_threadpool(self._store.active_trainings):
            if record.state != "pending" and self.aggregator is not None:
                await self.aggregator.open(record.id)
        while True:
            self._changed.clear()
            pause = _LONGEST_SLEEP
            try:
                pause = await self._tick()
            except Exception:  # noqa: BLE001 - one bad training must not stop the others
                _log.exception("a training could not be moved on")
                pause = 1.0
            try:
                await asyncio.wait_for(self._changed.wait(), timeout=pause)
            except TimeoutError:
                continue

    async def _tick(self) -> float:
        """Carry out what is due; return the seconds until the next."""
        pause = _LONGEST_SLEEP
        for record in await run_in_threadpool(self._store.active_trainings):
            if record.due_at is None:
                continue
            left = record.due_at - self._clock()
            if left > 0:
                pause = min(pause, left)
            else:
                await self._due(record)
        return max(0.01, pause)

    async def _due(self, record: Record) -> None:
        now = self._clock()
        if record.state == "pending":
            remote = record.entity.get("federated_learning", {}).get("remote_training", {})
            limit = float(remote.get("max_timeout") or _DEFAULT_MAX_TIMEOUT)
            status = {
                "wait_for_quorum_at": timestamp(now),
                "message": {"level": "info", "text": "The aggregator accepts parties."},
            }
            moved = await run_in_threadpool(
                self.transition, record.id, "accepting_parties", status=status, due_at=now + limit
            )
            if moved and self.aggregator is not None:
                await self.aggregator.open(record.id)
        elif record.state == "accepting_parties":
            text = "The quorum was not reached within max_timeout."
            failure = {
                "trace": record.id.replace("-", ""),
                "errors": [{"code": "quorum_not_reached", "message": text}],
            }
            status = {
                "message": {"level": "error", "text": text},
                "failure": failure,
                "completed_at": timestamp(now),
            }
            await run_in_threadpool(self.transition, record.id, "failed", status=status)
            if self.aggregator is not None:
                await self.aggregator.cancel(record.id, text)
