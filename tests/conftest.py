"""Fixtures that every room uses."""

import pytest

from tests.support.service import start_service


@pytest.fixture(scope="session")
def service(tmp_path_factory):
    """One service for all tests of a worker."""
    with start_service(tmp_path_factory.mktemp("service"), "--pending-seconds", "0.2") as running:
        yield running
