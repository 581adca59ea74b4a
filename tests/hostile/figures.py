"""Runs the long attacks and writes what they came to into SECURITY.md: `python -m tests.hostile.figures`.

Takes some minutes. It fails, and writes nothing, if anything was found.
"""

import tempfile
from pathlib import Path

from tests.aggregator.conftest import limits
from tests.hostile import described, test_frames, test_requests
from tests.support.service import start_service

PAGE = Path(__file__).parents[2] / "SECURITY.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
HASTY = ("--limit", "idle_seconds=1", "--limit", "header_seconds=1")


def requests_tried(folder):
    """Attack with requests; return the table's lines."""
    with start_service(folder / "requests", *HASTY, pending_seconds=0.2) as service:
        sent, grown = test_requests.check(service, 30_000, seed=1)
        lines = [f"| Requests of our own generators | {sent:,} | {grown / 1024:.0f} MiB |"]
        for who, signed_in in (("signed in", True), ("as a stranger", False)):
            found = described.run(service, folder, examples=40, seed=3, signed_in=signed_in)
            if found.said:
                raise SystemExit(found.said)
            lines.append(f"| Requests of schemathesis, {who} | {found.requests:,} | |")
    return lines


def frames_tried(folder):
    """Attack with frames; return the table's lines."""
    options = limits("rejoin_seconds=60")
    with start_service(folder / "frames", *options, pending_seconds=0.05) as service:
        sent, grown = test_frames.check(service, 105_000, trainings=20, seed=2)
    sorts = ", ".join(f"{number:,} {sort}" for sort, number in sent.most_common())
    return [f"| Party frames: {sorts} | {sent.total():,} | {grown / 1024:.0f} MiB |"]


def main():
    with tempfile.TemporaryDirectory() as name:
        rows = [*requests_tried(Path(name)), *frames_tried(Path(name))]
    table = "\n".join(
        ["| What was sent to a running service | Number | Its memory grew by |", "|---|---:|---:|", *rows]
    )
    head, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    PAGE.write_text(f"{head}{BEGIN}\n{table}\n{END}{rest.split(END)[1]}", encoding="utf-8")
    print(table)


if __name__ == "__main__":
    main()
