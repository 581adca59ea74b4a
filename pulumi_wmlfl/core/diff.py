"""Compares what was declared with what WML has, and maps WML's answers back to what was declared."""

from __future__ import annotations

from typing import Any

from ..schema.policy import Echo, Field

__all__ = ["differs", "equal", "restore"]


def equal(one: Any, other: Any) -> bool:
    """Say whether two JSON values are the same; `True` is not 1, and what is empty equals what is missing."""
    return (_is_empty(one) and _is_empty(other)) or _identical(one, other)


def differs(field: Field, old: Any, new: Any) -> bool:
    """Say whether a field changed; a path of content never does, only the content's hash."""
    if field.name == "content":
        return False
    if field.same is not None:
        old, new = old or field.same, new or field.same
    return not equal(old, new)


def restore(field: Field, declared: Any, remote: Any) -> Any:
    """Return WML's value of a field in the form in which it was declared; None if there is nothing to show.

    What equals the declared value is returned as it was declared, so that a refresh shows real drift only.
    """
    if field.echo is Echo.NOTHING:
        return declared
    if field.echo is Echo.COMPLETED:
        if declared is None:
            return None
        remote = _projected(declared, remote)
    if equal(declared, remote):
        return declared
    return None if _is_empty(remote) else remote


def _projected(declared: Any, remote: Any) -> Any:
    """Return `remote` without what WML added; what it did not repeat is taken as kept."""
    if remote is None:
        return declared
    if isinstance(declared, dict) and isinstance(remote, dict):
        return {
            key: _projected(value, remote[key]) if key in remote else value for key, value in declared.items()
        }
    if isinstance(declared, list) and isinstance(remote, list) and len(declared) == len(remote):
        return [_projected(*pair) for pair in zip(declared, remote, strict=True)]
    return remote


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str | list | dict) and not value)


def _identical(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_identical(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_identical(*pair) for pair in zip(one, other, strict=True))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
