"""Property values: what resources are made of, in memory, on the wire and in the state file.

In memory a property is None, bool, float, str, list or dict, or one of the classes here. On the wire
and in the state it is JSON with Pulumi's sentinels: an object that carries a signature key stands for
a secret or a reference, and one reserved string for a value that is not known yet.
Signatures: sdk/python `pulumi/runtime/rpc.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from ..errors import EngineError

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105
ASSET: Final = "c44067f5952c0a294b673a41bacd8c17"
ARCHIVE: Final = "0def7320c3a5731c473e5ecbe6d01bc7"
REFERENCE: Final = "5cf8f73096256a8f31e491e813e4eb8e"
OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
UNKNOWN_TEXT: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

Value = Any
Properties = dict[str, Any]


class Unknown:
    """A value that is known only after something was created; the one instance is `UNKNOWN`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()


class Secret:
    """A value that is encrypted in the state and never shown.

    `sealed` is its ciphertext with the key it belongs to, so that an unchanged secret is written as it
    was read; it is decrypted when it is first needed.
    """

    __slots__ = ("_value", "sealed", "unseal")

    def __init__(
        self,
        value: Value = None,
        *,
        sealed: tuple[str, str] | None = None,
        unseal: Callable[[], Value] | None = None,
    ) -> None:
        self._value = value
        self.sealed = sealed
        self.unseal = unseal

    @property
    def value(self) -> Value:
        """The value in plain."""
        if self.unseal is not None:
            self._value = self.unseal()
            self.unseal = None
        return self._value

    def __repr__(self) -> str:
        return "[secret]"


class Reference:
    """A resource as a property: its URN, and its id if it is a custom resource (None if not)."""

    __slots__ = ("id", "urn", "version")

    def __init__(self, urn: str, id: Value = None, version: str = "") -> None:  # noqa: A002
        self.urn = urn
        self.id = id
        self.version = version

    def __repr__(self) -> str:
        return f"<{self.urn}>"


def from_struct(struct: Any) -> Properties:
    """Return the properties of a protobuf `Struct`."""
    return {key: from_proto(value) for key, value in struct.fields.items()}


def from_proto(value: Any) -> Value:
    """Return the property that a protobuf `Value` stands for."""
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        text = value.string_value
        return UNKNOWN if text == UNKNOWN_TEXT else text
    if kind == "struct_value":
        return _from_object({key: from_proto(item) for key, item in value.struct_value.fields.items()})
    if kind == "list_value":
        return [from_proto(item) for item in value.list_value.values]
    return None if kind in (None, "null_value") else getattr(value, kind)


def _from_object(value: Properties) -> Value:
    signature = value.get(SIGNATURE)
    if signature is None:
        return value
    if signature == SECRET:
        return Secret(value.get("value"))
    if signature == REFERENCE:
        return Reference(value["urn"], value.get("id"), value.get("packageVersion", ""))
    if signature == OUTPUT:
        inner = value.get("value", UNKNOWN)
        return Secret(inner) if value.get("secret") else inner
    if signature in (ASSET, ARCHIVE):
        raise EngineError(
            "Assets and archives cannot be properties of dynamic resources: the SDK's provider fails on them "
            "at the second deployment (pulumi/pulumi#6802).",
            hint="Pass a path and a digest of the content as strings.",
        )
    raise EngineError(f"A property has the signature {signature}, which this engine does not know.")


def fill_struct(struct: Any, properties: Mapping[str, Value], *, plain: bool = False) -> Any:
    """Write `properties` into a protobuf `Struct` and return it.

    `plain` is for receivers that know no secrets and no references: a secret becomes its value, a
    reference its id or URN.
    """
    fields = struct.fields
    for key, value in properties.items():
        fill_value(fields[key], value, plain=plain)
    return struct


def fill_value(target: Any, value: Value, *, plain: bool = False) -> None:
    """Write one property into a protobuf `Value`."""
    if isinstance(value, str):
        target.string_value = value
    elif isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, (int, float)):
        target.number_value = value
    elif value is None:
        target.null_value = 0
    elif isinstance(value, dict):
        target.struct_value.SetInParent()
        fill_struct(target.struct_value, value, plain=plain)
    elif isinstance(value, list):
        target.list_value.SetInParent()
        for item in value:
            fill_value(target.list_value.values.add(), item, plain=plain)
    else:
        fill_value(target, _on_the_wire(value, plain=plain), plain=plain)


