"""Generated requests to a service on its socket: no 5xx, no hang, no traceback, bounded memory."""

import pytest

from tests.hostile import described
from tests.hostile.storm import resident_kib, storm
from tests.support.service import start_service

# What the log of requests, SQLite's cache and the allocator may keep of any number of requests.
MOST_GROWTH_KIB = 64 * 1024
WARM_UP = 600


@pytest.fixture(scope="module")
def hasty(tmp_path_factory):
    """A service that waits for the rest of a request for a second only."""
    limits = ("--limit", "idle_seconds=1", "--limit", "header_seconds=1")
    with start_service(tmp_path_factory.mktemp("hostile"), *limits, pending_seconds=0.2) as running:
        yield running


def check(service, requests, seed):
    """Send generated requests; returns how many, and how much memory the service took meanwhile (KiB)."""
    storm(service, WARM_UP, seed=seed + 1)
    before = resident_kib(service)
    found = storm(service, requests, seed=seed)
    grown = resident_kib(service) - before
    assert found.findings == [], f"{len(found.findings)} findings; keep them in tests/server/corpus"
    assert {200, 201, 204, 400, 401, 403, 404, 405} <= set(found.statuses)
    assert service.http()("GET", "/v2/projects").status_code == 200
    assert "Traceback" not in service.log()
    assert grown < MOST_GROWTH_KIB
    return found.requests, grown


def test_generated_requests_find_nothing(hasty):
    check(hasty, 1500, seed=20240611)


def test_schemathesis_finds_nothing_in_what_is_described(hasty, tmp_path):
    found = described.run(hasty, tmp_path, examples=3, seed=1, phases="fuzzing")
    assert found.said == ""
    assert found.requests >= 100
    assert "Traceback" not in hasty.log()


@pytest.mark.thorough
@pytest.mark.timeout(1800)
def test_twenty_thousand_generated_requests_find_nothing(hasty):
    assert check(hasty, 20_000, seed=20240612)[0] >= 20_000


@pytest.mark.thorough
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("signed_in", [True, False], ids=["signed in", "a stranger"])
def test_schemathesis_finds_nothing_in_every_phase(hasty, tmp_path, signed_in):
    found = described.run(hasty, tmp_path, examples=40, seed=2, signed_in=signed_in)
    assert found.said == ""
    assert found.requests >= 2000
    assert "Traceback" not in hasty.log()
