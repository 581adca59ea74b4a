"""Stack settings: `Pulumi.<stack>.yaml` with the stack's configuration and the salt of its secrets.

Edits keep the rest of the file, comments included. Values are text, `secure:` ciphertexts, or objects
(sdk/go/common/resource/config of pulumi/pulumi).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ..errors import EngineError
from .project import Project
from .secrets import Crypter


@dataclass(frozen=True, slots=True)
class ConfigValue:
    """One configuration value: its text (JSON if it is an object), and whether it is secret."""

    text: str
    secret: bool = False
    is_object: bool = False

    def at(self, path: list[str | int]) -> ConfigValue | None:
        """Return what is at a path inside an object; None if there is nothing."""
        value: Any = json.loads(self.text) if self.is_object else None
        for step in path:
            fits = isinstance(value, dict) if isinstance(step, str) else isinstance(value, list)
            try:
                value = value[step] if fits else None
            except (KeyError, IndexError):
                return None
        if value is None:
            return None
        return ConfigValue(_text(value), secret=self.secret, is_object=isinstance(value, (dict, list)))


@dataclass(slots=True)
class StackSettings:
    """What `Pulumi.<stack>.yaml` says."""

    path: Path
    salt: str = ""
    raw: dict[str, Any] = field(default_factory=dict)

    @property
    def holds_secrets(self) -> bool:
        """Whether any value is encrypted."""
        return any(_has_secure(value) for value in self.raw.values())

    def values(self, crypter: Crypter | None) -> dict[str, ConfigValue]:
        """Return the configuration, decrypted, by qualified key (`namespace:name`)."""
        return {key: _decode(value, crypter) for key, value in self.raw.items()}

    def masked(self) -> dict[str, ConfigValue]:
        """Return the configuration as it can be shown without the passphrase."""
        return {
            key: ConfigValue("[secret]", secret=True) if _has_secure(value) else _decode(value, None)
            for key, value in self.raw.items()
        }

    def is_secret(self, key: str) -> bool:
        """Say whether a value is encrypted."""
        return _has_secure(self.raw.get(key))

    def set(self, key: str, value: Any) -> None:
        """Set one value and write the file."""
        self.raw[key] = value
        _edit(self.path, ("config", key), value)

    def remove(self, key: str) -> None:
        """Remove one value and write the file."""
        del self.raw[key]
        _edit(self.path, ("config", key), _REMOVED)

    def set_salt(self, salt: str) -> None:
        """Set the salt of the stack's secrets and write the file."""
        self.salt = salt
        _edit(self.path, ("encryptionsalt",), salt)


def read_settings(path: Path) -> StackSettings:
    """Return the settings in the file at `path`; a missing file has none.

    Raises:
        EngineError: the file cannot be read, or its secrets belong to another provider.
    """
    try:
        text = path.read_text()
    except FileNotFoundError:
        return StackSettings(path)
    try:
        typed, texts = yaml.safe_load(text) or {}, yaml.load(text, yaml.BaseLoader) or {}  # noqa: S506
    except yaml.YAMLError as error:
        raise EngineError(f"{path} is not valid YAML: {error}") from None
    provider = typed.get("secretsprovider") or "passphrase"
    if provider not in ("passphrase", "default"):
        raise EngineError(
            f"{path.name} has the secrets provider {provider!r}; this engine knows 'passphrase' only.",
            hint="Use the Pulumi CLI (--engine pulumi).",
        )
    if typed.get("environment"):
        raise EngineError(f"{path.name} imports environments (ESC), which need Pulumi Cloud.")
    raw: dict[str, Any] = {}
    for key, value in (texts.get("config") or {}).items():
        structured = isinstance(value, (dict, list)) and not _is_secure(value)
        raw[_short(key)] = _typed(typed["config"], key) if structured else value
    return StackSettings(path, salt=str(typed.get("encryptionsalt") or ""), raw=raw)


def _typed(config: dict[Any, Any], key: str) -> Any:
    return next(value for name, value in config.items() if str(name) == key)


def _short(key: str) -> str:
    """Return `namespace:name` of the older spelling `namespace:config:name`."""
    parts = key.split(":")
    return f"{parts[0]}:{parts[2]}" if len(parts) == 3 and parts[1] == "config" else key


def qualify(key: str, project: Project) -> str:
    """Return the key with its namespace; without one it belongs to the project."""
    return _short(key) if ":" in key else f"{project.name}:{key}"


def _is_secure(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"secure"} and isinstance(value["secure"], str)


def _has_secure(value: Any) -> bool:
    if _is_secure(value):
        return True
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(_has_secure(item) for item in items)


