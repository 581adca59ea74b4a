"""`wmlfl preview | up | refresh | destroy | cancel`: deployments, with the Pulumi CLI's options."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from ..errors import ChangesFound, DeploymentCancelled, DeploymentFailed, EngineError
from .engine_options import Command, EngineCommand, common_options, interactive, load_stack

if TYPE_CHECKING:
    from ..engine.results import Result
    from ..engine.stacks import Stack

_TITLES = {"update": "update", "refresh": "refresh", "destroy": "destroy"}
_DOING = {"update": "Updating", "refresh": "Refreshing", "destroy": "Destroying"}


def _run_options(command: Command) -> Command:
    for option in (
        click.option("--message", "-m", default="", help="A message for the stack's history."),
        click.option("--debug", "-d", is_flag=True, help="Show debug messages and whole tracebacks."),
        click.option(
            "--continue-on-error", is_flag=True, help="Go on with what does not depend on a failure."
        ),
        click.option("--suppress-outputs", is_flag=True, help="Do not show the stack's outputs."),
        click.option("--json", "-j", "json_output", is_flag=True, help="Print one JSON document."),
        click.option("--diff", is_flag=True, help="Show property differences also while changing."),
        click.option("--parallel", "-p", type=int, help="How many operations run at once."),
        click.option("--expect-no-changes", is_flag=True, help="Fail if there are changes."),
        click.option("--target-dependents", is_flag=True, help="Also what depends on a target."),
        click.option(
            "--target", "-t", "targets", multiple=True, help="Only this URN (repeatable, * and **)."
        ),
    ):
        command = option(command)
    return common_options(command)


def _change_options(command: Command) -> Command:
    for option in (
        click.option("--yes", "-y", is_flag=True, help="Do not ask."),
        click.option("--skip-preview", "-f", is_flag=True, help="Do not preview first."),
        click.option("--preview-only", is_flag=True, help="Only preview."),
    ):
        command = option(command)
    return _run_options(command)


_refresh_option = click.option("--refresh", "-r", is_flag=True, help="Refresh the state first.")
_target_replace_option = click.option(
    "--target-replace", "target_replace", multiple=True, help="The same as --target and --replace."
)
_replace_option = click.option("--replace", multiple=True, help="Replace this URN (repeatable).")


@click.command(cls=EngineCommand)
@_run_options
@_refresh_option
@_replace_option
@_target_replace_option
def preview(**options: Any) -> None:
    """Show what `up` would do."""
    _deploy("update", {**options, "preview_only": True, "yes": True, "skip_preview": False})


@click.command(cls=EngineCommand)
@_change_options
@_refresh_option
@_replace_option
@_target_replace_option
def up(**options: Any) -> None:
    """Create or update the resources of a stack."""
    _deploy("update", options)


@click.command(cls=EngineCommand)
@_change_options
@click.option("--clear-pending-creates", is_flag=True, help="Forget interrupted creations.")
def refresh(**options: Any) -> None:
    """Bring the state in line with what the resources are really like."""
    _deploy("refresh", options)


@click.command(cls=EngineCommand)
@_change_options
@_refresh_option
@click.option("--remove", is_flag=True, help="Remove the stack too.")
@click.option("--exclude-protected", is_flag=True, help="Leave protected resources and what they need.")
def destroy(*, remove: bool, **options: Any) -> None:
    """Delete every resource of a stack."""
    stack = _deploy("destroy", options)
    if remove and not options["preview_only"]:
        stack.remove()
        click.echo(f"The stack {stack.name.name} has been removed.")


@click.command(cls=EngineCommand)
@common_options
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def cancel(
    *, yes: bool, stack_name: str | None, folder: str | None, non_interactive: bool, engine: str | None
) -> None:
    """Take away the locks of a run that no longer lives."""
    del engine
    from ..engine.project import current_stack
    from ..engine.stacks import open_backend
    from .engine_options import load_project

    project = load_project(folder)
    backend = open_backend(project)
    stack = current_stack(project, backend.url, stack_name)
    if not yes:
        _confirm(f"Take away every lock of {stack.name}?", non_interactive=non_interactive)
    backend.cancel(stack)
    click.echo(f"The currently running update for '{stack.name}' has been canceled!")


def _deploy(kind: str, options: dict[str, Any]) -> Stack:
    ask = interactive(non_interactive=options["non_interactive"]) and not options["json_output"]
    if not (options["yes"] or options["preview_only"] or ask):
        raise EngineError(
            "--yes or --skip-preview must be passed in to proceed when running in non-interactive mode"
        )
    if options["json_output"] and not options["preview_only"]:
        options["skip_preview"] = True  # one document, of what was done
    if options["preview_only"] and options["skip_preview"]:
        raise EngineError("--preview-only and --skip-preview exclude each other")
    stack = load_stack(options["folder"], options["stack_name"], non_interactive=options["non_interactive"])
    if options.get("exclude_protected") and not _leave_protected(stack, options):
        return stack
    if options["preview_only"] or not options["skip_preview"]:
        result = _run(stack, kind, options, dry_run=True)
        _judge(result, options, dry_run=True)
        if options["preview_only"]:
            return stack
        if not options["yes"]:
            _confirm(
                f"Do you want to perform this {_TITLES[kind]}?", non_interactive=options["non_interactive"]
            )
    result = _run(stack, kind, options, dry_run=False)
    _judge(result, options, dry_run=False)
    return stack


def _leave_protected(stack: Stack, options: dict[str, Any]) -> bool:
    """Limit a destroy to what is not protected; returns whether anything is left to do."""
    from ..engine.state import unprotected

    if options["targets"]:
        raise EngineError("You cannot specify --target and --exclude-protected")
    resources = stack.snapshot().resources
    left = unprotected(resources)
    if len(left) == len(resources):
        return True
    options["targets"] = tuple(left)
    if not left:
        click.echo("There were no unprotected resources to destroy.")
    return bool(left)


def _confirm(question: str, *, non_interactive: bool) -> None:
    if not interactive(non_interactive=non_interactive):
        raise EngineError("--yes must be passed in to proceed when running in non-interactive mode")
    if not click.confirm(question):
        raise DeploymentCancelled("confirmation declined, not proceeding")


def _run(stack: Stack, kind: str, options: dict[str, Any], *, dry_run: bool) -> Result:
    # Else gRPC may print past the display that a provider goes away. It reads this when it is first used.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    from ..engine.api import default_parallel
    from ..engine.display import make_display
    from ..engine.run import run
    from ..engine.steps import Options, Targets

    display = make_display(
        json_output=options["json_output"],
        debug=options["debug"],
        diff=dry_run or options["diff"],
        dry_run=dry_run,
        interactive=not options["non_interactive"],
    )
    heading = f"Previewing {_TITLES[kind]}" if dry_run else _DOING[kind]
    display.heading(f"{heading} ({stack.name.name}):")
    from ..engine.cancellation import Cancellation

    cancellation = Cancellation()
    restore = _on_interrupt(cancellation, display)
    try:
        result = run(
            stack,
            kind,
            watcher=display,
            cancellation=cancellation,
            options=Options(
                dry_run=dry_run,
                targets=Targets((*options["targets"], *options.get("target_replace", ()))),
                target_dependents=options["target_dependents"],
                replace=Targets((*options.get("replace", ()), *options.get("target_replace", ()))),
                continue_on_error=options["continue_on_error"],
                parallel=options["parallel"] or default_parallel(),
            ),
            refresh=options.get("refresh", False),
            clear_pending_creates=options.get("clear_pending_creates", False),
            message=options["message"],
        )
    finally:
        restore()
        display.stop()
    if options["suppress_outputs"]:
        result.outputs = {}
    display.end(result)
    return result


def _on_interrupt(cancellation: Any, display: Any) -> Callable[[], None]:
    """Let Ctrl-C and SIGTERM end the run in order, and the second one at once.

    A thread of its own acts on them, woken through a pipe: the kernel may hand a signal to any thread, and
    Python's handlers run in the main thread only, which may wait for the program's end meanwhile.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)

    def end() -> None:
        while (received := os.read(reader, 1)) != b"\0":
            if received[0] not in (signal.SIGINT, signal.SIGTERM):
                continue
            if cancellation.asked.is_set():
                display.message("", "warning", "ending at once")
            else:
                display.message(
                    "",
                    "warning",
                    "cancelling: what runs is let end, nothing new begins; interrupt again to end at once",
                )
            cancellation.ask()
        os.close(reader)

    threading.Thread(target=end, daemon=True).start()
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def restore() -> None:
        signal.set_wakeup_fd(-1)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.write(writer, b"\0")
        os.close(writer)

    return restore


def _judge(result: Result, options: dict[str, Any], *, dry_run: bool) -> None:
    """Turn what a run led to into an exit code, as the CLI's."""
    what = f"{_TITLES[result.kind]} {'preview ' if dry_run else ''}".strip()
    if result.cancelled == "at once":
        raise DeploymentCancelled(f"{what} canceled")
    if result.cancelled:
        raise DeploymentFailed(f"{what} canceled")
    if not result.succeeded:
        raise DeploymentFailed(f"{what} failed")
    if options["expect_no_changes"] and result.has_changes:
        raise ChangesFound(
            "no changes were expected but changes " + ("were proposed" if dry_run else "occurred")
        )
    sys.stdout.flush()
