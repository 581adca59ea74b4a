"""`wmlfl model list | show | download`: the models of a project or space."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..errors import ConfigurationError
from .environment import Environment, environment_options
from .report import emit, fields, nothing, show_table

__all__ = ["COMMANDS"]


@click.command("list")
@click.option("--tag", metavar="TAG", help="Only those with this tag.")
@environment_options
def list_models(*, environment: Environment, tag: str | None, as_json: bool) -> None:
    """List models, the newest first."""
    rows = [_view(entry) for entry in environment.client.list("models", environment.scope, tag=tag)]
    rows.sort(key=lambda row: row["created_at"] or "", reverse=True)
    if as_json:
        emit("models", rows)
        return
    shown = [(row["id"], row["name"], row["type"], row["software_spec"], row["created_at"]) for row in rows]
    columns = ("id", "name", "type", "software", "created")
    show_table(columns, shown, empty=nothing("models", tag=tag))


@click.command()
@click.argument("model")
@environment_options
def show(*, environment: Environment, model: str, as_json: bool) -> None:
    """Show a model and its content. MODEL is an id, or a name that only one model has."""
    from ..core.lookup import find_referred

    client, scope = environment.client, environment.scope
    found = find_referred(client, "models", scope, model)
    attachments = [
        {"id": entry.attachment_id, "content_format": entry.content_format}
        for entry in client.list_content(found.id, scope)
    ]
    view = {**_view(found), "content": attachments}
    if as_json:
        emit("model", view)
        return
    formats = ", ".join(str(entry["content_format"]) for entry in attachments)
    fields({**view, "tags": ", ".join(view["tags"]), "content": formats or "none"})


@click.command()
@click.argument("model")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The file to write.",
)
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@environment_options
def download(*, environment: Environment, model: str, output: Path, force: bool, as_json: bool) -> None:
    """Download a model's content. MODEL is an id, or a name that only one model has.

    The file is there as a whole or not at all.
    """
    from ..core.download import downloaded
    from ..core.lookup import find_referred

    if output.exists() and not force:
        raise ConfigurationError(f"{output} is there already.", hint="Choose another --output, or --force.")
    client, scope = environment.client, environment.scope
    found = find_referred(client, "models", scope, model)
    with downloaded(client, found.id, scope, output.absolute().parent) as content:
        content.keep(output)
    if as_json:
        view = {"id": found.id, "path": str(output), "bytes": content.size, "sha256": content.sha256}
        emit("model-download", view)
    else:
        click.echo(f"{output}: {content.size} bytes, SHA-256 {content.sha256}")


def _view(found: Any) -> dict[str, Any]:
    from ..core.lookup import name_of, tags_of

    specification = found.entity.get("software_spec")
    software = specification if isinstance(specification, dict) else {}
    return {
        "id": found.id,
        "name": name_of(found),
        "type": found.entity.get("type"),
        "software_spec": software.get("name") or software.get("id"),
        "training_id": found.entity.get("training_id"),
        "tags": list(tags_of(found)),
        "created_at": found.metadata.created_at,
        "modified_at": found.metadata.modified_at,
    }


COMMANDS = (list_models, show, download)
