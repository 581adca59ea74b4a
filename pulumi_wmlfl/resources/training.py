"""`Training`: one run of a federated-learning experiment of WML as a Pulumi resource."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from ._adapter import WmlProvider
from ._arguments import collect
from ._secrets import hide_inputs

__all__ = ["Training", "TrainingArgs", "TrainingProvider"]


class TrainingProvider(WmlProvider):
    """Serves Training; its import path is part of every state."""

    _kind = "trainings"


class TrainingArgs:
    """Inputs of a Training as a class: every keyword of `Training`."""

    def __init__(self, **values: Any) -> None:
        self.values = values


class Training(Resource, module="wmlfl", name="Training"):
    """A training: WML's `POST /ml/v4/trainings`, key for key, and what to wait for.

    `wait_for` is `accepting_parties` (default), `none` or `completed`; a change in `triggers` starts a new
    run; `on_delete` is `delete` (default) or `cancel`, which keeps the record in WML.
    """

    created_at: pulumi.Output[str]
    modified_at: pulumi.Output[str]
    href: pulumi.Output[str]
    state: pulumi.Output[str]
    message: pulumi.Output[str]
    results_location: pulumi.Output[Mapping[str, Any]]
    party_variables: pulumi.Output[Mapping[str, Any]]

    def __init__(
        self,
        resource_name: str,
        args: TrainingArgs | Mapping[str, Any] | None = None,
        opts: pulumi.ResourceOptions | None = None,
        *,
        name: pulumi.Input[str] | None = None,
        federated_learning: pulumi.Input[Mapping[str, Any]] | None = None,
        results_reference: pulumi.Input[Mapping[str, Any]] | None = None,
        training_data_references: pulumi.Input[Sequence[Mapping[str, Any]]] | None = None,
        description: pulumi.Input[str] | None = None,
        tags: pulumi.Input[Sequence[Any]] | None = None,
        wait_for: pulumi.Input[str] | None = None,
        triggers: pulumi.Input[Mapping[str, Any]] | None = None,
        on_delete: pulumi.Input[str] | None = None,
        **more: Any,
    ) -> None:
        given = {
            "name": name,
            "federated_learning": federated_learning,
            "results_reference": results_reference,
            "training_data_references": training_data_references,
            "description": description,
            "tags": tags,
            "wait_for": wait_for,
            "triggers": triggers,
            "on_delete": on_delete,
            **more,
        }
        computed = ("created_at", "modified_at", "href", "state", "message", "results_location")
        props = collect(resource_name, args, given, (*computed, "party_variables"))
        super().__init__(TrainingProvider(), resource_name, hide_inputs("trainings", props), opts)

    @staticmethod
    def get(resource_name: str, id: pulumi.Input[str], **scope: str) -> Training:  # noqa: A002
        """Read an existing training; `project_id` or `space_id` may name another scope."""
        return Training(resource_name, scope, pulumi.ResourceOptions(id=id))
