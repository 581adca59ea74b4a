"""`RemoteTrainingSystem`: the identity under which one party joins, as a Pulumi resource."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

import pulumi
from pulumi.dynamic import Resource

from ._adapter import WmlProvider
from ._arguments import properties_of, properties_to_read, with_known_id
from .args import RemoteTrainingSystemArgs, RemoteTrainingSystemInputs

__all__ = ["RemoteTrainingSystem", "RemoteTrainingSystemArgs", "RemoteTrainingSystemProvider"]


class RemoteTrainingSystemProvider(WmlProvider):
    """Serves RemoteTrainingSystem; its import path is part of every state."""

    _kind = "remote_training_systems"


class RemoteTrainingSystem(Resource, module="wmlfl", name="RemoteTrainingSystem"):
    """A party's registration: WML's `POST /ml/v4/remote_training_systems`, key for key.

    Keywords are those of :class:`.args.RemoteTrainingSystemInputs`.
    """

    created_at: pulumi.Output[str]
    modified_at: pulumi.Output[str]
    owner: pulumi.Output[str]
    href: pulumi.Output[str]

    def __init__(
        self,
        resource_name: str,
        args: RemoteTrainingSystemArgs | Mapping[str, Any] | None = None,
        opts: pulumi.ResourceOptions | None = None,
        **inputs: Unpack[RemoteTrainingSystemInputs],
    ) -> None:
        properties = properties_of("remote_training_systems", resource_name, args, inputs, opts)
        super().__init__(RemoteTrainingSystemProvider(), resource_name, properties, opts)

    @staticmethod
    def get(
        resource_name: str,
        id: pulumi.Input[str],  # noqa: A002 - Pulumi's name
        opts: pulumi.ResourceOptions | None = None,
        **scope: str,
    ) -> RemoteTrainingSystem:
        """Read an existing remote training system; `project_id` or `space_id` may name another scope."""
        merged = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(id=id))
        properties = properties_to_read("remote_training_systems", scope)
        return with_known_id(RemoteTrainingSystem(resource_name, properties, merged), id)
