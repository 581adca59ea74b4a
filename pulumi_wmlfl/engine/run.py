"""Running one operation on a stack, from reading its state to writing the new one.

The processes are started first of all, because importing the SDK takes most of the time of a small run;
the engine's own heavy imports and the stack's key derivation go on meanwhile.
"""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from .attempt import Attempt, Processes
from .results import Recorder, Result
from .stacks import Stack
from .steps import Options

if TYPE_CHECKING:
    from .apply import Watcher
    from .cancellation import Cancellation


def run(
    stack: Stack,
    kind: str,
    *,
    watcher: Watcher,
    cancellation: Cancellation,
    options: Options,
    refresh: bool = False,
    clear_pending_creates: bool = False,
    message: str = "",
) -> Result:
    """Preview (`options.dry_run`) or carry out an operation: `update`, `refresh` or `destroy`.

    Raises:
        EngineError: it could not begin. What goes wrong later is in the result, and was shown.
    """
    started = time.time()
    stack.passphrase.get()
    result = Result(kind, stack.name.name, options.dry_run)
    processes = Processes(
        stack.project,
        program=kind == "update",
        provider=True,
        on_line=lambda line: watcher.message("", "info", line),
    )
    try:
        with nullcontext() if options.dry_run else stack.locked():
            attempt = Attempt(stack, kind, Recorder(watcher, result), cancellation, options, processes)
            attempt.prepare(clear_pending_creates=clear_pending_creates)
            attempt.carry_out(refresh=refresh)
            result.succeeded = not attempt.failed
            if cancellation.asked.is_set():
                result.cancelled = "at once" if cancellation.at_once.is_set() else "in order"
            result.seconds = time.time() - started
            result.outputs = attempt.outputs()
            if not options.dry_run:
                attempt.save()
                stack.backend.record(stack.name, _history(stack, result, started, message))
    finally:
        processes.end(at_once=True)
    return result


def _history(stack: Stack, result: Result, started: float, message: str) -> dict[str, Any]:
    return {
        "kind": result.kind,
        "startTime": int(started),
        "message": message,
        "environment": {"exec.kind": "wmlfl"},
        "config": stack.settings.raw,
        "version": 0,
        "result": "succeeded" if result.succeeded and not result.cancelled else "failed",
        "endTime": int(time.time()),
        "resourceChanges": result.changes,
    }
