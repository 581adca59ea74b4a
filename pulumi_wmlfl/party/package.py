"""Reads the aggregator's model package. It is a pickle: loading it runs whatever code it holds.

So this module is reached with `--trust-model` only. What is taken from the package is the estimator's class,
parameters and labels; the estimator itself is built anew. Imports `errors`.
"""

from __future__ import annotations

import io
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

from ..errors import ConfigurationError, MissingExtra, PartyError
from .models import ESTIMATORS

__all__ = ["describe_trusted_package"]

_LARGEST = 256 * 1024 * 1024


def describe_trusted_package(package: bytes | None, model_spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """Unpickle the model of a package and return its description.

    Raises:
        PartyError: there is no package, or no estimator that a party can train in it.
    """
    if not package:
        raise PartyError("The aggregator sent no model package.", hint="Describe the model with --model.")
    content = _pickle_in(package, str(model_spec.get("model_definition") or ""))
    try:
        import joblib
    except ModuleNotFoundError:
        raise MissingExtra("Loading a model package", "party") from None
    with warnings.catch_warnings():
        # Made with another version of scikit-learn: parameters and labels are all that is read of it.
        warnings.simplefilter("ignore")
        try:
            loaded = joblib.load(io.BytesIO(content))
        except Exception as error:  # noqa: BLE001 - a pickle may raise anything
            raise PartyError(
                f"The aggregator's model cannot be loaded: {type(error).__name__}: {error}.",
                hint="Describe the model with --model instead.",
            ) from None
    name = type(loaded).__name__
    if name not in ESTIMATORS:
        raise PartyError(
            f"The aggregator's model is a {name}.", hint=f"Can be trained: {', '.join(ESTIMATORS)}."
        )
    current = _default_parameters(name)
    parameters = {key: value for key, value in _parameters(loaded).items() if key in current}
    classes = getattr(loaded, "classes_", None)
    labels = {} if classes is None else {"classes": list(classes)}
    return {"estimator": name, "parameters": parameters, **labels}


def _pickle_in(package: bytes, definition: str) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(package)) as archive:
            names = [name for name in archive.namelist() if name.endswith((".pickle", ".pkl", ".joblib"))]
            wanted = definition if definition in archive.namelist() else (names[0] if len(names) == 1 else "")
            if not wanted:
                raise PartyError(
                    "The aggregator's model package has no pickle of one model.",
                    hint="Describe the model with --model.",
                )
            if archive.getinfo(wanted).file_size > _LARGEST:
                raise PartyError("The aggregator's model is too large.", hint="Describe it with --model.")
            return archive.read(wanted)
    except (zipfile.BadZipFile, zlib.error) as error:
        raise PartyError(f"The aggregator's model package is no archive: {error}.") from None


def _parameters(estimator: Any) -> Mapping[str, Any]:
    """Return an estimator's parameters as it keeps them; those of other versions may lack some."""
    return {key: value for key, value in vars(estimator).items() if not key.endswith("_")}


def _default_parameters(name: str) -> Mapping[str, Any]:
    from sklearn import cluster, linear_model

    found = getattr(linear_model, name, None) or getattr(cluster, name, None)
    if found is None:
        raise ConfigurationError(f"The installed scikit-learn has no {name}.")
    defaults: Mapping[str, Any] = found().get_params()
    return defaults
