"""The figures of the long attacks stand in the documents, and none of them is a failure."""

import re
from pathlib import Path

from tests.faults.proxy import KINDS
from tests.faults.table import BEGIN, END, ENGINES, PAGE

SECURITY = Path(__file__).parents[2] / "SECURITY.md"


def rows(text):
    """Cells of every row of the tables in a text, without their heads."""
    found = [
        [cell.strip(" *") for cell in line.strip("|").split("|")] for line in text.splitlines() if "|" in line
    ]
    return [cells for cells in found if any(re.search(r"\d", cell) for cell in cells)]


def test_every_harm_was_tried_with_both_engines_and_never_lost_or_doubled_an_object():
    table = rows(PAGE.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0])
    counts = {(engine, kind): [int(cell) for cell in cells] for engine, kind, *cells in table}
    assert set(counts) == {(engine, kind) for engine in ENGINES.values() for kind in (*KINDS, "all")}
    for (engine, kind), (cases, at_once, next_run, never) in counts.items():
        assert never == 0, (engine, kind)
        assert cases == at_once + next_run >= 30
        # Whoever is killed cannot have been right at once: else nobody was killed.
        assert not kind.startswith("provider killed") or not at_once


def test_enough_was_sent_at_a_running_service():
    table = rows(SECURITY.read_text(encoding="utf-8").split("figures: begin")[1].split("figures: end")[0])
    sent = {what: int(number.replace(",", "")) for what, number, _ in table}
    assert sum(number for what, number in sent.items() if what.startswith("Requests")) >= 20_000
    assert sum(number for what, number in sent.items() if what.startswith("Party frames")) >= 100_000
