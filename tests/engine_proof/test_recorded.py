"""The embedded engine does what the Pulumi CLI did: the same calls, the same state, the same exit code."""

from pathlib import Path

import pytest

from . import recorded
from .compare import report
from .harness import EMBEDDED
from .known import KNOWN
from .scenarios import BATCHES, GENERATED, SINGLE

# What these prove the others prove in part; `make test-all` runs them too.
FURTHER = {
    *("another-stack", "check-refuses", "diff-fails", "everything-removed-and-back", "generated-2"),
    *("no-changes-expected", "one-at-a-time", "reading-fails", "settings-from-the-state"),
    *("delete-before-replace-fails-and-is-removed", "targets-of-new-resources", "update-and-delete-fail"),
}
SCENARIOS = [
    pytest.param(one, marks=pytest.mark.thorough if one.name in FURTHER else (), id=one.name)
    for one in (*BATCHES, *GENERATED, *SINGLE)
]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_engine_does_what_the_cli_did(scenario, tmp_path):
    expected = recorded.load(scenario)
    found = recorded.run_all(scenario, EMBEDDED, tmp_path)
    assert report(scenario.name, expected, found) == ""


def test_what_still_differs_is_documented():
    page = (Path(__file__).parents[2] / "docs" / "engine.md").read_text()
    for known in KNOWN:
        assert f"| {known.documented} |" in page
