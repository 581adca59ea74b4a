"""Federated-learning experiments on IBM Watson Machine Learning (WML) as Pulumi resources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .resources.model import Model, ModelArgs
    from .resources.remote_training_system import RemoteTrainingSystem, RemoteTrainingSystemArgs
    from .resources.training import Training, TrainingArgs

__all__ = [
    "Model",
    "ModelArgs",
    "RemoteTrainingSystem",
    "RemoteTrainingSystemArgs",
    "Training",
    "TrainingArgs",
    "__version__",
]

_HOMES = {
    "Model": "model",
    "ModelArgs": "model",
    "RemoteTrainingSystem": "remote_training_system",
    "RemoteTrainingSystemArgs": "remote_training_system",
    "Training": "training",
    "TrainingArgs": "training",
}


def __getattr__(name: str) -> Any:
    """Import a resource when it is first used, so that importing the package stays cheap."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f".resources.{home}", __name__), name)
