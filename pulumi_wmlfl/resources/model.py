"""`Model`: an untrained or trained model of WML, and its content, as a Pulumi resource."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

import pulumi
from pulumi.dynamic import Resource

from ._adapter import WmlProvider
from ._arguments import properties_of, properties_to_read, with_known_id
from .args import ModelArgs, ModelInputs

__all__ = ["Model", "ModelArgs", "ModelProvider"]


class ModelProvider(WmlProvider):
    """Serves Model; its import path is part of every state."""

    _kind = "models"


class Model(Resource, module="wmlfl", name="Model"):
    """A model: WML's `POST /ml/v4/models`, and its content.

    `content` is the path of a file or of a directory, which is zipped with the same bytes on every machine;
    only the content's hash is compared. Every other keyword is WML's own key: see :class:`.args.ModelInputs`.
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
        **inputs: Unpack[ModelInputs],
    ) -> None:
        super().__init__(
            ModelProvider(), resource_name, properties_of("models", resource_name, args, inputs, opts), opts
        )

    @staticmethod
    def get(
        resource_name: str,
        id: pulumi.Input[str],  # noqa: A002 - Pulumi's name
        opts: pulumi.ResourceOptions | None = None,
        **scope: str,
    ) -> Model:
        """Read an existing model; `project_id` or `space_id` may name another scope."""
        merged = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(id=id))
        properties = properties_to_read("models", scope)
        return with_known_id(Model(resource_name, properties, merged), id)
