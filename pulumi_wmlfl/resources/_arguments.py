"""From keywords, a dictionary or an Args object to the properties of a resource."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import pulumi

from ..schema.policy import FIELDS, OUTPUTS
from ._secrets import hide_inputs
from .args import Args

__all__ = ["properties_of", "properties_to_read", "with_known_id"]

Read = TypeVar("Read", bound=pulumi.CustomResource)


def properties_to_read(collection: str, scope: Mapping[str, str]) -> dict[str, Any]:
    """Return all properties, for an existing object: each becomes an attribute of the resource."""
    return {**dict.fromkeys(field.name for field in FIELDS[collection]), **scope}


def with_known_id(found: Read, object_id: pulumi.Input[str]) -> Read:
    """Return a resource that is read, its id known at preview if that which was given is.

    Where the engine does not answer a read with the id, the SDK takes it for unknown at preview, and a
    training that refers to it would be shown as replaced every time. Source: SDK 3.272, `read_resource`.
    """
    vars(found)["id"] = pulumi.Output.from_input(object_id)
    return found


def properties_of(
    collection: str,
    resource_name: str,
    args: Any,
    given: Mapping[str, Any],
    opts: pulumi.ResourceOptions | None,
) -> dict[str, Any]:
    """Merge `args` and keywords into the properties of a resource of `collection`.

    `name` defaults to the resource's name, except of an object that is read; outputs are declared,
    storage keys are marked as secrets.

    Raises:
        TypeError: `args` is neither a dictionary nor an Args object.
    """
    base = args.as_dict() if isinstance(args, Args) else args
    if base is not None and not isinstance(base, Mapping):
        kind = type(base).__name__
        raise TypeError(f"args of {resource_name!r} must be a dictionary or an Args object, not {kind}")
    merged = {**(base or {}), **{key: value for key, value in given.items() if value is not None}}
    properties = {key: _plain(value) for key, value in merged.items()}
    is_read = opts is not None and opts.id is not None
    if properties.get("name") is None and not is_read:
        properties["name"] = resource_name
    outputs = dict.fromkeys(output.name for output in OUTPUTS[collection])
    return {**outputs, **hide_inputs(collection, properties)}


def _plain(value: Any) -> Any:
    """Turn Args objects into dictionaries at every depth, and assets into their paths.

    Dynamic providers cannot carry assets: they break at the second run.
    """
    if isinstance(value, Args):
        return _plain(value.as_dict())
    if isinstance(value, pulumi.FileAsset | pulumi.FileArchive):
        return value.path
    if isinstance(value, pulumi.Asset | pulumi.Archive):
        kind = type(value).__name__
        raise TypeError(f"content must be a path, a FileAsset or a FileArchive; {kind} cannot be sent")
    if isinstance(value, pulumi.Output):
        return value.apply(_plain)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
