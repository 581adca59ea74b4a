"""`wmlfl training`: list, look at, follow and cancel the trainings of a project or space."""

from __future__ import annotations

import difflib
import time
from typing import Any

import click

from ..errors import ConfigurationError, TrainingFailed, WaitTimedOut
from ..schema.api import TrainingState
from .environment import Environment, environment_options
from .groups import Group
from .report import emit, fields, nothing, printable, show_table

__all__ = ["training"]

_CANCEL_SECONDS = 300.0
_SECONDS = click.FloatRange(min=0.05)


@click.group(cls=Group)
def training() -> None:
    """List, look at, follow and cancel trainings.

    TRAINING is an id, or a name that only one training has.
    """


@training.command("list")
@click.option("--state", metavar="STATE", help="Only those in this state, such as running.")
@click.option("--tag", metavar="TAG", help="Only those with this tag.")
@environment_options
def list_trainings(*, environment: Environment, state: str | None, tag: str | None, as_json: bool) -> None:
    """List trainings, the newest first."""
    from .training_views import summary

    found = environment.client.list("trainings", environment.scope, tag=tag)
    rows = [summary(entry) for entry in found if state in (None, entry.state)]
    rows.sort(key=lambda row: row["created_at"] or "", reverse=True)
    if as_json:
        emit("trainings", rows)
        return
    shown = [
        (row["id"], row["name"], row["state"], _round(row), row["fusion_type"], row["created_at"])
        for row in rows
    ]
    empty = f"{nothing('trainings', state=state, tag=tag)}{_state_meant(state)}"
    show_table(("id", "name", "state", "round", "fusion", "created"), shown, empty=empty)


def _state_meant(state: str | None) -> str:
    """Return a hint where a state is none that WML documents; it may have others, so it is only a hint."""
    if state is None or state in set(TrainingState):
        return ""
    near = difflib.get_close_matches(state, TrainingState, n=1)
    meant = f"Did you mean {str(near[0])!r}?" if near else f"WML documents {', '.join(TrainingState)}."
    return f" {meant}"


@training.command()
@click.argument("training")
@environment_options
def status(*, environment: Environment, training: str, as_json: bool) -> None:
    """Show how a training stands: state, round, parties, quorum, results."""
    from .training_views import details

    view = details(_find(environment, training))
    if as_json:
        emit("training", view)
        return
    results = view["results"]
    place = results["location"].get("assets_path") or results["location"].get("path") or ""
    fields(
        {
            "id": view["id"],
            "name": view["name"],
            "state": view["state"],
            "message": view["failure"] or view["message"],
            "round": _round(view),
            "fusion": view["fusion_type"],
            "quorum": view["quorum"],
            "model": view["model_id"],
            "created": view["created_at"],
            "running since": view["running_at"],
            "completed": view["completed_at"],
            "results": f"{results['type']} {place}",
        }
    )
    click.echo()
    _show_parties(view["parties"])


@training.command()
@click.argument("training")
@click.option(
    "--until",
    type=click.Choice(["accepting_parties", "running", "completed"]),
    default="completed",
    show_default=True,
    help="The state to wait for.",
)
@click.option("--interval", type=_SECONDS, default=2.0, show_default=True, help="Seconds between two looks.")
@click.option("--timeout", type=_SECONDS, metavar="SECONDS", help="Give up after so long.")
@environment_options
def watch(
    *,
    environment: Environment,
    training: str,
    until: str,
    interval: float,
    timeout: float | None,
    as_json: bool,
) -> None:
    """Follow a training until it is done: progress, parties and metrics as they come.

    With --json each change is one line, an envelope of the kind `training`. Exit code 9: the training failed,
    was cancelled, or did not get there in time.
    """
    from .training_watch import follow

    found = _find(environment, training)
    follow(environment, found, until=until, interval=interval, timeout=timeout, as_json=as_json)


@training.command()
@click.argument("training")
@environment_options
def logs(*, environment: Environment, training: str, as_json: bool) -> None:
    """Show what happened: states, parties that came and went, rounds, the reason of a failure."""
    from .training_views import timeline

    events = timeline(_find(environment, training))
    if as_json:
        emit("training-log", events)
        return
    for event in events:
        party = f"{event['party']}: " if event["party"] else ""
        click.echo(printable(f"{event['at'] or '-':24}  {party}{event['what']}"))


@training.command()
@click.argument("training")
@click.option("--metric", "only", metavar="NAME", help="Only this metric.")
@environment_options
def metrics(*, environment: Environment, training: str, only: str | None, as_json: bool) -> None:
    """Show the metrics of each round: the mean of the fused model, and each party's.

    A party's column has what the fused model and, after a stroke, its own model scored on its test data.
    """
    from .training_views import metrics_of

    rows = [row for row in metrics_of(_find(environment, training)) if only in (None, row["metric"])]
    if as_json:
        emit("training-metrics", rows)
        return
    names = list(dict.fromkeys(name for row in rows for name in row["parties"]))
    shown = [
        (row["round"], row["metric"], row["global"], *(_measured(row["parties"].get(name)) for name in names))
        for row in rows
    ]
    show_table(("round", "metric", "mean", *names), shown, empty="There are no metrics yet.")
    if shown:
        click.echo(
            "A party's column: the fused model / the party's own, measured on the party's test data.",
            err=True,
        )


@training.command()
@click.argument("training")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@environment_options
def cancel(*, environment: Environment, training: str, yes: bool, as_json: bool) -> None:
    """Cancel a training and wait until it has ended; its record stays in WML.

    A stack that holds the training shows it as it is at the next refresh; a new run starts when `triggers`
    change.
    """
    from ..schema.api import TrainingState
    from .confirm import confirm
    from .training_views import summary

    found = _find(environment, training)
    if TrainingState.is_terminal(found.state):
        raise ConfigurationError(f"The training {found.id} is {found.state} already.")
    view = summary(found)
    confirm(f"Cancel the training {printable(view['name'])!r} ({found.id}), which is {found.state}?", yes=yes)
    environment.client.delete("trainings", found.id, environment.scope)
    deadline, pause = time.monotonic() + _CANCEL_SECONDS, 0.1
    while not TrainingState.is_terminal(found.state):
        if time.monotonic() > deadline:
            raise WaitTimedOut(f"The training {found.id} is still {found.state}.", hint="Look again later.")
        time.sleep(pause)
        pause = min(2 * pause, 5.0)
        found = environment.client.get("trainings", found.id, environment.scope)
    if as_json:
        emit("training", summary(found))
    else:
        click.echo(f"{found.id}: {found.state}")
    if found.state != "canceled":
        raise TrainingFailed(f"The training {found.id} had ended before: it is {found.state}.")


def _find(environment: Environment, reference: str) -> Any:
    from ..core.lookup import find_referred

    return find_referred(environment.client, "trainings", environment.scope, reference)


def _show_parties(parties: list[dict[str, Any]]) -> None:
    rows = [
        (
            party["name"] or party["id"],
            party["required"],
            party["event"] or "not heard of yet",
            party["at"],
            party["reason"],
        )
        for party in parties
    ]
    show_table(("party", "required", "last event", "at", "reason"), rows, empty="There are no parties.")


def _round(view: dict[str, Any]) -> str:
    return f"{view['round'] or 0}/{view['rounds']}" if view["rounds"] else str(view["round"] or "")


def _measured(values: dict[str, Any] | None) -> str:
    parts = [printable(values[key]) for key in ("fused", "local") if key in values] if values else []
    return " / ".join(parts)
