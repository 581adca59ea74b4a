"""Runs many parties on one machine: for rehearsals, tests and demonstrations.

Threads share one import of scikit-learn, which is quickest for small models; processes use all cores. Imports
its neighbours only.
"""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from multiprocessing.connection import Connection
from typing import Literal

from ..errors import PartyError, WmlflError
from .events import EventSink, PartyEvent, PartyResult
from .run import run_party
from .settings import PartySettings

__all__ = ["simulate"]

_END_SECONDS = 5.0


def simulate(
    parties: Sequence[PartySettings],
    *,
    workers: Literal["threads", "processes"] = "threads",
    on_event: EventSink | None = None,
) -> Mapping[str, PartyResult]:
    """Run all parties at once until the training ends; returns their results by name.

    Events of all parties come to `on_event`, one at a time. When one party fails the others are stopped, and
    its error is raised. With `processes` the calling script needs the usual `if __name__ == "__main__":`.

    Raises:
        WmlflError: whatever :func:`run_party` raises; from a process always as :class:`PartyError`.
    """
    names = [party.display_name for party in parties]
    if len(set(names)) != len(names):
        raise PartyError("Two parties of a simulation have the same name.")
    run = _in_process if workers == "processes" else _in_thread
    lock = threading.Lock()
    stop = threading.Event()

    def tell(event: PartyEvent) -> None:
        if on_event is not None:
            with lock:
                on_event(event)

    with ThreadPoolExecutor(max_workers=max(1, len(parties))) as pool:
        futures = [pool.submit(run, party, tell, stop) for party in parties]
        try:
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            stop.set()
        for future in done:
            future.result()
        return {name: future.result() for name, future in zip(names, futures, strict=True)}


def _in_thread(party: PartySettings, tell: EventSink, stop: threading.Event) -> PartyResult:
    return run_party(party, on_event=tell, stop=stop)


def _in_process(party: PartySettings, tell: EventSink, stop: threading.Event) -> PartyResult:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(party, there), daemon=True)
    process.start()
    there.close()
    try:
        while not stop.is_set():
            if not here.poll(0.1):
                continue
            message = here.recv()
            if isinstance(message, PartyEvent):
                tell(message)
            elif isinstance(message, PartyResult):
                return message
            else:
                raise message
    except EOFError:
        raise PartyError(f"The process of {party.display_name} ended unexpectedly.") from None
    finally:
        here.close()
        process.terminate()
        process.join(_END_SECONDS)
    raise PartyError(f"{party.display_name} was stopped.")


def _child(party: PartySettings, out: Connection) -> None:
    """Run a party in a process of its own and send what happens to the parent."""
    try:
        out.send(run_party(party, on_event=out.send))
    except WmlflError as error:
        out.send(PartyError(str(error)))
    finally:
        out.close()
