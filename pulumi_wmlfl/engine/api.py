"""Deploy a Pulumi project from Python, without the Pulumi CLI.

    from pulumi_wmlfl.engine import api

    stack = api.open_stack("infra", "dev", create=True)
    result = stack.up()
    print(result.changes, result.outputs["endpoint"])
    stack.destroy()

Every operation returns a `Result`; its `succeeded` says whether all went well. The passphrase of the
stack's secrets is taken from PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import EngineError
from .cancellation import Cancellation
from .project import find_project
from .results import Result, StepRecord
from .run import run
from .settings import ConfigValue, qualify
from .stacks import Stack, open_backend
from .steps import Options, Step, Targets

__all__ = ["DeployedStack", "Message", "Result", "StepRecord", "open_stack"]


@dataclass(frozen=True, slots=True)
class Message:
    """Something that was said during a run; `severity` is info, warning or error."""

    urn: str
    severity: str
    text: str


@dataclass(slots=True)
class _Listener:
    """A watcher that keeps messages."""

    messages: list[Message] = field(default_factory=list)

    def step_started(self, step: Step) -> None:
        """Do nothing."""

    def step_ended(self, step: Step, error: EngineError | None) -> None:
        """Keep why a step failed."""
        if error is not None:
            self.messages.append(Message(step.urn, "error", str(error)))

    def configured(self, config: dict[str, ConfigValue]) -> None:
        """Do nothing: what is kept is the caller's own."""

    def message(self, urn: str, severity: str, text: str, *, ephemeral: bool = False) -> None:
        """Keep what was said."""
        if severity != "debug" and not ephemeral:
            self.messages.append(Message(urn, severity, text))


class DeployedStack:
    """One stack of a project; `messages` has what the last operation said."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.messages: list[Message] = []

    def preview(self, **options: Any) -> Result:
        """Find out what `up` would do; changes nothing."""
        return self._run("update", dry_run=True, **options)

    def up(self, **options: Any) -> Result:
        """Run the program and make the stack what it says."""
        return self._run("update", **options)

    def refresh(self, **options: Any) -> Result:
        """Bring the state in line with what the objects are really like."""
        return self._run("refresh", **options)

    def destroy(self, **options: Any) -> Result:
        """Delete every resource of the stack."""
        return self._run("destroy", **options)

    def _run(
        self,
        kind: str,
        *,
        dry_run: bool = False,
        refresh: bool = False,
        targets: Sequence[str] = (),
        target_dependents: bool = False,
        replace: Sequence[str] = (),
        continue_on_error: bool = False,
        parallel: int | None = None,
    ) -> Result:
        listener = _Listener()
        self.messages = listener.messages
        return run(
            self._reopened(),
            kind,
            watcher=listener,
            cancellation=Cancellation(),
            options=Options(
                dry_run=dry_run,
                targets=Targets(tuple(targets)),
                target_dependents=target_dependents,
                replace=Targets(tuple(replace)),
                continue_on_error=continue_on_error,
                parallel=parallel or default_parallel(),
            ),
            refresh=refresh,
        )

    def _reopened(self) -> Stack:
        self._stack = Stack(self._stack.project, self._stack.name, self._stack.backend)
        return self._stack

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs; secrets are `Secret` objects."""
        return self._reopened().outputs()

    def resources(self) -> list[dict[str, Any]]:
        """Return the resources of the state as its JSON has them, secrets encrypted."""
        found: list[dict[str, Any]] = self._reopened().deployment().get("resources") or []
        return found

    def set_config(self, key: str, value: str, *, secret: bool = False) -> None:
        """Set one configuration value; without a namespace the key belongs to the project."""
        stack = self._reopened()
        wanted: Any = {"secure": stack.crypter.encrypt(value)} if secret else value
        stack.settings.set(qualify(key, stack.project), wanted)

    def export(self) -> dict[str, Any]:
        """Return the deployment, as `stack export` prints it."""
        return self._reopened().exported()

    def import_(self, deployment: dict[str, Any]) -> None:
        """Take over an exported deployment."""
        self._reopened().import_deployment(deployment)

    def remove(self) -> None:
        """Remove the stack, which must have no resources.

        Raises:
            EngineError: it has resources.
        """
        if self.resources():
            raise EngineError(f"'{self._stack.name.name}' still has resources; removal rejected.")
        self._stack.remove()


def default_parallel() -> int:
    """Return how many operations run at once unless told otherwise: four per CPU, as with the CLI."""
    return 4 * (os.cpu_count() or 1)


def open_stack(
    folder: str | Path, name: str, *, create: bool = False, settings_folder: str | Path | None = None
) -> DeployedStack:
    """Return a stack of the project in `folder`; `create` makes it if it does not exist.

    `settings_folder` is where `Pulumi.<name>.yaml` is, if not where the project says.

    Raises:
        StackNotFound: it does not exist.
        EngineError: the project or its backend cannot be used.
    """
    project = find_project(Path(folder).absolute())
    if settings_folder is not None:
        project = replace(project, config_folder=str(Path(settings_folder).absolute()))
    backend = open_backend(project)
    stack = project.stack(name)
    if create and not backend.file(stack).exists():
        Stack.create(project, stack, backend)
    return DeployedStack(Stack(project, stack, backend))
