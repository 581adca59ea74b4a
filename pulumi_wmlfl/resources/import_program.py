"""The program text that declares imported objects, laid out as the usual formatters leave it."""

from __future__ import annotations

import keyword
import unicodedata
from collections.abc import Sequence
from typing import Any

from ..core.adopted import Adopted, Reference, Setting
from ..schema.policy import FIELDS
from .import_state import CLASSES

__all__ = ["program_text"]

_WIDTH = 88
_INDENT = "    "
_PROTECTED = "opts=pulumi.ResourceOptions(protect=True)"
_TAKEN = frozenset({"config", "pulumi", *(kind.__name__ for kind in CLASSES.values())})
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def program_text(adopted: Sequence[Adopted], *, protect: bool) -> str:
    """Return a module that declares `adopted`; each must come after what it refers to."""
    has_settings = any(entry.settings for entry in adopted)
    kinds = sorted({CLASSES[entry.collection].__name__ for entry in adopted})
    lines = ['"""Objects that were in WML before this program; written by `wmlfl import`."""', ""]
    lines += ["import pulumi"] if has_settings or protect else []
    lines += [f"from pulumi_wmlfl import {', '.join(kinds)}"]
    lines += ["", "config = pulumi.Config()"] if has_settings else []
    names = _variables(adopted)
    for entry in adopted:
        lines += ["", *_resource(entry, names, protect=protect)]
    return "\n".join(lines) + "\n"


def _resource(entry: Adopted, names: dict[str, str], *, protect: bool) -> list[str]:
    lines = [f"{names[entry.id]} = {CLASSES[entry.collection].__name__}("]
    lines += [f"{_INDENT}{_text(entry.resource_name)},"]
    for spec in FIELDS[entry.collection]:
        if spec.name in entry.declared:
            lines += _lines(f"{spec.name}=", entry.declared[spec.name], names, _INDENT)
    return [*lines, *([f"{_INDENT}{_PROTECTED},"] if protect else []), ")"]


def _lines(head: str, value: Any, names: dict[str, str], indent: str) -> list[str]:
    """Return `head` and a value with a comma, on one line if that fits."""
    line = f"{indent}{head}{_inline(value, names)},"
    if _width(line) <= _WIDTH:
        return [line]
    deeper = indent + _INDENT
    if isinstance(value, Setting):
        call = [f"{head}config.require_secret_object(", f"{_INDENT}{_text(value.key)}", "),"]
        return [indent + part for part in call]
    if isinstance(value, dict) and value:
        inner = [
            part for key, item in value.items() for part in _lines(f"{_text(key)}: ", item, names, deeper)
        ]
        return [f"{indent}{head}{{", *inner, f"{indent}}},"]
    if isinstance(value, list) and value:
        inner = [part for item in value for part in _lines("", item, names, deeper)]
        return [f"{indent}{head}[", *inner, f"{indent}],"]
    return [line]


def _inline(value: Any, names: dict[str, str]) -> str:
    if isinstance(value, Reference):
        return f"{names[value.id]}.id"
    if isinstance(value, Setting):
        return f"config.require_secret_object({_text(value.key)})"
    if isinstance(value, dict):
        items = (f"{_text(key)}: {_inline(item, names)}" for key, item in value.items())
        return f"{{{', '.join(items)}}}"
    if isinstance(value, list):
        return f"[{', '.join(_inline(item, names) for item in value)}]"
    return _text(value) if isinstance(value, str) else repr(value).replace("e+", "e")


def _text(text: str) -> str:
    """Return a string literal, in double quotes unless that needs more escapes."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    escapes = {**_ESCAPES, quote: f"\\{quote}"}
    signs = (escapes.get(sign) or (sign if sign.isprintable() else repr(sign)[1:-1]) for sign in text)
    return f"{quote}{''.join(signs)}{quote}"


def _width(line: str) -> int:
    """Return the columns of a line; signs of East Asia take two."""
    return sum(2 if unicodedata.east_asian_width(sign) in "FW" else 1 for sign in line)


def _variables(adopted: Sequence[Adopted]) -> dict[str, str]:
    """Return a variable's name for every object, by its id."""
    names: dict[str, str] = {}
    for entry in adopted:
        kind = entry.noun.replace(" ", "_")
        wanted = entry.resource_name.replace("-", "_")
        if not wanted.isidentifier() or keyword.iskeyword(wanted):
            wanted = f"{kind}_{wanted}" if f"{kind}_{wanted}".isidentifier() else kind
        taken = {*names.values(), *_TAKEN}
        name, number = wanted, 1
        if name in taken:
            name = wanted = f"{wanted}_{kind}"
        while name in taken:
            number += 1
            name = f"{wanted}_{number}"
        names[entry.id] = name
    return names
