"""Stacks of the fixture `wmlfl_stack`: they say what went wrong, and leave nothing behind."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..engine.api import DeployedStack, Result, open_stack
from ..engine.project import StackName, find_project
from ..engine.urns import name_of

__all__ = ["StackUnderTest", "Stacks"]


class StackUnderTest(DeployedStack):
    """A stack that prints what each operation said: pytest shows it where a test fails."""

    def preview(self, **options: Any) -> Result:
        """Find out what `up` would do; changes nothing."""
        return self._told(super().preview(**options))

    def up(self, **options: Any) -> Result:
        """Run the program and make the stack what it says."""
        return self._told(super().up(**options))

    def refresh(self, **options: Any) -> Result:
        """Bring the state in line with what the objects are really like."""
        return self._told(super().refresh(**options))

    def destroy(self, **options: Any) -> Result:
        """Delete every resource of the stack."""
        return self._told(super().destroy(**options))

    def _told(self, result: Result) -> Result:
        for message in self.messages:
            about = f"{name_of(message.urn)}: " if message.urn else ""
            sys.stdout.write(f"{result.stack}: {message.severity}: {about}{message.text.rstrip()}\n")
        return result

    def unprotect(self) -> None:
        """Take every protection away, so that all can be destroyed."""
        deployment = self.export()
        resources = deployment.get("deployment", {}).get("resources") or []
        if [found for found in resources if found.pop("protect", None)]:
            self.import_(deployment)


class Stacks:
    """The stacks of one test."""

    def __init__(self, new_folder: Callable[[str], Path]) -> None:
        self._new_folder = new_folder
        self._made: dict[StackName, StackUnderTest] = {}

    def open(
        self, folder: str | Path, name: str = "test", config: Mapping[str, Any] | None = None
    ) -> StackUnderTest:
        """Open a stack of the project in `folder`; what is no text in `config` is written as JSON.

        The project's `Pulumi.<name>.yaml` is read and stays as it is.
        """
        project = find_project(Path(folder).absolute())
        stack = project.stack(name)
        own = project.stack_file(stack)
        settings = self._new_folder("settings")
        if own.exists():
            shutil.copy(own, settings)
        plain = open_stack(folder, name, create=True, settings_folder=settings)
        opened = self._made[stack] = StackUnderTest(plain._stack)
        for key, value in (config or {}).items():
            opened.set_config(key, value if isinstance(value, str) else json.dumps(value))
        return opened

    def end(self) -> None:
        """Destroy what is left, also what is protected, and remove the stacks."""
        for stack in reversed(self._made.values()):
            if stack.resources():
                stack.unprotect()
                stack.destroy()
            stack.remove()
