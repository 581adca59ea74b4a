"""Puts quiet scenarios side by side in one stack, so that one run of an engine serves many of them."""

from __future__ import annotations

from ..harness import Project, Scenario, Secret, Step
from .quiet import QUIET

SETTINGS = {
    "proof:plain": "text",
    "proof:hidden": Secret("geheim"),
    "proof:number": 7,
    "proof:object": {"a": [1, {"b": "c"}]},
    "other:key": "of another package",
}
PIECES_PER_BATCH = 30


def prepare(project: Project) -> None:
    """Add what the scenarios find in the cloud."""
    project.world.add("outside-1", kind="lake", depth=12)
    project.world.add("outside-2", kind="sea", depth=700)


def batch(name: str, pieces: dict[str, list[str]]) -> Scenario:
    """Return one scenario of several: their versions in step, then a destroy."""

    def at(version: int) -> dict[str, str]:
        return {f"{k}-": v[min(version, len(v) - 1)] for k, v in pieces.items()}

    last = max(len(versions) for versions in pieces.values()) - 1
    steps = [
        Step(program=at(0), config=SETTINGS, prepare=prepare),
        Step(command="preview", program=at(1)),
        Step(program=at(1)),
        Step(command="refresh"),
        *(Step(program=at(version)) for version in range(2, last + 1)),
        Step(command="destroy"),
    ]
    return Scenario(name, steps)


def _chunks(names: list[str], size: int) -> list[list[str]]:
    return [names[i : i + size] for i in range(0, len(names), size)]


BATCHES = [
    batch(f"batch-{number}", {name: QUIET[name] for name in names})
    for number, names in enumerate(_chunks(list(QUIET), PIECES_PER_BATCH), 1)
]
