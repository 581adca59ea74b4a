"""What a program asks for: one registration of a resource, read from the SDK's request.

Whatever this engine does not do is refused here by name, so that nothing is left out in silence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ..errors import EngineError
from .values import Properties, from_struct


@dataclass(frozen=True, slots=True)
class AliasSpec:
    """Another name under which the state may know the resource: a whole URN, or the parts that differ."""

    urn: str = ""
    name: str = ""
    type: str = ""
    stack: str = ""
    project: str = ""
    parent: str = ""
    no_parent: bool = False


@dataclass(slots=True)
class Registration:
    """One wanted resource (a "goal" in Pulumi's engine). None stands for an option that is not set."""

    type: str
    name: str
    parent: str = ""
    custom: bool = False
    inputs: Properties = field(default_factory=dict)
    protect: bool | None = None
    dependencies: list[str] = field(default_factory=list)
    provider: str = ""
    property_dependencies: dict[str, list[str]] = field(default_factory=dict)
    delete_before_replace: bool | None = None
    ignore_changes: list[str] = field(default_factory=list)
    additional_secret_outputs: list[str] = field(default_factory=list)
    aliases: list[AliasSpec] = field(default_factory=list)
    custom_timeouts: dict[str, float] = field(default_factory=dict)
    replace_on_changes: list[str] = field(default_factory=list)
    retain_on_delete: bool | None = None
    deleted_with: str = ""
    replace_with: list[str] = field(default_factory=list)


# Fields that an older SDK does not have are not asked for either.
_REFUSED = (
    ("remote", "remote components"),
    ("importId", "the option import_ (dynamic resources cannot be imported, pulumi/pulumi#3550)"),
    ("packageRef", "parameterized packages"),
    ("pluginDownloadURL", "the option plugin_download_url"),
    ("version", "the option version"),
    ("transforms", "transforms"),
    ("state_migrations", "state migrations"),
    ("hideDiffs", "the option hide_diffs"),
    ("envVarMappings", "the option env_var_mappings"),
    ("replacement_trigger", "the option replacement_trigger"),
    ("hooks", "hooks"),
)


def read_registration(request: Any) -> Registration:
    """Return what a `RegisterResourceRequest` asks for.

    Raises:
        EngineError: it asks for something that this engine does not do.
    """
    for name, what in _REFUSED:
        value = getattr(request, name, None)
        if value is not None and (value.ByteSize() if hasattr(value, "ByteSize") else value):
            refuse(request.name, what)
    timeouts = {
        key: seconds(duration)
        for key in ("create", "update", "delete", "read")
        if (duration := getattr(request.customTimeouts, key, ""))
    }
    before = request.deleteBeforeReplace if request.deleteBeforeReplaceDefined else None
    return Registration(
        type=request.type,
        name=request.name,
        parent=request.parent,
        custom=request.custom,
        inputs=from_struct(request.object),
        protect=request.protect if request.HasField("protect") else None,
        dependencies=sorted(request.dependencies),
        provider=request.provider,
        property_dependencies={
            key: sorted(value.urns) for key, value in sorted(request.propertyDependencies.items())
        },
        delete_before_replace=before,
        ignore_changes=list(request.ignoreChanges),
        additional_secret_outputs=list(request.additionalSecretOutputs),
        aliases=[AliasSpec(urn=urn) for urn in request.aliasURNs]
        + [_alias(item) for item in request.aliases],
        custom_timeouts=timeouts,
        replace_on_changes=list(request.replaceOnChanges),
        retain_on_delete=request.retainOnDelete if request.HasField("retainOnDelete") else None,
        deleted_with=request.deletedWith,
        replace_with=list(getattr(request, "replace_with", ())),
    )


def refuse(name: str, what: str) -> None:
    """Refuse what a resource asks for, by name."""
    raise EngineError(
        f"the resource '{name}' uses {what}, which the embedded engine does not do.",
        hint="Use the Pulumi CLI (--engine pulumi).",
    )


def _alias(alias: Any) -> AliasSpec:
    if alias.WhichOneof("alias") == "urn":
        return AliasSpec(urn=alias.urn)
    spec = alias.spec
    return AliasSpec(
        name=spec.name,
        type=spec.type,
        stack=spec.stack,
        project=spec.project,
        parent=spec.parentUrn if spec.WhichOneof("parent") == "parentUrn" else "",
        no_parent=spec.noParent if spec.WhichOneof("parent") == "noParent" else False,
    )


_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def seconds(duration: str) -> float:
    """Return the seconds of a duration as Go writes it (`1h30m`, `500ms`).

    Raises:
        EngineError: it is not one.
    """
    parts = re.findall(r"(\d+(?:\.\d*)?|\.\d+)(ms|us|µs|ns|h|m|s)", duration)
    if not parts or "".join(number + unit for number, unit in parts) != duration:
        raise EngineError(f"{duration!r} is not a duration: write it like '5m' or '1h30m'.")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)
