"""How values, differences and steps are put into words. Secrets are never shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .steps import Op, Step
from .urns import name_of, type_of
from .values import Properties, Reference, Secret, Unknown, Value, equal

SECRET_TEXT = "[secret]"  # noqa: S105
UNKNOWN_TEXT = "[unknown]"
_HIDDEN = "__provider"
_LIMIT = 200
# A whole value that is longer is shown as its parts, one a line.
_LINE = 72

# operation -> (sign, style, what is to be done, being done, done)
WORDS: dict[Op, tuple[str, str, str, str, str]] = {
    Op.SAME: (" ", "", "unchanged", "checking", "unchanged"),
    Op.CREATE: ("+", "green", "create", "creating", "created"),
    Op.UPDATE: ("~", "yellow", "update", "updating", "updated"),
    Op.DELETE: ("-", "red", "delete", "deleting", "deleted"),
    Op.REPLACE: ("+-", "magenta", "replace", "replacing", "replaced"),
    Op.CREATE_REPLACEMENT: (
        "++",
        "green",
        "create replacement",
        "creating replacement",
        "created replacement",
    ),
    Op.DELETE_REPLACED: ("--", "red", "delete original", "deleting original", "deleted original"),
    Op.READ: (">", "cyan", "read", "reading", "read"),
    Op.READ_REPLACEMENT: (">>", "cyan", "read replacement", "reading replacement", "read replacement"),
    Op.REFRESH: ("~", "yellow", "refresh", "refreshing", "refreshed"),
    Op.REMOVE_PENDING_REPLACE: ("~", "yellow", "forget", "forgetting", "forgotten"),
    Op.DISCARD: ("<", "cyan", "discard", "discarding", "discarded"),
    Op.DISCARD_REPLACED: ("<<", "cyan", "discard original", "discarding original", "discarded original"),
}


def show(value: Value) -> str:
    """Return a value as people read it, shortened."""
    text = as_text(value)
    return text if len(text) <= _LIMIT else f"{text[:_LIMIT]}… ({len(text)} characters)"


def as_text(value: Value, *, indent: int | None = None) -> str:
    """Return a whole value as people read it."""
    text = json.dumps(shown(value), ensure_ascii=False, indent=indent)
    for mark in (SECRET_TEXT, UNKNOWN_TEXT):
        text = text.replace(f'"{mark}"', mark)
    return text


def shown(value: Value) -> Any:
    """Return a value as JSON for people: secrets hidden, keys in order, whole numbers without a fraction."""
    if isinstance(value, Secret):
        return SECRET_TEXT
    if isinstance(value, Unknown):
        return UNKNOWN_TEXT
    if isinstance(value, Reference):
        return value.urn if value.id is None else shown(value.id)
    if isinstance(value, dict):
        return {key: shown(item) for key, item in sorted(value.items()) if key != _HIDDEN}
    if isinstance(value, list):
        return [shown(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e21 else value


def differences(old: Properties, new: Properties) -> list[tuple[str, str]]:
    """Return (path, text) of every property that was added, removed or changed, innermost."""
    found: list[tuple[str, str]] = []
    _collect("", old, new, found)
    return found


_MISSING = object()


def _collect(path: str, old: Value, new: Value, found: list[tuple[str, str]]) -> None:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            if key != _HIDDEN or path:
                here = f"{path}.{key}" if path else key
                _collect(here, old.get(key, _MISSING), new.get(key, _MISSING), found)
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            before = old[index] if index < len(old) else _MISSING
            after = new[index] if index < len(new) else _MISSING
            _collect(f"{path}[{index}]", before, after, found)
    elif old is _MISSING:
        found += _whole("+", path, new)
    elif new is _MISSING:
        found += _whole("-", path, old)
    elif not equal(old, new):
        found.append((path, f"~ {path}: {show(old)} => {show(new)}"))


def _whole(sign: str, path: str, value: Value) -> Iterator[tuple[str, str]]:
    text = f"{sign} {path}: {show(value)}"
    if len(text) <= _LINE or not value or not isinstance(value, dict | list):
        yield path, text
    elif isinstance(value, dict):
        for key in sorted(value):
            yield from _whole(sign, f"{path}.{key}", value[key])
    else:
        for index, item in enumerate(value):
            yield from _whole(sign, f"{path}[{index}]", item)


def step_differences(step: Step) -> list[str]:
    """Return the lines under a step: what differs, and what of it forces a replacement."""
    if step.op in (Op.DELETE, Op.DELETE_REPLACED, Op.SAME):
        return []
    old, new = step.old, step.new
    if step.op is Op.REFRESH and old is not None and new is not None:
        lines = differences(old.outputs, new.outputs)
    else:
        lines = differences(old.inputs if old else {}, new.inputs if new else {})
    forced = set(step.keys)
    found = []
    for path, text in lines:
        top = path.split(".", 1)[0].split("[", 1)[0]
        found.append(f"{text} (forces replacement)" if top in forced else text)
    if step.old is not None and not found and step.changed:
        found = [f"~ {key}" for key in step.changed if key != _HIDDEN]
    if step.reason:
        found.insert(0, f"because {step.reason}")
    return found


def output_lines(name: str, value: Value) -> list[str]:
    """Return the lines of an output of the stack: one, or one for each part of a long value."""
    line = f"{name}: {as_text(value)}"
    return [line] if len(line) <= _LINE else f"{name}: {as_text(value, indent=4)}".split("\n")


def title(step: Step) -> str:
    """Return type and name of the step's resource, as people know them."""
    return f"{type_of(step.urn)} {name_of(step.urn)}"


def summary(changes: dict[str, int], *, dry_run: bool) -> list[str]:
    """Return one line for each kind of change, the unchanged last."""
    lines = []
    for op, (sign, _, todo, _, done) in WORDS.items():
        count = changes.get(op, 0)
        if count and op is not Op.SAME:
            lines.append(f"{sign} {count} {f'to {todo}' if dry_run else done}")
    if changes.get(Op.SAME):
        lines.append(f"  {changes[Op.SAME]} unchanged")
    return lines
