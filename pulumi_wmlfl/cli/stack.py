"""`wmlfl stack`: list, make, select, remove, export and import stacks, and show their outputs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from ..errors import EngineError
from .engine_options import EngineGroup, asker, common_options, interactive, load_project, load_stack


@click.group(cls=EngineGroup, invoke_without_command=True)
@common_options
@click.option("--show-urns", "-u", is_flag=True, help="Show the URN of each resource.")
@click.pass_context
def stack(
    context: click.Context,
    *,
    show_urns: bool,
    stack_name: str | None,
    folder: str | None,
    non_interactive: bool,
    engine: str | None,
) -> None:
    """Manage stacks; alone, show the selected one."""
    del engine
    if context.invoked_subcommand is not None:
        return
    found = load_stack(folder, stack_name, non_interactive=non_interactive)
    click.echo(f"Current stack is {found.name.name}:")
    resources = found.deployment().get("resources") or []
    click.echo(f"Current stack resources ({len(resources)}):")
    for entry in resources:
        click.echo(f"    {entry['type']}  {entry['urn'].rsplit('::', 1)[-1]}")
        if show_urns:
            click.echo(f"        URN: {entry['urn']}")


@stack.command("ls")
@common_options
@click.option("--json", "-j", "json_output", is_flag=True, help="Print JSON.")
def list_stacks(*, json_output: bool, folder: str | None, **_: Any) -> None:
    """List the project's stacks."""
    from ..engine.project import selected_stack
    from ..engine.stacks import open_backend

    project = load_project(folder)
    backend = open_backend(project)
    chosen = selected_stack(project, backend.url).rsplit("/", 1)[-1]
    rows = []
    for name in backend.stacks(project.name):
        checkpoint = backend.read(name).get("checkpoint") or {}
        latest = checkpoint.get("latest") or {}
        rows.append(
            {
                "name": name.name,
                "current": name.name == chosen,
                "lastUpdate": (latest.get("manifest") or {}).get("time", ""),
                "updateInProgress": backend.is_locked(name),
                "resourceCount": len(latest.get("resources") or []),
            }
        )
    if json_output:
        click.echo(json.dumps(rows, indent=2))
        return
    click.echo(f"{'NAME':<24}{'LAST UPDATE':<32}RESOURCE COUNT")
    for row in rows:
        name_ = f"{row['name']}{'*' if row['current'] else ''}"
        click.echo(f"{name_:<24}{row['lastUpdate'] or 'n/a':<32}{row['resourceCount']}")


@stack.command("init")
@common_options
@click.argument("name", required=False)
@click.option("--no-select", is_flag=True, help="Do not select the new stack.")
def init(
    *,
    name: str | None,
    no_select: bool,
    stack_name: str | None,
    folder: str | None,
    non_interactive: bool,
    engine: str | None,
) -> None:
    """Make a stack and select it."""
    del engine
    from ..engine.project import select_stack
    from ..engine.stacks import Stack, open_backend

    project = load_project(folder)
    backend = open_backend(project)
    made = project.stack(_named(name or stack_name, "init"))
    Stack.create(project, made, backend, ask=asker(non_interactive=non_interactive))
    if not no_select:
        select_stack(project, backend.url, made)
    click.echo(f"Created stack '{made.name}'")


@stack.command("select")
@common_options
@click.argument("name", required=False)
@click.option("--create", "-c", is_flag=True, help="Make it if it does not exist.")
def select(
    *,
    name: str | None,
    create: bool,
    stack_name: str | None,
    folder: str | None,
    non_interactive: bool,
    engine: str | None,
) -> None:
    """Select the stack that commands work on."""
    del engine
    from ..engine.project import select_stack
    from ..engine.stacks import Stack, open_backend

    project = load_project(folder)
    backend = open_backend(project)
    chosen = project.stack(_named(name or stack_name, "select"))
    if create and not backend.file(chosen).exists():
        Stack.create(project, chosen, backend, ask=asker(non_interactive=non_interactive))
        click.echo(f"Created stack '{chosen.name}'")
    backend.read(chosen)
    select_stack(project, backend.url, chosen)


