"""The executor: carries out the steps of a chain, one after another, and keeps the state true.

What each step does to the state is that of Pulumi's steps (pkg/resource/deploy/step.go). In a preview
nothing is called and nothing is written; the results are what a preview can know.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from typing import Protocol

from ..errors import EngineError
from .differences import protected
from .ledger import Ledger
from .outcomes import InitError
from .providers import Provider, Providers
from .settings import ConfigValue
from .state import Resource, now
from .steps import Op, ProtectedError, Step
from .urns import is_provider_type
from .values import UNKNOWN_TEXT, Secret, equal


class Watcher(Protocol):
    """Whoever wants to know what happens: the display."""

    def step_started(self, step: Step) -> None:
        """A step is about to be carried out."""

    def step_ended(self, step: Step, error: EngineError | None) -> None:
        """A step ended, well or not."""

    def configured(self, config: dict[str, ConfigValue]) -> None:
        """The run has this configuration; its secrets must not be shown."""

    def message(self, urn: str, severity: str, text: str, *, ephemeral: bool = False) -> None:
        """Someone has something to say: `severity` is debug, info, warning or error."""


class Executor:
    """Carries out steps; may be used by several threads at once, for different resources."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        providers: Providers,
        watcher: Watcher,
        deleted: Callable[[], set[str]],
        dry_run: bool,
        read_stack: Callable[[Resource], Resource],
    ) -> None:
        self._ledger = ledger
        self._providers = providers
        self._watcher = watcher
        self._deleted = deleted
        self._dry_run = dry_run
        self._read_stack = read_stack
        self._lock = threading.Lock()
        self.failed: list[Step] = []

    def run(self, step: Step) -> EngineError | None:
        """Carry out one step; returns the error it failed with."""
        self._watcher.step_started(step)
        error: EngineError | None = None
        try:
            _APPLY[step.op](self, step)
        except EngineError as failure:
            error = failure
        if step.new is not None and step.op is not Op.REPLACE:
            self._mark_secrets(step.new)
        if error is not None:
            with self._lock:
                self.failed.append(step)
        self._watcher.step_ended(step, error)
        return error

    def _mark_secrets(self, new: Resource) -> None:
        for key in new.additional_secret_outputs:
            if key in new.outputs and not isinstance(new.outputs[key], Secret):
                new.outputs[key] = Secret(new.outputs[key])
        for key, value in new.outputs.items():
            if not isinstance(value, Secret) and isinstance(new.inputs.get(key), Secret):
                new.outputs[key] = Secret(value)

    def _same(self, step: Step) -> None:
        new, old = step.new, step.old
        assert new is not None  # noqa: S101
        if old is None:
            return  # not a target of this run and not in the state: it stays away
        new.id, new.outputs = old.id, dict(old.outputs)
        self._mark_secrets(new)
        if new.type.startswith("pulumi:providers:") and not step.untargeted:
            self._providers.register(f"{new.urn}::{new.id}", old.inputs)
        self._ledger.put(new, instead_of=old)

    def _create(self, step: Step) -> None:
        new, old = step.new, step.old
        assert new is not None  # noqa: S101
        new.created = new.modified = now()
        if new.custom and is_provider_type(new.type):
            new.id = UNKNOWN_TEXT if self._dry_run else str(uuid.uuid4())
            new.outputs = dict(new.inputs)
            self._providers.register(f"{new.urn}::{new.id}", new.inputs)
            self._settle(step)
        elif self._dry_run:
            known = not new.custom or self._providers.get(new.provider).known
            new.outputs = dict(new.inputs) if known and new.custom else {}
            if old is not None and step.delete_old_later:
                old.delete = True
        elif not new.custom:
            self._settle(step)
        else:
            self._create_custom(step, new, self._providers.get(new.provider))

    def _create_custom(self, step: Step, new: Resource, provider: Provider) -> None:
        with self._ledger.operation("creating", new.copy()):
            try:
                new.id, new.outputs = provider.create(new)
            except InitError as error:
                new.id, new.outputs, new.init_errors = error.identity, error.outputs, error.reasons
                self._exists(step, new)
                raise
            self._exists(step, new)

    def _exists(self, step: Step, new: Resource) -> None:
        self._mark_secrets(new)
        self._settle(step)
        self._ledger.created(new.urn)

    def _settle(self, step: Step) -> None:
        """Make the new resource part of the state, in place of the old one or before its deletion."""
        new, old = step.new, step.old
        assert new is not None  # noqa: S101
        if old is None or not step.delete_old_later or old.pending_replacement:
            self._ledger.put(new, instead_of=old)
            return
        self._ledger.put(new)
        old.delete = True
        self._ledger.changed(old)

    def _update(self, step: Step) -> None:
        new, old = step.new, step.old
        assert new is not None  # noqa: S101
        assert old is not None  # noqa: S101
        new.id, new.created, new.modified = old.id, old.created, now()
        if new.type.startswith("pulumi:providers:"):
            new.outputs = dict(new.inputs)
            self._providers.register(f"{new.urn}::{new.id}", new.inputs)
        elif self._dry_run:
            known = not new.custom or self._providers.get(new.provider).known
            new.outputs = dict(new.inputs) if known and new.custom else {}
        elif new.custom:
            self._update_custom(new, old, self._providers.get(new.provider))
            return
        self._ledger.put(new, instead_of=old)

    def _update_custom(self, new: Resource, old: Resource, provider: Provider) -> None:
        with self._ledger.operation("updating", new.copy()):
            try:
                new.outputs = provider.update(old, new)
            except InitError as error:
                # The next run compares with what the object was asked to be before.
                new.inputs, new.outputs, new.init_errors = old.inputs, error.outputs, error.reasons
                self._keep(new, old)
                raise
            self._keep(new, old)

    def _keep(self, new: Resource, old: Resource) -> None:
        self._mark_secrets(new)
        self._ledger.put(new, instead_of=old)

    def _delete(self, step: Step) -> None:
        old = step.old
        assert old is not None  # noqa: S101
        if step.op is Op.DELETE and old.protect:
            raise ProtectedError(protected("delete", old.urn))
        if not self._dry_run:
            if old.custom and self._is_ours(old):
                with self._ledger.operation("deleting", old):
                    self._providers.get(old.provider).delete(old)
                    self._gone(step, old)
            else:
                self._gone(step, old)
        elif step.keep_pending:
            old.pending_replacement = True

    def _gone(self, step: Step, old: Resource) -> None:
        if step.keep_pending:
            old.pending_replacement = True
            self._ledger.changed(old)
        else:
            self._ledger.drop(old)

    def _is_ours(self, old: Resource) -> bool:
        """Say whether the provider has to delete the object."""
        gone_with = bool(old.deleted_with) and old.deleted_with in self._deleted()
        return not (old.external or old.retain_on_delete or gone_with or is_provider_type(old.type))

    def _remove_pending(self, step: Step) -> None:
        assert step.old is not None  # noqa: S101
        if not self._dry_run:
            self._ledger.drop(step.old)

    def _read(self, step: Step) -> None:
        new, old = step.new, step.old
        assert new is not None  # noqa: S101
        if new.id == UNKNOWN_TEXT:
            new.outputs = {}
        elif new.type == "pulumi:pulumi:StackReference":
            self._read_stack(new)
        else:
            timeout = new.custom_timeouts.get("read", 0)
            provider = self._providers.get(new.provider)
            result = provider.read(new.urn, new.id, new.inputs, new.inputs, timeout)
            new.outputs = result.outputs
            new.id = result.id or new.id
        if old is None or not (equal(old.inputs, new.inputs) and equal(old.outputs, new.outputs)):
            new.modified = now()
        self._mark_secrets(new)
        if not self._dry_run:
            self._settle(step)

    def _nothing(self, step: Step) -> None:
        """The logical half of a replacement: its parts do the work."""


_APPLY: dict[Op, Callable[[Executor, Step], None]] = {
    Op.SAME: Executor._same,
    Op.CREATE: Executor._create,
    Op.CREATE_REPLACEMENT: Executor._create,
    Op.UPDATE: Executor._update,
    Op.DELETE: Executor._delete,
    Op.DELETE_REPLACED: Executor._delete,
    Op.REMOVE_PENDING_REPLACE: Executor._remove_pending,
    Op.READ: Executor._read,
    Op.READ_REPLACEMENT: Executor._read,
    Op.REPLACE: Executor._nothing,
}
