"""The command `wmlfl`: lazy groups, so that a command imports only what it needs."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run `wmlfl`; without its packages say in one line how to install them."""
    try:
        import click  # noqa: F401
    except ModuleNotFoundError:
        from ..errors import MissingExtra

        missing = MissingExtra("The command `wmlfl`", "local")
        sys.stderr.write(f"error: {missing.with_code()}\n")
        sys.exit(missing.exit_code)
    from .main import cli

    cli()
