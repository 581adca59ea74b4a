"""URNs, provider references and property paths: Pulumi's names for things.

A URN is `urn:pulumi:<stack>::<project>::<parent types$...$type>::<name>`.
"""

from __future__ import annotations

import re

from .values import Properties, Value, equal

STACK_TYPE = "pulumi:pulumi:Stack"
STACK_REFERENCE_TYPE = "pulumi:pulumi:StackReference"
PROVIDER_PREFIX = "pulumi:providers:"
DYNAMIC_PACKAGE = "pulumi-python"
BUILTIN_PACKAGE = "pulumi"


def make_urn(*, stack: str, project: str, parent: str, type: str, name: str) -> str:  # noqa: A002
    """Return the URN of a resource; `parent` is its parent's URN or empty."""
    types = qualified_type(parent) if parent else ""
    prefix = f"{types}$" if types and types != STACK_TYPE else ""
    return f"urn:pulumi:{stack}::{project}::{prefix}{type}::{name}"


def qualified_type(urn: str) -> str:
    """Return the types of the resource and its parents, joined by `$`."""
    return urn.split("::", 3)[2]


def type_of(urn: str) -> str:
    """Return the resource's own type."""
    return qualified_type(urn).rsplit("$", 1)[-1]


def name_of(urn: str) -> str:
    """Return the resource's name."""
    return urn.split("::", 3)[3]


def is_provider_type(type: str) -> bool:  # noqa: A002
    """Say whether a type is that of a provider resource."""
    return type.startswith(PROVIDER_PREFIX)


def package_of(type: str) -> str:  # noqa: A002
    """Return the package that serves a resource type."""
    return type.split(":", 1)[0]


def split_reference(reference: str) -> tuple[str, str]:
    """Return the URN and the id of a provider reference `<urn>::<id>`."""
    urn, _, identity = reference.rpartition("::")
    return urn, identity


_STEP = re.compile(r"""\.?([^.\[\]"]+)|\[(\d+|\*)\]|\["((?:[^"\\]|\\.)*)"\]""")


def parse_path(path: str) -> list[str | int]:
    """Return the steps of a property path such as `spec.items[0]["a.b"]`; `*` stands for any."""
    steps: list[str | int] = []
    position = 0
    while position < len(path):
        found = _STEP.match(path, position)
        if not found:
            return [path]
        name, index, quoted = found.groups()
        if name is not None:
            steps.append(name)
        elif index is not None:
            steps.append(index if index == "*" else int(index))
        else:
            steps.append(quoted.replace('\\"', '"'))
        position = found.end()
    return steps


def covers(path: list[str | int], other: list[str | int]) -> bool:
    """Say whether the property at `other` is at or below `path`."""
    return len(path) <= len(other) and all(a in ("*", b) for a, b in zip(path, other, strict=False))


def keep_old(news: Properties, olds: Properties, paths: list[str]) -> Properties:
    """Return `news` with the values of `olds` at every path of `ignore_changes`."""
    result: Value = news
    for path in paths:
        result = _keep(result, olds, parse_path(path))
    assert isinstance(result, dict)  # noqa: S101
    return result


_MISSING = object()


def _keep(new: Value, old: Value, path: list[str | int]) -> Value:
    step, rest = path[0], path[1:]
    if step == "*":
        if isinstance(new, dict) and isinstance(old, dict):
            for key in [*new, *(key for key in old if key not in new)]:
                new = _keep(new, old, [key, *rest])
        elif isinstance(new, list) and isinstance(old, list):
            for index in range(max(len(new), len(old))):
                new = _keep(new, old, [index, *rest])
        return new
    before = _get(old, step)
    if rest:
        now = _get(new, step)
        if now is _MISSING or before is _MISSING:
            return new
        before = _keep(now, before, rest)
        if equal(now, before):
            return new
    return _with(new, step, before)


def _get(value: Value, step: str | int) -> Value:
    if isinstance(value, dict) and isinstance(step, str):
        return value.get(step, _MISSING)
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return value[step]
    return _MISSING


def _with(value: Value, step: str | int, item: Value) -> Value:
    if isinstance(value, dict) and isinstance(step, str):
        kept = {key: old for key, old in value.items() if key != step}
        return kept if item is _MISSING else {**kept, step: item}
    if isinstance(value, list) and isinstance(step, int):
        if item is _MISSING:
            return value[:step] + value[step + 1 :]
        return [*value[:step], item, *value[step + 1 :]] if step <= len(value) else value
    return value
