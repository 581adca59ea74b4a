"""Which fusion types there are, what each needs, and why one cannot be had.

`supported` is asked when a training is created, so that nobody waits for parties in vain; `create_fusion`
makes the fusion of a training. Names and parameters are WML's, as they stand in `federated_learning`.
Imports `errors`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import FusionError, MissingExtra
from .boosting import Boosting, BoostingParameters, boosting_problems
from .contract import Fusion
from .encrypted import EncryptedMean, has_pyhelayers
from .matching import Matching, MatchingParameters
from .means import Mean
from .robust import CoordinateMedian, Krum, TrimmedMean, trimmed_count
from .termination import Termination
from .weights import WeightFusion

__all__ = ["FUSION_TYPES", "create_fusion", "supported"]

Parameters = Mapping[str, Any]
Check = Callable[[Parameters], list[str]]

_MATCHING = ("sigma", "sigma0", "gamma", "iters")
_CIPHER = "encryption_level_1"
_ALL_MODELS = ("scikit-learn", "tensorflow", "pytorch")


@dataclass(frozen=True, slots=True)
class _Entry:
    """One fusion type: its frameworks, its own parameters' problems, and how to make it."""

    frameworks: tuple[str, ...]
    create: Callable[[Parameters], Fusion]
    check: Check = lambda _parameters: []


def _threshold(parameters: Parameters) -> int | None:
    return parameters.get("byzantine_threshold")


def _check_threshold(parameters: Parameters) -> list[str]:
    threshold = _threshold(parameters)
    if threshold is None or (
        isinstance(threshold, int) and not isinstance(threshold, bool) and threshold >= 0
    ):
        return []
    return ["byzantine_threshold is a whole number from 0 on."]


def _parties(parameters: Parameters) -> int | None:
    """Return how many parties a training names; None when it is not told."""
    remote = parameters.get("remote_training")
    systems = remote.get("remote_training_systems") if isinstance(remote, Mapping) else None
    return len(systems) if isinstance(systems, list) else None


def _check_trimmed_mean(parameters: Parameters) -> list[str]:
    problems, parties = _check_threshold(parameters), _parties(parameters)
    if not problems and parties is not None:
        cut = trimmed_count(parties, _threshold(parameters))
        if 2 * cut >= parties:
            problems.append(
                f"trimmed_mean with a byzantine_threshold of {cut} needs {2 * cut + 1} parties,"
                f" the training has {parties}."
            )
    return problems


def _check_krum(parameters: Parameters) -> list[str]:
    problems, parties = _check_threshold(parameters), _parties(parameters)
    if not problems and parties is not None:
        needed = 2 * (_threshold(parameters) or 0) + 3
        if parties < needed:
            problems.append(f"krum needs {needed} parties here, the training has {parties}.")
    return problems


def _check_matching(parameters: Parameters) -> list[str]:
    problems = [
        f"{name} is a number above 0."
        for name in ("sigma", "sigma0", "gamma")
        if parameters.get(name) is not None and not _is_positive(parameters[name])
    ]
    iters = parameters.get("iters")
    if iters is not None and (not isinstance(iters, int) or not _is_positive(iters)):
        problems.append("iters is a whole number above 0.")
    return problems


def _check_encrypted(parameters: Parameters) -> list[str]:
    if not has_pyhelayers():
        return [str(MissingExtra("crypto_iter_avg", "crypto"))]
    crypto = parameters.get("crypto")
    level = crypto.get("cipher_spec") if isinstance(crypto, Mapping) else crypto
    if level not in (None, _CIPHER):
        return [f"The cipher_spec {str(level)[:40]!r} is not known; there is {_CIPHER}."]
    return []


def _is_positive(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and value > 0


def _matching_parameters(parameters: Parameters) -> MatchingParameters:
    given = {name: parameters[name] for name in _MATCHING if parameters.get(name) is not None}
    return MatchingParameters(**given)


def _trees(fusion_type: str) -> _Entry:
    return _Entry(
        ("scikit-learn",),
        lambda p: Boosting(fusion_type, BoostingParameters.of(fusion_type, p)),
        lambda p: boosting_problems(fusion_type, p),
    )


_ENTRIES: Mapping[str, _Entry] = {
    "iter_avg": _Entry(_ALL_MODELS, lambda _: WeightFusion("iter_avg", Mean)),
    "avg": _Entry(_ALL_MODELS, lambda _: WeightFusion("avg", Mean, counted=True)),
    "crypto_iter_avg": _Entry(_ALL_MODELS, lambda _: EncryptedMean(), _check_encrypted),
    "coordinate_median": _Entry(
        _ALL_MODELS,
        lambda _: WeightFusion("coordinate_median", lambda _: CoordinateMedian(), holds_all_updates=True),
    ),
    "trimmed_mean": _Entry(
        _ALL_MODELS,
        lambda p: WeightFusion("trimmed_mean", lambda _: TrimmedMean(_threshold(p)), holds_all_updates=True),
        _check_trimmed_mean,
    ),
    "spahm": _Entry(
        ("scikit-learn",),
        lambda p: WeightFusion(
            "spahm",
            lambda _: Matching(_matching_parameters(p)),
            holds_all_updates=True,
            keeps_layout=False,
        ),
        _check_matching,
    ),
    "krum": _Entry(
        _ALL_MODELS,
        lambda p: WeightFusion("krum", lambda _: Krum(_threshold(p)), holds_all_updates=True),
        _check_krum,
    ),
    "xgb_classifier": _trees("xgb_classifier"),
    "xgb_regressor": _trees("xgb_regressor"),
}
FUSION_TYPES = tuple(_ENTRIES)
"""The fusion types that the service can carry out."""

_REFUSED = {
    "pfnm": "pfnm is not carried out: IBM's party cannot resize a model to the matched neurons.",
    "zeno": "zeno is not carried out: it needs validation data on the service.",
}


def supported(framework: str, fusion_type: str, parameters: Parameters | None = None) -> tuple[str, ...]:
    """Return every reason why the service cannot carry out a training; empty if it can.

    `framework`: `scikit-learn`, `tensorflow` or `pytorch`. `parameters`: the training's `federated_learning`;
    without it only framework and fusion type are looked at.
    """
    entry = _ENTRIES.get(fusion_type)
    if entry is None:
        known = ", ".join(FUSION_TYPES)
        unknown = f"The fusion type {fusion_type[:40]!r} is not known. There are {known}."
        return (_REFUSED.get(fusion_type, unknown),)
    reasons = []
    if framework not in entry.frameworks:
        frameworks = ", ".join(entry.frameworks)
        reasons.append(f"{fusion_type} fuses models of {frameworks}, not of {framework[:40]!r}.")
    if parameters is not None:
        try:
            Termination.of(parameters)
        except FusionError as error:
            reasons.append(str(error))
        reasons.extend(entry.check(parameters))
    return tuple(reasons)


def create_fusion(fusion_type: str, parameters: Parameters) -> Fusion:
    """Return the fusion of a training from its `federated_learning`.

    Raises:
        FusionError: the service cannot carry it out; see `supported`, which says why in full.
    """
    entry = _ENTRIES.get(fusion_type)
    problems = supported("", fusion_type) if entry is None else entry.check(parameters)
    if entry is None or problems:
        raise FusionError(" ".join(problems))
    return entry.create(parameters)
