"""`spahm`: clusters that parties found on their own are matched, and matching ones fused.

Yurochkin et al., "Statistical Model Aggregation via Parameter Matching", 2019 (SPAHM). Every party's centres
are noisy copies of some of an unknown number of global centres: v ~ N(theta, sigma^2), theta ~ N(mu0,
sigma0^2), with a Beta-Bernoulli prior of concentration gamma on which global centres a party sees. Party
after party is matched to what the others agree on, by the assignment of the greatest posterior probability,
`iters` times over.

The centres of all parties are held: clusters x features per party. O(iters x parties x clusters^3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..errors import FusionError
from .assignment import assign
from .updates import Array

__all__ = ["Matching", "MatchingParameters"]

_SMALLEST_SHARE = 1e-6


@dataclass(frozen=True, slots=True)
class MatchingParameters:
    """WML's parameters of matching.

    `sigma`: how far a party's centres lie from the global ones, `sigma0`: how far those spread, both as
    standard deviations in the data's units; estimated from the centres unless given. `gamma`: the larger,
    the more global centres; default 1. `iters`: passes over the parties; default 10.
    """

    sigma: float | None = None
    sigma0: float | None = None
    gamma: float = 1.0
    iters: int = 10


class Matching:
    """Holds the parties' centres and fuses those that match."""

    def __init__(self, parameters: MatchingParameters) -> None:
        self._parameters = parameters
        self._centres: dict[str, Array] = {}

    def add(self, party: str, layers: tuple[Array, ...], count: int | None) -> None:  # noqa: ARG002
        """Take one party's centres: clusters x features."""
        if len(layers) != 1 or layers[0].ndim != 2:
            raise FusionError("The party's update is not one table of cluster centres.")
        self._centres[party] = layers[0]

    def finish(self) -> tuple[Array, ...]:
        """Return the global centres: found clusters x features, those that most parties share first."""
        # In the order of names: the outcome does not depend on who was first.
        centres = [self._centres[party].astype(np.float64) for party in sorted(self._centres)]
        dtype = next(iter(self._centres.values())).dtype
        self._centres = {}
        state = _State(centres, self._parameters)
        for _ in range(self._parameters.iters):
            before = [labels.copy() for labels in state.labels]
            for party in range(len(centres)):
                state.match(party)
            state.estimate_noise()
            if all(map(np.array_equal, before, state.labels)):
                break
        return (state.global_centres().astype(dtype),)


class _State:
    """Which global centre each centre of each party belongs to; -1 for none yet."""

    def __init__(self, centres: list[Array], parameters: MatchingParameters) -> None:
        self.centres = centres
        self.labels = [np.full(len(table), -1) for table in centres]
        self._fixed_noise = parameters.sigma is not None
        everything = np.concatenate(centres)
        self._mean = everything.mean(axis=0)
        spread = float(everything.var(axis=0).mean())
        self._spread = parameters.sigma0**2 if parameters.sigma0 is not None else max(spread, 1e-300)
        # To begin with a tenth of the spread is taken to be noise.
        self._noise = parameters.sigma**2 if parameters.sigma is not None else self._spread / 10
        self._gamma = parameters.gamma

    def match(self, party: int) -> None:
        """Assign the centres of one party anew, given those of all others."""
        self.labels[party][:] = -1
        sums, counts = self._gathered()
        table = self.centres[party]
        scores = np.concatenate(
            [self._scores_of_known(table, sums, counts), self._scores_of_new(table)], axis=1
        )
        self.labels[party] = assign(-scores)
        self._renumber()

    def _gathered(self) -> tuple[Array, Array]:
        """Return the sum and the number of the centres that belong to each global centre."""
        labels = np.concatenate(self.labels)
        everything = np.concatenate(self.centres)
        known = labels >= 0
        size = int(labels.max(initial=-1)) + 1
        sums = np.zeros((size, everything.shape[1]))
        np.add.at(sums, labels[known], everything[known])
        counts = np.bincount(labels[known], minlength=size)
        # A global centre that only this party had is open to nobody.
        used = counts > 0
        self._relabel(np.where(used, np.cumsum(used) - 1, -1))
        return sums[used], counts[used]

    def _scores_of_known(self, table: Array, sums: Array, counts: Array) -> Array:
        """Return how well each centre fits each global centre that other parties have."""
        parties = len(self.centres)
        prior, noise = 1 / self._spread, 1 / self._noise
        gathered = (self._mean * prior + sums * noise)[None]
        precision = prior + counts * noise
        joined = ((gathered + table[:, None] * noise) ** 2).sum(axis=2) / (precision + noise)
        apart = (gathered**2).sum(axis=2) / precision
        volume = table.shape[1] * np.log(precision / (precision + noise))
        scores: Array = joined - apart + volume + 2 * np.log(counts / (parties - counts))
        return scores

    def _scores_of_new(self, table: Array) -> Array:
        """Return how well each centre is a global centre of its own; the more new ones, the less likely."""
        prior, noise = 1 / self._spread, 1 / self._noise
        joined = ((self._mean * prior + table * noise) ** 2).sum(axis=1) / (prior + noise)
        apart = (self._mean**2).sum() * prior
        volume = table.shape[1] * math.log(prior / (prior + noise))
        rarity = 2 * math.log(self._gamma / len(self.centres)) - 2 * np.log(np.arange(1, len(table) + 1))
        scores: Array = (joined - apart + volume)[:, None] + rarity[None]
        return scores

    def _renumber(self) -> None:
        """Close the gaps in the numbers of the global centres."""
        used = np.unique(np.concatenate([labels[labels >= 0] for labels in self.labels]))
        numbers = np.full(int(used.max()) + 1, -1)
        numbers[used] = np.arange(len(used))
        self._relabel(numbers)

    def _relabel(self, numbers: Array) -> None:
        for party, labels in enumerate(self.labels):
            known = labels >= 0
            self.labels[party][known] = numbers[labels[known]]

    def estimate_noise(self) -> None:
        """Estimate sigma from the distances of matched centres to their mean, where there are any."""
        if self._fixed_noise:
            return
        sums, counts = self._gathered()
        everything, labels = np.concatenate(self.centres), np.concatenate(self.labels)
        apart = everything - (sums / counts[:, None])[labels]
        degrees = (len(everything) - len(counts)) * everything.shape[1]
        if degrees:
            self._noise = max(float((apart**2).sum()) / degrees, _SMALLEST_SHARE * self._spread)

    def global_centres(self) -> Array:
        """Return the posterior means, most shared first."""
        sums, counts = self._gathered()
        prior, noise = 1 / self._spread, 1 / self._noise
        means = (self._mean * prior + sums * noise) / (prior + counts * noise)[:, None]
        found: Array = means[np.argsort(-counts, kind="stable")]
        return found
