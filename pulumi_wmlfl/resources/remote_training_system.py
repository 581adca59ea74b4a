"""`RemoteTrainingSystem`: the identity under which one party joins a training of WML as a Pulumi resource."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from ._adapter import WmlProvider
from ._arguments import collect

__all__ = ["RemoteTrainingSystem", "RemoteTrainingSystemArgs", "RemoteTrainingSystemProvider"]


class RemoteTrainingSystemProvider(WmlProvider):
    """Serves RemoteTrainingSystem; its import path is part of every state."""

    _kind = "remote_training_systems"


class RemoteTrainingSystemArgs:
    """Inputs of a RemoteTrainingSystem as a class: every keyword of `RemoteTrainingSystem`."""

    def __init__(self, **values: Any) -> None:
        self.values = values


class RemoteTrainingSystem(Resource, module="wmlfl", name="RemoteTrainingSystem"):
    """A party's identity: WML's `POST /ml/v4/remote_training_systems`, key for key."""

    created_at: pulumi.Output[str]
    modified_at: pulumi.Output[str]
    owner: pulumi.Output[str]
    href: pulumi.Output[str]

    def __init__(
        self,
        resource_name: str,
        args: RemoteTrainingSystemArgs | Mapping[str, Any] | None = None,
        opts: pulumi.ResourceOptions | None = None,
        *,
        name: pulumi.Input[str] | None = None,
        allowed_identities: pulumi.Input[Sequence[Mapping[str, Any]]] | None = None,
        organization: pulumi.Input[Mapping[str, Any]] | None = None,
        remote_admin: pulumi.Input[Mapping[str, Any]] | None = None,
        description: pulumi.Input[str] | None = None,
        tags: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None,
        custom: pulumi.Input[Mapping[str, Any]] | None = None,
        **more: Any,
    ) -> None:
        given = {
            "name": name,
            "allowed_identities": allowed_identities,
            "organization": organization,
            "remote_admin": remote_admin,
            "description": description,
            "tags": tags,
            "custom": custom,
            **more,
        }
        props = collect(resource_name, args, given, ("created_at", "modified_at", "owner", "href"))
        super().__init__(RemoteTrainingSystemProvider(), resource_name, props, opts)

    @staticmethod
    def get(resource_name: str, id: pulumi.Input[str], **scope: str) -> RemoteTrainingSystem:  # noqa: A002
        """Read an existing remote training system; `project_id` or `space_id` may name another scope."""
        return RemoteTrainingSystem(resource_name, scope, pulumi.ResourceOptions(id=id))
