"""Makes an object exactly once, although WML has no idempotency key.

`make` writes a note down, sends the create with a marker, and settles a lost answer by looking for the
marker. A note that an earlier deployment left says that an object may exist: then it is looked for first.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..client.contract import Collection, Scope, WmlApi
from ..errors import AnswerLost, WmlflError
from ..schema.api import WmlObject
from .marker import marker_of, new_marker
from .pending import Note, Notes

__all__ = ["Identity", "Lookup", "Maker"]

_TRIES = 3
# How long an object whose create was not answered may take to appear in a listing.
_APPEARS_SECONDS = 6.0


@dataclass(frozen=True, slots=True)
class Identity:
    """Which resource an object is made for: its URN, and the program (its folder) that declares it.

    `backend` is the address of the engine's state, as far as that is known: two may have a stack of one name.
    """

    urn: str
    program: str
    backend: str = ""


class Lookup:
    """Objects by marker; one listing answers for every create that is looking at that time."""

    def __init__(self, api: WmlApi, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._clock = clock
        self._lock = threading.Lock()
        self._listed: dict[tuple[Collection, Scope], tuple[float, dict[str, WmlObject]]] = {}

    def find(self, collection: Collection, scope: Scope, marker: str, since: float) -> WmlObject | None:
        """Return the object with `marker`, from a listing that was begun at `since` or later."""
        with self._lock:
            begun, found = self._listed.get((collection, scope), (-1.0, {}))
            if begun < since:
                begun = self._clock()
                objects = self._api.list(collection, scope)
                found = {_marker(entry): entry for entry in objects if _marker(entry)}
                self._listed[(collection, scope)] = (begun, found)
            return found.get(marker)


@dataclass
class Maker:
    """Makes objects of one environment for one deployment."""

    api: WmlApi
    host: str
    notes: Notes
    lookup: Lookup
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    taken_over: set[str] = field(default_factory=set)
    _ours: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._started = self.clock()

    def make(
        self, collection: Collection, scope: Scope, body: Mapping[str, Any], identity: Identity
    ) -> tuple[WmlObject, Note]:
        """Create an object and return it with its note, which the caller hands over or removes.

        Raises:
            AnswerLost: the answer was lost, and WML cannot be asked whether the object was made; the note
                stays, so that the next deployment finds it.
            WmlflError: WML refused; nothing was made.
        """
        tries = _TRIES
        while True:
            marker = new_marker(identity.urn)
            note = Note(
                identity.urn,
                identity.program,
                self.host,
                collection,
                _text(scope),
                marker,
                backend=identity.backend,
            )
            self._ours.add(marker)
            self._begin(note)
            tagged = {**body, "tags": [*(body.get("tags") or []), marker]}
            try:
                found = self.api.create(collection, tagged)
            except AnswerLost as lost:
                tries -= 1
                settled = self._settled(collection, scope, marker, lost)
                if settled is None and not tries:
                    raise
                if settled is None:
                    # The note stays: should the object appear after all, the next create finds it.
                    continue
                found = settled
            except WmlflError:
                self.notes.remove([note])
                raise
            return found, self.notes.made(note, found.id)

    def left_behind(
        self, collection: Collection, scope: Scope, identity: Identity
    ) -> list[tuple[WmlObject, Note]]:
        """Return objects that earlier deployments made for this resource and could not record."""
        notes = [
            note
            for note in self.notes.open_for(identity.urn, identity.program)
            if (note.host, note.collection, note.scope) == (self.host, collection, _text(scope))
            and note.may_be_of(identity.backend)
            and note.marker not in self._ours
        ]
        found = []
        for note in notes:
            entry = self.lookup.find(collection, scope, note.marker, self._started)
            if entry is None:
                self.notes.remove([note])
            else:
                found.append((entry, replace(note, object_id=entry.id)))
        return found

    def _begin(self, note: Note) -> None:
        try:
            self.notes.begin(note)
        except OSError as error:
            raise WmlflError(
                f"Could not note down what is about to be made: {error}.",
                hint="Without it a crash could leave an object behind. Name a folder that can be written in "
                "WMLFL_STATE_DIR.",
            ) from None

    def _settled(
        self, collection: Collection, scope: Scope, marker: str, lost: AnswerLost
    ) -> WmlObject | None:
        """Return the object that a create without an answer made; None if it made none."""
        begun, pause = self.clock(), 0.2
        while True:
            try:
                found = self.lookup.find(collection, scope, marker, self.clock())
            except WmlflError:
                raise lost from None
            if found is not None or self.clock() - begun > _APPEARS_SECONDS:
                return found
            self.sleep(pause)
            pause *= 2


def _marker(found: WmlObject) -> str:
    return marker_of([*(found.metadata.tags or []), *(found.entity.get("tags") or [])])


def _text(scope: Scope) -> str:
    return f"{scope.kind}/{scope.id}"
