"""Keeps the keys of object storages encrypted in the state: what the policy table calls secret, at both ends.

The program marks them on the way in, the provider on the way out. Both are needed: outputs are written to the
state too, and a list that is read back has no secret mark of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pulumi
from pulumi.runtime import rpc

from ..schema.policy import FIELDS

__all__ = ["hide_in_state", "hide_inputs", "hide_outputs", "secret_in_state"]


def hide_inputs(collection: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Mark every `connection` in a secret property; what cannot be looked into is marked as a whole."""
    return _hidden(collection, properties, pulumi.Output.secret)


def hide_outputs(collection: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Wrap every `connection` in a secret property, in the form that a provider may return."""
    return _hidden(collection, properties, rpc.wrap_rpc_secret)


def hide_in_state(collection: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Mark every `connection` in a secret property, in the form in which a state is imported."""
    return _hidden(collection, properties, secret_in_state)


def secret_in_state(value: Any) -> dict[str, str]:
    """Return a secret as a state may be given it; whoever imports the state encrypts it."""
    signature, secret = rpc._special_sig_key, rpc._special_secret_sig
    return {signature: secret, "plaintext": json.dumps(value, separators=(",", ":"), ensure_ascii=False)}


def _hidden(collection: str, properties: Mapping[str, Any], hide: Callable[[Any], Any]) -> dict[str, Any]:
    names = {field.name for field in FIELDS[collection] if field.secret}
    return {
        name: _without_clear_keys(value, hide) if name in names else value
        for name, value in properties.items()
    }


def _without_clear_keys(value: Any, hide: Callable[[Any], Any]) -> Any:
    if value is None:
        return None
    if isinstance(value, Mapping):
        return {k: hide(v) if k == "connection" and v else v for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_without_clear_keys(item, hide) for item in value]
    return hide(value)
