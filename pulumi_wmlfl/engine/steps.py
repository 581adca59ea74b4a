"""Steps: what a run does to one resource, with the reasons that people see.

The names of the operations are Pulumi's (pkg/resource/deploy/step.go); `--json` and the history use them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

from ..errors import EngineError
from .state import Resource


class Op(StrEnum):
    """Kinds of steps."""

    SAME = "same"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    REPLACE = "replace"
    CREATE_REPLACEMENT = "create-replacement"
    DELETE_REPLACED = "delete-replaced"
    READ = "read"
    READ_REPLACEMENT = "read-replacement"
    REFRESH = "refresh"
    REMOVE_PENDING_REPLACE = "remove-pending-replace"
    DISCARD = "discard"
    DISCARD_REPLACED = "discard-replaced"


# Parts of a replacement: people count and see the replacement as one.
PARTS = frozenset({Op.CREATE_REPLACEMENT, Op.DELETE_REPLACED, Op.DISCARD_REPLACED, Op.REMOVE_PENDING_REPLACE})


@dataclass(slots=True, eq=False)
class Step:
    """One step on one resource.

    `keys` are the inputs that force a replacement, `changed` the inputs that the provider says changed.
    `untargeted` steps leave a resource as it is because it is not a target of the run.
    """

    op: Op
    urn: str
    new: Resource | None = None
    old: Resource | None = None
    keys: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    reason: str = ""
    untargeted: bool = False
    delete_old_later: bool = False
    keep_pending: bool = False
    outcome: Op | None = None

    @property
    def resource(self) -> Resource:
        """The resource it is about: as it will be, else as it was."""
        found = self.new or self.old
        assert found is not None  # noqa: S101
        return found

    @property
    def is_hidden(self) -> bool:
        """Whether it is about a default provider, which people did not declare."""
        return self.resource.type.startswith("pulumi:providers:") and self.urn.endswith("::default")


class ProtectedError(EngineError):
    """A protected resource would have to be deleted."""


class CheckFailed(EngineError):
    """A provider refused the inputs of a resource; every problem was reported."""


class Targets:
    """The resources that a run is limited to: URNs, `*` for any part without a colon, `**` for anything."""

    def __init__(self, patterns: tuple[str, ...] = ()) -> None:
        self.patterns = patterns
        self._literals = {pattern for pattern in patterns if "*" not in pattern}
        self._globs = [_glob(pattern) for pattern in patterns if "*" in pattern]

    def __bool__(self) -> bool:
        return bool(self.patterns)

    def __contains__(self, urn: str) -> bool:
        return urn in self._literals or any(glob.fullmatch(urn) for glob in self._globs)

    def missing(self, urns: set[str]) -> list[str]:
        """Return the patterns that match none of `urns`."""
        return [pattern for pattern in self.patterns if not any(urn in Targets((pattern,)) for urn in urns)]


def _glob(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*|\*)", pattern)
    return re.compile("".join({"**": ".*", "*": "[^:]*"}.get(part) or re.escape(part) for part in parts))


@dataclass(frozen=True, slots=True)
class Options:
    """How a run is limited and driven."""

    dry_run: bool = False
    targets: Targets = field(default_factory=Targets)
    target_dependents: bool = False
    replace: Targets = field(default_factory=Targets)
    continue_on_error: bool = False
    parallel: int = 8
