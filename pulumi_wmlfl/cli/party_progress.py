"""How a party's events look: lines with a bar for people, envelopes for programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from .report import emit

if TYPE_CHECKING:
    from ..party import PartyEvent

__all__ = ["show_for_people", "show_for_programs", "told_metrics"]

_BAR = 20
_TOLD = ("acc", "accuracy", "accuracy_score", "score", "r2_score", "loss")


def show_for_programs(event: PartyEvent) -> None:
    """Print one event as an envelope on one line; what `kind` is to the event is `event` in the data."""
    told = asdict(event)
    emit("party-event", {"event": told.pop("kind"), **told}, compact=True)


def show_for_people(*, width: int = 0) -> Callable[[PartyEvent], None]:
    """Return what prints events; `width` is that of the longest party name, where many share a screen."""

    def show(event: PartyEvent) -> None:
        line = _line(event)
        if line:
            stream = event.kind in {"failed", "lost", "warning"}
            click.echo(f"{event.party:{width}}  {line}", err=stream)

    return show


def told_metrics(metrics: Mapping[str, float]) -> str:
    """Return the one number that tells most: accuracy, else score, else loss."""
    for name in _TOLD:
        if name in metrics:
            shown = {"acc": "accuracy", "accuracy_score": "accuracy"}.get(name, name)
            return f"{shown} {metrics[name]:.3f}"
    return "no metrics" if not metrics else ", ".join(f"{k} {v:.3f}" for k, v in list(metrics.items())[:2])


def _line(event: PartyEvent) -> str:
    if event.kind == "training":
        return ""
    if event.kind == "trained":
        return f"{_bar(event)} trained in {event.seconds:.1f} s, {told_metrics(event.metrics)}"
    if event.kind == "fused":
        return f"{_bar(event)} all parties' model: {told_metrics(event.metrics)}"
    return event.text


def _bar(event: PartyEvent) -> str:
    if not event.rounds:
        return f"round {event.round}:"
    done = min(_BAR, round(_BAR * event.round / event.rounds))
    return f"round {event.round}/{event.rounds} [{'#' * done}{'.' * (_BAR - done)}]"
