"""What a running service is made of; every route and the aggregator get it from here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.routing import BaseRoute

from ..errors import Problem
from .access import Access
from .clock import Clock
from .control import Control
from .jobs import AggregatorPort, TrainingJobs
from .sealing import Sealer
from .settings import ServiceSettings
from .store.blobs import Blobs
from .store.contract import Record
from .store.sqlite import SqliteStore

__all__ = ["Parts", "Services"]


def _nobody(_: str) -> AbstractSet[str]:
    return frozenset()


def _no_problems(_: Mapping[str, Any]) -> Sequence[Problem]:
    return ()


@dataclass(frozen=True, slots=True)
class Parts:
    """What the aggregator adds to a service.

    `validate_training` gets `federated_learning` of a request and says what cannot be done,
    `validate_results` its `results_reference`. `import_content` stores the results that a new model's
    `content_location` names; it runs on the event loop after the answer, and ends with
    :meth:`Services.finish_import`. `connected` tells, on the event loop, which parties of a training are
    there.
    """

    aggregator: AggregatorPort | None = None
    routes: Sequence[BaseRoute] = ()
    validate_training: Callable[[Mapping[str, Any]], Sequence[Problem]] = _no_problems
    validate_results: Callable[[Mapping[str, Any]], Sequence[Problem]] = _no_problems
    import_content: Callable[[Record], Awaitable[None]] | None = None
    connected: Callable[[str], AbstractSet[str]] = _nobody


@dataclass(slots=True)
class Services:
    """The parts of one service; `parts` is filled once, before the first request."""

    settings: ServiceSettings
    clock: Clock
    store: SqliteStore
    blobs: Blobs
    sealer: Sealer
    access: Access
    jobs: TrainingJobs
    control: Control
    parts: Parts = field(default_factory=Parts)

    async def finish_import(self, model_id: str, *, problem: str = "") -> None:
        """Say on a model that its content was imported, or why not."""

        def finished(current: Record) -> Record:
            warnings = [{"id": "content_import_failed", "message": problem}] if problem else []
            entity = {**current.entity, "content_import_state": "failed" if problem else "completed"}
            return replace(current, entity=entity, extra={**current.extra, "warnings": warnings})

        await run_in_threadpool(self.store.change, "models", model_id, None, finished)
