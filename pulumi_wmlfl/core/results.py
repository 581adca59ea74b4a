"""What a resource manager answers with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import Problem, WmlflError

__all__ = ["CheckResult", "Created", "DiffResult", "InitFailed", "Json", "Progress", "Undone"]

Json = dict[str, Any]
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Normalised inputs, every problem of them, and facts that are worth a warning."""

    inputs: Json
    problems: Sequence[Problem] = ()
    warnings: Sequence[Problem] = ()


@dataclass(frozen=True, slots=True)
class DiffResult:
    """Which inputs differ, and which of those force a replacement."""

    changed: Sequence[str] = ()
    replaces: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Created:
    """A new object's id and outputs."""

    id: str
    outputs: Json = field(default_factory=dict)


class InitFailed(WmlflError):
    """The object exists, but did not get as far as asked; its id and outputs must be kept."""

    def __init__(self, cause: WmlflError, created: Created) -> None:
        super().__init__(str(cause))
        self.code, self.exit_code = cause.code, cause.exit_code
        self.created = created


class Undone(WmlflError):
    """An object was made, could not be completed, and was removed again."""

    def __init__(self, cause: WmlflError, left: str) -> None:
        super().__init__(f"{cause} {left}")
        self.code, self.exit_code = cause.code, cause.exit_code
