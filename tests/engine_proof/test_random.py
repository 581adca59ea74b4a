"""Both engines do the same with programs and edits made at random.

WMLFL_PROOF_EXAMPLES is how many; with it they are new each time. An example is eight programs side by side.
"""

import os
import random

import pytest
from hypothesis import Phase, given, settings, strategies

from . import recorded
from .compare import report
from .harness import EMBEDDED, HAVE_CLI, PULUMI
from .scenarios import generated

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.pulumi_cli,
    pytest.mark.skipif(not HAVE_CLI, reason="the Pulumi CLI is not on PATH"),
    pytest.mark.timeout(0),
]
EXAMPLES = int(os.environ.get("WMLFL_PROOF_EXAMPLES", "1"))


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="WMLFL_PROOF_EXAMPLES" not in os.environ,
    database=None,
    phases=[Phase.generate],
)
@given(seed=strategies.integers(min_value=0, max_value=2**32))
def test_both_engines_do_the_same_with_random_programs(seed, tmp_path_factory):
    made = generated(f"random-{seed}", random.Random(seed).choice, pieces=8, count=3)
    folder = tmp_path_factory.mktemp("random")
    expected, found = (recorded.run_all(made, engine, folder / engine.name) for engine in (PULUMI, EMBEDDED))
    assert report(made.name, expected, found) == ""
