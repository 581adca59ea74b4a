"""The manager of every kind of object, for commands that work outside of a deployment."""

from __future__ import annotations

import functools
from collections.abc import Callable

from ..client.contract import Collection, Scope, WmlApi
from .base import Manager
from .model import ModelManager
from .remote_training_system import RemoteTrainingSystemManager
from .training import TrainingManager

__all__ = ["MANAGERS", "manager_of"]

# A training is ended before what it uses is deleted.
MANAGERS: dict[Collection, type[Manager]] = {
    "trainings": TrainingManager,
    "models": ModelManager,
    "remote_training_systems": RemoteTrainingSystemManager,
}


class _Unknown:
    """There are no unknown values outside of a deployment."""


def manager_of(collection: Collection, api: WmlApi, scope: Scope, *, host: str = "") -> Manager:
    """Return the manager of a collection for a project or space; `host` is what parties of a training get."""
    make: Callable[..., Manager] = MANAGERS[collection]
    if collection == "trainings":
        make = functools.partial(make, host=host)
    return make(api, unknown=_Unknown, default_scope=scope.as_dict())
