"""The stack that `wmlfl import` adds to, through the commands of whichever engine is chosen."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import EngineError, StackNotFound, WmlflError
from .environment import Place, run_engine, tell_engine

if TYPE_CHECKING:
    from ..engine.project import Project
    from ..resources.import_state import StackState

__all__ = ["configured", "import_deployment", "read_stack"]


def read_stack(place: Place) -> tuple[Project, StackState]:
    """Return the project, and the stack as it is.

    Raises:
        StackNotFound: no stack is named or selected, or it does not exist.
        EngineError: the folder is no project.
    """
    from ..engine.project import backend_url, find_project, selected_stack
    from ..resources.import_state import StackState

    project = find_project(Path(place.folder or ".").absolute())
    text = place.stack or os.environ.get("PULUMI_STACK") or selected_stack(project, backend_url(project))
    if not text:
        raise StackNotFound(
            "no stack selected.", hint="Select one (wmlfl stack select NAME) or name it (--stack NAME)."
        )
    *owner, name = text.split("/")
    deployment = run_engine(("stack", "export"), place).get("deployment") or {}
    config = run_engine(("config", "--json", "--show-secrets"), place)
    if not deployment.get("secrets_providers"):
        # A stack that was never deployed may not say yet how its secrets are encrypted.
        deployment = {**deployment, **_secrets_provider(project, name)}
    return project, StackState(name, owner[1] if len(owner) > 1 else project.name, deployment, config)


@contextmanager
def configured(place: Place, settings: Mapping[str, str]) -> Iterator[None]:
    """Set secrets of the stack's configuration; if the block fails, they are removed again."""
    made: list[str] = []
    try:
        for key, value in settings.items():
            tell_engine(("config", "set", key, "--secret"), place, value)
            made.append(key)
        yield
    except BaseException as error:
        for key in made:
            try:
                tell_engine(("config", "rm", key), place)
            except WmlflError:
                if isinstance(error, WmlflError):
                    error.hint = f"{error.hint} The setting {key} was made, and is not needed."
        raise


def import_deployment(place: Place, before: StackState, deployment: Mapping[str, Any]) -> None:
    """Give the stack a new deployment, unless it is not what it was.

    Raises:
        StackLocked: another run works on the stack.
        EngineError: the stack was changed since it was read.
    """
    now = run_engine(("stack", "export"), place).get("deployment") or {}
    if (now.get("resources") or []) != before.resources:
        raise EngineError("The stack was changed meanwhile; nothing was imported.", hint="Run it again.")
    tell_engine(("stack", "import"), place, json.dumps({"version": 3, "deployment": deployment}))


def _secrets_provider(project: Project, stack: str) -> dict[str, Any]:
    from ..engine.project import StackName
    from ..engine.settings import read_settings

    salt = read_settings(project.stack_file(StackName(project.name, stack))).salt
    return {"secrets_providers": {"type": "passphrase", "state": {"salt": salt}}} if salt else {}
