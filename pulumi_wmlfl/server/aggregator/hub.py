"""All trainings that accept parties or run: what the service's jobs know as the aggregator."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from starlette.concurrency import run_in_threadpool

from ...errors import WmlflError
from ..jobs import TERMINAL, State, failure
from ..services import Services
from .session import Session
from .workspace import Workspace, remove_strays

__all__ = ["Hub"]

_log = logging.getLogger("pulumi_wmlfl.server.aggregator")


class Hub:
    """The sessions by training; see :class:`..jobs.AggregatorPort` for the contract."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._sessions: dict[str, Session] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        active = {record.id for record in services.store.active_trainings()}
        remove_strays(services.settings.data_dir, active)

    def session(self, training_id: str) -> Session | None:
        """Return the session of a training that takes parties."""
        return self._sessions.get(training_id)

    def connected(self, training_id: str) -> frozenset[str]:
        """Return the parties of a training that are registered and connected."""
        session = self._sessions.get(training_id)
        return session.desk.present() if session else frozenset()

    def hurry(self, training_id: str) -> bool:
        """Let a training whose quorum is there begin without those who are late."""
        session = self._sessions.get(training_id)
        return session is not None and session.hurry()

    def missing(self, training_id: str) -> str:
        """Say which parties of a training are not there."""
        session = self._sessions.get(training_id)
        return session.missing() if session else ""

    async def open(self, training_id: str) -> None:
        """Begin to accept parties, or go on where a killed service was."""
        record = await run_in_threadpool(self._services.store.get, "trainings", training_id)
        if record is None or record.state in TERMINAL or record.state == State.PENDING:
            return
        try:
            session = Session(self._services, record)
        except WmlflError as error:
            # A training of an earlier version, which this one cannot carry out.
            status = failure(training_id, "training_failed", str(error))
            await run_in_threadpool(
                lambda: self._services.jobs.transition(training_id, State.FAILED, status=status)
            )
            return
        self._sessions[training_id] = session
        task = asyncio.create_task(session.run())
        self._tasks[training_id] = task
        task.add_done_callback(lambda _: self._forget(training_id))

    def _forget(self, training_id: str) -> None:
        self._sessions.pop(training_id, None)
        self._tasks.pop(training_id, None)

    async def cancel(self, training_id: str, reason: str) -> None:
        """Stop a training that was canceled, deleted or ran out of time; its parties hear STOP."""
        session, task = self._sessions.get(training_id), self._tasks.get(training_id)
        if session is not None and task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await session.desk.dismiss(reason)
        await run_in_threadpool(Workspace(self._services.settings.data_dir, training_id).remove)

    async def shutdown(self) -> None:
        """Leave every training as it is: the next start goes on."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
