"""`wmlfl orphans`: what a stack made and does not know any more."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ConfigurationError
from .confirm import confirm
from .environment import Environment, Place, place_options, reporting, run_engine, scope_options
from .report import counted, emit, printable, show_table

if TYPE_CHECKING:
    from ..core.orphans import Orphan

__all__ = ["orphans"]


@click.command()
@click.option(
    "--state",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="What `stack export` printed; - reads standard input.  [default: the stack's]",
)
@click.option("--delete", is_flag=True, help="Delete them, after a question.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.option(
    "--older-than",
    type=click.FloatRange(min=0),
    default=10.0,
    show_default=True,
    metavar="MINUTES",
    help="Leave out what is younger: a deployment may be under way.",
)
@scope_options
@place_options
@reporting
def orphans(
    *,
    place: Place,
    project_id: str | None,
    space_id: str | None,
    state: Path | None,
    delete: bool,
    yes: bool,
    older_than: float,
    as_json: bool,
) -> None:
    """List objects in WML that carry a stack's marker and are not in its state; delete them on request.

    They come from crashes, from states that were lost or put back, and from `retain_on_delete`: look before
    you delete. What an interrupted deployment left is taken over by the next `up` of the same program.
    Projects and spaces: the configured one, and those of the objects in the state.
    """
    from ..core.orphans import delete_orphan, marked_objects, read_state

    environment = Environment.at(place, project_id=project_id, space_id=space_id)
    known = read_state(_export_of(state)) if state else None
    urn = (known.urn if known else "") or (_urn_of(place) if place.stack or not known else "")
    if not urn:
        raise ConfigurationError(
            "The state has no resources, so it does not say whose it is.", hint="Name the stack: --stack."
        )
    scopes = {environment.scope: None}
    marked = list(marked_objects(environment.client, scopes, urn))
    # The state is read after the listing: what a deployment records meanwhile is not taken for an orphan.
    known = known or read_state(run_engine(("stack", "export"), place))
    others = [scope for scope in known.scopes if scope not in scopes]
    marked += marked_objects(environment.client, others, urn)
    lost = [orphan for orphan in marked if orphan.id not in known.ids]
    found = _settled(lost, seconds=60 * older_than)
    if not as_json:
        _show(found, young=len(lost) - len(found), minutes=older_than)
    if delete and found:
        confirm(f"Delete {counted(len(found), 'object')} for good?", yes=yes)
        for orphan in found:
            delete_orphan(environment.client, orphan, lambda _: None)
            if not as_json:
                click.echo(printable(f"deleted: {orphan.noun} {orphan.id} {orphan.name}"))
    if as_json:
        emit("orphans", [{**_view(orphan), "deleted": delete} for orphan in found])


def _settled(lost: list[Orphan], *, seconds: float) -> list[Orphan]:
    now = datetime.now(UTC)
    return [orphan for orphan in lost if orphan.age(now) >= seconds]


def _export_of(path: Path) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
        export = json.loads(text)
    except (OSError, ValueError, RecursionError):
        export = None
    if not isinstance(export, dict) or "deployment" not in export:
        raise ConfigurationError(
            f"--state: {path} is not what `stack export` prints.", hint="Run `wmlfl stack export > FILE`."
        )
    return export


def _urn_of(place: Place) -> str:
    """Return the beginning of every URN of the stack that the place names."""
    from ..engine.project import backend_url, current_stack, find_project

    project = find_project(Path(place.folder or ".").absolute())
    stack = current_stack(project, backend_url(project), place.stack)
    return f"urn:pulumi:{stack.name}::{stack.project}"


def _show(found: list[Orphan], *, young: int, minutes: float) -> None:
    rows = [
        (entry.id, entry.noun, entry.name, entry.state, entry.created_at, entry.scope.id) for entry in found
    ]
    columns = ("id", "kind", "name", "state", "created", "project or space")
    show_table(columns, rows, empty="There are no orphans.")
    if young:
        click.echo(f"Left out: {young} younger than {minutes:g} minutes (--older-than).")


def _view(orphan: Orphan) -> dict[str, Any]:
    return {
        "collection": orphan.collection,
        "id": orphan.id,
        "name": orphan.name,
        "state": orphan.state,
        "marker": orphan.marker,
        "created_at": orphan.created_at,
        **orphan.scope.as_dict(),
    }
