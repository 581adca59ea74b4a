"""Differences between the embedded engine and the Pulumi CLI that stay.

Each is a row of the table in `docs/engine.md`, which gives the reason. One that no longer differs fails the
tests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Known:
    """A difference that stays.

    Args:
        scenario: in which scenario; None: wherever it may come, for what the random programs find.
        step: in which step (1 is the first).
        line: a regular expression for the line of the comparison.
        documented: the beginning of its row in the table.
    """

    scenario: str | None = None
    step: int = 0
    line: str
    documented: str


TARGETED = "`destroy --target` asks the provider for no difference of what depends on the target"

KNOWN = [
    Known(
        line=r"^state\.pulumi:pulumi:Stack::\S+\.outputs\.\S+: '04da6b54-80e4-46f7-96ec-b56ff0331ba9' \|",
        documented="an output that is not known because its resource failed keeps its last value",
    ),
    *(
        Known(scenario="targets", step=step, line=line, documented=TARGETED)
        for step, line in (
            (7, r"^calls of \S+::b: diff ends \| $"),
            (7, r"^configure: "),
            (8, r"^calls of \S+::b: diff delete ends \| delete ends$"),
        )
    ),
    Known(
        scenario="import-and-get-of-what-is-not-there",
        step=1,
        line=r"^state\.pulumi:providers:pulumi-python::default: ",
        documented="a program that is refused for `import_` leaves nothing in the state",
    ),
]


def unexplained(scenario: str, step: int, found: list[str]) -> tuple[list[str], list[Known]]:
    """Return the differences that nothing explains, and the known ones that were not found."""
    here = [k for k in KNOWN if (k.scenario, k.step) == (scenario, step)]
    anywhere = [k for k in KNOWN if k.scenario is None]
    left = [line for line in found if not any(re.search(k.line, line) for k in (*here, *anywhere))]
    absent = [k for k in here if not any(re.search(k.line, line) for line in found)]
    return left, absent
