"""`xgb_classifier` and `xgb_regressor`: one model of boosted trees on the samples of all parties.

Before the first round each party introduces itself with sketches and ranks of its features, from which the
service has a close value of each sample, and with its mean target. Round 0 makes the baseline and the bins
from those who are there, and holds for the rest of the training. In a later round each party gives gradient
and hessian of every sample, and a tree per class is grown on all of them. The service keeps one byte per
sample and feature.

What a party tells is checked for shape, size and range, not for truth. Friedman, "Greedy Function
Approximation", 2001; Chen, Guestrin, "XGBoost", 2016; Ong et al., "Adaptive Histogram-Based Gradient Boosted
Trees for Federated Learning", 2020.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from ...errors import FusionError
from ..contract import GlobalUpdate
from ..updates import Array, Layout
from .binning import binned, thresholds_of
from .ensemble import Ensemble
from .growing import Growth, grow
from .introductions import (
    Gradients,
    Introduction,
    Member,
    difference_of,
    read_gradients,
    read_introduction,
)
from .parameters import BoostingParameters

__all__ = ["Boosting"]


class Boosting:
    """Grows the trees of one training; see the module."""

    holds_all_updates = True

    def __init__(self, fusion_type: str, parameters: BoostingParameters) -> None:
        self.fusion_type = fusion_type
        self.parameters = parameters
        self._ensemble: Ensemble | None = None
        self._members: dict[str, Member] = {}
        self._gradients: dict[str, list[tuple[Array, Array]]] = {}

    @property
    def ensemble(self) -> Ensemble | None:
        """The model; None before round 0."""
        return self._ensemble

    def start_round(self) -> None:
        """Forget the gradients of the round before."""
        self._gradients = {}

    def add(self, party: str, payload: object) -> None:
        """Take a party's `Introduction`, which replaces an earlier one, or its `Gradients` of this round.

        Raises:
            FusionError: it is nonsense; everything is as it was before.
        """
        if isinstance(payload, Introduction):
            member = read_introduction(payload, self.parameters)
            if self._ensemble is not None:
                self._place(member, self._ensemble)
            self._members[party] = member
        elif isinstance(payload, Gradients):
            self._add_gradients(party, payload)
        else:
            raise FusionError("The party's update is none of boosted trees.")

    def finish(self) -> GlobalUpdate:
        """Return the model of round 0 or, later, with a round more; its `model_update` has the new trees.

        Raises:
            FusionError: nobody takes part, or as many parties have one kind of data as another.
        """
        if self._ensemble is None:
            return self._begin()
        if not self._gradients and not self._ensemble.rounds:
            return self._global((), tuple(sorted(self._members)), {})
        if not self._gradients:
            raise FusionError("There is no update to fuse.")
        parties = sorted(self._gradients)
        bins = np.concatenate([self._bins(party) for party in parties])
        trees = [self._grow(self._ensemble, bins, parties, index) for index in range(self.parameters.trees)]
        self._ensemble = self._ensemble.with_round(trees)
        self._gradients = {}
        return self._global(trees, tuple(parties), {})

    def restore(self, layers: tuple[Array, ...], layout: Layout) -> GlobalUpdate:  # noqa: ARG002
        """Go on from stored trees, after a restart; parties must introduce themselves again."""
        self._ensemble = Ensemble.from_layers(layers)
        self._members, self._gradients = {}, {}
        last = self._ensemble.rounds[-1] if self._ensemble.rounds else ()
        return self._global(last, (), {})

    # round 0

    def _begin(self) -> GlobalUpdate:
        kinds = Counter(member.kind for member in self._members.values()).most_common(2)
        if not kinds:
            raise FusionError("There is no update to fuse.")
        if len(kinds) > 1 and kinds[0][1] == kinds[1][1]:
            raise FusionError("The parties have different numbers of features, or other classes.")
        kind = kinds[0][0]
        strangers = [party for party, member in self._members.items() if member.kind != kind]
        rejected = {party: difference_of(kind, self._members.pop(party).kind) for party in strangers}
        members = [self._members[party] for party in sorted(self._members)]
        together = [
            np.concatenate(columns) for columns in zip(*(each.columns for each in members), strict=True)
        ]
        ensemble = Ensemble(
            baseline=_baseline(members, self.parameters),
            classes=np.array(kind[1]),
            thresholds=tuple(thresholds_of(together, self.parameters.max_bins)),
            missing=self.parameters.max_bins,
        )
        for member in members:
            self._place(member, ensemble)
        self._ensemble = ensemble
        return self._global((), tuple(sorted(self._members)), rejected)

    def _place(self, member: Member, ensemble: Ensemble) -> None:
        kind = len(ensemble.thresholds), tuple(ensemble.classes.tolist())
        if member.kind != kind:
            raise FusionError(difference_of(kind, member.kind))
        member.bins = binned(member.columns, ensemble.thresholds, ensemble.missing)
        member.columns = []

    # later rounds

    def _add_gradients(self, party: str, payload: Gradients) -> None:
        if party in self._gradients:
            raise FusionError("The party's update is in this round already.")
        samples = len(self._bins(party))
        self._gradients[party] = read_gradients(payload, samples, self.parameters)

    def _bins(self, party: str) -> Array:
        member = self._members.get(party)
        if member is None or member.bins is None:
            raise FusionError("The party has not introduced itself.")
        return member.bins

    def _grow(self, ensemble: Ensemble, bins: Array, parties: Sequence[str], index: int) -> Array:
        parts = [self._gradients[party][index] for party in parties]
        return grow(
            bins,
            np.concatenate([gradients for gradients, _ in parts]),
            np.concatenate([hessians for _, hessians in parts]),
            thresholds=ensemble.thresholds,
            missing=ensemble.missing,
            growth=Growth(
                learning_rate=self.parameters.learning_rate,
                max_leaf_nodes=self.parameters.max_leaf_nodes,
                max_depth=self.parameters.max_depth,
                min_samples_leaf=self.parameters.min_samples_leaf,
                l2_regularization=self.parameters.l2_regularization,
            ),
        )

    def _global(
        self, trees: Sequence[Array], parties: tuple[str, ...], rejected: Mapping[str, str]
    ) -> GlobalUpdate:
        if self._ensemble is None:
            raise FusionError("There is no model yet.")
        layers, layout = self._ensemble.to_layers()
        return GlobalUpdate({"xgb_model": list(trees)}, layers, layout, parties, rejected)


def _baseline(members: Sequence[Member], parameters: BoostingParameters) -> Array:
    """Return the best prediction without trees, shape (1, trees): mean, log-odds, or centred logarithms."""
    samples = np.array([member.samples for member in members], np.float64)
    mean: Array = np.average([member.means for member in members], axis=0, weights=samples)
    if not parameters.classifies:
        return mean.reshape(1, 1)
    if parameters.trees == 1:
        mean = np.log(mean / (1 - mean))
        return mean.reshape(1, 1)
    logarithms = np.log(mean)
    centred: Array = (logarithms - logarithms.mean()).reshape(1, -1)
    return centred
