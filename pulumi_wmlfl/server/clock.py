"""The service's time: the machine's, moved by what tests ask for, written as WML writes it."""

from __future__ import annotations

import time
from datetime import UTC, datetime

__all__ = ["Clock", "timestamp"]


class Clock:
    """Seconds since 1970; `offset` (seconds) lets a test see tomorrow."""

    def __init__(self) -> None:
        self.offset = 0.0

    def __call__(self) -> float:
        """Return the service's time."""
        return time.time() + self.offset


def timestamp(now: float) -> str:
    """Return a time (seconds since 1970) as WML writes it: UTC with milliseconds and `Z`."""
    moment = datetime.fromtimestamp(now, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
