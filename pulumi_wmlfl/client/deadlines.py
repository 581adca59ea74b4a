"""A deadline for everything that an operation asks of WML, however many requests that takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["time_left", "within"]

_deadline: ContextVar[float | None] = ContextVar("wmlfl_deadline", default=None)


@contextmanager
def within(seconds: float | None) -> Iterator[None]:
    """Let no request inside the block begin, or be repeated, after `seconds`; None sets no limit."""
    token = _deadline.set(None if seconds is None else time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


def time_left() -> float | None:
    """Return the seconds that are left to the operation; None without a limit."""
    deadline = _deadline.get()
    return None if deadline is None else deadline - time.monotonic()
