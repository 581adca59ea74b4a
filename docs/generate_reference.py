"""Writes the reference of the resources from schema and policy table: `python docs/generate_reference.py`.

With `--check` it writes nothing and fails when a page is out of date. What each input is stands in
input_meanings.toml.
"""

import sys
import tomllib
import types
import typing
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pulumi_wmlfl.schema.policy import FIELDS, OUTPUTS, Field
from pulumi_wmlfl.schema.specs import SPECS

PAGE = Path(__file__).with_name("resources.md")
MEANINGS = tomllib.loads(PAGE.with_name("input_meanings.toml").read_text(encoding="utf-8"))
TITLES = {
    "models": ("Model", "An untrained or trained model and its content: `POST /ml/v4/models`."),
    "remote_training_systems": (
        "RemoteTrainingSystem",
        "The identity under which one party joins: `POST /ml/v4/remote_training_systems`.",
    ),
    "trainings": ("Training", "One run of a federated experiment: `POST /ml/v4/trainings`."),
}
DEFAULTS = {
    "name": "the resource's name",
    "project_id": "`wmlfl:projectId`",
    "space_id": "`wmlfl:spaceId`",
    "content_format": "`native`",
    "content_sha256": "that of `content`",
    "wait_for": "`accepting_parties`",
    "on_delete": "`delete`",
}
INTRODUCTION = """# Resources

<!-- Written by docs/generate_reference.py from the schema and the policy table. -->

The inputs are WML's own request body, key for key. Each takes a dictionary or a typed `…Args` class at every
level, and every value may be an `Output`. **Secret** values are encrypted in the state. What has no default and is
not required may be left out; WML then takes what it takes.
"""


def main() -> int:
    page = "\n".join([INTRODUCTION, *(section(collection) for collection in SPECS)])
    if "--check" in sys.argv[1:]:
        if PAGE.read_text(encoding="utf-8") == page:
            return 0
        print(f"{PAGE.name} is out of date: run python docs/generate_reference.py", file=sys.stderr)
        return 1
    PAGE.write_text(page, encoding="utf-8")
    return 0


def section(collection: str) -> str:
    name, meaning = TITLES[collection]
    spec = SPECS[collection]
    lines = [
        f"## {name}",
        "",
        meaning,
        "",
        "| Input | What it is | Type | Default | When it changes |",
        "|---|---|---|---|---|",
    ]
    lines += [input_row(collection, spec.model_fields[field.name], field) for field in FIELDS[collection]]
    lines += ["", "| Output | What it is |", "|---|---|", "| `id` | its id in WML |"]
    lines += [f"| `{output.name}` | {output.meaning} |" for output in OUTPUTS[collection]]
    for title, nested in sorted(nested_specs(spec).items()):
        lines += ["", f"### {name}: {title}", "", "| Key | What it is | Type |", "|---|---|---|"]
        for key, info in nested.model_fields.items():
            kind = f"{type_of(info.annotation, name)}{limits(info)}{', **required**' * info.is_required()}"
            lines.append(f"| `{key}` | {meaning_of(title, key)} | {kind} |")
        if nested.model_config.get("extra") == "allow":
            lines.append("| any other key | is let through; one that is very near to these is warned of | |")
    return "\n".join([*lines, ""])


def input_row(collection: str, info: FieldInfo, field: Field) -> str:
    required = field.required and field.name != "name"
    notes = f"{', **required**' * required}{', **secret**' * field.secret}"
    change = field.change.value
    if not field.removable and not field.required:
        change += "; replaces when it is dropped"
    kind = f"{type_of(info.annotation, TITLES[collection][0])}{limits(info)}{notes}"
    meaning = meaning_of(collection, field.name)
    return f"| `{field.name}` | {meaning} | {kind} | {DEFAULTS.get(field.name, '')} | {change} |"


def meaning_of(group: str, key: str) -> str:
    found = MEANINGS[group].get(key) or MEANINGS["every"].get(key)
    return found or sys.exit(f"input_meanings.toml does not say what {key} of {group} is")


def type_of(annotation: object, resource: str) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return type_of(arguments[0], resource)
    if origin is typing.Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(type_of(part, resource) for part in arguments if part is not type(None))
    if origin is list:
        return f"list of {type_of(arguments[0], resource)}"
    if origin is dict:
        return "object"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        title = title_of(annotation)
        return f"[`{title}`](#{resource.lower()}-{title})"
    if annotation is typing.Any:
        return "any"
    names = {str: "text", int: "whole number", float: "number", bool: "yes or no"}
    return names[typing.cast("type", annotation)]


def limits(info: FieldInfo) -> str:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    found = [info, *(a for a in arguments_of(info.annotation) if isinstance(a, FieldInfo))]
    texts = [
        f"{sign} {getattr(rule, key):g}"
        for entry in found
        for rule in entry.metadata
        for key, sign in signs.items()
        if getattr(rule, key, None) is not None
    ]
    return f", {' and '.join(texts)}" if texts else ""


def arguments_of(annotation: object) -> list[object]:
    found: list[object] = []
    for argument in typing.get_args(annotation):
        found += [argument, *arguments_of(argument)]
    return found


def title_of(spec: type[BaseModel]) -> str:
    words = spec.__name__.strip("_")
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in words).strip("_")


def nested_specs(spec: type[BaseModel]) -> dict[str, type[BaseModel]]:
    found: dict[str, type[BaseModel]] = {}
    for info in spec.model_fields.values():
        for part in (info.annotation, *arguments_of(info.annotation)):
            if isinstance(part, type) and issubclass(part, BaseModel) and title_of(part) not in found:
                found |= {title_of(part): part, **nested_specs(part)}
    return found


if __name__ == "__main__":
    sys.exit(main())
