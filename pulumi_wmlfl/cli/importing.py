"""`wmlfl import`: takes over what exists in WML, as program text and as entries of a stack's state."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .confirm import confirm
from .environment import Environment, Place, place_options, reporting, scope_options, wmlfl_keys
from .import_files import ContentFolder, refuse_existing, text_file
from .import_objects import Wanted, read_objects
from .import_stack import configured, import_deployment, read_stack
from .report import counted, emit, printable

if TYPE_CHECKING:
    from ..core.adopted import Adopted
    from ..resources.import_state import StackState

__all__ = ["import_"]

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)


class _NewName(click.ParamType[tuple[str, str]]):
    """`ID=NAME`."""

    name = "ID=NAME"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Split at the equals sign."""
        object_id, equals, name = str(value).partition("=")
        if not (object_id and equals and name and all(sign.isalnum() or sign in "_-." for sign in name)):
            self.fail("give ID=NAME; a name has letters, digits, '.', '_' and '-'.", param, ctx)
        return object_id, name


@click.command("import")
@click.option("--rts", multiple=True, metavar="ID", help="A remote training system (repeatable).")
@click.option("--model", "models", multiple=True, metavar="ID", help="A model (repeatable).")
@click.option("--training", "trainings", multiple=True, metavar="ID", help="A training (repeatable).")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Everything with this tag (repeatable).")
@click.option("--with-dependencies", is_flag=True, help="Of trainings also the parties and the model.")
@click.option(
    "--name",
    "names",
    multiple=True,
    type=_NewName(),
    help="Another name for a resource than WML's (repeatable).",
)
@click.option("--out", "-o", type=_FILE, help="Write the program text there.  [default: standard output]")
@click.option("--content-dir", type=_FOLDER, help="Download the content of models there and declare it.")
@click.option("--force", is_flag=True, help="Write over files that are there.")
@click.option(
    "--protect",
    type=click.BOOL,
    default=True,
    show_default=True,
    help="Protect what is imported from being deleted.",
)
@click.option("--from-other-stack", is_flag=True, help="Also what another stack made.")
@click.option("--preview-only", is_flag=True, help="Print the program text; change nothing.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@scope_options
@place_options
@reporting
def import_(
    *,
    place: Place,
    project_id: str | None,
    space_id: str | None,
    preview_only: bool,
    yes: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Take over what exists: write the program text that declares it, and add it to the stack's state.

    Objects are named by id or by a tag; they stay as they are. The next `preview` of a program with this text
    shows no change, with either engine. Put the text into the program before the next `up`: what a program
    does not declare is deleted.

    What is imported has no parent and is in the stack's own environment. For an explicit Provider declare the
    object with adopt_id instead.
    """
    wanted = Wanted(**options)
    if not (wanted.rts or wanted.models or wanted.trainings or wanted.tags):
        raise click.UsageError("Say what to import: --rts, --model, --training, --tag.")
    if place.no_stack:
        raise click.UsageError("import adds to a stack: --no-stack makes no sense here.")
    if wanted.out is not None and not preview_only:
        refuse_existing(wanted.out, force=wanted.force)
    project, stack = read_stack(place)
    environment = Environment.of(wmlfl_keys(stack.config), project_id=project_id, space_id=space_id)
    adopted, notes = read_objects(environment, stack, wanted)
    to_stderr = wanted.out is None or preview_only
    if not as_json:
        _show(adopted, stack, to_stderr=to_stderr)
    if not preview_only:
        confirm(f"Import {counted(len(adopted), 'object')} into the stack {stack.name}?", yes=yes)
    done = _Import(place, environment, stack, wanted, preview_only, project.working_folder)
    text = done.carry_out(adopted, notes)
    if as_json:
        emit("import", _view(adopted, stack, wanted, notes, text, preview_only=preview_only))
        return
    for note in notes:
        click.echo(printable(f"note: {note}"), err=True)
    if to_stderr:
        click.echo(text, nl=False)
    if not preview_only:
        where = f" The program text is in {wanted.out}." if wanted.out else ""
        click.echo(
            f"Imported {counted(len(adopted), 'object')} into the stack {stack.name}.{where}", err=to_stderr
        )


@dataclass(frozen=True, slots=True)
class _Import:
    """One import, from what was read to what is written: all of it or nothing."""

    place: Place
    environment: Environment
    stack: StackState
    wanted: Wanted
    preview_only: bool
    program: Path

    def carry_out(self, adopted: Sequence[Adopted], notes: list[str]) -> str:
        """Write content, settings, state and text; return the text. A preview writes nothing."""
        from ..resources.import_program import program_text

        with self._content(adopted, notes) as (complete, folder):
            text = program_text(complete, protect=self.wanted.protect)
            if not self.preview_only:
                with text_file(self.wanted.out, text):
                    self._write_state(complete)
                    if folder is not None:
                        folder.keep()
        return text

    @contextmanager
    def _content(
        self, adopted: Sequence[Adopted], notes: list[str]
    ) -> Iterator[tuple[Sequence[Adopted], ContentFolder | None]]:
        if self.wanted.content_dir is None:
            yield adopted, None
            return
        folder = ContentFolder(self.wanted.content_dir, self.program, self.wanted.force, notes)
        client, scope = self.environment.client, self.environment.scope
        with folder.filled(client, scope, adopted, preview=self.preview_only) as complete:
            yield complete, folder

    def _write_state(self, adopted: Sequence[Adopted]) -> None:
        from .._paths import default_state_dir
        from ..core.marking import marked_for
        from ..core.pending import Notes

        stack, client, scope = self.stack, self.environment.client, self.environment.scope
        settings = {
            f"{stack.project}:{key}": json.dumps(value, ensure_ascii=False)
            for entry in adopted
            for key, value in entry.settings.items()
        }
        new = {key: text for key, text in settings.items() if key not in stack.config}
        urns = {entry.id: stack.urn_of(entry) for entry in adopted}
        with configured(self.place, new), marked_for(client, adopted, scope, urns) as marked:
            deployment = stack.with_imported(marked, protect=self.wanted.protect, settings=new)
            import_deployment(self.place, stack, deployment)
        notes = Notes(default_state_dir() / "pending")
        for entry in adopted:
            if entry.marker:
                notes.forget(entry.marker)


def _show(adopted: Sequence[Adopted], stack: StackState, *, to_stderr: bool) -> None:
    width = max(len(entry.noun) for entry in adopted)
    for entry in adopted:
        line = f"{entry.noun:{width}}  {entry.id}  {entry.name}  ->  {entry.resource_name}"
        click.echo(printable(line), err=to_stderr)
    keys = [
        key for entry in adopted for key in entry.settings if f"{stack.project}:{key}" not in stack.config
    ]
    for key in keys:
        click.echo(printable(f"secret setting  {key}  (new)"), err=to_stderr)


def _view(
    adopted: Sequence[Adopted],
    stack: StackState,
    wanted: Wanted,
    notes: Sequence[str],
    text: str,
    *,
    preview_only: bool,
) -> dict[str, Any]:
    resources = [
        {
            "collection": entry.collection,
            "id": entry.id,
            "name": entry.name,
            "urn": stack.urn_of(entry),
            "protected": wanted.protect,
        }
        for entry in adopted
    ]
    return {
        "imported": not preview_only,
        "stack": stack.name,
        "resources": resources,
        "settings": [key for entry in adopted for key in entry.settings],
        "notes": list(notes),
        "out": str(wanted.out) if wanted.out and not preview_only else None,
        "program": text,
    }
