"""`Training`: one run of a federated-learning experiment of WML as a Pulumi resource."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

import pulumi
from pulumi.dynamic import Resource

from ._adapter import WmlProvider
from ._arguments import properties_of, properties_to_read, with_known_id
from .args import TrainingArgs, TrainingInputs

__all__ = ["Training", "TrainingArgs", "TrainingProvider"]


class TrainingProvider(WmlProvider):
    """Serves Training; its import path is part of every state."""

    _kind = "trainings"


class Training(Resource, module="wmlfl", name="Training"):
    """A training: WML's `POST /ml/v4/trainings`, key for key, and what to wait for.

    `wait_for` is `accepting_parties` (default), `none` or `completed`; a change in `triggers` starts a new
    run; `on_delete` is `delete` (default) or `cancel`, which keeps the record in WML. Keywords are those of
    :class:`.args.TrainingInputs`.
    """

    created_at: pulumi.Output[str]
    modified_at: pulumi.Output[str]
    owner: pulumi.Output[str]
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
        **inputs: Unpack[TrainingInputs],
    ) -> None:
        super().__init__(
            TrainingProvider(),
            resource_name,
            properties_of("trainings", resource_name, args, inputs, opts),
            opts,
        )

    @staticmethod
    def get(
        resource_name: str,
        id: pulumi.Input[str],  # noqa: A002 - Pulumi's name
        opts: pulumi.ResourceOptions | None = None,
        **scope: str,
    ) -> Training:
        """Read an existing training; `project_id` or `space_id` may name another scope."""
        merged = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(id=id))
        properties = properties_to_read("trainings", scope)
        return with_known_id(Training(resource_name, properties, merged), id)
