"""An HTTPS proxy between provider and service that does one harm to one request, and knows every request.

Every answer closes its connection, so that each request needs a connection of its own, which can be refused.
A connection is refused by the kernel, as by a host where nothing listens: the proxy stops listening before it
passes on the answer to the request before (for the first request: before the step begins).
"""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import trustme

KINDS = (
    "connection refused",
    "reset before the answer",
    "reset after the server acted",
    "401",
    "429 with Retry-After",
    "500",
    "503",
    "HTML body",
    "truncated JSON",
    "time-out",
    "time-out after the server acted",
    "provider killed before",
    "provider killed after",
)
# Longer than the provider waits for an answer, and than it pauses between the requests of a wait.
_SILENCE_SECONDS = 3.5
_REFUSED_SECONDS = 1.0
_BEFORE = {"reset before the answer", "401", "429 with Retry-After", "500", "503", "HTML body"}
_HTML = b"<!DOCTYPE html><html><title>Bad gateway</title></html>"


class Proxy:
    """Forwards to `upstream`; `arm` chooses the request to harm, counted from 1 since then."""

    def __init__(self, upstream: str, ca_file: str, folder: Path) -> None:
        self._host = upstream.removeprefix("https://")
        self._upstream = ssl.create_default_context(cafile=ca_file)
        authority = trustme.CA()
        self.ca_file = str(folder / "proxy-ca.pem")
        authority.cert_pem.write_to_path(self.ca_file)
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(self._tls)
        self._lock = threading.Lock()
        self._listening = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self._reopens: threading.Timer | None = None
        self.port = 0
        self.kill: Callable[[], None] = lambda: None
        self.arm(0, "")
        self.url = f"https://127.0.0.1:{self.port}"

    def arm(self, at: int, kind: str) -> None:
        """Harm the request number `at` from now on (0: none) with `kind`."""
        if self._reopens is not None:
            self._reopens.cancel()
        self._open()
        with self._lock:
            self.seen: list[str] = []
            self._at, self._kind = at, kind
        if kind == "connection refused" and at == 1:
            # Until the step ends: nobody sees a connection that was refused.
            self._close()

    def harmed(self, *, failed: bool) -> str:
        """Return the request that was harmed since `arm`, of a step that `failed` or not; empty if none."""
        with self._lock:
            if len(self.seen) >= self._at:
                return self.seen[self._at - 1]
            return "connect" if self._kind == "connection refused" and failed else ""

    def close(self) -> None:
        if self._reopens is not None:
            self._reopens.cancel()
        self._close()

    def _open(self) -> None:
        with self._listening:
            if self._server is None:
                self._server = self._listen(self.port)
                self.port = self._server.server_address[1]

    def _close(self) -> None:
        with self._listening:
            if self._server is not None:
                self._server.shutdown()
                self._server.server_close()
                self._server = None

    def _listen(self, port: int) -> ThreadingHTTPServer:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 30

            def __getattr__(self, name: str) -> Callable[[], None]:
                if not name.startswith("do_"):
                    raise AttributeError(name)
                return lambda: proxy._serve(self)

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 64

            def finish_request(self, request: socket.socket, client_address: object) -> None:
                # The client may go away, or be sent away.
                with suppress(OSError), proxy._tls.wrap_socket(request, server_side=True) as encrypted:
                    super().finish_request(encrypted, client_address)

            def handle_error(self, *_arguments: object) -> None:
                """Say nothing."""

        server = Server(("127.0.0.1", port), Handler)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        with self._lock:
            self.seen.append(f"{handler.command} {handler.path.split('?')[0]}")
            mine = len(self.seen) == self._at
            refuse_next = self._kind == "connection refused" and len(self.seen) == self._at - 1
        kind = self._kind if mine else ""
        if kind == "provider killed before":
            self.kill()
            return
        if kind in _BEFORE:
            self._answer_instead(handler, kind)
            return
        if kind == "time-out":
            time.sleep(_SILENCE_SECONDS)
            return
        answer = self._forward(handler, body)
        if kind == "time-out after the server acted":
            time.sleep(_SILENCE_SECONDS)
        elif kind == "provider killed after":
            self.kill()
        elif kind == "reset after the server acted":
            _reset(handler)
        elif kind == "truncated JSON":
            self._send(handler, answer, cut=True)
        else:
            if refuse_next:
                self._close()
                self._reopens = threading.Timer(_REFUSED_SECONDS, self._open)
                self._reopens.start()
            self._send(handler, answer)

    def _answer_instead(self, handler: BaseHTTPRequestHandler, kind: str) -> None:
        if kind == "reset before the answer":
            _reset(handler)
            return
        status = int(kind[:3]) if kind[:3].isdigit() else 502
        content = _HTML if kind == "HTML body" else b'{"trace":"0","errors":[{"code":"x","message":"harm"}]}'
        handler.send_response(status)
        if status == 429:
            handler.send_header("Retry-After", "1")
        handler.send_header("Content-Type", "text/html" if content is _HTML else "application/json")
        handler.send_header("Content-Length", str(len(content)))
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(content)

    def _forward(
        self, handler: BaseHTTPRequestHandler, body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPSConnection(self._host, context=self._upstream, timeout=30)
        headers = {k: v for k, v in handler.headers.items() if k.lower() not in {"host", "connection"}}
        connection.request(handler.command, handler.path, body=body or None, headers=headers)
        answer = connection.getresponse()
        found = (answer.status, answer.getheaders(), answer.read())
        connection.close()
        return found

    def _send(
        self,
        handler: BaseHTTPRequestHandler,
        answer: tuple[int, list[tuple[str, str]], bytes],
        *,
        cut: bool = False,
    ) -> None:
        status, headers, body = answer
        handler.send_response_only(status)
        for name, value in headers:
            if name.lower() not in {"connection", "transfer-encoding", "content-length"}:
                handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(body[: len(body) // 2] if cut else body)


def _reset(handler: BaseHTTPRequestHandler) -> None:
    raw = handler.connection
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    handler.rfile.close()
    raw.close()
