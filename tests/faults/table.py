"""Runs every chain and writes what became of each case: `python -m tests.faults.table`, see `--help`.

Takes half an hour for each engine. For each kind of harm the first request of every step is harmed, then the
second, and so on, until no step has so many requests: then every request was harmed. Cases are kept in a file
as they end (`--cases`), and are not run again; the table is made of all that the file has.
"""

import argparse
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Lock

from tests.faults.chain import STEPS, Case, Chain
from tests.faults.proxy import KINDS, Proxy
from tests.support.service import Service, start_service

PAGE = Path(__file__).parents[2] / "docs" / "interrupted.md"
BEGIN, END = "<!-- table of outcomes: begin -->", "<!-- table of outcomes: end -->"
ENGINES = {"embedded": "embedded", "pulumi": "Pulumi CLI"}
RIGHT = ("at once", "at the next run")


@dataclass
class Record:
    """The chains that were run, in a file of one line each."""

    path: Path
    chains: dict[tuple[str, str, int], list[Case]] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        for line in self.path.read_text().splitlines() if self.path.exists() else []:
            entry = json.loads(line)
            engine, kind, number = entry["chain"]
            self.chains[engine, kind, number] = [Case(**case) for case in entry["cases"]]

    def add(self, engine: str, kind: str, number: int, cases: list[Case]) -> None:
        entry = {"chain": (engine, kind, number), "cases": [asdict(case) for case in cases]}
        with self.lock, self.path.open("a") as stream:
            self.chains[engine, kind, number] = cases
            stream.write(json.dumps(entry) + "\n")
        print(engine, kind, number, dict(Counter(case.outcome[:20] for case in cases)), flush=True)

    def cases(self, engine: str, kind: str) -> Iterator[Case]:
        for chain, cases in self.chains.items():
            if chain[:2] == (engine, kind):
                yield from cases

    def is_whole(self, engine: str, kind: str) -> bool:
        """Say whether a chain came to an end at which no step had so many requests."""
        return any(not cases and chain[:2] == (engine, kind) for chain, cases in self.chains.items())


def one_chain(service: Service, engine: str, kind: str, number: int) -> list[Case]:
    with tempfile.TemporaryDirectory(prefix="wmlfl-faults-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        scoped = service.with_fresh_scopes(folder)
        proxy = Proxy(service.url, service.ca_file, folder)
        try:
            return list(Chain(folder / "stack", engine, proxy, scoped).cases(kind, number))
        finally:
            proxy.close()


def every_request(service: Service, record: Record, engine: str, kind: str) -> None:
    """Harm request after request, until no step has so many."""
    number = 1
    while not record.is_whole(engine, kind):
        if (engine, kind, number) not in record.chains:
            record.add(engine, kind, number, one_chain(service, engine, kind, number))
        number += 1


def table(record: Record) -> str:
    """Return the counts as Markdown.

    Raises:
        SystemExit: a kind of harm was not tried on every request.
    """
    lines = [
        "| Engine | Harm | Cases | Right at once | Right at the next run | Never |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for engine, name in ENGINES.items():
        whole: Counter[str] = Counter()
        for kind in KINDS:
            if not record.is_whole(engine, kind):
                raise SystemExit(f"{engine}, {kind}: not every request was harmed yet.")
            found = Counter(c.outcome if c.outcome in RIGHT else "never" for c in record.cases(engine, kind))
            whole += found
            lines.append(_line(name, kind, found))
        lines.append(_line(f"**{name}**", "**all**", whole))
    longest = {
        name: ", ".join(f"{step} {_requests(record, engine, step)}" for step in STEPS)
        for engine, name in ENGINES.items()
    }
    said = [f"Requests of the steps, {name}: {steps}." for name, steps in longest.items()]
    return "\n".join([*lines, "", *said])


def _requests(record: Record, engine: str, step: str) -> int:
    return max(c.number for kind in KINDS for c in record.cases(engine, kind) if c.step == step)


def _line(name: str, kind: str, found: Counter[str]) -> str:
    cells = [sum(found.values()), *(found[outcome] for outcome in (*RIGHT, "never"))]
    return f"| {name} | {kind} | {' | '.join(f'{cell:,}' for cell in cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--engine", choices=list(ENGINES), action="append")
    parser.add_argument("--cases", type=Path, default=Path(".fault-cases.jsonl"))
    options = parser.parse_args()
    engines = options.engine or [name for name in ENGINES if name != "pulumi" or shutil.which("pulumi")]
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    record = Record(options.cases)
    with (
        tempfile.TemporaryDirectory() as data,
        start_service(Path(data) / "data", pending_seconds=0.2) as service,
        ThreadPoolExecutor(options.workers) as pool,
    ):
        running = [
            pool.submit(every_request, service, record, engine, kind) for engine in engines for kind in KINDS
        ]
        for future in running:
            future.result()
    page = PAGE.read_text(encoding="utf-8")
    head, rest = page.split(BEGIN)
    PAGE.write_text(f"{head}{BEGIN}\n{table(record)}\n{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
