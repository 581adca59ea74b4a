"""Rounds over whole models: who is in, whose weights fit, and the accumulator that does the arithmetic.

The service never loads a model, so it does not know its shapes: the first round's updates say. A party that
lies about them must not throw out the others, so until a round has ended there may be a few layouts, each
with its own accumulator; the one with most parties wins and holds for the rest of the training. There are
never more than four: a further one takes the place of the oldest that nobody else has confirmed, so that
liars who answer first keep nobody out. Imports `errors`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ..errors import FusionError
from .contract import Accumulator, GlobalUpdate
from .updates import Array, Layout, Update, read_update

__all__ = ["WeightFusion"]

_MOST_LAYOUTS = 4
NewAccumulator = Callable[[tuple[Array, ...]], Accumulator]


@dataclass(slots=True)
class _Group:
    """The parties of one layout."""

    accumulator: Accumulator
    parties: list[str] = field(default_factory=list)


class WeightFusion:
    """A fusion whose updates are a model's weights.

    `new_accumulator` makes the arithmetic of a round for arrays like the given ones. `counted`: parties must
    name their samples. `holds_all_updates`: as in the contract. `keeps_layout`: the layout of one round
    holds for the next.
    """

    def __init__(
        self,
        fusion_type: str,
        new_accumulator: NewAccumulator,
        *,
        counted: bool = False,
        holds_all_updates: bool = False,
        keeps_layout: bool = True,
    ) -> None:
        self.fusion_type = fusion_type
        self.holds_all_updates = holds_all_updates
        self._new_accumulator = new_accumulator
        self._counted = counted
        self._keeps_layout = keeps_layout
        self._layout: Layout | None = None
        self._groups: dict[Layout, _Group] = {}
        self._displaced: dict[str, Layout] = {}

    def start_round(self) -> None:
        """Forget the updates of the round before; the layout stays."""
        self._groups = {}
        self._displaced = {}

    def add(self, party: str, payload: object) -> None:
        """Take the payload of a party's reply to TRAIN.

        Raises:
            FusionError: it cannot be fused, or the party is in already; the round is as it was before.
        """
        self.add_update(party, read_update(payload, counted=self._counted))

    def add_update(self, party: str, update: Update) -> None:
        """Take a checked update; see `add`. Checking may happen on another thread."""
        known = party in self._displaced or any(party in group.parties for group in self._groups.values())
        if known:
            raise FusionError("The party's update is in this round already.")
        group = self._group(update)
        group.accumulator.add(party, update.layers, update.count)
        if update.layout not in self._groups and len(self._groups) >= _MOST_LAYOUTS:
            self._displace()
        self._groups[update.layout] = group
        group.parties.append(party)

    def finish(self) -> GlobalUpdate:
        """Return the global update of the round, and free the updates.

        Raises:
            FusionError: no update, too few for the fusion, or as many of one layout as of another.
        """
        groups, self._groups = self._groups, {}
        displaced, self._displaced = self._displaced, {}
        if not groups:
            raise FusionError("There is no update to fuse.")
        ranked = sorted(groups.items(), key=lambda item: -len(item[1].parties))
        layout, group = ranked[0]
        if len(ranked) > 1 and len(ranked[1][1].parties) == len(group.parties):
            difference = layout.difference(ranked[1][0])
            raise FusionError(f"The parties' updates are of different models: in one {difference}.")
        layers = group.accumulator.finish()
        if self._keeps_layout:
            self._layout = layout
        lost = {party: other for other, loser in ranked[1:] for party in loser.parties} | displaced
        rejected = {
            party: "The party's update came among too many of other models."
            if other == layout
            else f"The party's update is of another model: {layout.difference(other)}."
            for party, other in lost.items()
        }
        return _global(layers, layout, tuple(group.parties), rejected)

    def restore(self, layers: tuple[Array, ...], layout: Layout) -> GlobalUpdate:
        """Go on from stored weights, after a restart; return the global update that they were."""
        self._layout = layout if self._keeps_layout else None
        self.start_round()
        return _global(layers, layout, (), {})

    def _group(self, update: Update) -> _Group:
        found = self._groups.get(update.layout)
        if found is not None:
            return found
        if self._layout is not None and update.layout != self._layout:
            difference = self._layout.difference(update.layout)
            raise FusionError(f"The party's update is of another model: {difference}.")
        if len(self._groups) >= _MOST_LAYOUTS and self._unconfirmed() is None:
            raise FusionError("The party's update is of another model than those of the other parties.")
        return _Group(self._new_accumulator(update.layers))

    def _unconfirmed(self) -> Layout | None:
        """Return the oldest layout that only one party has sent."""
        return next((layout for layout, group in self._groups.items() if len(group.parties) == 1), None)

    def _displace(self) -> None:
        layout = self._unconfirmed()
        if layout is not None:
            self._displaced |= dict.fromkeys(self._groups.pop(layout).parties, layout)


def _global(
    layers: tuple[Array, ...], layout: Layout, parties: tuple[str, ...], rejected: dict[str, str]
) -> GlobalUpdate:
    fused = replace(layout, shapes=tuple(layer.shape for layer in layers))
    return GlobalUpdate({"weights": fused.to_wire(layers)}, layers, fused, parties, rejected)
