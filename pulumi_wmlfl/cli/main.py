"""The root of the command line: which commands exist and in which module each lives.

A command's module is imported only when the command is used, so `wmlfl --help` stays quick.
Errors of ours end as one line on standard error and their own exit code; never as a traceback.
"""

from __future__ import annotations

import difflib
import importlib
from typing import Any

import click

from .._redaction import redact
from .._version import __version__
from ..errors import MissingExtra, WmlflError

__all__ = ["cli"]

# command -> (module of this package, attribute, one line of help)
COMMANDS: dict[str, tuple[str, str, str]] = {
    "preview": ("deploy", "preview", "Show what `up` would do."),
    "up": ("deploy", "up", "Create or update the resources of a stack."),
    "refresh": ("deploy", "refresh", "Bring the state in line with the resources."),
    "destroy": ("deploy", "destroy", "Delete every resource of a stack."),
    "cancel": ("deploy", "cancel", "Take away the locks of a run that no longer lives."),
    "stack": ("stack", "stack", "Manage stacks: ls, init, select, rm, output, export, import."),
    "state": ("state", "state", "Let a stack forget resources without touching them."),
    "config": ("config", "config", "Manage configuration: set, get, rm."),
    "serve": ("serve", "serve", "Run the local WML service."),
    "training": ("training", "training", "List, look at, follow and cancel trainings."),
    "party": ("party", "party", "Take part in a training, or prepare parties for it."),
    "model": ("model", "model", "List, show and download models; put trained weights into one."),
    "rts": ("rts", "rts", "List and look at remote training systems."),
    "settings": ("settings", "settings", "Show the settings that count here, and where each came from."),
    "doctor": ("doctor", "doctor", "Check settings, address, sign-in, project and federated learning."),
    "import": ("importing", "import_", "Take over what exists: program text and state for it."),
    "orphans": ("orphans", "orphans", "List what a stack made and does not know any more; delete it."),
    "keys": ("service_keys", "keys", "Add, list and remove keys of the local WML service."),
}

# The CLI's other names for these commands.
ALIASES = {"pre": "preview", "update": "up", "down": "destroy", "dn": "destroy"}

# The extra that brings what a command needs, where it is not `local`.
_ENGINE = ("preview", "up", "refresh", "destroy", "cancel", "stack", "state", "config", "import")
EXTRAS = {**dict.fromkeys(_ENGINE, "engine"), "party": "party"}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the commands in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the module of `cmd_name` and return its command."""
        cmd_name = ALIASES.get(cmd_name, cmd_name)
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        loaded = importlib.import_module(f"{__package__}.{module}")
        command = getattr(loaded, attribute)
        assert isinstance(command, click.Command)  # noqa: S101
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][2]) for name in COMMANDS])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; where there is none of the name, name the nearest."""
        name = args[0]
        if name not in {*COMMANDS, *ALIASES} and not name.startswith("-") and not ctx.resilient_parsing:
            near = difflib.get_close_matches(name, COMMANDS, n=1)
            ctx.fail(f"No such command {name!r}." + (f" Did you mean {near[0]!r}?" if near else ""))
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error of ours becomes one line and its exit code."""
        try:
            return super().invoke(ctx)
        except WmlflError as error:
            click.echo(f"error: {error.with_code()}", err=True)
            ctx.exit(error.exit_code)
        except ModuleNotFoundError as error:
            name = ctx.invoked_subcommand or ""
            extra = EXTRAS.get(ALIASES.get(name, name), "local")
            click.echo(
                f"error: This command needs the package {redact(str(error.name))!r}, which is not installed. "
                f"Install it with `pip install 'pulumi-wmlfl[{extra}]'`. [{MissingExtra.code}]",
                err=True,
            )
            ctx.exit(MissingExtra.exit_code)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="wmlfl")
def cli() -> None:
    """Federated-learning experiments on IBM Watson Machine Learning as infrastructure."""
