"""Fixtures that every room uses."""

import os
import signal
import subprocess
import threading

import pytest

# The suite starts hundreds of Python processes: compiled modules halve what that costs.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

if (
    threading.current_thread() is threading.main_thread()
    and signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):
    # A shell starts what runs in its background deaf to it; what the tests start must hear it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

from tests.support.secrets import SECRETS, Popen
from tests.support.service import start_service


def pytest_collection_modifyitems(items):
    """Leave out what takes long and proves more of the same, unless everything is asked for."""
    if os.environ.get("WMLFL_TEST_ALL") == "1":
        return
    reason = pytest.mark.skip(reason="thorough, and slow: WMLFL_TEST_ALL=1 (make test-all) runs it")
    for item in items:
        if "thorough" in item.keywords:
            item.add_marker(reason)


@pytest.fixture(scope="session", autouse=True)
def _no_secret_is_left_behind(tmp_path_factory):
    """Fail the session if a secret that its tests used is anywhere where it should not be."""
    plain, subprocess.Popen = subprocess.Popen, Popen
    SECRETS.watch_processes()
    yield
    SECRETS.stop()
    subprocess.Popen = plain
    SECRETS.search_folder(tmp_path_factory.getbasetemp())
    assert "\n".join(sorted(set(SECRETS.findings))) == ""


def pytest_runtest_logreport(report):
    """What a test printed holds no secret either."""
    for _, text in report.sections:
        SECRETS.search(text, f"the output of {report.nodeid}")


@pytest.fixture(scope="session", autouse=True)
def _own_state_folder(tmp_path_factory):
    """Keep the notes of interrupted deployments out of the user's folder."""
    os.environ["WMLFL_STATE_DIR"] = str(tmp_path_factory.mktemp("state"))
    yield
    del os.environ["WMLFL_STATE_DIR"]


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
