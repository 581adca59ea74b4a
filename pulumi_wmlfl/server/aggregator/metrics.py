"""Metrics that parties report, as WML shows them per round and party.

A TRAIN reply measures the party's own model after training (`local`), EVAL the fused one (`fused`); both on
the party's own test data. Source: party protocol, "Metrics the party reports"; API reference, "Trainings".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["metrics_entry", "training_metrics"]

_MOST = 64
_LONGEST_NAME = 100


def training_metrics(reported: object) -> dict[str, float]:
    """Return the numbers of what a party reported; whatever else it sent is left out."""
    if not isinstance(reported, Mapping):
        return {}
    found: dict[str, float] = {}
    for name, value in reported.items():
        if len(found) < _MOST and isinstance(name, str) and 0 < len(name) <= _LONGEST_NAME:
            if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.number):
                continue
            if not np.iscomplexobj(value):
                found[name] = float(value)
    return found


def metrics_entry(
    iteration: int,
    at: str,
    *,
    fused: Mapping[str, Mapping[str, float]],
    local: Mapping[str, Mapping[str, float]],
) -> dict[str, Any]:
    """Return one round's entry for the status; `global` is the mean of a metric over the parties.

    `fused` and `local` map a party's id to its metrics. JSON has no NaN and no infinity: they become text.
    """
    names = dict.fromkeys(name for metrics in (*fused.values(), *local.values()) for name in metrics)
    entry: dict[str, Any] = {}
    for name in names:
        values = [metrics[name] for metrics in fused.values() if name in metrics]
        parties = [
            {
                "id": party,
                **({"fused": _number(fused[party][name])} if name in fused.get(party, {}) else {}),
                **({"local": _number(local[party][name])} if name in local.get(party, {}) else {}),
            }
            for party in dict.fromkeys([*fused, *local])
            if name in fused.get(party, {}) or name in local.get(party, {})
        ]
        entry[name] = {"remote_training_systems": parties}
        if values:
            mean = math.fsum(values) / len(values) if all(map(math.isfinite, values)) else math.nan
            entry[name]["global"] = _number(mean)
    return {"iteration": iteration, "timestamp": at, "ml_federated_metrics": entry}


def _number(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)
