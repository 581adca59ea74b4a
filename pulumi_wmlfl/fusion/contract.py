"""What a fusion is: it takes the parties' updates of one round, one after the other, and gives one back.

`start_round`, `add` for every party as its reply comes in, `finish`. An update that is refused leaves no
trace, so the round goes on without its party. No fusion reads or writes files, knows time, or remembers more
than it says. Imports `errors`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from .updates import Array, Layout

__all__ = ["Accumulator", "Fusion", "GlobalUpdate"]


@dataclass(frozen=True, slots=True)
class GlobalUpdate:
    """The outcome of a round.

    `model_update`: what the next TRAIN and SYNC_MODEL carry. `layers`, `layout`: the fused weights, to be
    stored; None where the service never sees them in clear. `parties`: whose updates are in it. `rejected`:
    party and reason, for updates that were taken and turned out to be of another model than most.
    """

    model_update: Mapping[str, Any] = field(repr=False)
    layers: tuple[Array, ...] | None = field(repr=False)
    layout: Layout | None
    parties: tuple[str, ...]
    rejected: Mapping[str, str] = field(default_factory=dict)


class Fusion(Protocol):
    """Fuses the updates of one training, round after round; one object per training, one thread at a time."""

    @property
    def fusion_type(self) -> str:
        """WML's name of the fusion."""
        ...

    @property
    def holds_all_updates(self) -> bool:
        """Whether memory grows with the parties of a round (median, Krum) instead of staying at one model."""
        ...

    def start_round(self) -> None:
        """Forget the updates of the round before."""
        ...

    def add(self, party: str, payload: object) -> None:
        """Take the payload of a party's reply to TRAIN.

        Raises:
            FusionError: it cannot be fused, or the party is in already; the round is as it was before.
        """
        ...

    def finish(self) -> GlobalUpdate:
        """Return the global update of the round.

        Raises:
            FusionError: there are too few updates, or they do not fit together.
        """
        ...

    def restore(self, layers: tuple[Array, ...], layout: Layout) -> GlobalUpdate:
        """Go on from stored weights, after a restart; return the global update that they were."""
        ...


class Accumulator(Protocol):
    """The arithmetic of one round over updates of one layout."""

    def add(self, party: str, layers: tuple[Array, ...], count: int | None) -> None:
        """Take one party's arrays; they are not changed, and not kept unless the fusion says so."""
        ...

    def finish(self) -> tuple[Array, ...]:
        """Return the fused arrays, in the layout's shapes and dtypes."""
        ...
