"""Which resource of the state a registration is about: by its URN, else by its aliases.

Rules: `getOldResource` and `generateAliases` of Pulumi's step generator.
"""

from __future__ import annotations

from ..errors import EngineError
from .registration import AliasSpec, Registration
from .state import Resource
from .urns import make_urn, name_of, type_of


class Identities:
    """The names that the resources of one program have taken."""

    def __init__(self, stack: str, project: str, olds: dict[str, Resource]) -> None:
        self._stack = stack
        self._project = project
        self._olds = olds
        self._registered: set[str] = set()
        self._aliased: dict[str, str] = {}  # URN in the state -> URN in the program
        self._moved: dict[str, str] = {}  # the other way round

    def claim(self, wanted: Registration) -> str:
        """Return the URN of a registration.

        Raises:
            EngineError: its parent is not known, or the name is taken.
        """
        if wanted.parent and wanted.parent not in self._registered:
            raise EngineError(f"'{wanted.name}' has the parent {wanted.parent}, which is not registered.")
        urn = make_urn(
            stack=self._stack, project=self._project, parent=wanted.parent, type=wanted.type, name=wanted.name
        )
        if urn in self._registered:
            raise EngineError(f"Duplicate resource URN '{urn}'; try giving it a unique name")
        self._registered.add(urn)
        return urn

    def find_old(self, urn: str, wanted: Registration) -> Resource | None:
        """Return what the state knows of the resource, under its name or a former one.

        Raises:
            EngineError: two resources of the program claim the same one of the state.
        """
        if urn in self._aliased:
            raise EngineError(
                f"Duplicate resource URN '{urn}' conflicting with alias on '{self._aliased[urn]}'"
            )
        if urn in self._olds:
            return self._olds[urn]
        for alias in alias_urns(wanted, stack=self._stack, project=self._project, moved=self._moved):
            if alias not in self._olds:
                continue
            if alias in self._registered or alias in self._aliased:
                raise EngineError(f"Duplicate resource alias '{alias}' applied to '{urn}'")
            self._aliased[alias] = urn
            self._moved[urn] = alias
            return self._olds[alias]
        return None


def alias_urns(wanted: Registration, *, stack: str, project: str, moved: dict[str, str]) -> list[str]:
    """Return the URNs under which the state may know `wanted` besides its own.

    `moved` says which URN each resource of this program had in the state, where it was another one:
    children of such a parent may be known under the parent's former URN.
    """
    found: list[str] = []
    for spec in wanted.aliases:
        urn = _collapse(spec, wanted, stack=stack, project=project, moved=moved)
        if urn not in found:
            found.append(urn)
    if wanted.parent in moved:
        former = moved[wanted.parent]
        names = [(wanted.type, wanted.name), *((type_of(urn), name_of(urn)) for urn in list(found))]
        for type_, name in names:
            inherited = name
            if name.startswith(name_of(wanted.parent)):
                inherited = name_of(former) + name.removeprefix(name_of(wanted.parent))
            urn = make_urn(stack=stack, project=project, parent=former, type=type_, name=inherited)
            if urn not in found:
                found.append(urn)
    return found


def _collapse(
    spec: AliasSpec, wanted: Registration, *, stack: str, project: str, moved: dict[str, str]
) -> str:
    if spec.urn:
        return spec.urn
    parent = moved.get(spec.parent, spec.parent) or wanted.parent
    return make_urn(
        stack=spec.stack or stack,
        project=spec.project or project,
        parent="" if spec.no_parent else parent,
        type=spec.type or wanted.type,
        name=spec.name or wanted.name,
    )
