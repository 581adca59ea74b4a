"""The pytest plugin; loaded by pytest itself, so it imports nothing of ours until a fixture is used."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ..client import WmlClient
    from ..engine.api import DeployedStack
    from .service import LocalService

__all__ = ["wml_client", "wml_service", "wml_service_process", "wmlfl_stack"]


@pytest.fixture(scope="session")
def wml_service_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    """One local WML service for all tests of a session; tests use `wml_service`."""
    from .service import start_service

    with start_service(tmp_path_factory.mktemp("wml"), pending_seconds=0.1) as running:
        yield running


@pytest.fixture
def wml_service(
    wml_service_process: LocalService, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalService]:
    """The service with a project and a space of this test's own; faults and the clock end with the test."""
    running = wml_service_process.with_fresh_scopes(tmp_path_factory.mktemp("scopes"))
    yield running
    if running.control.touched:
        running.control.restore()


@pytest.fixture
def wml_client(wml_service: LocalService) -> WmlClient:
    """A client of the service, for looking at what a deployment made."""
    return wml_service.client()


@pytest.fixture
def wmlfl_stack(
    wml_service: LocalService, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., DeployedStack]]:
    """Make stacks of Pulumi projects that deploy to the service with the embedded engine.

    `wmlfl_stack(folder, name="test", config={"key": "value"})` opens a stack with a backend of its own: the
    project's own state is neither read nor written. Its `Pulumi.<name>.yaml` is read and stays as it is, so
    tests may run beside each other. What is left is destroyed after the test.
    """
    from ..engine import api
    from ..engine.project import find_project

    state = tmp_path_factory.mktemp("state")
    for name, value in {
        **wml_service.environment(),
        "PULUMI_BACKEND_URL": f"file://{state}",
        "PULUMI_CONFIG_PASSPHRASE": "test",
        "WMLFL_STATE_DIR": str(state / "notes"),
    }.items():
        monkeypatch.setenv(name, value)
    made: list[DeployedStack] = []

    def open_stack(folder: str | Path, name: str = "test", config: Mapping[str, Any] | None = None) -> Any:
        project = find_project(Path(folder).absolute())
        own = project.stack_file(project.stack(name))
        settings = tmp_path_factory.mktemp("settings")
        if own.exists():
            shutil.copy(own, settings)
        stack = api.open_stack(folder, name, create=True, settings_folder=settings)
        made.append(stack)
        for key, value in (config or {}).items():
            stack.set_config(key, str(value))
        return stack

    yield open_stack
    for stack in reversed(made):
        if stack.resources():
            stack.destroy()
        stack.remove()
