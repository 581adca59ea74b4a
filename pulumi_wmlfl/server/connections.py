"""Connections: how many there may be, how long they may wait for nothing, and how to break one.

uvicorn offers none of the three, so these are its protocols with the hooks added.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
from collections.abc import Callable
from typing import Any

import h11
from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

__all__ = ["Connections"]

# So many above the limit are let in for their answer, 503; more are dropped before TLS, which takes memory.
_MOST_REFUSED = 64


class Connections:
    """The open connections of one service, those of WebSockets among them."""

    def __init__(self, *, most: int, header_seconds: float) -> None:
        self.most = most
        self.header_seconds = header_seconds
        self._open: dict[tuple[str, int], asyncio.Transport] = {}

    def protocol(self) -> type[asyncio.Protocol]:
        """Return the protocol class for uvicorn's HTTP; its connections are kept here."""
        connections = self

        class Watched(_WatchedProtocol):
            registry = connections

        return Watched

    def websocket_protocol(self) -> type[asyncio.Protocol]:
        """Return the protocol class that takes a connection over when it becomes a WebSocket."""
        connections = self

        class Watched(_WatchedWebSocket):
            registry = connections

        return Watched

    def listening(self, listener: socket.socket) -> socket.socket:
        """Return a socket in place of this one that drops connections far beyond the limit at once.

        TLS takes memory from the moment a connection is accepted, and nobody has shown a key yet.
        """
        return _Listener(listener, most=self.most + _MOST_REFUSED)

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


class _Accepted(socket.socket):
    """A connection's socket that tells when it is closed."""

    def __init__(self, connection: socket.socket, closed: Callable[[], None]) -> None:
        super().__init__(connection.family, connection.type, connection.proto, connection.detach())
        self._closed_once = closed

    def close(self) -> None:
        """Close it, and say so once."""
        super().close()
        closed, self._closed_once = self._closed_once, _nothing
        closed()


def _nothing() -> None: ...


class _Listener(socket.socket):
    """A listening socket that counts the connections it accepted and that are not closed."""

    def __init__(self, listener: socket.socket, *, most: int) -> None:
        super().__init__(listener.family, listener.type, listener.proto, listener.detach())
        self._most = most
        self._accepted = 0

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept a connection.

        Raises:
            ConnectionAbortedError: there are too many, and it was closed; event loops go on after this.
        """
        connection, address = super().accept()
        if self._accepted >= self._most:
            connection.close()
            raise ConnectionAbortedError("There are too many connections.")
        self._accepted += 1
        return _Accepted(connection, self._one_less), address

    def _one_less(self) -> None:
        self._accepted -= 1


class _WatchedProtocol(H11Protocol):
    registry: Connections
    _late: asyncio.TimerHandle | None = None
    _refused = False
    _peer: tuple[str, int] = ("", 0)

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._peer = _peer_of(transport)
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
        waits = self.conn.their_state is h11.IDLE or self._unread
        if waits and not self.transport.is_closing():
            self._expect_head()
        else:
            self._head_came()

    def on_response_complete(self) -> None:
        """Wait for the rest of a body that nobody reads, so that the client sees its answer; not for ever."""
        super().on_response_complete()
        if self._unread and not self.transport.is_closing():
            self._expect_head()

    @property
    def _unread(self) -> bool:
        """Whether a request was answered, as a rule refused, while its body was still to come."""
        return self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP; where an answer was given or begun there is no second one.

        A handler that still waits for the body of such a request learns that its client is gone.
        """
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            self.transport.write(_refusal("400 Bad Request", msg))
        self.transport.close()

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


class _WatchedWebSocket(WebSocketsSansIOProtocol):
    registry: Connections
    _peer: tuple[str, int] = ("", 0)

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._peer = _peer_of(transport)

    def data_received(self, data: bytes) -> None:
        """As uvicorn's, which leaves a handshake that cannot be read open and unanswered."""
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.transport.is_closing():
            said = b"".join(self.conn.data_to_send())
            self.transport.write(said or _refusal("400 Bad Request", "The handshake cannot be read."))
            self.transport.close()

    def send_receive_event_to_app(self) -> None:
        """As uvicorn's, which writes a traceback for text that is not UTF-8."""
        if self.curr_msg_data_type == "text" and not _is_utf8(b"".join(self.frames)):
            self.conn.send_close(1007)
            self.handle_parser_exception()
        else:
            super().send_receive_event_to_app()

    def connection_lost(self, exc: Exception | None) -> None:
        self.registry.forget(self._peer)
        super().connection_lost(exc)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _peer_of(transport: asyncio.Transport) -> tuple[str, int]:
    # A transport that has ended does not know it any more.
    host, port, *_ = transport.get_extra_info("peername") or ("", 0)
    return str(host), int(port)


def _too_many() -> bytes:
    return _refusal("503 Service Unavailable", "The service has too many open connections.")


def _refusal(status: str, message: str) -> bytes:
    """Return an answer for where there is no application yet."""
    number, words = status.split(" ", 1)
    error = {"code": words.lower().replace(" ", "_"), "message": message}
    body = json.dumps(
        {"trace": secrets.token_hex(16), "errors": [error], "status_code": int(number)}
    ).encode()
    again = "Retry-After: 1\r\n" if number == "503" else ""
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{again}"
        f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
