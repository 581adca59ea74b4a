"""`wmlfl state`: let a stack forget resources without touching them."""

from __future__ import annotations

import click

from ..errors import EngineError
from .engine_options import EngineGroup, common_options, interactive, load_stack


@click.group(cls=EngineGroup)
def state() -> None:
    """Edit the state of a stack."""


@state.command("delete")
@common_options
@click.argument("urns", metavar="[URN]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Everything in the stack.")
@click.option("--force", is_flag=True, help="Also what is protected.")
@click.option("--target-dependents", is_flag=True, help="Also what depends on it.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def delete(
    *,
    urns: tuple[str, ...],
    everything: bool,
    force: bool,
    target_dependents: bool,
    yes: bool,
    stack_name: str | None,
    folder: str | None,
    non_interactive: bool,
    engine: str | None,
) -> None:
    """Forget resources; what they stand for stays as it is."""
    del engine
    if everything and urns:
        raise EngineError("cannot specify a resource URN when deleting all resources")
    if not everything and not urns:
        raise EngineError("no resource is named", hint="Give its URN (`wmlfl stack --show-urns`), or --all.")
    found = load_stack(folder, stack_name, non_interactive=non_interactive)
    if not yes:
        if not interactive(non_interactive=non_interactive):
            raise EngineError("--yes must be passed in to proceed when running in non-interactive mode")
        what = f"every resource of the stack '{found.name.name}'" if everything else ", ".join(urns)
        click.confirm(f"Forget {what}?", abort=True)
    count = found.forget(None if everything else urns, force=force, dependents=target_dependents)
    click.echo("Resource deleted" if count == 1 else f"{count} resources deleted")
