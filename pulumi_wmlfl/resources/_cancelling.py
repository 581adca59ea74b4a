"""Ctrl-C: what waits stops soon, and what exists is kept in the state.

The engine asks its providers to cancel and lets running calls end. A call that only waits ends here with an
error, which keeps the id of what was made; the next deployment waits on.
"""

from __future__ import annotations

import threading

from ..errors import Interrupted
from . import _engine_link

__all__ = ["listen", "pause"]

_asked = threading.Event()
_listening = threading.Event()


def listen() -> None:
    """Hear from now on when the engine cancels."""
    if not _listening.is_set():
        _listening.set()
        _engine_link.when_cancelled(_asked.set)


def pause(seconds: float) -> None:
    """Sleep, as `time.sleep`.

    Raises:
        Interrupted: the deployment is cancelled.
    """
    if _asked.wait(seconds):
        raise Interrupted(
            "The deployment was cancelled before this was done.", hint="Run the same command again to go on."
        )
