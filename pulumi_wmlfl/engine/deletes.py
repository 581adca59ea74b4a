"""What depends on what in the state: dependents of a replacement, and the order of deletions.

Rules: `calculateDependentReplacements` and `ScheduleDeletes` of Pulumi's step generator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .state import Resource
from .steps import Step
from .urns import is_provider_type, split_reference
from .values import UNKNOWN

if TYPE_CHECKING:
    from .plan import Planner


class Dependents:
    """Questions about the resources of the state that a planner works on."""

    def __init__(self, planner: Planner) -> None:
        self._planner = planner

    def replaced_with(self, root: Resource) -> list[Resource]:
        """Return what must be replaced because `root` is deleted before it is replaced, in state order."""
        found: list[Resource] = []
        replaced = {root.urn}
        for entry in self._depending_on(root):
            if self._must_be_replaced(entry, replaced):
                found.append(entry)
                replaced.add(entry.urn)
        for urn, entry in {**self._planner.olds, **self._planner.news}.items():
            if (root.urn in entry.replace_with or entry.deleted_with == root.urn) and urn not in replaced:
                found.append(entry)
                replaced.add(urn)
        return found

    def _depending_on(self, root: Resource, *, children: bool = False) -> list[Resource]:
        resources = self._planner.resources
        settled = self._planner.settled()
        urns = {root.urn}
        found: list[Resource] = []
        for entry in resources[resources.index(root) + 1 :] if root in resources else ():
            needs = set(entry.needs())
            if entry.parent and not children and entry.parent not in _dependencies(entry):
                needs.discard(entry.parent)
            if entry.urn not in settled and needs & urns:
                found.append(entry)
                urns.add(entry.urn)
        return found

    def _must_be_replaced(self, entry: Resource, replaced: set[str]) -> bool:
        if not entry.custom or entry.external:
            return False
        if entry.provider and split_reference(entry.provider)[0] in replaced:
            return True
        if entry.deleted_with in replaced:
            return True
        unknown = {key for key, urns in entry.property_dependencies.items() if replaced.intersection(urns)}
        if not unknown & entry.inputs.keys() or is_provider_type(entry.type):
            return False
        news = {key: UNKNOWN if key in unknown else value for key, value in entry.inputs.items()}
        provider = self._planner.provider_of(entry)
        diff = self._planner.diff(provider, entry, news, entry.ignore_changes)
        self._planner.apply_replace_on_changes(diff, entry.replace_on_changes)
        return bool(diff.replaces)

    def of_targets(self) -> set[str]:
        """Return the targets of the run and everything that needs one of them."""
        found: set[str] = set()
        for entry in self._planner.resources:
            if entry.urn in self._planner.options.targets or found.intersection(entry.needs()):
                found.add(entry.urn)
        return found

    def in_waves(self, steps: list[Step]) -> list[list[Step]]:
        """Return the steps in waves: whatever needs something is deleted in an earlier wave than that."""
        condemned = {step.resource: step for step in steps}
        levels: dict[str, int] = {}
        waves: dict[int, list[Step]] = {}
        for entry in self._planner.resources:
            if entry in condemned:
                level = max((levels[urn] + 1 for urn in entry.needs() if urn in levels), default=0)
                waves.setdefault(level, []).append(condemned[entry])
                levels[entry.urn] = max(level, levels.get(entry.urn, 0))
        return [waves[level] for level in sorted(waves, reverse=True)]


def _dependencies(entry: Resource) -> set[str]:
    return {*entry.dependencies, *(urn for urns in entry.property_dependencies.values() for urn in urns)}
