"""Which WML environment a command talks to, and the options that say so.

The environment variables `WMLFL_*` win, then the configuration of the stack, then IBM's own variables: as in
a deployment. The stack is the one that `--stack` names, else the selected one of the project in the folder.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..errors import ConfigurationError, MissingExtra, StackLocked, StackNotFound, WmlflError
from .report import emit_error

if TYPE_CHECKING:
    from ..client import Scope, WmlClient
    from ..config import Settings

__all__ = [
    "Environment",
    "Place",
    "environment_options",
    "place_options",
    "reporting",
    "run_engine",
    "scope_options",
    "stack_configuration",
    "tell_engine",
    "wmlfl_keys",
]

Command = TypeVar("Command", bound=Callable[..., Any])

_PROJECT_FILES = ("Pulumi.yaml", "Pulumi.yml", "Pulumi.json")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the configuration comes from: a stack, a folder, or the environment alone."""

    stack: str | None = None
    folder: str | None = None
    no_stack: bool = False


@dataclass(frozen=True)
class Environment:
    """A configured WML environment: its settings, a client, and the project or space."""

    settings: Settings
    client: WmlClient
    scope: Scope

    @classmethod
    def at(cls, place: Place, *, project_id: str | None = None, space_id: str | None = None) -> Environment:
        """Settle the settings of a place.

        Raises:
            ConfigurationError: they are not complete, or name neither project nor space.
        """
        return cls.of(stack_configuration(place), project_id=project_id, space_id=space_id)

    @classmethod
    def of(
        cls, configuration: dict[str, Any], *, project_id: str | None = None, space_id: str | None = None
    ) -> Environment:
        """Settle the settings of a stack's `wmlfl:` keys.

        Raises:
            ConfigurationError: they are not complete, or name neither project nor space.
        """
        from ..client import Scope, connect
        from ..config import resolve_settings

        if project_id and space_id:
            raise ConfigurationError("Give either --project-id or --space-id, not both.")
        settings = resolve_settings(configuration)
        if project_id or (settings.project_id and not space_id):
            scope = Scope("project_id", project_id or settings.project_id)
        elif space_id or settings.space_id:
            scope = Scope("space_id", space_id or settings.space_id)
        else:
            raise ConfigurationError(
                "Neither a project nor a space is named.",
                hint="Give --project-id or --space-id, or set WMLFL_PROJECT_ID or WMLFL_SPACE_ID.",
            )
        return cls(settings, connect(settings), scope)


def place_options(command: Command) -> Command:
    """Add `--stack`, `--cwd` and `--no-stack`, which become `place`; errors are reported as `--json` says."""

    @functools.wraps(command)
    def placed(*, stack: str | None, folder: str | None, no_stack: bool, **options: Any) -> Any:
        if stack and no_stack:
            raise click.UsageError("--stack and --no-stack exclude each other.")
        return command(place=Place(stack, folder, no_stack), **options)

    for option in (
        click.option("--no-stack", is_flag=True, help="Go by the environment alone."),
        click.option(
            "--cwd",
            "-C",
            "folder",
            type=click.Path(exists=True, file_okay=False),
            help="The project's folder.",
        ),
        click.option("--stack", "-s", metavar="NAME", help="The stack whose configuration counts."),
    ):
        placed = option(placed)
    return placed  # type: ignore[return-value]


def environment_options(command: Command) -> Command:
    """Add the options of every command that asks WML; they become `environment`."""

    @functools.wraps(command)
    def settled(*, place: Place, project_id: str | None, space_id: str | None, **options: Any) -> Any:
        return command(environment=Environment.at(place, project_id=project_id, space_id=space_id), **options)

    return scope_options(place_options(reporting(settled)))  # type: ignore[return-value]


def scope_options(command: Command) -> Command:
    """Add `--project-id`, `--space-id` and `--json`."""
    for option in (
        click.option("--json", "-j", "as_json", is_flag=True, help="Print one JSON document."),
        click.option("--space-id", metavar="ID", help="Another space than the configured one."),
        click.option("--project-id", metavar="ID", help="Another project than the configured one."),
    ):
        command = option(command)
    return command


def reporting(command: Command) -> Command:
    """Report an error as an envelope too where `--json` is given; the exit code is the error's own."""

    @functools.wraps(command)
    def reported(*, as_json: bool, **options: Any) -> Any:
        try:
            return command(as_json=as_json, **options)
        except WmlflError as error:
            if as_json:
                emit_error(error)
            raise

    return reported  # type: ignore[return-value]


def stack_configuration(place: Place) -> dict[str, Any]:
    """Return the `wmlfl:` keys of a stack's configuration; empty where there is no project or no stack.

    Raises:
        ConfigurationError: it cannot be read; the engine's own words are in the text.
    """
    folder = Path(place.folder or ".").absolute()
    in_project = any(
        (above / name).exists() for above in (folder, *folder.parents) for name in _PROJECT_FILES
    )
    if place.no_stack or not (in_project or place.stack):
        return {}
    if importlib.util.find_spec("yaml") is None:
        raise MissingExtra("Reading the stack's configuration (else: --no-stack)", "engine")
    if not place.stack and not _selected(folder):
        return {}
    return wmlfl_keys(run_engine(("config", "--json", "--show-secrets"), place))


def wmlfl_keys(config: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the `wmlfl:` keys of what `config --json` prints."""
    return {key: entry.get("value") for key, entry in config.items() if key.startswith("wmlfl:")}


def run_engine(arguments: tuple[str, ...], place: Place) -> dict[str, Any]:
    """Run `wmlfl ARGUMENTS` on the place's stack, with whichever engine is chosen; return its JSON."""
    answer: dict[str, Any] = json.loads(tell_engine(arguments, place))
    return answer


def tell_engine(arguments: tuple[str, ...], place: Place, text: str = "") -> str:
    """Run `wmlfl ARGUMENTS` on the place's stack with `text` as its input; return what it printed.

    Raises:
        StackNotFound: the stack does not exist.
        StackLocked: another run works on the stack.
        ConfigurationError: it failed for another reason; the engine's own words are in the text.
    """
    wanted = [*arguments, "--non-interactive", "--cwd", str(Path(place.folder or ".").absolute())]
    wanted += ["--stack", place.stack] if place.stack else []
    command = [sys.executable, "-c", "from pulumi_wmlfl.cli import main; main()", *wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=False, input=text)
    if done.returncode:
        said = re.sub(r"^error: | \[WMLFL\d+\]$", "", done.stderr.strip()) or "the engine gave no reason."
        if "no stack named" in said:
            make = f"wmlfl stack init {place.stack or 'NAME'}"
            raise StackNotFound(
                f"{said.partition('. ')[0].rstrip('.')}.",  # the engines' advice differs
                hint=f"Make it with `{make}`; `wmlfl stack ls` lists the others.",
            )
        if "currently locked" in said:
            raise StackLocked(said)
        raise ConfigurationError(
            f"`{' '.join(['wmlfl', *arguments[:2]])}` failed for the stack: {said}",
            hint="Go by the environment alone with --no-stack, or set PULUMI_CONFIG_PASSPHRASE.",
        )
    return done.stdout


def _selected(folder: Path) -> bool:
    from ..engine.project import backend_url, find_project, selected_stack

    if os.environ.get("PULUMI_STACK"):
        return True
    try:
        project = find_project(folder)
    except WmlflError:
        # A project of another kind has nothing to say about WML.
        return False
    return bool(selected_stack(project, backend_url(project)))
