"""From settings to a running server and to its end: folder, port, certificate, ready file, signals."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import resource
import secrets
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import uvicorn

from .._paths import READY_FILE
from .._version import __version__
from ..errors import ServiceError
from .app import create_app, open_services
from .connections import Connections
from .folder import FolderLock, development_key, prepare_folder, write_private
from .services import Parts, Services
from .settings import (
    DEVELOPMENT_KEY_NAME,
    DEVELOPMENT_PROJECT,
    DEVELOPMENT_SPACE,
    DEVELOPMENT_USER,
    DEVELOPMENT_USERNAME,
    ServiceSettings,
)
from .tls import is_loopback, load_certificates

__all__ = ["run_service"]

_STOP_SECONDS = 3


def run_service(
    settings: ServiceSettings,
    *,
    on_ready: Callable[[Mapping[str, Any]], None],
    make_parts: Callable[[Services], Parts] = lambda _: Parts(),
) -> None:
    """Serve until SIGINT or SIGTERM.

    `on_ready` gets the content of the ready file as soon as requests are answered.

    Raises:
        ServiceError: the folder, the port or the host cannot be used.
    """
    os.umask(0o077)
    _raise_file_limit()
    prepare_folder(settings.data_dir)
    lock = FolderLock(settings.data_dir)
    # The folder's own comes last: who has waited for it finds the other one too.
    ready_files = [*([settings.ready_file] if settings.ready_file else []), settings.data_dir / READY_FILE]
    for path in ready_files:
        # Left behind by a server that was killed.
        path.unlink(missing_ok=True)
    try:
        services = open_services(settings)
        with contextlib.closing(services.store):
            _serve(services, ready_files, on_ready, make_parts)
    finally:
        for path in ready_files:
            path.unlink(missing_ok=True)
        lock.release()


def _serve(
    services: Services,
    ready_files: list[Path],
    on_ready: Callable[[Mapping[str, Any]], None],
    make_parts: Callable[[Services], Parts],
) -> None:
    settings = services.settings
    key = development_key(services.store, services.access, services.sealer)
    _check_host(settings, services)
    with _listen(settings.host, settings.port) as listener:
        certificates = load_certificates(settings.data_dir, settings.host)
        services.control.token = secrets.token_urlsafe(32)
        ready = {
            "url": f"https://{_url_host(settings.host)}:{listener.getsockname()[1]}",
            "ca_file": str(certificates.ca_file.resolve()),
            "apikey": key,
            "user_id": DEVELOPMENT_USER,
            "username": DEVELOPMENT_USERNAME,
            "project_id": DEVELOPMENT_PROJECT,
            "space_id": DEVELOPMENT_SPACE,
            "control_token": services.control.token,
            "pid": os.getpid(),
            "version": __version__,
        }
        connections = Connections(most=settings.most_connections, header_seconds=settings.header_seconds)
        services.control.drop_connection = connections.drop
        bounded = connections.listening(listener)

        def announce() -> None:
            for path in ready_files:
                write_private(path, json.dumps(ready, indent=2) + "\n")
            on_ready(ready)

        config = _configuration(services, make_parts, connections, certificates.server_file)
        server = _Server(config, announce, ready_files)
        asyncio.run(server.serve(sockets=[bounded]))
        if server.problem is not None:
            raise server.problem


def _configuration(
    services: Services,
    make_parts: Callable[[Services], Parts],
    connections: Connections,
    certificate: Path,
) -> uvicorn.Config:
    """Return uvicorn's settings; those of WebSockets are what IBM's party needs."""
    # At DEBUG it writes the headers of every handshake, and they hold tokens; at INFO that connections open.
    log = logging.getLogger("uvicorn.error")
    log.setLevel(max(log.getEffectiveLevel(), logging.WARNING))
    return uvicorn.Config(
        create_app(services, make_parts=make_parts),
        http=connections.protocol(),
        ws=connections.websocket_protocol(),
        ws_max_size=services.settings.largest_frame,
        loop="asyncio",
        # A party answers no ping while it trains.
        ws_ping_interval=None,
        ws_ping_timeout=None,
        ws_per_message_deflate=False,
        ssl_certfile=certificate,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=_STOP_SECONDS,
        lifespan="on",
    )


class _Server(uvicorn.Server):
    """uvicorn's server that announces itself when it can serve, and stops without an error at a signal."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None], ready_files: list[Path]) -> None:
        super().__init__(config)
        self._announce = announce
        self._ready_files = ready_files
        self.problem: ServiceError | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve, then say so."""
        await super().startup(sockets=sockets)
        if not self.started:
            self.problem = ServiceError("The service could not start; its log says why.")
            return
        try:
            self._announce()
        except ServiceError as error:
            self.problem = error
            self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop; the ready files go first, so that nobody comes any more."""
        for path in self._ready_files:
            path.unlink(missing_ok=True)
        await super().shutdown(sockets=sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at SIGINT and SIGTERM; a second one does not wait for anything.

        uvicorn's own way raises the signal again afterwards, which would end the process with an error.
        """
        loop = asyncio.get_running_loop()
        wanted = (signal.SIGINT, signal.SIGTERM)
        for number in wanted:
            loop.add_signal_handler(number, self.handle_exit, signal.SIGINT, None)
        try:
            yield
        finally:
            for number in wanted:
                loop.remove_signal_handler(number)


def _check_host(settings: ServiceSettings, services: Services) -> None:
    """Refuse to be reachable from other machines unless that was asked for and somebody has a key for it."""
    if is_loopback(settings.host):
        return
    if not settings.allow_remote:
        raise ServiceError(
            f"{settings.host} can be reached from other machines.",
            hint="Add --allow-remote if you want that, or use --host 127.0.0.1.",
        )
    if {key.name for key in services.access.keys()} <= {DEVELOPMENT_KEY_NAME}:  # noqa: SIM118 - no mapping
        raise ServiceError(
            "The development key is good on this machine only, and there is no other key.",
            hint=f"Make one with `wmlfl keys add NAME --data-dir {settings.data_dir}`.",
        )


def _listen(host: str, port: int) -> socket.socket:
    """Take the port.

    Raises:
        ServiceError: it is taken, or the host is not of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ServiceError(f"The host {host} is not known: {error.strerror}.") from None
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        # Parties are not pinged, so the system finds out about those that are gone.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        listener.close()
        hint = "Choose another one with --port; 0 takes any free port."
        raise ServiceError(f"Cannot listen on {host}:{port}: {error.strerror}.", hint=hint) from None
    return listener


def _url_host(host: str) -> str:
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        return "127.0.0.1" if host == "0.0.0.0" else "[::1]"  # noqa: S104
    return f"[{host}]" if ":" in host else host


def _raise_file_limit() -> None:
    """Allow as many open connections and files as the system lets this user have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
