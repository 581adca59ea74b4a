"""`wmlfl serve`: run the local WML service in the foreground."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from .._paths import READY_FILE, default_data_dir

__all__ = ["serve"]

_LIMITS = frozenset(
    {
        "largest_content",
        "largest_json",
        "idle_seconds",
        "header_seconds",
        "most_connections",
        "token_seconds",
        "largest_frame",
        "settle_seconds",
        "late_seconds",
        "rejoin_seconds",
        "evaluation_seconds",
    }
)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=9443, show_default=True, help="0 takes any free port."
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for everything the service keeps.  [default: $WMLFL_DATA_DIR, or ~/.local/share/wmlfl]",
)
@click.option(
    "--ready-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help=f"Write address and credentials to this file too, besides {READY_FILE} in the data folder.",
)
@click.option(
    "--pending-seconds",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="How long a training stays pending, until it accepts parties.",
)
@click.option(
    "--platform-version",
    default="5.1.0",
    show_default=True,
    help="Version of Cloud Pak for Data to answer to IBM's SDKs.",
)
@click.option(
    "--allow-remote",
    is_flag=True,
    help="Allow a --host that other machines can reach; needs `wmlfl keys add`.",
)
@click.option(
    "--limit",
    "limits",
    multiple=True,
    metavar="NAME=NUMBER",
    help="Change a limit (repeatable): largest_content or largest_json in bytes, idle_seconds between pieces "
    "of a body, header_seconds for the head of a request, most_connections, token_seconds; of a training: "
    "largest_frame in bytes, settle_seconds, late_seconds, rejoin_seconds, evaluation_seconds.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="What is logged on standard error.",
)
def serve(
    *,
    host: str,
    port: int,
    data_dir: Path | None,
    ready_file: Path | None,
    pending_seconds: float,
    platform_version: str,
    allow_remote: bool,
    limits: tuple[str, ...],
    log_level: str,
) -> None:
    """Run the local WML service until Ctrl-C.

    It answers as Watson Machine Learning does: models, remote training systems, trainings. What it stores
    survives a restart.
    """
    from ..server.aggregator import make_parts
    from ..server.lifecycle import run_service
    from ..server.settings import ServiceSettings

    logging.basicConfig(level=log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    folder = (data_dir or default_data_dir()).expanduser().resolve()
    settings = ServiceSettings(
        data_dir=folder,
        host=host,
        port=port,
        ready_file=ready_file.expanduser().resolve() if ready_file else None,
        allow_remote=allow_remote,
        pending_seconds=pending_seconds,
        platform_version=platform_version,
        **dict(_limit(text) for text in limits),
    )
    run_service(
        settings,
        on_ready=lambda ready: _announce(ready, settings.ready_file or folder / READY_FILE),
        make_parts=make_parts,
    )
    click.echo("Stopped.")


def _limit(text: str) -> tuple[str, Any]:
    name, _, number = text.partition("=")
    if name not in _LIMITS:
        raise click.UsageError(f"There is no limit {name!r}. Limits: {', '.join(sorted(_LIMITS))}.")
    try:
        value = float(number)
    except ValueError:
        value = 0
    if not 0 < value < math.inf:
        raise click.UsageError(f"--limit {name} needs a number above 0.")
    return name, value if name.endswith("_seconds") else int(value)


def _announce(ready: Mapping[str, Any], ready_file: Path) -> None:
    """Say where the service is; the key stays in the ready file."""
    lines = (
        f"The local WML service {ready['version']} is ready.",
        f"  address      {ready['url']}",
        f"  dashboard    {ready['url']}/dashboard/",
        f"  CA file      {ready['ca_file']}",
        f"  credentials  {ready_file}",
        f"  user         {ready['username']} ({ready['user_id']})",
        f"  project      {ready['project_id']}",
        "Press Ctrl-C to stop it.",
    )
    click.echo("\n".join(lines))
