"""The ledger: the state while a run changes it, and the journal it keeps.

The journal is opened when the first change is near: a run that changes nothing writes nothing meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .journal import Journal
from .outcomes import ProviderLost
from .state import Operation, Resource, Snapshot, in_order


class Ledger:
    """The state while a run changes it; opens the journal when the first change is near.

    Without `open_journal` nothing is written (preview).
    """

    def __init__(self, snapshot: Snapshot, open_journal: Callable[[Snapshot], Journal] | None) -> None:
        self._snapshot = snapshot
        self._open_journal = open_journal
        self._journal: Journal | None = None
        self._lock = threading.RLock()
        # Entries that this run has settled come first, in its order; the others follow as they were.
        self._base = dict.fromkeys(snapshot.resources)
        self._new: dict[Resource, None] = {}
        self._numbers: dict[Resource, int] = {}
        self._next_entry = 0
        self._next_operation = 0
        self._running: dict[int, Operation] = {}
        self._batch = threading.local()

    def current(self) -> Snapshot:
        """Return the state as it is now, with what is under way as pending."""
        with self._lock:
            pending = [*self._snapshot.pending, *self._running.values()]
            entries = in_order([*self._new, *self._base])
            return Snapshot(entries, pending, self._snapshot.salt, self._snapshot.metadata)

    def _begin(self, type: str, resource: Resource) -> int:  # noqa: A002
        with self._lock:
            self._open()
            number, self._next_operation = self._next_operation, self._next_operation + 1
            self._running[number] = operation = Operation(resource, type)
            if self._journal:
                self._journal.begin(number, operation)
            return number

    @contextmanager
    def operation(self, type: str, resource: Resource) -> Iterator[None]:  # noqa: A002
        """Carry out an operation: pending while it runs, and after it if nobody knows how it ended.

        What changes meanwhile, in this thread, is written together with the operation's end.
        """
        number = self._begin(type, resource)
        changes: list[dict[str, Any]] = []
        self._batch.changes = changes
        try:
            yield
        except ProviderLost:
            self._batch.changes = None
            raise
        except BaseException:
            self._end(number, changes)
            raise
        self._end(number, changes)

    def _end(self, number: int, changes: list[dict[str, Any]]) -> None:
        self._batch.changes = None
        with self._lock:
            del self._running[number]
            if self._journal:
                self._journal.write(changes, end=number)

    def _write(self, change: dict[str, Any]) -> None:
        changes = getattr(self._batch, "changes", None)
        if changes is not None:
            changes.append(change)
        elif self._journal:
            self._journal.write([change])

    def created(self, urn: str) -> None:
        """Forget that an earlier run was interrupted while it created this resource: it exists now."""
        with self._lock:
            kept = [operation for operation in self._snapshot.pending if operation.resource.urn != urn]
            self._snapshot.pending = kept

    def put(self, resource: Resource, *, instead_of: Resource | None = None) -> None:
        """Make a resource part of the state; `instead_of` leaves it."""
        with self._lock:
            if instead_of is not None and instead_of is not resource:
                self._forget(instead_of)
                if instead_of in self._numbers:
                    self._numbers[resource] = self._numbers.pop(instead_of)
            self._base.pop(resource, None)
            self._new[resource] = None
            if self._journal:
                self._write(self._journal.put(self._number(resource), resource))

    def changed(self, resource: Resource) -> None:
        """Write that an entry of the state was changed in place."""
        with self._lock:
            self._open()
            if self._journal:
                self._write(self._journal.put(self._number(resource), resource))

    def drop(self, resource: Resource) -> None:
        """Take an entry out of the state."""
        with self._lock:
            self._open()
            self._forget(resource)
            if self._journal:
                self._write({"drop": self._number(resource)})

    def close(self) -> None:
        """Close the journal; the state still has to be written as a whole."""
        with self._lock:
            if self._journal:
                self._journal.close()

    def _forget(self, resource: Resource) -> None:
        self._base.pop(resource, None)
        self._new.pop(resource, None)

    def _number(self, resource: Resource) -> int:
        if resource not in self._numbers:
            self._numbers[resource], self._next_entry = self._next_entry, self._next_entry + 1
        return self._numbers[resource]

    def _open(self) -> None:
        if self._journal is None and self._open_journal is not None:
            state = self.current()
            self._numbers = {entry: number for number, entry in enumerate(state.resources)}
            self._next_entry = len(state.resources)
            self._journal = self._open_journal(state)
