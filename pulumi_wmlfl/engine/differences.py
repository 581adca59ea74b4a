"""Where two sets of properties differ, and what a protected resource's refusal says."""

from __future__ import annotations

from itertools import zip_longest

from .values import Value, equal


def protected(verb: str, urn: str) -> str:
    """Return what people are told when a protected resource stands in the way."""
    return (
        f'unable to {verb} resource "{urn}" as it is currently marked for protection. To unprotect the '
        "resource, remove the `protect` flag from the resource in your Pulumi program and run `up`."
    )


def changed_paths(old: Value, new: Value) -> list[list[str | int]]:
    """Return the paths of the innermost properties that were added, removed or changed."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys: list[str | int] = sorted({*old, *new})
        pairs = [(key, old.get(key, _MISSING), new.get(key, _MISSING)) for key in keys]
    elif isinstance(old, list) and isinstance(new, list):
        pairs = [(index, *pair) for index, pair in enumerate(zip_longest(old, new, fillvalue=_MISSING))]
    else:
        return [] if equal(old, new) else [[]]
    return [[step, *rest] for step, before, after in pairs for rest in changed_paths(before, after)]


_MISSING = object()
