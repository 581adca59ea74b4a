"""From keywords, a dictionary or an Args object to the properties of a resource."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pulumi

__all__ = ["collect"]


def collect(
    resource_name: str, args: Any, given: Mapping[str, Any], computed: Iterable[str]
) -> dict[str, Any]:
    """Merge `args` and keywords; `name` defaults to the resource's name, computed outputs are declared."""
    base = getattr(args, "values", args)
    if base is not None and not isinstance(base, Mapping):
        raise TypeError(
            f"args of {resource_name!r} must be a dictionary or an Args object, not {type(base).__name__}"
        )
    properties = {**(base or {}), **{key: value for key, value in given.items() if value is not None}}
    if properties.get("name") is None:
        properties["name"] = resource_name
    content = properties.get("content")
    # Dynamic providers cannot carry assets (they break at the second run), so their path is passed on.
    if isinstance(content, pulumi.FileAsset | pulumi.FileArchive):
        properties["content"] = content.path
    return {**dict.fromkeys(computed), **properties}
