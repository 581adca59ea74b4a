"""Refresh: what the objects are really like, and the state that follows from it.

Rules: `RefreshStep` and `rebuildBaseState` of Pulumi's engine (pkg/resource/deploy).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from ..errors import EngineError
from .apply import Watcher
from .differences import changed_paths
from .outcomes import InitError, ReadResult
from .providers import Provider, Providers
from .state import Resource, now
from .steps import Op, Options, Step
from .urns import STACK_REFERENCE_TYPE, is_provider_type
from .values import equal, plain


class Refresh:
    """Reads every object of a stack, in parallel."""

    def __init__(
        self,
        *,
        resources: list[Resource],
        providers: Providers,
        watcher: Watcher,
        options: Options,
        stopped: threading.Event,
        read_stack: Callable[[Resource], Resource],
        alone: bool,
    ) -> None:
        self._resources = resources
        self._providers = providers
        self._watcher = watcher
        self._options = options
        self._stopped = stopped
        self._read_stack = read_stack
        # Before an update the objects are only looked at; what follows from it is the update's.
        self._changed = Op.UPDATE if alone else Op.REFRESH
        self.failed = False

    def run(self) -> list[Resource]:
        """Return the resources as they are now; what could not be read stays as it was."""
        for entry in self._resources:
            if is_provider_type(entry.type) and not entry.delete:
                self._providers.register(f"{entry.urn}::{entry.id}", entry.inputs)
        with ThreadPoolExecutor(max(self._options.parallel, 1), thread_name_prefix="read") as pool:
            found = list(pool.map(self._one, self._wanted()))
        fresh = dict(found)
        kept = [fresh.get(entry, entry) for entry in self._resources]
        return _without_lost([entry for entry in kept if entry is not None])

    def _wanted(self) -> list[Resource]:
        targets = self._options.targets
        if not targets:
            return self._resources
        chosen: set[str] = set()
        for entry in self._resources:
            ties = self._options.target_dependents and chosen.intersection(entry.needs())
            if entry.urn in targets or ties:
                chosen.add(entry.urn)
        missing = targets.missing({entry.urn for entry in self._resources})
        if missing:
            raise EngineError(f"Target resource '{missing[0]}' could not be found in the stack.")
        return [entry for entry in self._resources if entry.urn in chosen]

    def _one(self, old: Resource) -> tuple[Resource, Resource | None]:
        if self._stopped.is_set():
            return old, old
        step = Step(Op.REFRESH, old.urn, old=old, new=old, outcome=Op.SAME)
        self._watcher.step_started(step)
        error: EngineError | None = None
        try:
            if old.custom and not is_provider_type(old.type) and not old.pending_replacement:
                self._read(step, old)
        except EngineError as failure:
            error = failure
            self.failed = True
            if not self._options.continue_on_error:
                self._stopped.set()
        self._watcher.step_ended(step, error)
        return old, step.new

    def _read(self, step: Step, old: Resource) -> None:
        new = old.copy()
        if old.type == STACK_REFERENCE_TYPE:
            self._read_stack(new)
            result = ReadResult(old.id, new.outputs, None)
            provider: Provider | None = None
        else:
            provider = self._providers.get(old.provider)
            new.init_errors = []
            try:
                result = provider.read(
                    old.urn, old.id, old.outputs, old.inputs, old.custom_timeouts.get("read", 0)
                )
            except InitError as error:
                self._watcher.message(
                    old.urn, "warning", f"Refreshed resource is in an unhealthy state: {error}"
                )
                new.init_errors = error.reasons
                result = ReadResult(error.identity, error.outputs, error.inputs)
        if not result.id:
            step.new, step.outcome = None, Op.DELETE
            return
        new.id, new.outputs = result.id, result.outputs
        new.inputs = old.inputs if result.inputs is None else result.inputs
        step.new = new
        changed = not (equal(old.inputs, new.inputs) and equal(old.outputs, new.outputs))
        if changed:
            new.modified = now()
        if provider is None or old.external:
            step.outcome = self._changed if changed else Op.SAME
            return
        diff = provider.diff(new, old.inputs, ignore_changes=old.ignore_changes)
        if diff.changes is None:
            diff.changed = changed_paths(plain(new.inputs), plain(old.inputs))
            diff.changes = bool(diff.changed)
        step.changed = diff.keys()
        step.outcome = self._changed if diff.changes else Op.SAME


def _without_lost(resources: list[Resource]) -> list[Resource]:
    """Return the resources without ties to those that are gone."""
    there: set[str] = set()
    parents: dict[str, str] = {}
    kept: list[Resource] = []
    for entry in resources:
        if any(urn not in there for urn in entry.needs()):
            entry = entry.copy()  # noqa: PLW2901
            if entry.parent not in there:
                entry.parent = parents.get(entry.parent, "")
            entry.dependencies = [urn for urn in entry.dependencies if urn in there]
            entry.property_dependencies = {
                key: [urn for urn in urns if urn in there]
                for key, urns in entry.property_dependencies.items()
            }
            entry.replace_with = [urn for urn in entry.replace_with if urn in there]
            if entry.deleted_with not in there:
                entry.deleted_with = ""
        there.add(entry.urn)
        parents[entry.urn] = entry.parent
        kept.append(entry)
    return kept
