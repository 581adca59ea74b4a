"""Requests as bytes over TLS: what no well-behaved client library can be made to send."""

import contextlib
import socket
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

SECONDS = 20


@dataclass(frozen=True)
class Answer:
    """What came back: `status` 0 means that the service closed the connection without an answer."""

    status: int
    body: bytes = b""


class Hung(AssertionError):
    """The service neither answered nor closed the connection in time."""


class Wire:
    """One connection at a time, opened again when the service closed it."""

    def __init__(self, service):
        address = urlsplit(service.url)
        self._address = (address.hostname, address.port)
        self._context = ssl.create_default_context(cafile=service.ca_file)
        self._open = contextlib.ExitStack()
        self._socket = None
        self._left = b""

    def ask(self, request):
        """Send one request and return its answer; 1xx answers are skipped, 101 is an answer."""
        for attempt in (1, 2):
            used = self._socket is not None
            if not used:
                self._connect()
            try:
                with contextlib.suppress(ssl.SSLEOFError, BrokenPipeError, ConnectionResetError):
                    self._socket.sendall(request)
                answer = self._answer(head_only=request.startswith(b"HEAD "))
            except TimeoutError:
                raise Hung(f"no answer within {SECONDS} s: {request[:300]!r}") from None
            if answer.status or not used or attempt == 2:
                return answer
            # The service may have closed a kept connection before it saw this request.
        raise AssertionError("unreachable")

    def ends(self):
        """Wait for the service to close the connection; False if it does not in time."""
        try:
            while self._socket is not None and self._more():
                pass
        except TimeoutError:
            return False
        return True

    def close(self):
        self._open.close()
        self._socket, self._left = None, b""

    def _connect(self):
        self.close()
        raw = self._open.enter_context(socket.create_connection(self._address, timeout=SECONDS))
        self._socket = self._open.enter_context(self._context.wrap_socket(raw, server_hostname="localhost"))

    def _answer(self, *, head_only):
        while True:
            head, found = self._until(b"\r\n\r\n")
            if not found:
                self.close()
                return Answer(0)
            lines = head.decode("latin-1").split("\r\n")
            status = int(lines[0].split(" ")[1])
            fields = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
            if 100 <= status < 200 and status != 101:
                continue
            bodiless = head_only or status in {101, 204, 304}
            body = b"" if bodiless else self._body(fields)
            if status == 101 or fields.get("connection") == "close":
                self.close()
            return Answer(status, body)

    def _body(self, fields):
        if "content-length" in fields:
            return self._exactly(int(fields["content-length"]))
        if fields.get("transfer-encoding") != "chunked":
            self.close()
            return b""
        parts = []
        while True:
            line, found = self._until(b"\r\n")
            size = int(line, 16) if found else 0
            parts.append(self._exactly(size + 2)[:size])
            if not size:
                return b"".join(parts)

    def _until(self, mark):
        while mark not in self._left:
            if not self._more():
                return self._left, False
        found, self._left = self._left.split(mark, 1)
        return found, True

    def _exactly(self, size):
        while len(self._left) < size and self._more():
            pass
        found, self._left = self._left[:size], self._left[size:]
        return found

    def _more(self):
        try:
            chunk = self._socket.recv(65536)
        except (ConnectionResetError, ssl.SSLEOFError):
            chunk = b""
        self._left += chunk
        return chunk
