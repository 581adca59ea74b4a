"""The Pulumi CLI still does what was recorded of it."""

import pytest

from . import recorded
from .compare import differences
from .harness import HAVE_CLI, PULUMI
from .recorded import MODE
from .scenarios import BATCHES, GENERATED, SINGLE

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.pulumi_cli,
    pytest.mark.skipif(not HAVE_CLI, reason="the Pulumi CLI is not on PATH"),
]
SCENARIOS = [*BATCHES, *GENERATED, *SINGLE] if MODE in {"all", "record"} else BATCHES


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.name)
def test_the_cli_does_what_was_recorded(scenario, tmp_path):
    found = recorded.run_all(scenario, PULUMI, tmp_path)
    if MODE == "record":
        recorded.save(scenario, found)
    before = []
    for expected, came in zip(recorded.load(scenario), found, strict=True):
        assert differences(expected, came, before) == []
        before = expected.resources
