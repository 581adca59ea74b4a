"""Groups of commands that say of each command all of its line: click cuts it at the terminal's width."""

from __future__ import annotations

import click

__all__ = ["Group"]

# Longer than any line of help.
_WHOLE = 1000


class Group(click.Group):
    """A group whose list of commands breaks lines instead of cutting them."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the first sentence of every command."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, command.get_short_help_str(_WHOLE)) for name, command in found if command]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
