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
@click.argument("urns", metavar="URN...", nargs=-1, required=True)
@click.option("--force", is_flag=True, help="Also what is protected.")
@click.option("--target-dependents", is_flag=True, help="Also what depends on it.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def delete(
    *,
    urns: tuple[str, ...],
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
    found = load_stack(folder, stack_name, non_interactive=non_interactive)
    if not yes:
        if not interactive(non_interactive=non_interactive):
            raise EngineError("--yes must be passed in to proceed when running in non-interactive mode")
        click.confirm(f"Forget {', '.join(urns)}?", abort=True)
    found.forget(urns, force=force, dependents=target_dependents)
    click.echo("Resource deleted" if len(urns) == 1 else "Resources deleted")
