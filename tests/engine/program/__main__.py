"""Declares what `wanted.json` beside it lists; `${name.output}` stands for another resource's output."""

import json
from pathlib import Path

import pulumi
from objects import Thing
from pulumi import Alias, CustomTimeouts, ResourceOptions

made = {}
config = pulumi.Config()


def resolve(value):
    if isinstance(value, str) and value.startswith("${"):
        name, _, output = value[2:-1].partition(".")
        if name == "config":
            return config.get(output)
        if name == "secret":
            return config.require_secret(output)
        return getattr(made[name], output)
    if isinstance(value, dict):
        return {key: resolve(item) for key, item in value.items()}
    return [resolve(item) for item in value] if isinstance(value, list) else value


class Region(pulumi.ProviderResource):
    def __init__(self, name, props, opts=None):
        super().__init__("pulumi-python", name, props, opts)


class Group(pulumi.ComponentResource):
    def __init__(self, name, props, opts=None):
        super().__init__("objects:index:Group", name, props, opts)
        self.register_outputs({"size": props.get("size", 0)})


KINDS = {"thing": Thing, "group": Group, "provider": Region}


def options(wanted):
    known = {}
    for key, value in wanted.items():
        if key in ("parent", "provider", "deleted_with"):
            known[key] = made[value]
        elif key in ("depends_on", "replace_with"):
            known[key] = [made[name] for name in value]
        elif key == "aliases":
            known[key] = [Alias(**alias) for alias in value]
        elif key == "custom_timeouts":
            known[key] = CustomTimeouts(**value)
        else:
            known[key] = value
    return ResourceOptions(**known)


for item in json.loads(Path(__file__).with_name("wanted.json").read_text()):
    kind = item.get("kind", "thing")
    if kind == "export":
        pulumi.export(item["name"], resolve(item["value"]))
    elif kind == "raise":
        raise RuntimeError(item["name"])
    elif kind == "log":
        getattr(pulumi.log, item.get("level", "info"))(item["name"])
    elif kind == "python":
        exec(item["code"], {"made": made, "pulumi": pulumi, "Thing": Thing})
    elif kind == "stack":
        made[item["name"]] = pulumi.StackReference(item["name"])
    else:
        made[item["name"]] = KINDS[kind](
            item["name"], resolve(item.get("props", {})), options(item.get("opts", {}))
        )