def _decode(value: Any, crypter: Crypter | None) -> ConfigValue:
    def opened(item: Any) -> Any:
        if _is_secure(item):
            if crypter is None:
                raise EngineError("The stack's configuration has secrets but no encryption salt.")
            return crypter.decrypt(item["secure"])
        if isinstance(item, dict):
            return {key: opened(inner) for key, inner in item.items()}
        return [opened(inner) for inner in item] if isinstance(item, list) else item

    if _is_secure(value):
        return ConfigValue(opened(value), secret=True)
    if isinstance(value, (dict, list)):
        text = json.dumps(opened(value), separators=(",", ":"), default=str)
        return ConfigValue(text, secret=_has_secure(value), is_object=True)
    return ConfigValue("" if value is None else str(value))


def full_config(project: Project, settings: StackSettings, crypter: Crypter | None) -> dict[str, ConfigValue]:
    """Return the stack's configuration with the defaults of `Pulumi.yaml`.

    Raises:
        EngineError: a value that the project declares is missing or of another type.
    """
    found = {**project_defaults(project), **settings.values(crypter)}
    for name, declared in project.config.items():
        key = qualify(str(name), project)
        if key in settings.raw:
            _check_type(key, found[key], declared)
        elif key not in found and key.startswith(f"{project.name}:"):
            raise EngineError(
                f"Stack configuration {settings.path.name} is missing the value '{key}' that "
                f"{project.file.name} declares.",
                hint=f"Set it with `wmlfl config set {key} VALUE`.",
            )
    return found


def project_defaults(project: Project) -> dict[str, ConfigValue]:
    """Return the values that `Pulumi.yaml` gives to all stacks of a project."""
    found: dict[str, ConfigValue] = {}
    for name, declared in project.config.items():
        key = qualify(str(name), project)
        if not isinstance(declared, dict):
            found[key] = ConfigValue(_text(declared))
        elif "value" in declared or "default" in declared:
            value = declared.get("value", declared.get("default"))
            found[key] = ConfigValue(_text(value), is_object=isinstance(value, (dict, list)))
    return found


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"))


def _check_type(key: str, value: ConfigValue, declared: Any) -> None:
    wanted = declared.get("type") if isinstance(declared, dict) else None
    good = {
        "integer": lambda: value.text.lstrip("-").isdigit(),
        "boolean": lambda: value.text in ("true", "false"),
        "array": lambda: value.is_object and value.text.startswith("["),
    }.get(str(wanted), lambda: True)()
    if not good:
        raise EngineError(
            f"The configuration value '{key}' must be of type '{wanted}', as the project declares."
        )


_REMOVED = object()


def _edit(path: Path, keys: tuple[str, ...], value: Any) -> None:
    """Write, replace or remove one entry of the file and leave every other line as it is."""
    text = path.read_text() if path.exists() else ""
    if path.suffix == ".json":
        raise EngineError(f"{path.name}: settings in JSON are read, but not written, by this engine.")
    node: Any = yaml.compose(text, Loader=yaml.SafeLoader) if text.strip() else None
    if node is not None and node.flow_style:
        raise EngineError(f"{path.name} is written in one line; write it as a block to have it edited.")
    path.parent.mkdir(parents=True, exist_ok=True)
    new = _edited(text, node, keys, value, indent=0)
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(new)
    temporary.replace(path)


def _edited(text: str, node: Any, keys: tuple[str, ...], value: Any, *, indent: int) -> str:
    key, rest = keys[0], keys[1:]
    pairs = node.value if node is not None and isinstance(node, yaml.MappingNode) else []
    for name, item in pairs:
        if str(name.value) != key:
            continue
        block = isinstance(item, yaml.MappingNode) and not item.flow_style and bool(item.value)
        if rest and block:
            return _edited(text, item, rest, value, indent=item.value[0][0].start_mark.column)
        start = text.rfind("\n", 0, name.start_mark.index) + 1
        end = text.find("\n", max(item.end_mark.index - 1, name.end_mark.index))
        end = len(text) if end < 0 else end + 1
        return text[:start] + _lines(keys, value, indent) + text[end:]
    if value is _REMOVED:
        return text
    if pairs:
        last = pairs[-1][1]
        place = text.find("\n", max(last.end_mark.index - 1, pairs[-1][0].end_mark.index))
        place = len(text) if place < 0 else place + 1
    else:
        place = len(text)
    head = text[:place]
    if head and not head.endswith("\n"):
        head += "\n"
    return head + _lines(keys, value, indent) + text[place:]


def _lines(keys: tuple[str, ...], value: Any, indent: int) -> str:
    if value is _REMOVED:
        return ""
    for key in reversed(keys):
        value = {key: value}
    block = yaml.safe_dump(value, default_flow_style=False, sort_keys=False, width=1_000_000)
    return "".join(f"{' ' * indent}{line}" for line in block.splitlines(keepends=True))
