"""`wmlfl keys`: users and keys of a local WML service, also while it runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .._paths import default_data_dir
from ..errors import ServiceError
from .environment import reporting
from .groups import Group
from .report import emit

if TYPE_CHECKING:
    from ..server.access import Access, Role

__all__ = ["keys"]

F = TypeVar("F", bound=Callable[..., Any])


def _data_dir(function: F) -> F:
    return click.option(
        "--data-dir",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder of the service.  [default: $WMLFL_DATA_DIR, or ~/.local/share/wmlfl]",
    )(function)


@click.group(cls=Group)
def keys() -> None:
    """Add, list and remove keys of the local WML service.

    A key belongs to a user. Give each party a key of its own.
    """


@keys.command()
@click.argument("username")
@click.option(
    "--role", type=click.Choice(["admin", "editor", "viewer"]), help="[default: the one it has, or viewer]"
)
@click.option("--project-id", help="Project the user gets the role in.  [default: the development project]")
@click.option("--space-id", help="Space the user gets the role in.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the key to this file (mode 600)."
)
@_data_dir
def add(
    *,
    username: str,
    role: Role | None,
    project_id: str | None,
    space_id: str | None,
    out: Path | None,
    data_dir: Path | None,
) -> None:
    """Give USERNAME a new key, and a role in a project or space.

    The key is shown once; only its hash is kept. The user is made if there is none of this name.
    """
    from ..server.folder import write_private
    from ..server.settings import DEVELOPMENT_KEY_NAME, DEVELOPMENT_PROJECT
    from ..server.store.contract import Scope

    scope = (
        Scope("space_id", space_id) if space_id else Scope("project_id", project_id or DEVELOPMENT_PROJECT)
    )
    if project_id and space_id:
        raise click.UsageError("Give --project-id or --space-id, not both.")
    with _open_access(data_dir) as access:
        if access.scope_row(scope) is None:
            raise ServiceError(
                f"There is no {scope.kind.removesuffix('_id')} {scope.id} in this data folder.",
                hint="Start the service once: it makes the development project.",
            )
        known = access.user_named(username)
        user_id = known.id if known else f"IBMid-{username}"
        access.add_user(user_id, username)
        if role is not None or not access.is_member(user_id, scope):
            access.add_scope(scope, "", {user_id: role or "viewer"})
        name = username if username != DEVELOPMENT_KEY_NAME else f"{username} user"
        key = access.add_key(user_id, name)
    if out is not None:
        write_private(out, json.dumps({"username": username, "user_id": user_id, "apikey": key}) + "\n")
        click.echo(f"The key of {username} ({user_id}) is in {out}.")
        return
    click.echo(f"Key of {username} ({user_id}), shown this once:")
    click.echo(f"  {key}")


@keys.command("list")
@click.option("--json", "-j", "as_json", is_flag=True, help="Print one JSON document.")
@_data_dir
@reporting
def list_(*, as_json: bool, data_dir: Path | None) -> None:
    """List the keys: id, user, time. Their values are not kept."""
    with _open_access(data_dir) as access:
        found = access.keys()
    if as_json:
        rows = [
            {"id": k.id, "user_id": k.user_id, "username": k.username, "created_at": k.created_at}
            for k in found
        ]
        emit("keys", rows)
        return
    for key in found:
        click.echo(f"{key.id}  {key.created_at}  {key.username} ({key.user_id})")


@keys.command()
@click.argument("key_id")
@_data_dir
def remove(*, key_id: str, data_dir: Path | None) -> None:
    """Remove the key KEY_ID (see `wmlfl keys list`); its tokens end at once."""
    with _open_access(data_dir) as access:
        if not access.remove_key(key_id):
            raise ServiceError(f"There is no key {key_id}.", hint="See `wmlfl keys list`.")
    click.echo(f"Removed the key {key_id}.")


@contextmanager
def _open_access(data_dir: Path | None) -> Iterator[Access]:
    from ..server.access import Access
    from ..server.store.database import Database

    folder = (data_dir or default_data_dir()).expanduser()
    file = folder / "service.sqlite"
    if not file.exists():
        raise ServiceError(
            f"{folder} is not the data folder of a service.", hint="Start it once with `wmlfl serve`."
        )
    database = Database(file)
    try:
        yield Access(database)
    finally:
        database.close()
