"""The fixed table of class names and paths that the aggregator puts into its reply to REGISTER.

IBM's party imports what the reply names, so the names come from here, never from a user, a model or a party.

Source: the party library of releases 1.0.370 and 1.3.39. Imports `errors`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from ..errors import ProtocolError

__all__ = ["Framework", "framework_of", "local_training_class", "model_class"]

_MODELS = "ibmfl.model"
_TRAINING = "ibmfl.party.training"


class Framework(StrEnum):
    """The frameworks whose models a party trains, as `federated_learning.model.type` names them."""

    SCIKIT_LEARN = "scikit-learn"
    TENSORFLOW = "tensorflow"
    PYTORCH = "pytorch"


_FRAMEWORK_PREFIXES = {
    "scikit-learn": Framework.SCIKIT_LEARN,
    "scikit_learn": Framework.SCIKIT_LEARN,
    "sklearn": Framework.SCIKIT_LEARN,
    "tensorflow": Framework.TENSORFLOW,
    "keras": Framework.TENSORFLOW,
    "pytorch": Framework.PYTORCH,
    "torch": Framework.PYTORCH,
}

_MODEL_OF_FUSION = {
    "spahm": ("SklearnKMeansFLModel", "sklearn_kmeans_fl_model"),
    "xgb_classifier": ("XGBClassifierFLModel", "xgb_fl_model"),
    "xgb_regressor": ("XGBRegressorFLModel", "xgb_fl_model"),
}
_MODEL_OF_FRAMEWORK = {
    Framework.SCIKIT_LEARN: ("SklearnSGDFLModel", "sklearn_SGD_linear_fl_model"),
    Framework.TENSORFLOW: ("TensorFlowFLModel", "tensorflow_fl_model"),
    Framework.PYTORCH: ("PytorchFLModel", "pytorch_fl_model"),
}
_PLAIN_TRAINING = ("LocalTrainingHandler", "local_training_handler")
_TRAINING_OF_FUSION = {
    "avg": ("FedAvgLocalTrainingHandler", "fedavg_local_training_handler"),
    "pfnm": ("PFNMLocalTrainingHandler", "pfnm_local_training_handler"),
    "xgb_classifier": ("XGBClassifierLocalTrainingHandler", "xgboost_local_training_handler"),
    "xgb_regressor": ("XGBRegressorLocalTrainingHandler", "xgboost_local_training_handler"),
    "crypto_iter_avg": ("CryptoLocalTrainingHandler", "crypto_local_training_handler"),
}
_CRYPTO = {
    "name": "CryptoFHE",
    "path": "ibmfl.crypto.helayer.fhe",
    # Each party names its certificates below `distribution`, in its own configuration.
    "key_manager": {
        "name": "DistributionKeyManager",
        "path": "ibmfl.crypto.keys_mng.crypto_key_mng_dst",
        "key_mgr_info": {"distribution": {}},
    },
}


def framework_of(model_type: str) -> Framework | None:
    """Return the framework of a WML model type such as `tensorflow_2.12` or `keras`; None if unknown."""
    lowered = model_type.strip().lower()
    for prefix, framework in _FRAMEWORK_PREFIXES.items():
        if lowered == prefix or lowered.startswith((f"{prefix}_", f"{prefix}-")):
            return framework
    return None


def model_class(framework: str, fusion_type: str) -> dict[str, str]:
    """Return `name` and `path` of `model_config`; the caller adds `spec`.

    Raises:
        ProtocolError: the framework is not in the table.
    """
    found = _MODEL_OF_FUSION.get(fusion_type)
    if found is None:
        if framework not in _MODEL_OF_FRAMEWORK:
            raise ProtocolError(f"Parties have no class for models of {framework!r}.")
        found = _MODEL_OF_FRAMEWORK[Framework(framework)]
    return {"name": found[0], "path": f"{_MODELS}.{found[1]}"}


def local_training_class(fusion_type: str) -> dict[str, Any]:
    """Return `name`, `path` and, if there is any, `info` of `local_training`.

    Robust fusions use the plain handler.
    """
    name, path = _TRAINING_OF_FUSION.get(fusion_type, _PLAIN_TRAINING)
    info = {"info": {"crypto": _CRYPTO}} if fusion_type == "crypto_iter_avg" else {}
    return {"name": name, "path": f"{_TRAINING}.{path}", **info}
