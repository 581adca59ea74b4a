"""A person's wish to end a run. Light, because it exists before the engine's heavy parts are loaded."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Cancellation:
    """First to start nothing new, then to end at once."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.at_once = threading.Event()
        self._lock = threading.Lock()
        self.changed: list[Callable[[], None]] = []

    def ask(self) -> None:
        """Ask the run to end; asked again, it ends at once."""
        with self._lock:
            (self.at_once if self.asked.is_set() else self.asked).set()
        for call in list(self.changed):
            call()
