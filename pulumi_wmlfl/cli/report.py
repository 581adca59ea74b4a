"""What commands answer with: tables and lines for people, one versioned envelope for programs.

The envelope is `{"version": 1, "kind": …, "data": …}`; a failure has the kind `error`. Keys may be added to
`data` without a new version; none is taken away or gets another meaning. A number that is none is null.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from ..errors import WmlflError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

__all__ = [
    "VERSION",
    "console",
    "counted",
    "emit",
    "emit_error",
    "fields",
    "nothing",
    "printable",
    "show_table",
    "table",
]

VERSION = 1
# Where no terminal cuts lines, a table is as wide as its cells.
_WIDE = 1000


def emit(kind: str, data: Any, *, compact: bool = False) -> None:
    """Print one envelope; `compact` on one line, where more follow."""
    envelope = {"version": VERSION, "kind": kind, "data": _finite(data)}
    click.echo(json.dumps(envelope, ensure_ascii=False, allow_nan=False, indent=None if compact else 2))


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value


def emit_error(error: WmlflError) -> None:
    """Print a failure as an envelope, on one line: it may end a stream of lines."""
    emit(
        "error",
        {
            "code": error.code,
            "type": type(error).__name__,
            "message": str(error),
            "exit_code": error.exit_code,
        },
        compact=True,
    )


def console() -> Console:
    """Return where tables go: standard output, in colours on a terminal only."""
    from rich.console import Console

    terminal = sys.stdout.isatty()
    return Console(width=None if terminal else _WIDE, highlight=False, soft_wrap=not terminal)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> RenderableType:
    """Return a table; what WML says is shown as it is, never as markup or as a terminal's control codes."""
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for position, name in enumerate(columns):
        made.add_column(name.upper(), no_wrap=position == 0, overflow="fold")
    for row in rows:
        made.add_row(*(Text(printable(cell)) for cell in row))
    return made


def show_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, empty: str) -> None:
    """Print a table, or `empty` where there is nothing to show.

    On a terminal that is too narrow for it every row is a block of lines: cells in pieces cannot be read.
    """
    if not rows:
        click.echo(empty)
        return
    output, made = console(), table(columns, rows)
    if output.measure(made, options=output.options.update(width=_WIDE)).maximum > output.width:
        for position, row in enumerate(rows):
            if position:
                click.echo()
            fields(dict(zip(columns, row, strict=True)))
        return
    with output.capture() as printed:
        output.print(made)
    for line in printed.get().splitlines():
        click.echo(line.rstrip())


def counted(number: int, noun: str) -> str:
    """Return `1 object` or `4 objects`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def nothing(noun: str, **filters: str | None) -> str:
    """Say that there are none of something: none at all, or none with these properties."""
    given = [f"the {name} {printable(value)!r}" for name, value in filters.items() if value]
    return f"There are no {noun}{' with ' if given else ''}{' and '.join(given)}."


def fields(values: Mapping[str, Any]) -> None:
    """Print one `name: value` a line; what is empty is left out."""
    shown = {name: printable(value) for name, value in values.items() if value not in (None, "", [], {})}
    width = max(map(len, shown), default=0) + 1
    for name, value in shown.items():
        click.echo(f"{name + ':':{width}} {value}")


def printable(value: Any) -> str:
    """Return a value as a line that moves no cursor and colours no terminal."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
    return "".join(sign if sign.isprintable() else " " for sign in text)
