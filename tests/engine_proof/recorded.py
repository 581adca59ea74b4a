"""What the Pulumi CLI did with each scenario, kept in files: the engine is compared without a CLI too.

They were made with a CLI built from its sources of August 2026 (3.260-dev).
`WMLFL_PROOF=record pytest tests/engine_proof -m pulumi_cli` writes them anew, with the CLI on PATH.
"""

from __future__ import annotations

import gzip
import json
import os
from dataclasses import asdict
from pathlib import Path

from .harness import Engine, Outcome, Project, Scenario

FOLDER = Path(__file__).parent / "recorded"
MODE = os.environ.get("WMLFL_PROOF", "")
"""`record`: write the recordings anew; `all`: run every scenario through the CLI, not the batches alone."""


def run_all(scenario: Scenario, engine: Engine, folder: Path) -> list[Outcome]:
    """Run a scenario from an empty stack; return what each step did."""
    project = Project(folder)
    return [project.run(engine, step) for step in scenario.steps]


def path_of(scenario: Scenario) -> Path:
    """Return the file of a scenario's recording."""
    return FOLDER / f"{scenario.name}.json.gz"


def save(scenario: Scenario, outcomes: list[Outcome]) -> None:
    """Keep what the CLI did."""
    document = [{k: v for k, v in asdict(outcome).items() if k != "text"} for outcome in outcomes]
    FOLDER.mkdir(exist_ok=True)
    path_of(scenario).write_bytes(gzip.compress(json.dumps(document, sort_keys=True).encode(), mtime=0))


def load(scenario: Scenario) -> list[Outcome]:
    """Return what the CLI did when the scenario was recorded."""
    document = json.loads(gzip.decompress(path_of(scenario).read_bytes()))
    return [Outcome(text="", **outcome) for outcome in document]
