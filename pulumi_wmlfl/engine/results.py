"""What a run led to, counted and kept while it goes on."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import EngineError
from .steps import PARTS, Op, Step

if TYPE_CHECKING:
    from .apply import Watcher
    from .settings import ConfigValue


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One step as it was carried out, or would be (preview)."""

    op: Op
    urn: str
    keys: tuple[str, ...] = ()
    reason: str = ""
    error: str = ""


@dataclass(slots=True)
class Result:
    """What an operation led to.

    `changes` counts the steps by Pulumi's names for them, `outputs` are the stack's, with secrets marked.
    `cancelled` is empty, "in order" or "at once".
    """

    kind: str
    stack: str
    dry_run: bool
    succeeded: bool = True
    cancelled: str = ""
    changes: dict[str, int] = field(default_factory=dict)
    steps: list[StepRecord] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def has_changes(self) -> bool:
        """Whether anything was changed, or would be."""
        return any(op not in (Op.SAME, Op.READ) for op in self.changes)


class Recorder:
    """A watcher between the run and the display: counts and keeps what happens."""

    def __init__(self, watcher: Watcher, result: Result) -> None:
        self._watcher = watcher
        self._result = result
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def step_started(self, step: Step) -> None:
        """Pass on."""
        self._watcher.step_started(step)

    def step_ended(self, step: Step, error: EngineError | None) -> None:
        """Count the step unless it is a part of another one, or about a default provider."""
        op = step.outcome or step.op
        if not step.is_hidden:
            record = StepRecord(op, step.urn, tuple(step.keys), step.reason, str(error) if error else "")
            with self._lock:
                self._result.steps.append(record)
                if error is None and self._counts_as_change(step, op):
                    self._counts[op] += 1
                self._result.changes = dict(self._counts)
        self._watcher.step_ended(step, error)

    def configured(self, config: dict[str, ConfigValue]) -> None:
        """Pass on."""
        self._watcher.configured(config)

    def _counts_as_change(self, step: Step, op: Op) -> bool:
        if step.op is Op.READ:
            return step.old is None or step.old.id != step.resource.id
        return op not in PARTS and (step.op is not Op.REFRESH or self._result.kind == "refresh")

    def message(self, urn: str, severity: str, text: str, *, ephemeral: bool = False) -> None:
        """Pass on."""
        self._watcher.message(urn, severity, text, ephemeral=ephemeral)
