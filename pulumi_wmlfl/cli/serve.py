"""`wmlfl serve`: the local WML service in the foreground."""

from __future__ import annotations

from pathlib import Path

import click

from .._paths import default_data_dir

__all__ = ["serve"]


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=9443, show_default=True, type=click.IntRange(0, 65535), help="0: any free one."
)
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of the service's data.")
@click.option(
    "--ready-file", type=click.Path(path_type=Path), help="Write here, as JSON, where the service is."
)
@click.option("--pending-seconds", default=1.0, show_default=True, help="How long a training stays pending.")
@click.option("--allow-remote", is_flag=True, help="Allow an address that other machines can reach.")
def serve(
    *,
    host: str,
    port: int,
    data_dir: Path | None,
    ready_file: Path | None,
    pending_seconds: float,
    allow_remote: bool,
) -> None:
    """Run the local WML service until Ctrl-C.

    It serves IBM's WML API over HTTPS. The authority of its certificate, its database and the models' content
    stay in the data folder; nothing is lost by a restart.
    """
    from ..server.lifecycle import Ready
    from ..server.lifecycle import serve as run
    from ..server.settings import ServiceSettings

    folder = (data_dir or default_data_dir()).expanduser().resolve()

    def announce(ready: Ready) -> None:
        click.echo(f"WML service   {ready.url}")
        click.echo(f"project       {ready.project_id}")
        click.echo(f"user          {ready.user_id} ({ready.username})")
        click.echo(f"authority     {ready.ca_file}")
        click.echo(f"API key       in {ready_file or folder / 'ready.json'}")
        click.echo("Stop it with Ctrl-C.")

    run(
        ServiceSettings(
            data_dir=folder,
            host=host,
            port=port,
            ready_file=ready_file.expanduser().resolve() if ready_file else None,
            allow_remote=allow_remote,
            pending_seconds=pending_seconds,
        ),
        on_ready=announce,
    )
    click.echo("Stopped.")
