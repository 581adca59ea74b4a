"""HTTP connections: how many there may be, how long a request's head may take, and how to break one.

uvicorn offers none of the three, so this is its protocol with the hooks added.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from typing import Any

import h11
from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["Connections"]


class Connections:
    """The open connections of one service."""

    def __init__(self, *, most: int, header_seconds: float) -> None:
        self.most = most
        self.header_seconds = header_seconds
        self._open: dict[tuple[str, int], asyncio.Transport] = {}

    def protocol(self) -> type[asyncio.Protocol]:
        """Return the protocol class for uvicorn; its connections are kept here."""
        connections = self

        class Watched(_WatchedProtocol):
            registry = connections

        return Watched

    def admit(self, peer: tuple[str, int], transport: asyncio.Transport) -> bool:
        """Note a new connection; False if there are too many."""
        if len(self._open) >= self.most:
            return False
        self._open[peer] = transport
        return True

    def forget(self, peer: tuple[str, int]) -> None:
        """Forget a connection that ended."""
        self._open.pop(peer, None)

    def drop(self, scope: Scope) -> None:
        """Break the connection of a request, without an answer."""
        transport = self._open.get(tuple(scope["client"])) if scope["client"] else None
        if transport is not None:
            transport.abort()


class _WatchedProtocol(H11Protocol):
    registry: Connections
    _late: asyncio.TimerHandle | None = None
    _refused = False
    _peer: tuple[str, int] = ("", 0)

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        # A transport that has ended does not know it any more.
        host, port, *_ = transport.get_extra_info("peername") or self._peer
        self._peer = (str(host), int(port))
        if self.registry.admit(self._peer, transport):
            self._expect_head()
        else:
            self._refused = True
            transport.write(_too_many())
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._refused:
            self.registry.forget(self._peer)
        self._head_came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        super().data_received(data)
        # IDLE: bytes came and the head of a request is still not complete.
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self._expect_head()
        else:
            self._head_came()

    def shutdown(self) -> None:
        """End an idle connection at once: its client need not answer TLS's farewell."""
        if self.cycle is None or self.cycle.response_complete:
            self.transport.abort()
        else:
            super().shutdown()

    def _expect_head(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(self.registry.header_seconds, self.transport.abort)

    def _head_came(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


def _too_many() -> bytes:
    error = {"code": "service_unavailable", "message": "The service has too many open connections."}
    body = json.dumps({"trace": secrets.token_hex(16), "errors": [error], "status_code": 503}).encode()
    head = (
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\n"
        f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
