"""Fixtures that every room uses."""

import pytest

from tests.support.service import start_service


@pytest.fixture(scope="session")
def shared_service(tmp_path_factory):
    """One service process for all tests of a worker; tests use `service`."""
    with start_service(tmp_path_factory.mktemp("service"), pending_seconds=0.2) as running:
        yield running


@pytest.fixture
def service(shared_service, tmp_path_factory):
    """The worker's service with a project and a space of this test's own; faults end with the test."""
    running = shared_service.with_fresh_scopes(tmp_path_factory.mktemp("scopes"))
    yield running
    if running.control.touched:
        running.control.restore()


@pytest.fixture
def own_service(tmp_path):
    """A service process of this test's own."""
    with start_service(tmp_path / "data", pending_seconds=0.1) as running:
        yield running
