"""`Model`: an untrained or trained model with its content of WML as a Pulumi resource."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from ._adapter import WmlProvider
from ._arguments import collect
from ._secrets import hide_inputs

__all__ = ["Model", "ModelArgs", "ModelProvider"]


class ModelProvider(WmlProvider):
    """Serves Model; its import path is part of every state."""

    _kind = "models"


class ModelArgs:
    """Inputs of a Model, for those who prefer a class to keywords: every keyword of `Model`."""

    def __init__(self, **values: Any) -> None:
        self.values = values


class Model(Resource, module="wmlfl", name="Model"):
    """A model: WML's `POST /ml/v4/models`, and its content.

    `content` is the path of a file or of a directory, which is zipped with the same bytes on every machine;
    only the content's hash is compared. Every other keyword is WML's own key.
    """

    created_at: pulumi.Output[str]
    modified_at: pulumi.Output[str]
    owner: pulumi.Output[str]
    href: pulumi.Output[str]
    content_sha256: pulumi.Output[str]
    content_bytes: pulumi.Output[int]

    def __init__(
        self,
        resource_name: str,
        args: ModelArgs | Mapping[str, Any] | None = None,
        opts: pulumi.ResourceOptions | None = None,
        *,
        name: pulumi.Input[str] | None = None,
        type: pulumi.Input[str] | None = None,  # noqa: A002 - WML's key
        software_spec: pulumi.Input[Mapping[str, Any]] | None = None,
        description: pulumi.Input[str] | None = None,
        tags: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None,
        custom: pulumi.Input[Mapping[str, Any]] | None = None,
        content: pulumi.Input[str] | pulumi.FileAsset | pulumi.FileArchive | None = None,
        **more: Any,
    ) -> None:
        given = {
            "name": name,
            "type": type,
            "software_spec": software_spec,
            "description": description,
            "tags": tags,
            "custom": custom,
            "content": content,
            **more,
        }
        computed = ("created_at", "modified_at", "owner", "href", "content_sha256", "content_bytes")
        props = hide_inputs("models", collect(resource_name, args, given, computed))
        super().__init__(ModelProvider(), resource_name, props, opts)

    @staticmethod
    def get(resource_name: str, id: pulumi.Input[str], **scope: str) -> Model:  # noqa: A002
        """Read an existing model; `project_id` or `space_id` may name another scope."""
        return Model(resource_name, scope, pulumi.ResourceOptions(id=id))
