"""Commands for the service of this worker, in a project of this test's own."""

import pytest

from tests.aggregator.conftest import quick_service, trainer  # noqa: F401 - fixtures
from tests.cli.commands import Commands


@pytest.fixture
def wmlfl(service, tmp_path):
    """Run commands against this test's project."""
    return Commands(service, tmp_path)


@pytest.fixture
def training_wmlfl(trainer, tmp_path):  # noqa: F811
    """Run commands against a service whose trainings do not wait long for parties."""
    return Commands(trainer, tmp_path)
