"""Three light parties train on one machine; what they reach is told round by round."""

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from accuracy import alone

from pulumi_wmlfl.errors import WmlflError
from pulumi_wmlfl.party import EventKind, PartyEvent, read_settings, simulate

TROUBLE = {EventKind.LOST, EventKind.FAILED, EventKind.WARNING}


def train(kits: Sequence[Path], keys: Sequence[str], say: Callable[[str], None]) -> dict[str, list[float]]:
    """Run a party per kit, with its key, until the training ends.

    Returns accuracy per round: of the model of all parties first, then of each party's alone.
    """
    parties = [
        read_settings(kit, environment={"WMLFL_APIKEY": key}) for kit, key in zip(kits, keys, strict=True)
    ]
    table = Table([party.name for party in parties], say)
    started = time.monotonic()
    try:
        results = simulate(parties, on_event=table.told)
    except WmlflError as error:
        sys.exit(f"error: {error}")
    state = next(iter(results.values())).state
    say(f"The training is {state} after {len(table.together)} rounds, {time.monotonic() - started:.1f} s.")
    return {"all together": table.together, **table.alone}


class Table:
    """One row per round: the accuracy of all parties' model, and of each party's alone."""

    def __init__(self, names: Sequence[str], say: Callable[[str], None]) -> None:
        self.names = names
        self.say = say
        self.together: list[float] = []
        self.alone: dict[str, list[float]] = {}

    def told(self, event: PartyEvent) -> None:
        """Take an event of any party; the first that measured a fused model speaks for all."""
        if event.kind is EventKind.DATA or event.kind in TROUBLE:
            self.say(f"{event.party}: {event.text}")
        if event.kind is EventKind.FUSED and event.round == len(self.together) + 1:
            if not self.alone:
                self.begin(event.rounds)
            self.together.append(event.metrics["acc"])
            cells = " ".join(f"{self.alone[name][event.round - 1]:>20.3f}" for name in self.names)
            self.say(f"round {event.round:>2} {event.metrics['acc']:>14.3f} {cells}")

    def begin(self, rounds: int) -> None:
        """Train each party alone, for comparison, and write the head of the table."""
        self.alone = alone(rounds)
        heads = " ".join(f"{name + ' alone':>20}" for name in self.names)
        self.say(f"accuracy {'all together':>14} {heads}")
