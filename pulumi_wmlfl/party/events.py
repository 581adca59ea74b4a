"""What a party tells about itself while it runs, and what it returns at the end. Imports nothing of ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

__all__ = ["EventKind", "EventSink", "PartyEvent", "PartyResult", "Round"]


class EventKind(StrEnum):
    """What happened."""

    DATA = "data"
    SIGNED_IN = "signed_in"
    WAITING = "waiting"
    CONNECTED = "connected"
    REGISTERED = "registered"
    TRAINING = "training"
    TRAINED = "trained"
    FUSED = "fused"
    SAVED = "saved"
    FAILED = "failed"
    LOST = "lost"
    WARNING = "warning"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class PartyEvent:
    """One event: `round` counts from 1, `rounds` is 0 where unknown, `seconds` is what it took."""

    kind: EventKind
    party: str
    text: str
    round: int = 0
    rounds: int = 0
    seconds: float = 0.0
    metrics: Mapping[str, float] = field(default_factory=dict)


EventSink: TypeAlias = Callable[[PartyEvent], None]


@dataclass(frozen=True, slots=True)
class Round:
    """A round as this party saw it, measured on its own test data.

    `local` is its model after training, `fused` the model of all parties that followed; empty where it was
    not seen.
    """

    number: int
    seconds: float = 0.0
    local: Mapping[str, float] = field(default_factory=dict)
    fused: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PartyResult:
    """How a training went for one party; `state` is WML's last word on it."""

    party: str
    training_id: str
    state: str
    rounds: tuple[Round, ...] = ()
    samples: int = 0
