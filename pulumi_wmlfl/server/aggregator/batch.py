"""Several requests that a party carries out one after the other, and answers in its own time.

IBM's party sends what it has to say once per second: many steps at once cost no more than one. Its answers
survive a lost connection, unless they were under way; so after a reconnection they are waited for, but not
those to steps that the party did not acknowledge. No step is sent twice. Source: party protocol, "Sending
latency" and "Loss of connection".
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence

from ...protocol import MessageType, Reply, Request

__all__ = ["Batch", "Unfinished"]


class Unfinished(Exception):
    """Some steps were not answered; `replies` are the answers that came. `timed_out`: while connected."""

    def __init__(self, reason: str, replies: Sequence[Reply], *, timed_out: bool) -> None:
        super().__init__(reason)
        self.replies = replies
        self.timed_out = timed_out


class Batch:
    """The steps that a party has not answered yet; everything runs on the event loop."""

    def __init__(self, requests: Sequence[Request]) -> None:
        self._requests = requests
        self._open = {request.id_request: request.message_type for request in requests}
        self._replies: dict[int, Reply] = {}
        self._acknowledged: set[int] = set()
        self._changed = asyncio.Event()
        self._lost_at: float | None = None
        self._over = ""

    @property
    def over(self) -> bool:
        """Whether it was given up."""
        return bool(self._over)

    @property
    def replies(self) -> list[Reply]:
        """The answers so far, in the order of the requests."""
        ids = (request.id_request for request in self._requests)
        return [self._replies[one] for one in ids if one in self._replies]

    def take(self, reply: Reply) -> bool:
        """Take an answer; False if it answers none of these.

        An error reply of IBM's party names no request: the first one that is not TRAIN is meant.
        """
        found = reply.id_request if self._open.get(reply.id_request) is reply.message_type else None
        if reply.is_anonymous_error:
            found = next((one for one, kind in self._open.items() if kind is not MessageType.TRAIN), None)
        if found is None or found not in self._open:
            return False
        del self._open[found]
        self._replies[found] = reply
        self._changed.set()
        return True

    def acknowledge(self, id_request: int) -> None:
        """Note that a step arrived."""
        self._acknowledged.add(id_request)

    def connection_changed(self) -> None:
        """Note that the connection ended, or a new one is there."""
        self._lost_at = asyncio.get_running_loop().time()
        self._changed.set()

    def give_up(self, reason: str) -> None:
        """Let nobody wait any more."""
        self._over = reason
        self._changed.set()

    async def finished(self, connected: Callable[[], bool], *, seconds: float, patience: float) -> None:
        """Wait for all answers.

        `seconds`: for all of them. `patience`: seconds to wait for a new connection, and then for a word
        about each step.

        Raises:
            Unfinished: some did not come.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while self._open or self._over:
            if self._over:
                raise Unfinished(self._over, self.replies, timed_out=False)
            until = math.inf
            if self._lost_at is not None and not (connected() and self._acknowledged >= set(self._open)):
                until = self._lost_at + patience
            if loop.time() >= until:
                raise Unfinished("the connection was lost", self.replies, timed_out=False)
            if loop.time() >= end:
                raise Unfinished(f"no answer within {seconds:g} s", self.replies, timed_out=True)
            self._changed.clear()
            try:
                async with asyncio.timeout_at(min(end, until)):
                    await self._changed.wait()
            except TimeoutError:
                continue
