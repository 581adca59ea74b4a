"""Remote training systems: pure metadata; everything but the scope is updated in place."""

from __future__ import annotations

from ..schema.api import WmlObject
from .base import Manager
from .party_names import remember
from .results import Json, Progress

__all__ = ["RemoteTrainingSystemManager"]


class RemoteTrainingSystemManager(Manager):
    """Lifecycle of `/ml/v4/remote_training_systems`."""

    collection = "remote_training_systems"
    noun = "remote training system"

    def update(self, object_id: str, olds: Json, news: Json, progress: Progress) -> Json:  # noqa: ARG002
        """Patch exactly what differs."""
        return self.outputs(news, self.patched(object_id, olds, news))

    def outputs(self, inputs: Json, found: WmlObject) -> Json:
        """As every resource's; the name is kept for the trainings of this deployment."""
        remember(found)
        return super().outputs(inputs, found)
