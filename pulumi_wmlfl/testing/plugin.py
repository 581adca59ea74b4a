"""The pytest plugin; loaded by pytest itself, so it imports nothing of ours until a fixture is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ..client import WmlClient
    from .service import LocalService
    from .stacks import StackUnderTest

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
) -> Iterator[Callable[..., StackUnderTest]]:
    """Make stacks of Pulumi projects that deploy to the service with the embedded engine.

    `wmlfl_stack(folder, name="test", config={"key": "value"})` opens a stack with a backend of its own: the
    project's own state is neither read nor written. Its `Pulumi.<name>.yaml` is read and stays as it is, so
    tests may run beside each other. What went wrong is printed. What is left is destroyed after the test.
    """
    from .stacks import Stacks

    state = tmp_path_factory.mktemp("state")
    for name, value in {
        **wml_service.environment(),
        "PULUMI_BACKEND_URL": f"file://{state}",
        "PULUMI_CONFIG_PASSPHRASE": "test",
        "WMLFL_STATE_DIR": str(state / "notes"),
    }.items():
        monkeypatch.setenv(name, value)
    stacks = Stacks(tmp_path_factory.mktemp)
    yield stacks.open
    stacks.end()
