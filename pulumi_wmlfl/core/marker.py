"""The tag by which we recognise an object that we made: `wmlfl-<stack>-<resource>-<try>`.

WML has no idempotency key. Tags are what every kind of object keeps and every listing shows. The first part
is derived from project and stack, the second from the resource's URN, the third is drawn for every try, so
that no object of another stack, of a copied stack or of an earlier replacement is ever taken for the one we
look for.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from typing import Any

__all__ = ["is_marker", "is_of_stack", "marker_of", "new_marker", "stack_part", "without_markers"]

_MARKER = re.compile(r"^wmlfl-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{12}$")


def new_marker(urn: str) -> str:
    """Return a marker for one try to make the resource `urn`."""
    return f"wmlfl-{stack_part(urn)}-{_digest(urn)}-{secrets.token_hex(6)}"


def stack_part(urn: str) -> str:
    """Return the part that all objects of a stack share: of `urn:pulumi:<stack>::<project>::…`."""
    return _digest("::".join(urn.split("::")[:2]))


def is_of_stack(marker: str, urn: str) -> bool:
    """Say whether a marker is of the stack of `urn`."""
    return marker.split("-")[1:2] == [stack_part(urn)]


def is_marker(tag: Any) -> bool:
    """Say whether a tag is one of ours."""
    return isinstance(tag, str) and _MARKER.match(tag) is not None


def marker_of(tags: Sequence[Any] | None) -> str:
    """Return the marker among an object's tags; empty if there is none."""
    return next((tag for tag in tags or () if is_marker(tag)), "")


def without_markers(tags: Any) -> Any:
    """Return tags as the user knows them."""
    return [tag for tag in tags if not is_marker(tag)] if isinstance(tags, list) else tags


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