def _on_the_wire(value: Value, *, plain: bool) -> Value:
    """Return a value of one of our classes as the JSON that stands for it."""
    if value is UNKNOWN:
        return UNKNOWN_TEXT
    if isinstance(value, Secret):
        return value.value if plain else {SIGNATURE: SECRET, "value": value.value}
    if isinstance(value, Reference):
        if plain:
            return value.urn if value.id is None else value.id
        return _reference(value)
    raise EngineError(f"A property of type {type(value).__name__} cannot be sent.")


def _reference(value: Reference) -> Properties:
    found: Properties = {SIGNATURE: REFERENCE, "urn": value.urn, "packageVersion": value.version}
    if value.id is not None:
        found["id"] = value.id
    return found


def to_json(value: Value, seal: Callable[[Secret], str]) -> Any:
    """Return `value` as it is written to the state; `seal` encrypts a secret."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 1e21 else value
    if isinstance(value, dict):
        return {key: to_json(item, seal) for key, item in sorted(value.items())}
    if isinstance(value, list):
        return [to_json(item, seal) for item in value]
    if isinstance(value, Secret):
        return {SIGNATURE: SECRET, "ciphertext": seal(value)}
    if isinstance(value, Reference):
        return {key: to_json(item, seal) for key, item in _reference(value).items()}
    return UNKNOWN_TEXT if value is UNKNOWN else value


def from_json(value: Any, unseal: Callable[[str], Secret]) -> Value:
    """Return the property that a value of the state stands for; `unseal` makes a secret of a ciphertext."""
    if isinstance(value, dict):
        if value.get(SIGNATURE) == SECRET:
            if "ciphertext" in value:
                return unseal(value["ciphertext"])
            return Secret(from_json(json.loads(value["plaintext"]), unseal))
        if value.get(SIGNATURE) in (ASSET, ARCHIVE):
            return value
        return _from_object({key: from_json(item, unseal) for key, item in value.items()})
    if isinstance(value, list):
        return [from_json(item, unseal) for item in value]
    return UNKNOWN if value == UNKNOWN_TEXT else value


def plain(value: Value) -> Value:
    """Return `value` without the marks of secrets."""
    if isinstance(value, Secret):
        return plain(value.value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def equal(one: Value, other: Value) -> bool:
    """Say whether two properties are the same, secrets being other than the same value in plain."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(item, other[key]) for key, item in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, Secret) and isinstance(other, Secret):
        return equal(one.value, other.value)
    if isinstance(one, Reference) and isinstance(other, Reference):
        return one.urn == other.urn and equal(one.id, other.id)
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other) and type(one).__module__ == type(other).__module__


def holds(value: Value, kind: type | tuple[type, ...]) -> bool:
    """Say whether `value` is or contains an instance of `kind` (`Secret`, `Unknown`)."""
    if isinstance(value, kind):
        return True
    if isinstance(value, Secret):
        return holds(value.value, kind)
    items: Iterable[Value] = ()
    if isinstance(value, dict):
        items = value.values()
    elif isinstance(value, list):
        items = value
    elif isinstance(value, Reference):
        items = (value.id,)
    return any(holds(item, kind) for item in items)


def without_unknown(properties: Properties) -> Properties:
    """Return the properties without those that are not known, at any depth."""
    found = _without_unknown(properties)
    assert isinstance(found, dict)  # noqa: S101
    return found


def _without_unknown(value: Value) -> Value:
    if isinstance(value, dict):
        return {key: _without_unknown(item) for key, item in value.items() if not _is_unknown(item)}
    if isinstance(value, list):
        return [_without_unknown(item) for item in value if not _is_unknown(item)]
    return value


def _is_unknown(value: Value) -> bool:
    return value is UNKNOWN or (isinstance(value, Secret) and _is_unknown(value.value))


def remark_secrets(results: Properties, sources: Mapping[str, Value]) -> None:
    """Make every result secret whose source under the same key was; goes into nested objects.

    A provider that does not know secrets gets and returns plain values (`annotateSecrets`,
    pkg/resource/plugin/provider_plugin.go).
    """
    for key, source in sources.items():
        if key not in results:
            continue
        result = results[key]
        if isinstance(result, dict) and isinstance(source, dict):
            remark_secrets(result, source)
        elif not isinstance(result, Secret) and holds(source, Secret):
            results[key] = Secret(result)
