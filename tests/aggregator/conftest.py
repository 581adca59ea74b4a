"""A service whose waiting times suit tests."""

import pytest

from tests.support.service import start_service

QUICK = ("settle_seconds=0.05", "late_seconds=1", "rejoin_seconds=1.5", "evaluation_seconds=5")


def limits(*more):
    """Options of `wmlfl serve` for quick trainings."""
    return [part for limit in (*QUICK, *more) for part in ("--limit", limit)]


@pytest.fixture(scope="session")
def quick_service(tmp_path_factory):
    """One service process for all tests of a worker; tests use `trainer`."""
    with start_service(tmp_path_factory.mktemp("trainer"), *limits(), pending_seconds=0.05) as running:
        yield running


@pytest.fixture
def trainer(quick_service, tmp_path_factory):
    """The worker's service with a project of this test's own."""
    return quick_service.with_fresh_scopes(tmp_path_factory.mktemp("scopes"))
