"""What cannot be done is refused when a training is created, by the name of its field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import MissingExtra, Problem
from ...fusion import FUSION_TYPES, supported
from ...protocol import framework_of
from .plan import FRAMEWORK_OF_FUSION, WITHOUT_PACKAGE
from .storage import has_boto3

__all__ = ["learning_problems", "results_problems"]

_ON_SERVICE = frozenset({"container", "fs"})
_LONGEST_PATH = 512
_S3_KEYS = ("endpoint_url", "access_key_id", "secret_access_key")


def learning_problems(learning: Mapping[str, Any]) -> Sequence[Problem]:
    """Return what of `federated_learning` this service cannot carry out; paths are relative to it."""
    fusion_type = str(learning["fusion_type"])
    if fusion_type not in FUSION_TYPES:
        return [Problem("fusion_type", reason) for reason in supported("", fusion_type)]
    model_type = str((learning.get("model") or {}).get("type") or "")
    framework = framework_of(model_type)
    if fusion_type in WITHOUT_PACKAGE and (not model_type or model_type.lower().startswith("xgboost")):
        framework = FRAMEWORK_OF_FUSION[fusion_type]
    if framework is None:
        text = f"The model type {model_type[:60]!r} is none of tensorflow, keras, pytorch and scikit-learn."
        return [Problem("model.type", text)]
    problems = [Problem("", reason) for reason in supported(framework, fusion_type, learning)]
    problems += _parameter_problems(learning)
    return problems


def _parameter_problems(learning: Mapping[str, Any]) -> list[Problem]:
    """Check what reaches the parties, whose library fails late and without a word about it."""
    problems: list[Problem] = []
    epochs = learning.get("epochs")
    if epochs is not None and (isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 1):
        problems.append(Problem("epochs", "epochs is a whole number above 0."))
    optimizer = learning.get("optimizer")
    if optimizer is not None:
        spec = optimizer.get("spec") if isinstance(optimizer, dict) else ""
        name = optimizer.get("name") if isinstance(optimizer, dict) else ""
        if not (spec is None or isinstance(spec, dict)) or not (name is None or _is_name(name)):
            problems.append(
                Problem("optimizer", "optimizer has a name, such as SGD, and a spec, which is an object.")
            )
    loss = learning.get("loss")
    if learning["fusion_type"] not in WITHOUT_PACKAGE and loss is not None and not _is_name(loss):
        problems.append(Problem("loss", "loss is the name of a loss."))
    return problems


def _is_name(value: object) -> bool:
    return isinstance(value, str) and all(part.isidentifier() for part in value.split("."))


def results_problems(reference: Mapping[str, Any]) -> Sequence[Problem]:
    """Return why results cannot be stored where `results_reference` says; paths are relative to it."""
    kind, location = reference["type"], reference["location"]
    path = location.get("path", "")
    if not isinstance(path, str) or ".." in path.split("/") or "\0" in path:
        return [Problem("location.path", "The path is text without '..'.")]
    if len(path.encode()) > _LONGEST_PATH or any(len(part.encode()) > 255 for part in path.split("/")):
        text = f"The path has at most {_LONGEST_PATH} bytes, and 255 between two '/'."
        return [Problem("location.path", text)]
    if kind in _ON_SERVICE:
        return []
    if kind != "s3":
        return [Problem("type", f"Results of the type {kind} are not stored here; use container, fs or s3.")]
    if not has_boto3():
        return [Problem("type", str(MissingExtra("Storing results in s3", "s3")))]
    connection = reference.get("connection") or {}
    problems = [
        Problem(f"connection.{key}", f"{key} is required for s3.")
        for key in _S3_KEYS
        if not isinstance(connection.get(key), str) or not connection[key]
    ]
    if not isinstance(location.get("bucket"), str) or not location["bucket"]:
        problems.append(Problem("location.bucket", "bucket is required for s3."))
    return problems
