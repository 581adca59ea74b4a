"""`wmlfl config`: show, set and remove the configuration of a stack."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from ..errors import EngineError
from .engine_options import EngineGroup, common_options, interactive, load_stack

if TYPE_CHECKING:
    from ..engine.settings import ConfigValue


@click.group(cls=EngineGroup, invoke_without_command=True)
@common_options
@click.option("--json", "-j", "json_output", is_flag=True, help="Print JSON.")
@click.option("--show-secrets", is_flag=True, help="Print secrets in plain.")
@click.pass_context
def config(
    context: click.Context,
    *,
    json_output: bool,
    show_secrets: bool,
    stack_name: str | None,
    folder: str | None,
    non_interactive: bool,
    engine: str | None,
) -> None:
    """Manage configuration; alone, show it."""
    del engine
    if context.invoked_subcommand is not None:
        context.obj = {"stack_name": stack_name, "folder": folder}
        return
    stack = load_stack(folder, stack_name, non_interactive=non_interactive)
    values = stack.config() if show_secrets else stack.masked_config()
    if json_output:
        document = {
            key: {"secret": True} if value.secret and not show_secrets else _as_json(value)
            for key, value in sorted(values.items())
        }
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    click.echo(f"{'KEY':<32}VALUE")
    for key, value in sorted(values.items()):
        name = key.removeprefix(f"{stack.project.name}:")
        text = "[secret]" if value.secret and not show_secrets else value.text
        click.echo(f"{name:<32}{text}")


def _chosen(options: dict[str, Any]) -> Any:
    context = click.get_current_context()
    above = context.obj or {}
    return load_stack(
        options["folder"] or above.get("folder"),
        options["stack_name"] or above.get("stack_name"),
        non_interactive=options["non_interactive"],
    )


@config.command("set")
@common_options
@click.argument("key")
@click.argument("value", required=False)
@click.option("--secret", is_flag=True, help="Encrypt the value.")
@click.option("--plaintext", is_flag=True, help="Write the value in plain.")
@click.option("--path", is_flag=True, help="The key is a path into an object.")
@click.option("--type", "kind", help="The type of the value: string, int, float or bool.")
def set_value(
    *,
    key: str,
    value: str | None,
    secret: bool,
    plaintext: bool,
    path: bool,
    kind: str | None,
    **options: Any,
) -> None:
    """Set a value; without VALUE it is read from standard input."""
    from ..engine.settings import qualify

    if path or kind:
        raise EngineError(
            "config set --path and --type are not done by the embedded engine.",
            hint="Edit Pulumi.<stack>.yaml, or use the Pulumi CLI (--engine pulumi).",
        )
    if secret and plaintext:
        raise EngineError("--secret and --plaintext exclude each other")
    stack = _chosen(options)
    if value is None:
        value = (
            str(click.prompt("value", hide_input=secret))
            if interactive(non_interactive=options["non_interactive"])
            else sys.stdin.read().rstrip("\n")
        )
    name = qualify(key, stack.project)
    if stack.settings.is_secret(name) and not secret and not plaintext:
        secret = True  # what was secret stays secret
    stack.settings.set(name, {"secure": stack.crypter.encrypt(value)} if secret else value)


@config.command("get")
@common_options
@click.argument("key")
@click.option("--json", "-j", "json_output", is_flag=True, help="Print JSON.")
@click.option("--path", "is_path", is_flag=True, help="The key is a path into an object.")
def get_value(*, key: str, json_output: bool, is_path: bool, **options: Any) -> None:
    """Print one value."""
    from ..engine.settings import qualify
    from ..engine.urns import parse_path

    stack = _chosen(options)
    namespace, colon, path = key.rpartition(":")
    first, *steps = parse_path(path) if is_path else [path]
    found = stack.config().get(qualify(f"{namespace}{colon}{first}", stack.project))
    if found is not None and steps:
        found = found.at(steps)
    if found is None:
        raise EngineError(f"configuration key '{key}' not found for stack '{stack.name.name}'")
    click.echo(json.dumps(_as_json(found)) if json_output else found.text)


def _as_json(value: ConfigValue) -> dict[str, Any]:
    """Return a value as the CLI shows it in JSON."""
    content = {"objectValue": json.loads(value.text)} if value.is_object else {}
    return {"value": value.text, **content, "secret": value.secret}


@config.command("rm")
@common_options
@click.argument("key")
def remove_value(*, key: str, **options: Any) -> None:
    """Remove one value."""
    from ..engine.settings import qualify

    stack = _chosen(options)
    name = qualify(key, stack.project)
    if name in stack.settings.raw:
        stack.settings.remove(name)
