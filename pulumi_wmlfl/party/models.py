"""The models that a light party can train, and how one is chosen. Nothing from the wire is executed.

A model is described by a few plain values: `{"estimator": "SGDClassifier", "classes": [...],
"parameters": {...}}` for one of scikit-learn, or `{"path": "net.py", "name": "Net", "parameters": {...}}` for
a class of the party's own. The first kind may also stand in the WML model's `custom.party_model`, so that the
experiment's program says it once for all parties. Imports `errors`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from ..errors import ConfigurationError, MissingExtra
from .handler import LocalData

__all__ = ["ESTIMATORS", "PartyModel", "build_model", "read_model_option"]

Update = Mapping[str, Any]
LINEAR_CLASSIFIERS = ("SGDClassifier", "Perceptron", "PassiveAggressiveClassifier")
LINEAR_REGRESSORS = ("SGDRegressor", "PassiveAggressiveRegressor")
ESTIMATORS = (*LINEAR_CLASSIFIERS, *LINEAR_REGRESSORS, "KMeans")
"""scikit-learn estimators by name. Logistic regression is `SGDClassifier` with `loss: log_loss`."""
_ESTIMATOR_KEYS = frozenset({"estimator", "classes", "parameters", "info"})
_OWN_KEYS = frozenset({"path", "name", "parameters", "info"})


class PartyModel(Protocol):
    """What the session needs of a model; each method may raise what its code raises."""

    wire_classes: frozenset[str]
    """Class names of IBM's library whose updates have the same form."""

    def install(self, update: Update) -> None:
        """Take over the fused weights; :class:`ProtocolError` where they do not fit."""
        ...

    def fit(self, data: LocalData, training: Mapping[str, Any]) -> None:
        """Train on the party's data; `training` are the aggregator's and the party's hyperparameters."""
        ...

    def update(self) -> dict[str, Any]:
        """Return what the aggregator fuses."""
        ...

    def evaluate(self, data: LocalData) -> dict[str, float]:
        """Measure on the party's test data; empty without test data."""
        ...

    def save(self, folder: Path, filename: str | None) -> Path:
        """Save the weights, without code, and return the file."""
        ...


def build_model(spec: Mapping[str, Any], data: LocalData, *, folder: Path) -> PartyModel:
    """Build the model that `spec` describes; `folder` is where a relative `path` begins.

    Raises:
        ConfigurationError: the description is wrong.
        UserCodeError: the party's own class failed.
    """
    if "path" in spec:
        _refuse_unknown(spec, _OWN_KEYS)
        from .own_model import OwnModel

        return OwnModel(spec, folder=folder)
    name = spec.get("estimator")
    if name not in ESTIMATORS:
        raise ConfigurationError(
            f"The party's model names no estimator that a party can train: {name!r}.",
            hint=f"model.estimator is one of {', '.join(ESTIMATORS)}; model.path names a class of your own.",
        )
    _refuse_unknown(spec, _ESTIMATOR_KEYS)
    parameters = spec.get("parameters") or {}
    if not isinstance(parameters, Mapping):
        raise ConfigurationError(
            "The party's model: `parameters` must be a map of the estimator's parameters."
        )
    try:
        import sklearn  # noqa: F401
    except ModuleNotFoundError:
        raise MissingExtra(f"The model {name}", "party") from None
    if name == "KMeans":
        from .kmeans import KMeansModel

        return KMeansModel(parameters)
    from .linear import LinearModel

    return LinearModel(str(name), parameters, data, classes=spec.get("classes"))


def read_model_option(text: str) -> Mapping[str, Any]:
    """Read `--model`: an estimator's name, `file.py[:Class]`, a JSON or YAML file, or JSON itself."""
    if text in ESTIMATORS:
        return {"estimator": text}
    if text.lstrip().startswith("{"):
        return _described(text, "--model")
    path, _, name = text.rpartition(":") if ":" in text[2:] else (text, "", "")
    file = Path(path)
    if not file.is_file():
        raise ConfigurationError(
            f"--model {text!r} is neither an estimator nor a file.",
            hint=f"Estimators: {', '.join(ESTIMATORS)}.",
        )
    if file.suffix == ".py":
        return {"path": str(file.resolve()), **({"name": name} if name else {})}
    return _described(file.read_text(encoding="utf-8"), str(file))


def _described(text: str, where: str) -> Mapping[str, Any]:
    import yaml

    try:
        found = json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{where} cannot be read: {error}.") from None
    if not isinstance(found, dict):
        raise ConfigurationError(f"{where} is no description of a model, a map with `estimator` or `path`.")
    return found


def _refuse_unknown(spec: Mapping[str, Any], known: frozenset[str]) -> None:
    unknown = sorted(str(key) for key in set(spec) - known)
    if unknown:
        raise ConfigurationError(
            f"The party's model: unknown key {unknown[0]}.", hint=f"Known: {', '.join(sorted(known))}."
        )
