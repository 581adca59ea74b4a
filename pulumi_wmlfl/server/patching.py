"""JSON Patch (RFC 6902) as WML takes it: whole top-level members only, from a list per kind of object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from .problems import Refusal, bad_request
from .requests import PatchOperation, refusal_of

__all__ = ["apply_patch"]


def apply_patch(
    current: Mapping[str, Any], operations: object, *, allowed: Mapping[str, frozenset[str]]
) -> dict[str, Any]:
    """Return `current` with the operations applied, all or none.

    `allowed` maps each path to the operations it takes. `add` on a member that exists replaces it.

    Raises:
        Refusal: 400 names the operation that cannot be applied.
    """
    if not isinstance(operations, list):
        raise bad_request("The body of a PATCH must be a JSON array of operations.", code="json_type_error")
    patched = dict(current)
    for index, item in enumerate(operations):
        _apply(patched, _parse(index, item), index, allowed)
    return patched


def _parse(index: int, item: object) -> PatchOperation:
    try:
        operation = PatchOperation.model_validate(item)
    except ValidationError as error:
        raise refusal_of(error, prefix=str(index)) from None
    if operation.op != "remove" and "value" not in operation.model_fields_set:
        raise bad_request(f"{index}: The operation {operation.op} needs a value.", target=str(index))
    return operation


def _apply(
    patched: dict[str, Any], operation: PatchOperation, index: int, allowed: Mapping[str, frozenset[str]]
) -> None:
    path, member = operation.path, operation.path.removeprefix("/")
    if path not in allowed:
        raise _refuse(index, f"The path {path} cannot be changed. Paths: {', '.join(sorted(allowed))}.")
    if operation.op not in allowed[path]:
        raise _refuse(index, f"The path {path} takes {' or '.join(sorted(allowed[path]))}.")
    if operation.op != "add" and member not in patched:
        raise _refuse(index, f"There is no {path} to {operation.op}.")
    if operation.op == "remove":
        del patched[member]
    else:
        patched[member] = operation.value


def _refuse(index: int, text: str) -> Refusal:
    return bad_request(f"{index}: {text}", target=str(index), code="invalid_request_entity")
