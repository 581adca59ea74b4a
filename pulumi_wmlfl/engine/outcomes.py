"""What a provider's methods lead to: results, and the ways in which they fail."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..errors import EngineError
from .values import Properties


class ProviderError(EngineError):
    """A provider's method failed. `detail` is all it said, the message its last line."""

    def __init__(self, detail: str) -> None:
        super().__init__(_last_line(detail))
        self.detail = detail


class ProviderLost(ProviderError):
    """The provider's process ended during a call: what became of the object is not known."""


class InitError(ProviderError):
    """The object exists but did not become ready: its id and properties are known."""

    def __init__(
        self, reasons: list[str], identity: str, outputs: Properties, inputs: Properties | None
    ) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons
        self.identity = identity
        self.outputs = outputs
        self.inputs = inputs


@dataclass(slots=True)
class Diff:
    """What a provider says of a difference. `changes` is None when it leaves the question to the engine."""

    changes: bool | None
    replaces: list[str] = field(default_factory=list)
    delete_before_replace: bool = False
    changed: list[list[str | int]] = field(default_factory=list)

    def keys(self) -> list[str]:
        """Return the top-level properties that changed, as far as they are known."""
        return sorted({str(path[0]) for path in self.changed if path})


@dataclass(slots=True)
class ReadResult:
    """What a provider found; an empty id means that the object is gone."""

    id: str
    outputs: Properties
    inputs: Properties | None


def _last_line(detail: str) -> str:
    lines = [line for line in detail.strip().splitlines() if line.strip()]
    if not lines:
        return "the provider failed without saying why"
    if not lines[0].startswith("Traceback"):
        return " ".join(lines)
    # The message of an exception starts at the last line that is not indented and names the exception.
    last = lines[-1]
    for index in range(len(lines) - 1, 0, -1):
        if lines[index].startswith(" "):
            last = " ".join(lines[index + 1 :]) or lines[-1]
            break
    return last.removeprefix("Exception: ")
