"""RFC 6902 patches for exactly what differs, in the form that WML takes them: top-level paths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..schema.policy import Change, Field
from .diff import differs

__all__ = ["emptied", "patch_for"]

Json = dict[str, Any]
_EMPTY: dict[type, Any] = {str: "", list: [], dict: {}}


def patch_for(fields: Sequence[Field], olds: Json, news: Json) -> list[Json]:
    """Return the patch from recorded outputs to declared inputs, for what WML updates in place.

    The marker is one of the object's tags, and stays there.
    """
    operations: list[Json] = []
    for spec in fields:
        before, after = olds.get(spec.name), news.get(spec.name)
        if spec.change is not Change.UPDATES or not differs(spec, before, after):
            continue
        path = f"/{spec.name}"
        if spec.name == "tags" and olds.get("marker"):
            operations.append({"op": "replace", "path": path, "value": [*(after or []), olds["marker"]]})
        elif after is None:
            operations.append({"op": "remove", "path": path})
        else:
            op = "add" if before is None else "replace"
            operations.append({"op": op, "path": path, "value": after})
    return operations


def emptied(operations: Sequence[Json], olds: Json) -> list[Json]:
    """Return a patch that empties what the given one removes: WML may not let a field go."""
    return [
        operation
        if operation["op"] != "remove"
        else {**operation, "op": "replace", "value": _EMPTY.get(type(olds.get(operation["path"][1:])), "")}
        for operation in operations
    ]
