"""A provider process for all tests of a worker; each test has a project of its own."""

import pytest

from tests.provider.samples import Declare
from tests.support.provider import local_config, start_provider


@pytest.fixture(scope="session")
def provider(shared_service):
    """The real provider process; the scope comes with the inputs."""
    config = local_config(shared_service)
    del config["wmlfl:projectId"]
    with start_provider(config, WMLFL_RETRIES="0") as running:
        yield running


@pytest.fixture
def declare(service):
    """Make valid inputs in this test's project."""
    return Declare(service)
