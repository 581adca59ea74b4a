"""What a training is asked to do, read once from its `federated_learning`.

Source: API reference, section "federated_learning" of trainings; party protocol, "Model classes" and "Fusion
types" for what reaches the parties.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import FusionError
from ...fusion import Termination
from ...protocol import Framework, framework_of

__all__ = ["FRAMEWORK_OF_FUSION", "LONGEST_TIMEOUT", "WITHOUT_PACKAGE", "NamedParty", "Plan", "plan_of"]

LONGEST_TIMEOUT = 43200.0
FRAMEWORK_OF_FUSION = {
    "spahm": Framework.SCIKIT_LEARN,
    "xgb_classifier": Framework.SCIKIT_LEARN,
    "xgb_regressor": Framework.SCIKIT_LEARN,
}
"""Fusion types whose parties have one framework, whatever the model's type says."""
WITHOUT_PACKAGE = frozenset({"xgb_classifier", "xgb_regressor"})
"""Fusion types whose parties need no model of the user's."""


@dataclass(frozen=True, slots=True)
class NamedParty:
    """A remote training system as a training names it."""

    id: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """One training.

    `needed` is the quorum as a number of parties. `timeout` (seconds) is `max_timeout`: how long to wait for
    the quorum, at the start and in every round. `learning` is `federated_learning` as it was sent.
    """

    fusion_type: str
    framework: Framework
    parties: tuple[NamedParty, ...]
    needed: int
    timeout: float
    termination: Termination
    keep_rounds: bool
    model_id: str
    learning: Mapping[str, Any]

    @property
    def rounds(self) -> int:
        """How many rounds there are at most."""
        return self.termination.rounds

    @property
    def required(self) -> frozenset[str]:
        """Ids of the parties without which no round counts."""
        return frozenset(party.id for party in self.parties if party.required)

    def local_parameters(self) -> dict[str, Any]:
        """Return `hyperparams.local` for TRAIN: what the party's model class reads, under its names."""
        optimizer = self.learning.get("optimizer") or {}
        options = dict(optimizer.get("spec") or {})
        epochs = self.learning.get("epochs")
        if self.framework is Framework.SCIKIT_LEARN:
            # Every key is set on the estimator; `max_iter` is its number of passes.
            return {"training": {"max_iter": epochs} if epochs else {}}
        training: dict[str, Any] = {"epochs": epochs} if epochs else {}
        rate = options.pop("lr", options.pop("learning_rate", None))
        if self.framework is Framework.TENSORFLOW:
            return {"training": training, "optimizer": {} if rate is None else {"lr": rate}}
        if rate is not None:
            training["lr"] = rate
        return {"training": training, "optimizer_params": _optimizer_parameters(options)}

    def shared_parameters(self) -> dict[str, Any]:
        """Return `hyperparams.global` for TRAIN."""
        return {"rounds": self.rounds}


def _optimizer_parameters(options: Mapping[str, Any]) -> dict[str, Any]:
    """Name the options of a PyTorch optimizer as skorch, which IBM's party uses, names them."""
    return {f"optimizer__{name}": value for name, value in options.items()}


def plan_of(learning: Mapping[str, Any]) -> Plan:
    """Read a training's `federated_learning`.

    Raises:
        FusionError: `rounds` or the termination predicate is not what it must be; see
        :func:`.checks.problems_of`.
    """
    remote = learning["remote_training"]
    parties = tuple(
        NamedParty(item["id"], bool(item.get("required"))) for item in remote["remote_training_systems"]
    )
    quorum = remote.get("quorum")
    share = 1.0 if quorum is None else float(quorum)
    model = learning.get("model") or {}
    fusion_type = str(learning["fusion_type"])
    model_type = str(model.get("type") or "")
    framework = FRAMEWORK_OF_FUSION.get(fusion_type) or framework_of(model_type)
    if framework is None:
        raise FusionError(f"The framework of the model type {model_type[:60]!r} is not known.")
    return Plan(
        fusion_type=fusion_type,
        framework=framework,
        parties=parties,
        # 0.3 * 10 must not become 4 by rounding.
        needed=max(1, math.ceil(round(share * len(parties), 9))),
        timeout=float(remote.get("max_timeout") or LONGEST_TIMEOUT),
        termination=Termination.of(learning),
        keep_rounds=bool(learning.get("save_intermediate_models")),
        model_id=_model_id(model),
        learning=learning,
    )


def _model_id(model: Mapping[str, Any]) -> str:
    """Return the id of the untrained model; in IBM's schema it stands in `spec.href.id`."""
    spec = model.get("spec") or {}
    href = spec.get("href")
    return str((href if isinstance(href, dict) else spec).get("id") or "")
