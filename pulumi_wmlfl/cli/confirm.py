"""Asks before something cannot be undone; where nobody can be asked, `--yes` is the answer."""

from __future__ import annotations

import sys

import click

from ..errors import ConfigurationError

__all__ = ["confirm"]


def confirm(question: str, *, yes: bool) -> None:
    """Ask on the terminal; return only after a yes.

    Raises:
        ConfigurationError: there is nobody to ask.
        click.Abort: the answer was no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigurationError("Nobody can be asked.", hint="Confirm with --yes.")
    click.confirm(question, abort=True, err=True)