@stack.command("rm")
@common_options
@click.argument("name", required=False)
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.option(
    "--force", "-f", is_flag=True, help="Also if it has resources; they are forgotten, not deleted."
)
@click.option("--preserve-config", is_flag=True, help="Keep Pulumi.<stack>.yaml.")
def remove(
    *,
    name: str | None,
    yes: bool,
    force: bool,
    preserve_config: bool,
    stack_name: str | None,
    folder: str | None,
    non_interactive: bool,
    engine: str | None,
) -> None:
    """Remove a stack and its configuration."""
    del engine
    found = load_stack(folder, name or stack_name, non_interactive=non_interactive)
    if found.deployment().get("resources") and not force:
        raise EngineError(
            f"'{found.name.name}' still has resources; removal rejected.",
            hint="Destroy them first (wmlfl destroy), or pass --force to forget them.",
        )
    if not yes:
        if not interactive(non_interactive=non_interactive):
            raise EngineError("--yes must be passed in to proceed when running in non-interactive mode")
        click.confirm(f"Remove the stack '{found.name.name}'?", abort=True)
    found.remove(keep_settings=preserve_config)
    click.echo(f"Stack '{found.name.name}' has been removed!")


@stack.command("output")
@common_options
@click.argument("name", required=False)
@click.option("--json", "-j", "json_output", is_flag=True, help="Print JSON.")
@click.option("--show-secrets", is_flag=True, help="Print secrets in plain.")
def output(
    *,
    name: str | None,
    json_output: bool,
    show_secrets: bool,
    stack_name: str | None,
    folder: str | None,
    non_interactive: bool,
    engine: str | None,
) -> None:
    """Show the stack's outputs, or one of them."""
    del engine
    from ..engine.showing import shown
    from ..engine.values import plain

    found = load_stack(folder, stack_name, non_interactive=non_interactive)
    outputs = found.outputs()
    values = {key: shown(plain(value) if show_secrets else value) for key, value in sorted(outputs.items())}
    if name is not None:
        if name not in values:
            raise EngineError(f"current stack does not have output property '{name}'")
        value = values[name]
        click.echo(
            value if isinstance(value, str) and not json_output else json.dumps(value, ensure_ascii=False)
        )
        return
    if json_output:
        click.echo(json.dumps(values, indent=2, ensure_ascii=False))
        return
    click.echo(f"Current stack outputs ({len(values)}):")
    for key, value in values.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        click.echo(f"    {key:<24}{text}")


@stack.command("export")
@common_options
@click.option("--file", "path", type=click.Path(dir_okay=False), help="Write it there.")
@click.option("--show-secrets", is_flag=True, help="Write secrets in plain.")
def export(
    *,
    path: str | None,
    show_secrets: bool,
    stack_name: str | None,
    folder: str | None,
    non_interactive: bool,
    engine: str | None,
) -> None:
    """Print the stack's deployment."""
    del engine
    target = Path(path).absolute() if path else None
    found = load_stack(folder, stack_name, non_interactive=non_interactive)
    text = json.dumps(found.exported(show_secrets=show_secrets), indent=4, ensure_ascii=False)
    if target is None:
        click.echo(text)
    else:
        target.write_text(text + "\n")


@stack.command("import")
@common_options
@click.option("--file", "path", type=click.Path(exists=True, dir_okay=False), help="Read it from there.")
@click.option("--force", "-f", is_flag=True, help="Also a deployment of another stack.")
def import_(
    *,
    path: str | None,
    force: bool,
    stack_name: str | None,
    folder: str | None,
    non_interactive: bool,
    engine: str | None,
) -> None:
    """Take over an exported deployment."""
    del engine
    text = Path(path).read_text() if path else sys.stdin.read()
    try:
        content = json.loads(text)
    except ValueError as error:
        raise EngineError(f"could not import: it is not valid JSON: {error}") from None
    found = load_stack(folder, stack_name, non_interactive=non_interactive)
    found.import_deployment(content, force=force)
    click.echo("Import complete.")


def _named(wanted: str | None, command: str) -> str:
    if not wanted:
        raise EngineError("missing stack name", hint=f"wmlfl stack {command} NAME")
    return wanted
