"""What a party's event loop needs of threads: to wait for them, and to run work in them.

Imports nothing of ours.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

__all__ = ["in_thread", "until_set"]

T = TypeVar("T")
_LOOK_SECONDS = 0.2


async def until_set(event: threading.Event) -> None:
    """Wait for an event that a thread sets."""
    while not event.is_set():
        await asyncio.sleep(_LOOK_SECONDS)


def in_thread(function: Callable[..., T], *arguments: Any) -> Awaitable[T]:
    """Run `function` in a thread that does not keep the process alive: a fit cannot be interrupted."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def deliver(result: T | None, error: BaseException | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def work() -> None:
        result, failed = None, None
        try:
            result = function(*arguments)
        except BaseException as error:  # noqa: BLE001 - handed to the waiting side
            failed = error
        try:
            loop.call_soon_threadsafe(deliver, result, failed)
        except RuntimeError:
            # The party has ended meanwhile.
            return

    threading.Thread(target=work, name="wmlfl-party", daemon=True).start()
    return future
