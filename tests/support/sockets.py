"""WebSockets for tests that read and write step by step."""

import ssl

from websockets.sync.client import ClientConnection, connect


def open_websocket(service, path: str, headers: dict[str, str] | None = None, **options) -> ClientConnection:
    """Open a WebSocket of a service.

    The client reads in a thread of its own while it writes. With TLS 1.3 both touch the connection's keys at
    first, unguarded, and about one handshake in 200 is lost; so TLS 1.2 is spoken.
    """
    context = ssl.create_default_context(cafile=service.ca_file)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    url = f"{service.url.replace('https', 'wss')}{path}"
    # As IBM's party waits; the library's default of ten seconds is too short on a busy machine.
    usual = {"compression": None, "proxy": None, "open_timeout": 30}
    return connect(url, ssl=context, additional_headers=headers or {}, **{**usual, **options})
