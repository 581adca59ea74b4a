"""Entries of a stack's state for objects that exist: what `up` would have recorded, had it made them.

Pulumi cannot import dynamic resources: its engine reads them without the provider that is pickled into them
(pulumi/pulumi#3550). So the entries are written as a whole, in the JSON of `stack export` and `stack import`.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pulumi.dynamic import Resource
from pulumi.dynamic.dynamic import PROVIDER_KEY, serialize_provider

from ..core.adopted import Adopted
from ..errors import ImportRefused
from ._secrets import hide_in_state, secret_in_state
from .model import Model, ModelProvider
from .remote_training_system import RemoteTrainingSystem, RemoteTrainingSystemProvider
from .training import Training, TrainingProvider

__all__ = ["CLASSES", "StackState"]

CLASSES: dict[str, type[Resource]] = {
    "models": Model,
    "remote_training_systems": RemoteTrainingSystem,
    "trainings": Training,
}
_PROVIDERS = {
    "models": ModelProvider,
    "remote_training_systems": RemoteTrainingSystemProvider,
    "trainings": TrainingProvider,
}
_STACK = "pulumi:pulumi:Stack"
_DEFAULT_PROVIDER = "pulumi:providers:pulumi-python"


@dataclass(frozen=True, slots=True)
class StackState:
    """A stack: its names, its exported deployment, and its configuration as `config --json` prints it."""

    name: str
    project: str
    deployment: Mapping[str, Any]
    config: Mapping[str, Mapping[str, Any]]

    @property
    def resources(self) -> list[dict[str, Any]]:
        """The entries of the deployment."""
        return list(self.deployment.get("resources") or [])

    @property
    def urn(self) -> str:
        """The URN of the stack itself, which is the parent of what is imported."""
        return self._urn(_STACK, f"{self.project}-{self.name}")

    def urn_of(self, entry: Adopted) -> str:
        """Return the URN that an object gets."""
        return self._urn(_type_of(entry.collection), entry.resource_name)

    def names_by_id(self) -> dict[str, str]:
        """Return the resources' names of the objects that the stack manages, or has still to delete."""
        types = {_type_of(collection) for collection in CLASSES}
        return {
            str(found["id"]): str(found["urn"]).rsplit("::", 1)[-1]
            for found in self.resources
            if found.get("id") and found.get("type") in types and not found.get("external")
        }

    def check_names(self, adopted: Sequence[Adopted]) -> None:
        """Refuse names that the stack has already.

        Raises:
            ImportRefused: a URN is taken.
        """
        taken = {found["urn"] for found in self.resources}
        for entry in adopted:
            if self.urn_of(entry) in taken:
                raise ImportRefused(
                    f"The stack has a {CLASSES[entry.collection].__name__} {entry.resource_name!r} already, "
                    f"so the {entry.title} cannot have this name.",
                    hint=f"Give it another: --name {entry.id}=NAME",
                )

    def with_imported(
        self, adopted: Sequence[Adopted], *, protect: bool, settings: Mapping[str, str]
    ) -> dict[str, Any]:
        """Return the deployment with the objects, to be given to `stack import`.

        `settings` are secrets that the stack's configuration gets at the same time, by their whole key: the
        provider of the objects is recorded with the whole configuration.
        """
        at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        times = {"created": at, "modified": at}
        resources = self.resources
        if not any(found["urn"] == self.urn for found in resources):
            resources.insert(0, {"urn": self.urn, "custom": False, "type": _STACK, **times})
        provider_urn = self._urn(_DEFAULT_PROVIDER, "default")
        secrets = {key: secret_in_state(text) for key, text in settings.items()}
        place = next((n for n, found in enumerate(resources) if found["urn"] == provider_urn), None)
        if place is None:
            provider = self._provider(provider_urn, secrets) | times
            resources.append(provider)
        else:
            provider = resources[place]
            recorded = {side: {**provider.get(side, {}), **secrets} for side in ("inputs", "outputs")}
            resources[place] = {**provider, **recorded}
        reference = f"{provider_urn}::{provider['id']}"
        urns = {entry.id: self.urn_of(entry) for entry in adopted}
        for entry in adopted:
            made = self._entry(entry, reference, urns)
            resources.append({**made, **({"protect": True} if protect else {}), **times})
        return {"manifest": {}, **self.deployment, "resources": resources}

    def _entry(self, entry: Adopted, provider: str, urns: Mapping[str, str]) -> dict[str, Any]:
        pickled = {PROVIDER_KEY: serialize_provider(_PROVIDERS[entry.collection]())}
        needs = {
            key: sorted(urns[other] for other in entry.needs if entry.refers(key, other))
            for key in (*pickled, *entry.declared)
        }
        return {
            "urn": urns[entry.id],
            "custom": True,
            "id": entry.id,
            "type": _type_of(entry.collection),
            "inputs": {**pickled, **hide_in_state(entry.collection, entry.inputs)},
            "outputs": {**pickled, **hide_in_state(entry.collection, entry.outputs)},
            "parent": self.urn,
            "dependencies": sorted(urns[other] for other in entry.needs),
            "provider": provider,
            "propertyDependencies": needs,
        }

    def _provider(self, urn: str, secrets: Mapping[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, entry in self.config.items():
            text = entry.get("value", "")
            values[key] = secret_in_state(text) if entry.get("secret") else text
        values.update(secrets)
        identity = {"id": str(uuid.uuid4()), "type": _DEFAULT_PROVIDER}
        return {"urn": urn, "custom": True, **identity, "inputs": values, "outputs": values}

    def _urn(self, kind: str, name: str) -> str:
        return f"urn:pulumi:{self.name}::{self.project}::{kind}::{name}"


def _type_of(collection: str) -> str:
    return f"pulumi-python:{CLASSES[collection]._resource_type_name}"
