"""Follows a training until it is done.

A bar and the parties on a terminal, lines elsewhere, and one envelope for each change with `--json`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import click

from ..errors import TrainingFailed, TransportError, WaitTimedOut
from ..schema.api import TrainingState
from .report import console, emit, printable
from .training_views import details, metrics_of, outcome, summary, timeline

if TYPE_CHECKING:
    from ..schema.api import WmlObject
    from .environment import Environment

__all__ = ["follow"]

_ORDER = ("queued", "pending", "accepting_parties", "running", "storing", "completed")
# A look that fails is repeated: a watch of hours must not end with one lost connection.
_LOST_LOOKS = 5
# Metrics on the live screen; `wmlfl training metrics` has them all.
_TOLD = 3


class _Screen(Protocol):
    def show(self, found: WmlObject) -> None:
        """Show a training as it is now."""


def follow(
    environment: Environment,
    found: WmlObject,
    *,
    until: str,
    interval: float,
    timeout: float | None,
    as_json: bool,
) -> None:
    """Show `found` until it is in the state `until` or further; `interval` and `timeout` are seconds.

    Raises:
        TrainingFailed: it ended and will never be in that state.
        WaitTimedOut: it was not in time.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    with _screen(as_json=as_json) as screen:
        while True:
            screen.show(found)
            if _reached(found.state, until):
                return
            if TrainingState.is_terminal(found.state):
                raise TrainingFailed(
                    f"The training {found.id} is {outcome(found)}", hint="See `wmlfl training logs`."
                )
            if deadline is not None and time.monotonic() + interval > deadline:
                raise WaitTimedOut(f"The training {found.id} is still {outcome(found)}")
            time.sleep(interval)
            found = _look(environment, found, interval)


def _look(environment: Environment, found: WmlObject, interval: float) -> WmlObject:
    for left in reversed(range(_LOST_LOOKS)):
        try:
            return environment.client.get("trainings", found.id, environment.scope)
        except TransportError:
            if not left:
                raise
            time.sleep(interval)
    raise AssertionError


def _reached(state: str, wanted: str) -> bool:
    return state in _ORDER and _ORDER.index(state) >= _ORDER.index(wanted)


@contextmanager
def _screen(*, as_json: bool) -> Iterator[_Screen]:
    if as_json:
        yield _Envelopes()
    elif sys.stdout.isatty():
        with _Live() as live:
            yield live
    else:
        yield _Lines()


class _Envelopes:
    """One line of JSON for each change."""

    def __init__(self) -> None:
        self._last: Any = None

    def show(self, found: WmlObject) -> None:
        """Print the training if it has changed."""
        view = {**details(found), "metrics": metrics_of(found)}
        if view != self._last:
            self._last = view
            emit("training", view, compact=True)


class _Lines:
    """What happened since the last look, line by line."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def show(self, found: WmlObject) -> None:
        """Print what is new."""
        for event in timeline(found):
            party = f"{event['party']}: " if event["party"] else ""
            line = printable(f"{event['at'] or '-':24}  {party}{event['what']}")
            # A message that is repeated with another time is no news.
            key = line if event["party"] else line[24:]
            if key not in self._seen:
                self._seen.add(key)
                click.echo(line)


class _Live:
    """A bar that is drawn again, and the parties below it."""

    def __enter__(self) -> _Live:
        from rich.live import Live

        self._live = Live(console=console(), auto_refresh=False, transient=False)
        self._live.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._live.__exit__(None, None, None)

    def show(self, found: WmlObject) -> None:
        """Draw the training as it is."""
        from rich.console import Group
        from rich.padding import Padding
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        from .report import table

        view, rows = summary(found), metrics_of(found)
        lines: list[Any] = [Text(printable(f"{view['name'] or view['id']}: {outcome(found)}"), style="bold")]
        if view["rounds"]:
            bar = ProgressBar(total=view["rounds"], completed=view["round"] or 0, width=40)
            lines.append(Padding(bar))  # a bar alone does not end its line
        last = [row for row in rows if row["round"] == rows[-1]["round"]]
        if last:
            told = ", ".join(f"{row['metric']} {printable(row['global'])}" for row in last[:_TOLD])
            told += f", and {len(last) - _TOLD} more" if len(last) > _TOLD else ""
            lines.append(Text(printable(f"round {last[0]['round']}: {told}")))
        parties = [
            (p["name"] or p["id"], p["event"] or "not heard of yet", p["at"])
            for p in details(found)["parties"]
        ]
        lines.append(table(("party", "last event", "at"), parties))
        self._live.update(Group(*lines), refresh=True)
