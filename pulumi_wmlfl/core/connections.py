"""The keys of an object storage in a training's or a model's references: kept in the stack's configuration.

Whether WML answers with them is not documented. Where it does, they are taken from there; where it does not,
the stack has to have them, since a program without them could not start the training again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .._redaction import register_secret
from ..client.contract import Collection
from ..errors import ImportRefused
from ..schema.policy import FIELDS, MADE_IN_LOCATION
from .adopted import Setting
from .results import Json

__all__ = ["Connections"]

_WORDS = {
    "results_reference": "results",
    "training_data_references": "training-data",
    "test_data_references": "test-data",
}
# What names a connection that WML keeps itself is no secret.
_NO_SECRETS = frozenset({"id", "href"})
_NEEDED = {"s3": ("access_key_id", "secret_access_key")}


@dataclass
class Connections:
    """Splits the references of one object; `found` are its connections by the setting that keeps each.

    `configured` is the stack's configuration, as texts; what it has counts more than what WML says.
    """

    title: str
    resource_name: str
    configured: Mapping[str, str]
    found: dict[str, Json] = field(default_factory=dict)

    def split(self, collection: Collection, inputs: Json) -> tuple[Json, Json]:
        """Return what a program declares, and the inputs in plain, without what WML made in a location.

        Raises:
            ImportRefused: keys are needed, and neither WML nor the configuration says them.
        """
        declared, plain = dict(inputs), dict(inputs)
        for spec in FIELDS[collection]:
            value = inputs.get(spec.name)
            if not spec.secret or not value:
                continue
            word = _WORDS[spec.name]
            if isinstance(value, list):
                pairs = [self._reference(f"{word}-{n}", entry) for n, entry in enumerate(value, start=1)]
                declared[spec.name], plain[spec.name] = ([pair[side] for pair in pairs] for side in (0, 1))
            else:
                declared[spec.name], plain[spec.name] = self._reference(word, value)
        return declared, plain

    def _reference(self, word: str, reference: Any) -> tuple[Any, Any]:
        if not isinstance(reference, dict):
            return reference, reference
        kept = dict(reference)
        if isinstance(kept.get("location"), dict):
            kept["location"] = {k: v for k, v in kept["location"].items() if k not in MADE_IN_LOCATION}
        said = kept.get("connection")
        told: Json = said if isinstance(said, dict) else {}
        needed = _NEEDED.get(str(kept.get("type")), ())
        if not needed and not set(told) - _NO_SECRETS:
            return kept, kept
        key = f"{self.resource_name}-{word}-connection"
        connection = self._connection(key, told, needed)
        self.found[key] = connection
        return {**kept, "connection": Setting(key)}, {**kept, "connection": connection}

    def _connection(self, key: str, told: Json, needed: tuple[str, ...]) -> Json:
        connection = _object(key, self.configured[key]) if key in self.configured else told
        missing = [name for name in needed if not connection.get(name)]
        if missing:
            raise ImportRefused(
                f"WML does not say {' and '.join(missing)} of the storage that the {self.title} names.",
                hint=f"Write a JSON object with {', '.join(('endpoint_url', *needed))} into a file, "
                f"and set it: wmlfl config set --secret {key} < FILE",
            )
        for value in connection.values():
            register_secret(value if isinstance(value, str) and "://" not in value else None)
        return connection


def _object(key: str, text: str) -> Json:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ImportRefused(f"The setting {key} of the stack is not a JSON object.")
    return value
