"""A small HTTP server on a socket that answers as a test has written down."""

import json
import socket
import struct
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Seen:
    """A request as it came: `body` is what was read of it."""

    method: str
    path: str
    headers: dict
    body: bytes


def answer(status=200, body=None, **headers):
    """Answer with a body, as JSON if it is no text; headers with underscores instead of dashes."""
    data = body.encode() if isinstance(body, str) else b"" if body is None else json.dumps(body).encode()

    def run(handler):
        handler.send_response(status)
        for name, value in {"Content-Length": len(data), **headers}.items():
            handler.send_header(name.replace("_", "-"), str(value))
        handler.end_headers()
        handler.wfile.write(data)

    return run


def raw(data):
    """Send these bytes and close."""

    def run(handler):
        handler.wfile.write(data)
        handler.close_connection = True

    return run


def reset(handler):
    """Break the connection as a crash does."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True
    handler.connection.close()


def drip(handler):
    """Begin an answer and send one more byte every now and then, for ever."""
    handler.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{"a": "')
    while not handler.server.ending.wait(0.02):
        handler.wfile.write(b"x")


def silence(handler):
    """Never answer."""
    handler.server.ending.wait()
    handler.close_connection = True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body leave in two packets: without this each answer waits for the other side's delayed ACK.
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.server.connections += 1

    def handle(self):
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    def finish(self):
        try:
            super().finish()
        except (OSError, ValueError):
            self.close_connection = True

    def _serve(self):
        with self.server.lock:
            script = self.server.script
            step = script.pop(0) if len(script) > 1 else script[0]
        length = int(self.headers.get("Content-Length") or 0)
        body = b"" if getattr(step, "unread", False) else self.rfile.read(length)
        self.server.seen.append(Seen(self.command, self.path, dict(self.headers), body))
        step(self)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - the server's names

    def log_message(self, *_arguments):
        pass


@contextmanager
def scripted(*script):
    """Run a server that answers the requests one by one, the last answer for ever."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.script, server.seen, server.connections = list(script), [], 0
    server.lock, server.ending = threading.Lock(), threading.Event()
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.ending.set()
        server.shutdown()
        thread.join()
        server.server_close()
