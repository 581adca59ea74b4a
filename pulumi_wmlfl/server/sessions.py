"""Who is signed in to the dashboard: sessions in memory, so that signing out and a restart truly end them.

The browser holds a random id in a cookie; the key that a session was opened with is not kept. May import
`access` and the store's values.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from .access import Access
from .store.contract import Principal

__all__ = ["Session", "Sessions"]

_MOST = 500
_LONGEST_SECONDS = 12 * 3600.0


@dataclass(slots=True)
class Session:
    """One sign-in; times in seconds since 1970. `csrf` must come with everything that changes something."""

    id: str
    principal: Principal
    csrf: str
    ends_at: float
    idle_at: float

    def permits(self, csrf: str) -> bool:
        """Say whether a request that changes something comes from this session's own page."""
        return hmac.compare_digest(self.csrf.encode(), csrf.encode("utf-8", "replace"))


class Sessions:
    """The sessions of one service; for use on the event loop and its threads alike."""

    def __init__(self, access: Access, clock: Callable[[], float]) -> None:
        self._access = access
        self._clock = clock
        self._open: dict[str, Session] = {}

    def begin(self, principal: Principal) -> Session:
        """Open a session for somebody who has shown a key; the oldest of too many ends."""
        now = self._clock()
        for known in [item for item in list(self._open.values()) if self._over(item, now)]:
            self.end(known.id)
        while len(self._open) >= _MOST:
            self.end(next(iter(self._open)))
        session = Session(
            id=secrets.token_urlsafe(32),
            principal=principal,
            csrf=secrets.token_urlsafe(32),
            ends_at=now + _LONGEST_SECONDS,
            idle_at=now + self._access.token_seconds,
        )
        self._open[session.id] = session
        return session

    def find(self, session_id: str) -> Session | None:
        """Return an open session whose key still exists, and let it go on.

        It ends `token_seconds` after its last request, and after twelve hours in any case.
        """
        session = self._open.get(session_id)
        if session is None:
            return None
        now = self._clock()
        user = self._access.user_with_key(session.principal.id, session.principal.key_id)
        if user is None or self._over(session, now):
            self.end(session_id)
            return None
        session.idle_at = now + self._access.token_seconds
        return session

    def end(self, session_id: str) -> None:
        """End a session; one that is not there is no error."""
        self._open.pop(session_id, None)

    @staticmethod
    def _over(session: Session, now: float) -> bool:
        return now >= min(session.ends_at, session.idle_at)
