"""What the deployment commands have in common: Pulumi's own options, and which engine does the work."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..engine.handover import ENGINES, chosen_engine, hand_over
from .groups import Group

if TYPE_CHECKING:
    from ..engine.project import Project
    from ..engine.stacks import Stack

Command = TypeVar("Command", bound=Callable[..., Any])

# What only this command line knows, and the CLI must not get.
_OURS = ("--engine",)

# Names that the CLI gives to one command.
_SAME = (
    frozenset({"rm", "remove", "delete"}),
    frozenset({"init", "new", "create", "setup"}),
    frozenset({"ls", "list"}),
)


class EngineCommand(click.Command):
    """A command that the Pulumi CLI carries out where it is chosen, with the arguments as they are."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command."""
        return super().main(*args, **kwargs)

    def make_context(self, info_name: str | None, args: list[str], *more: Any, **extra: Any) -> click.Context:
        """Hand over before anything is parsed: the CLI knows more options than this engine."""
        hand_over_if_chosen(args, extra.get("parent") or (more[0] if more else None), info_name)
        return super().make_context(info_name, args, *more, **extra)


class EngineGroup(Group):
    """A group of such commands; each has the CLI's other names for it too."""

    command_class = EngineCommand

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of that name or of one that means the same."""
        same = next((names for names in _SAME if cmd_name in names), frozenset())
        known = next((name for name in self.commands if name in same), cmd_name)
        return super().get_command(ctx, known)

    def make_context(self, info_name: str | None, args: list[str], *more: Any, **extra: Any) -> click.Context:
        """Hand over before anything is parsed."""
        hand_over_if_chosen(args, extra.get("parent") or (more[0] if more else None), info_name)
        return super().make_context(info_name, args, *more, **extra)


def hand_over_if_chosen(args: list[str], parent: click.Context | None, name: str | None) -> None:
    """Become the Pulumi CLI if it is chosen, unless only help is asked for."""
    if any(arg in ("-h", "--help") for arg in args):
        return
    wanted, engine, folder = _split(args)
    if chosen_engine(engine) == "pulumi":
        words: list[str] = []
        context = parent
        while context is not None and context.parent is not None:
            words.insert(0, context.info_name or "")
            context = context.parent
        sys.stdout.flush()
        hand_over([*words, name or "", *wanted], folder)


def _split(args: list[str]) -> tuple[list[str], str | None, Path]:
    """Return the arguments for the CLI, the engine they name, and the folder they name."""
    wanted: list[str] = []
    engine: str | None = None
    folder = Path.cwd()
    position = 0
    while position < len(args):
        arg, following = args[position], args[position + 1 : position + 2]
        if arg == "--":
            wanted += args[position:]
            break
        if arg in _OURS and following:
            engine, position = following[0], position + 2
            continue
        if arg.startswith("--engine="):
            engine, position = arg.partition("=")[2], position + 1
            continue
        if arg in ("-C", "--cwd") and following:
            folder = Path(following[0])
        elif arg.startswith("--cwd="):
            folder = Path(arg.partition("=")[2])
        wanted.append(arg)
        position += 1
    return wanted, engine, folder.absolute()


def common_options(command: Command) -> Command:
    """Add the options of every command that works on a stack."""
    for option in (
        click.option(
            "--engine", type=click.Choice(ENGINES), help="Which engine does the work (WMLFL_ENGINE)."
        ),
        click.option("--non-interactive", is_flag=True, help="Ask nothing."),
        click.option(
            "--cwd",
            "-C",
            "folder",
            type=click.Path(exists=True, file_okay=False),
            help="Work as if started there.",
        ),
        click.option("--stack", "-s", "stack_name", help="The stack (PULUMI_STACK)."),
    ):
        command = option(command)
    return command


def interactive(*, non_interactive: bool) -> bool:
    """Say whether a person can be asked."""
    return not non_interactive and sys.stdin.isatty() and sys.stdout.isatty()


def load_project(folder: str | None) -> Project:
    """Return the project of the folder that a command works in."""
    from ..engine.project import find_project

    if folder:
        os.chdir(folder)
    return find_project(Path.cwd())


def load_stack(folder: str | None, name: str | None, *, non_interactive: bool) -> Stack:
    """Return the stack that a command works on; what an interrupted run left is put in order first."""
    from ..engine.stacks import Stack

    stack = Stack.open(load_project(folder), name, ask=asker(non_interactive=non_interactive))
    stack.recover()
    return stack


def asker(*, non_interactive: bool) -> Callable[[], str] | None:
    """Return who asks for the passphrase, None when nobody can be asked."""
    if not interactive(non_interactive=non_interactive):
        return None
    return lambda: str(
        click.prompt(
            "Enter your passphrase to unlock config/secrets", hide_input=True, default="", show_default=False
        )
    )
