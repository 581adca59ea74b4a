"""What follows for a registration from its parent, its type and the stack's configuration."""

from __future__ import annotations

from .registration import Registration, refuse
from .settings import ConfigValue
from .urns import (
    BUILTIN_PACKAGE,
    DYNAMIC_PACKAGE,
    PROVIDER_PREFIX,
    STACK_REFERENCE_TYPE,
    is_provider_type,
    package_of,
    split_reference,
    type_of,
)
from .values import Properties, Secret


def inherit(wanted: Registration, parent: Registration | None) -> None:
    """Take over from the parent what the child leaves open (`inheritFromParent`, source_eval.go)."""
    if parent is None:
        return
    wanted.deleted_with = wanted.deleted_with or parent.deleted_with
    wanted.protect = parent.protect if wanted.protect is None else wanted.protect
    if wanted.retain_on_delete is None:
        wanted.retain_on_delete = parent.retain_on_delete
    if not wanted.provider and parent.provider:
        package = type_of(split_reference(parent.provider)[0]).removeprefix(PROVIDER_PREFIX)
        if not wanted.custom or package == package_of(wanted.type):
            wanted.provider = parent.provider


def has_provider(wanted: Registration) -> bool:
    """Say whether a custom resource needs no default provider: it is one, or names one.

    Raises:
        EngineError: its type or its provider is of a kind that this engine does not serve.
    """
    if is_provider_type(wanted.type):
        package = wanted.type.removeprefix(PROVIDER_PREFIX)
        if package != DYNAMIC_PACKAGE:
            refuse(wanted.name, f"the provider plugin '{package}'")
        return True
    package = package_of(wanted.type)
    if package == BUILTIN_PACKAGE and wanted.type != STACK_REFERENCE_TYPE:
        refuse(wanted.name, f"the resource type {wanted.type}")
    if package not in (DYNAMIC_PACKAGE, BUILTIN_PACKAGE):
        refuse(wanted.name, f"the provider plugin '{package}'")
    if wanted.provider and type_of(split_reference(wanted.provider)[0]) != PROVIDER_PREFIX + package:
        refuse(wanted.name, f"a provider of another kind, {wanted.provider}")
    return bool(wanted.provider)


def default_inputs(package: str, config: dict[str, ConfigValue]) -> Properties:
    """Return the inputs of a default provider: the stack's configuration, as text.

    The dynamic provider gets all of it with qualified keys, the built-in one its own namespace only.
    """
    found: Properties = {}
    for key, value in config.items():
        namespace, _, name = key.partition(":")
        if package not in (DYNAMIC_PACKAGE, namespace):
            continue
        wanted = key if package == DYNAMIC_PACKAGE else name
        found[wanted] = Secret(value.text) if value.secret else value.text
    return found
