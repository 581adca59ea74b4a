"""The state of a stack in memory: its resources, and how they are written and read.

The JSON is Pulumi's deployment, version 3 (sdk/go/common/apitype/core.go). What this engine does not
know of a resource is kept as it was read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from ..errors import EngineError
from .urns import split_reference
from .values import Properties, Secret, from_json, to_json

# attribute -> key of the JSON, in the order in which the CLI writes them
_FIELDS: Final = {
    "urn": "urn",
    "custom": "custom",
    "delete": "delete",
    "id": "id",
    "type": "type",
    "inputs": "inputs",
    "outputs": "outputs",
    "parent": "parent",
    "protect": "protect",
    "external": "external",
    "dependencies": "dependencies",
    "init_errors": "initErrors",
    "provider": "provider",
    "property_dependencies": "propertyDependencies",
    "pending_replacement": "pendingReplacement",
    "additional_secret_outputs": "additionalSecretOutputs",
    "aliases": "aliases",
    "custom_timeouts": "customTimeouts",
    "import_id": "importID",
    "retain_on_delete": "retainOnDelete",
    "deleted_with": "deletedWith",
    "replace_with": "replaceWith",
    "created": "created",
    "modified": "modified",
    "ignore_changes": "ignoreChanges",
    "replace_on_changes": "replaceOnChanges",
}
_ATTRIBUTES: Final = {key: attribute for attribute, key in _FIELDS.items()}
_ALWAYS: Final = frozenset({"urn", "custom", "type"})


@dataclass(slots=True, eq=False)
class Resource:
    """One entry of the state. Two entries may have one URN: a replaced one waits for its deletion."""

    urn: str
    type: str
    custom: bool = False
    delete: bool = False
    id: str = ""
    inputs: Properties = field(default_factory=dict)
    outputs: Properties = field(default_factory=dict)
    parent: str = ""
    protect: bool = False
    external: bool = False
    dependencies: list[str] = field(default_factory=list)
    init_errors: list[str] = field(default_factory=list)
    provider: str = ""
    property_dependencies: dict[str, list[str]] = field(default_factory=dict)
    pending_replacement: bool = False
    additional_secret_outputs: list[str] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)
    custom_timeouts: dict[str, float] = field(default_factory=dict)
    import_id: str = ""
    retain_on_delete: bool = False
    deleted_with: str = ""
    replace_with: list[str] = field(default_factory=list)
    created: str = ""
    modified: str = ""
    ignore_changes: list[str] = field(default_factory=list)
    replace_on_changes: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    def copy(self) -> Resource:
        """Return another entry with the same content."""
        return replace(self, inputs=dict(self.inputs), outputs=dict(self.outputs))

    def needs(self) -> Iterator[str]:
        """Yield the URNs of everything that must exist before this resource."""
        if self.provider:
            yield split_reference(self.provider)[0]
        if self.parent:
            yield self.parent
        yield from self.dependencies
        for urns in self.property_dependencies.values():
            yield from urns
        if self.deleted_with:
            yield self.deleted_with
        yield from self.replace_with

    def to_json(self, seal: Callable[[Secret], str]) -> dict[str, Any]:
        """Return the entry as it is written to the state."""
        found: dict[str, Any] = {}
        for attribute, key in _FIELDS.items():
            value = getattr(self, attribute)
            if value or key in _ALWAYS:
                found[key] = to_json(value, seal) if key in ("inputs", "outputs") else value
        return {**found, **self.extra}

    @classmethod
    def from_json(cls, value: dict[str, Any], unseal: Callable[[str], Secret]) -> Resource:
        """Return the entry that was written as `value`."""
        known: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        for key, item in value.items():
            if key in ("inputs", "outputs"):
                known[key] = {name: from_json(inner, unseal) for name, inner in (item or {}).items()}
            elif key in _ATTRIBUTES:
                if item is not None:
                    known[_ATTRIBUTES[key]] = item
            else:
                extra[key] = item
        return cls(**known, extra=extra)


@dataclass(frozen=True, slots=True)
class Operation:
    """Something that was under way when a run was killed: what became of it is not known."""

    resource: Resource
    type: str  # creating, updating, deleting, reading, importing


@dataclass(slots=True)
class Snapshot:
    """The state of a stack: resources in an order in which each comes after what it needs."""

    resources: list[Resource] = field(default_factory=list)
    pending: list[Operation] = field(default_factory=list)
    salt: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    features: list[str] = field(default_factory=list)

    def to_json(self, seal: Callable[[Secret], str]) -> dict[str, Any]:
        """Return the deployment as Pulumi writes it."""
        found: dict[str, Any] = {"manifest": {"time": now(), "magic": "", "version": ""}}
        if self.salt:
            found["secrets_providers"] = {"type": "passphrase", "state": {"salt": self.salt}}
        found["resources"] = [resource.to_json(seal) for resource in self.resources]
        if self.pending:
            found["pending_operations"] = [
                {"resource": operation.resource.to_json(seal), "type": operation.type}
                for operation in self.pending
            ]
        found["metadata"] = self.metadata
        return found

    @classmethod
    def from_json(cls, deployment: dict[str, Any], unseal: Callable[[str], Secret]) -> Snapshot:
        """Return the snapshot of a deployment; its salt is `salt_of(deployment)`."""
        read = Resource.from_json
        return cls(
            resources=[read(item, unseal) for item in deployment.get("resources") or []],
            pending=[
                Operation(read(item["resource"], unseal), item["type"])
                for item in deployment.get("pending_operations") or []
            ],
            salt=salt_of(deployment),
            metadata=deployment.get("metadata") or {},
        )


def salt_of(deployment: dict[str, Any]) -> str:
    """Return the salt of the passphrase provider that encrypted a deployment, empty if there is none.

    Raises:
        EngineError: the secrets belong to another provider.
    """
    provider = deployment.get("secrets_providers") or {}
    if not provider:
        return ""
    if provider.get("type") != "passphrase":
        raise EngineError(
            f"The stack's secrets provider is {provider.get('type')!r}; this engine knows 'passphrase' only.",
            hint="Use the Pulumi CLI, or change it there: pulumi stack change-secrets-provider passphrase",
        )
    return str((provider.get("state") or {}).get("salt", ""))


def now() -> str:
    """Return the time as Pulumi writes it."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def unprotected(resources: list[Resource]) -> list[str]:
    """Return the URNs of what is neither protected nor needed by something that is."""
    kept: set[str] = set()
    for entry in reversed(resources):
        if entry.protect or entry.urn in kept:
            kept.update((entry.urn, *entry.needs()))
    return [entry.urn for entry in resources if entry.urn not in kept]


def in_order(resources: Iterable[Resource], *, strict: bool = False) -> list[Resource]:
    """Return the resources so that each comes after what it needs, else as they were.

    Raises:
        EngineError: (`strict`) something is needed that is not there, or things need each other.
    """
    entries = list(resources)
    living = {entry.urn: entry for entry in reversed(entries) if not entry.delete}
    for entry in entries:
        living.setdefault(entry.urn, entry)
    done: set[int] = set()
    ordered: list[Resource] = []
    for entry in entries:
        stack: list[tuple[Resource, Iterator[str]]] = []
        if id(entry) not in done:
            stack.append((entry, entry.needs()))
        open_entries = {id(entry)}
        while stack:
            current, needs = stack[-1]
            for urn in needs:
                needed = living.get(urn)
                if needed is None or (id(needed) in open_entries and needed is not current):
                    if strict:
                        raise EngineError(f"{current.urn} needs {urn}, which does not come before it.")
                    continue
                if id(needed) in done or needed is current:
                    continue
                open_entries.add(id(needed))
                stack.append((needed, needed.needs()))
                break
            else:
                stack.pop()
                open_entries.discard(id(current))
                done.add(id(current))
                ordered.append(current)
    return ordered
