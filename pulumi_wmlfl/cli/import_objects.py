"""Which objects `wmlfl import` takes, and which it must not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import ImportRefused
from .environment import Environment

if TYPE_CHECKING:
    from ..core.adopted import Adopted
    from ..core.selection import Selected
    from ..resources.import_state import StackState

__all__ = ["Wanted", "read_objects"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be imported, and how."""

    rts: tuple[str, ...]
    models: tuple[str, ...]
    trainings: tuple[str, ...]
    tags: tuple[str, ...]
    with_dependencies: bool
    names: tuple[tuple[str, str], ...]
    out: Path | None
    content_dir: Path | None
    force: bool
    protect: bool
    from_other_stack: bool


def read_objects(
    environment: Environment, stack: StackState, wanted: Wanted
) -> tuple[list[Adopted], list[str]]:
    """Read the objects; return them as resources, and what is worth knowing.

    Raises:
        ImportRefused: an object cannot be imported; the text says why.
    """
    from ..client import Scope
    from ..core.adoption import Adoption, adopt
    from ..core.selection import select

    settings, prefix = environment.settings, f"{stack.project}:"
    selected = select(
        environment.client,
        environment.scope,
        ids={
            "remote_training_systems": wanted.rts,
            "models": wanted.models,
            "trainings": wanted.trainings,
        },
        tags=wanted.tags,
        with_dependencies=wanted.with_dependencies,
    )
    selected, notes = _not_yet_known(selected, stack)
    default: Scope | None = None
    if settings.project_id:
        default = Scope("project_id", settings.project_id)
    elif settings.space_id:
        default = Scope("space_id", settings.space_id)
    unknown = [object_id for object_id, _ in wanted.names if object_id not in {s.found.id for s in selected}]
    if unknown:
        raise click.UsageError(f"--name: {', '.join(unknown)} is not among what is imported.")
    adoption = Adoption(
        api=environment.client,
        scope=environment.scope,
        default_scope=default,
        names=dict(wanted.names),
        configured={
            key.removeprefix(prefix): str(entry.get("value"))
            for key, entry in stack.config.items()
            if key.startswith(prefix)
        },
        host=settings.url,
    )
    adopted = adopt(selected, adoption)
    stack.check_names(adopted)
    for entry in adopted:
        notes += [*entry.notes, *_about_marker(entry, stack, wanted)]
        if entry.collection == "models" and wanted.content_dir is None:
            notes.append(f"The content of the {entry.title} is not declared (--content-dir does).")
    return adopted, notes


def _not_yet_known(selected: Sequence[Selected], stack: StackState) -> tuple[list[Selected], list[str]]:
    """Leave out what the stack has already, unless it was asked for by its id: that is refused."""
    known = stack.names_by_id()
    left: list[Selected] = []
    notes: list[str] = []
    for entry in selected:
        name = known.get(entry.found.id)
        if name is None:
            left.append(entry)
            continue
        said = f"The {entry.title} is in the stack already, as {name!r}."
        if entry.by_id:
            raise ImportRefused(said)
        notes.append(said)
    if not left:
        raise ImportRefused(" ".join(["There is nothing left to import.", *notes]))
    return left, notes


def _about_marker(entry: Adopted, stack: StackState, wanted: Wanted) -> Iterator[str]:
    """Yield what is to be said of an object that a stack made; refuse another stack's.

    Raises:
        ImportRefused: another stack made it, and may manage it still.
    """
    if not entry.marker:
        return
    if not entry.is_of_another_stack(stack.urn):
        yield f"The {entry.title} was made by this stack, which did not know it any more."
        return
    if not wanted.from_other_stack:
        raise ImportRefused(
            f"The {entry.title} carries the marker of another stack, {entry.marker}: if that stack still has "
            "it, its destroy deletes it.",
            hint="Let the other stack forget it (`wmlfl state delete URN`), then give --from-other-stack.",
        )
    if entry.collection == "trainings":
        yield (
            f"The {entry.title} keeps the marker of another stack, since WML changes no training: there "
            "`wmlfl orphans` lists it. Do not delete it there."
        )
    else:
        yield f"The {entry.title} gets this stack's marker in place of another's."
