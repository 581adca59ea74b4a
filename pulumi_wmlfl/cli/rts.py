"""`wmlfl rts`: the remote training systems, which are the identities of the parties."""

from __future__ import annotations

from typing import Any

import click

from .environment import Environment, environment_options
from .groups import Group
from .report import emit, fields, nothing, show_table

__all__ = ["rts"]


@click.group(cls=Group)
def rts() -> None:
    """List and look at remote training systems, the identities of the parties."""


@rts.command("list")
@click.option("--tag", metavar="TAG", help="Only those with this tag.")
@environment_options
def list_systems(*, environment: Environment, tag: str | None, as_json: bool) -> None:
    """List remote training systems by name."""
    found = environment.client.list("remote_training_systems", environment.scope, tag=tag)
    rows = sorted((_view(entry) for entry in found), key=lambda row: (row["name"], row["id"]))
    if as_json:
        emit("remote-training-systems", rows)
        return
    shown = [(r["id"], r["name"], r["organization"], r["region"], _who(r), r["created_at"]) for r in rows]
    columns = ("id", "name", "organization", "region", "may join", "created")
    show_table(columns, shown, empty=nothing("remote training systems", tag=tag))


@rts.command()
@click.argument("system")
@environment_options
def show(*, environment: Environment, system: str, as_json: bool) -> None:
    """Show one. SYSTEM is an id, or a name that only one has."""
    from ..core.lookup import find_referred

    found = find_referred(environment.client, "remote_training_systems", environment.scope, system)
    view = _view(found)
    if as_json:
        emit("remote-training-system", view)
        return
    fields({**view, "tags": ", ".join(view["tags"]), "allowed_identities": _who(view)})


def _view(found: Any) -> dict[str, Any]:
    from ..core.lookup import name_of, tags_of

    organization = found.entity.get("organization")
    home = organization if isinstance(organization, dict) else {}
    identities = found.entity.get("allowed_identities")
    listed = identities if isinstance(identities, list) else []
    return {
        "id": found.id,
        "name": name_of(found),
        "description": found.metadata.description,
        "organization": home.get("name"),
        "region": home.get("region"),
        "allowed_identities": [entry for entry in listed if isinstance(entry, dict)],
        "remote_admin": found.entity.get("remote_admin"),
        "tags": list(tags_of(found)),
        "created_at": found.metadata.created_at,
        "modified_at": found.metadata.modified_at,
    }


def _who(view: dict[str, Any]) -> str:
    return ", ".join(str(identity.get("id")) for identity in view["allowed_identities"])
