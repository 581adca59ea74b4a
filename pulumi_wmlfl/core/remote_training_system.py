"""Remote training systems: pure metadata; everything but the scope is updated in place."""

from __future__ import annotations

from .base import Created, Json, Manager, Progress

__all__ = ["RemoteTrainingSystemManager"]


class RemoteTrainingSystemManager(Manager):
    """Lifecycle of `/ml/v4/remote_training_systems`."""

    collection = "remote_training_systems"
    noun = "remote training system"

    def create(self, inputs: Json, progress: Progress) -> Created:  # noqa: ARG002
        """Register the party."""
        found = self.api.create(self.collection, self.body(inputs))
        return Created(found.id, self.outputs(inputs, found))

    def update(self, object_id: str, olds: Json, news: Json, progress: Progress) -> Json:  # noqa: ARG002
        """Patch exactly what differs."""
        scope = self.scope(news)
        operations = self.patch(olds, news)
        if operations:
            found = self.api.patch(self.collection, object_id, scope, operations)
        else:
            found = self.api.get(self.collection, object_id, scope)
        return self.outputs(news, found)
