"""Federated-learning experiments on IBM Watson Machine Learning (WML) as Pulumi resources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .resources.args import (
        AllowedIdentityArgs,
        DataReferenceArgs,
        FederatedLearningArgs,
        FederatedModelArgs,
        HardwareSpecArgs,
        ModelArgs,
        ModelVersionArgs,
        OrganizationArgs,
        PartyArgs,
        RemoteAdminArgs,
        RemoteTrainingArgs,
        RemoteTrainingSystemArgs,
        ResultsReferenceArgs,
        SoftwareSpecArgs,
        TimeoutsArgs,
        TrainingArgs,
    )
    from .resources.experiment import FederatedExperiment
    from .resources.experiment_args import ExperimentPartyArgs, FederatedExperimentArgs
    from .resources.lookups import (
        GetModelResult,
        GetRemoteTrainingSystemResult,
        GetTrainingResult,
        get_model,
        get_remote_training_system,
        get_training,
    )
    from .resources.model import Model
    from .resources.provider import Provider
    from .resources.remote_training_system import RemoteTrainingSystem
    from .resources.training import Training

__all__ = [
    "AllowedIdentityArgs",
    "DataReferenceArgs",
    "ExperimentPartyArgs",
    "FederatedExperiment",
    "FederatedExperimentArgs",
    "FederatedLearningArgs",
    "FederatedModelArgs",
    "GetModelResult",
    "GetRemoteTrainingSystemResult",
    "GetTrainingResult",
    "HardwareSpecArgs",
    "Model",
    "ModelArgs",
    "ModelVersionArgs",
    "OrganizationArgs",
    "PartyArgs",
    "Provider",
    "RemoteAdminArgs",
    "RemoteTrainingArgs",
    "RemoteTrainingSystem",
    "RemoteTrainingSystemArgs",
    "ResultsReferenceArgs",
    "SoftwareSpecArgs",
    "TimeoutsArgs",
    "Training",
    "TrainingArgs",
    "__version__",
    "get_model",
    "get_remote_training_system",
    "get_training",
]

_HOMES = {
    **dict.fromkeys(("GetModelResult", "GetRemoteTrainingSystemResult", "GetTrainingResult"), "lookups"),
    **dict.fromkeys(("get_model", "get_remote_training_system", "get_training"), "lookups"),
    "Provider": "provider",
    "ExperimentPartyArgs": "experiment_args",
    "FederatedExperiment": "experiment",
    "FederatedExperimentArgs": "experiment_args",
    "Model": "model",
    "RemoteTrainingSystem": "remote_training_system",
    "Training": "training",
}


def __getattr__(name: str) -> Any:
    """Import a resource when it is first used, so that importing the package stays cheap."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f".resources.{_HOMES.get(name, 'args')}", __name__), name)
