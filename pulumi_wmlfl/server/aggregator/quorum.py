"""When a round is over: pure rules over who was asked, who answered and who is there. No clock, no I/O.

A round is finished when everybody who was asked has answered; or when the quorum has, and those who are late
had as long again as the quorum took. It fails when the quorum cannot be reached any more, and nobody came
back in time. Source: `quorum`, `required` and `max_timeout` of the API reference; the rest is this
service's choice.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Ballot", "Outcome", "Patience", "Rule", "Verdict"]


class Outcome(StrEnum):
    """What is to be done with a round."""

    WAIT = "wait"
    FINISH = "finish"
    LOST = "lost"
    TIMED_OUT = "timed_out"


@dataclass(frozen=True, slots=True)
class Verdict:
    """An outcome; with WAIT, `until` is when to look again even if nothing happens (seconds)."""

    outcome: Outcome
    until: float = 0.0


@dataclass(frozen=True, slots=True)
class Rule:
    """Who must be there: so many parties, and each of the required ones."""

    needed: int
    required: frozenset[str]

    def met_by(self, parties: AbstractSet[str]) -> bool:
        """Say whether these parties are a quorum."""
        return len(parties) >= self.needed and self.required <= parties

    def count(self, parties: AbstractSet[str]) -> str:
        """Say in words how many of the needed parties these are."""
        return f"{len(parties)} of {self.needed} needed"


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds to wait: `timeout` for a quorum to answer, `late` for those who are late when it has,
    `rejoin` for parties to come back when the quorum is lost."""

    timeout: float
    late: float
    rejoin: float


@dataclass(slots=True)
class Ballot:
    """One round: who was asked, answered, and failed. Times are of one monotonic clock, in seconds."""

    began: float
    asked: set[str] = field(default_factory=set)
    answered: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    quorum_at: float | None = None
    lost_at: float | None = None

    def ask_again(self, party: str) -> None:
        """Forget that a party was asked and failed: it begins anew."""
        self.asked.discard(party)
        self.failed.discard(party)

    def judge(self, now: float, rule: Rule, patience: Patience, connected: AbstractSet[str]) -> Verdict:
        """Say how it stands; call it whenever something happened, and at `until`."""
        awaited = self.asked - self.answered - self.failed
        end = self.began + patience.timeout
        if rule.met_by(self.answered):
            if self.quorum_at is None:
                self.quorum_at = now
            grace = max(patience.late, self.quorum_at - self.began)
            until = min(end, self.quorum_at + grace)
            over = not awaited or now >= until
            return Verdict(Outcome.FINISH if over else Outcome.WAIT, until)
        if now >= end:
            return Verdict(Outcome.TIMED_OUT)
        if rule.met_by(self.answered | (connected - self.failed)):
            self.lost_at = None
            return Verdict(Outcome.WAIT, end)
        if self.lost_at is None:
            self.lost_at = now
        until = min(end, self.lost_at + patience.rejoin)
        return Verdict(Outcome.LOST if now >= until else Outcome.WAIT, until)
