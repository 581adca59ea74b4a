"""`wmlfl settings`: what a command would use, and where each value came from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import click

from ..errors import ConfigurationError
from .environment import Place, place_options, reporting, stack_configuration
from .report import emit, show_table

__all__ = ["settings"]

_HIDDEN = "[secret]"


@click.command()
@click.option("--json", "-j", "as_json", is_flag=True, help="Print one JSON document.")
@place_options
@reporting
def settings(*, place: Place, as_json: bool) -> None:
    """Show the settings that count here and where each came from; secrets are hidden.

    What was given is shown even if it does not fit together; why it does not is said, with exit code 3.
    """
    rows, problem = _effective(stack_configuration(place))
    if as_json:
        emit("settings", {"settings": rows, "problem": str(problem) if problem else None})
    else:
        shown = [(row["key"], row["value"], row["source"]) for row in rows]
        show_table(("setting", "value", "from"), shown, empty="Nothing is set.")
    if problem:
        click.echo(f"error: {problem.with_code()}", err=True)
        click.get_current_context().exit(problem.exit_code)


def _effective(stack: Mapping[str, Any]) -> tuple[list[dict[str, str]], ConfigurationError | None]:
    """Return key, value and source of every setting, and why they do not fit together."""
    from ..config import SETTINGS, resolve_settings
    from ..config.values import collect

    given = collect(stack, os.environ)
    problem = None
    try:
        settled = resolve_settings(stack)
    except ConfigurationError as error:
        values, sources, problem = given.values, given.sources, error
    else:
        sources = dict(settled.sources)
        values = {key: value for key, value in given.values.items() if key in sources}
        values |= {"platform": settled.platform, "url": settled.url, "iamUrl": settled.iam_url}
        values |= {"apikey": settled.apikey, "projectId": settled.project_id, "caFile": settled.ca_file}
    rows = [
        {
            "key": setting.key,
            "value": _HIDDEN if setting.secret else values[setting.key],
            "source": sources.get(setting.key, "follows from the others"),
        }
        for setting in SETTINGS
        if values.get(setting.key)
    ]
    return rows, problem
