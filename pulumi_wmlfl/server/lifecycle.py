"""Start and stop of the service: the folder's lock, the port, the ready file, signals."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from .._paths import READY_FILE
from .._version import __version__
from ..errors import ServiceError
from .access import Access
from .app import Services, create_app
from .jobs import TrainingJobs
from .settings import (
    DEVELOPMENT_PROJECT,
    DEVELOPMENT_SPACE,
    DEVELOPMENT_USER,
    DEVELOPMENT_USERNAME,
    ServiceSettings,
)
from .store.blobs import Blobs
from .store.contract import Scope
from .store.sqlite import SqliteStore
from .tls import Certificates, is_loopback, load_certificates

__all__ = ["Ready", "serve"]

_LARGEST_MESSAGE = 2**29
_STOPPING = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Ready:
    """Where a running service is; what its ready file says."""

    url: str
    ca_file: str
    apikey: str
    user_id: str
    username: str
    project_id: str
    space_id: str
    pid: int
    version: str

    def as_dict(self) -> dict[str, object]:
        """Return the content of the ready file."""
        return {name: getattr(self, name) for name in self.__slots__}


def serve(settings: ServiceSettings, *, on_ready: Callable[[Ready], None]) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        ServiceError: the folder cannot be used or is in use, the port is taken, remote access is not allowed.
    """
    if not is_loopback(settings.host) and not settings.allow_remote:
        raise ServiceError(
            f"{settings.host} can be reached from other machines.",
            hint="Add --allow-remote if that is meant, or serve on 127.0.0.1.",
        )
    with _locked(settings.data_dir), _listening(settings) as listener:
        services = _services(settings)
        certificates = load_certificates(settings.data_dir / "tls", settings.host)
        key = _development_key(settings, services.access)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        ready = Ready(
            url=f"https://{host}:{listener.getsockname()[1]}",
            ca_file=str(certificates.ca_file),
            apikey=key,
            user_id=DEVELOPMENT_USER,
            username=DEVELOPMENT_USERNAME,
            project_id=DEVELOPMENT_PROJECT,
            space_id=DEVELOPMENT_SPACE,
            pid=os.getpid(),
            version=__version__,
        )
        files = [settings.data_dir / READY_FILE]
        if settings.ready_file is not None:
            files.append(settings.ready_file)
        try:
            _run(services, certificates, listener, lambda: _announce(ready, files, on_ready))
        finally:
            for file in files:
                file.unlink(missing_ok=True)
            services.store.close()


def _services(settings: ServiceSettings) -> Services:
    store = SqliteStore(settings.data_dir / "wml.sqlite")
    access = Access(store, settings)
    blobs = Blobs(settings.data_dir / "content")
    jobs = TrainingJobs(store, pending_seconds=settings.pending_seconds)
    return Services(settings, store, blobs, access, jobs)


def _development_key(settings: ServiceSettings, access: Access) -> str:
    """Return the key of the development user, made once; only this file has it in clear, for its owner."""
    file = settings.data_dir / "development.key"
    access.add_user(DEVELOPMENT_USER, DEVELOPMENT_USERNAME)
    members = {DEVELOPMENT_USER: "admin"}
    access.add_scope(Scope("project_id", DEVELOPMENT_PROJECT), "Local project", members)
    access.add_scope(Scope("space_id", DEVELOPMENT_SPACE), "Local space", members)
    if not file.exists():
        _write_private(file, secrets.token_urlsafe(32))
    key = file.read_text("ascii").strip()
    access.add_key(DEVELOPMENT_USER, "development", key)
    return key


def _run(
    services: Services, certificates: Certificates, listener: socket.socket, announce: Callable[[], None]
) -> None:
    class Server(uvicorn.Server):
        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            # uvicorn raises the signal again when it has stopped, which would end the process before the
            # ready file is removed and the database closed.
            known = {number: signal.signal(number, self.handle_exit) for number in _STOPPING}
            try:
                yield
            finally:
                for number, handler in known.items():
                    signal.signal(number, handler)

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                announce()

    config = uvicorn.Config(
        create_app(services),
        ws="websockets-sansio",
        ws_max_size=_LARGEST_MESSAGE,
        # IBM's party answers no ping while it works (party protocol, 3.2), and deflate costs seconds a round.
        ws_ping_interval=None,
        ws_ping_timeout=None,
        ws_per_message_deflate=False,
        ssl_certfile=str(certificates.server_file),
        log_level="warning",
        access_log=False,
        limit_concurrency=1024,
        timeout_graceful_shutdown=3,
        server_header=False,
    )
    Server(config).run(sockets=[listener])


def _announce(ready: Ready, files: list[Path], on_ready: Callable[[Ready], None]) -> None:
    for file in files:
        _write_private(file, json.dumps(ready.as_dict(), indent=2) + "\n")
    on_ready(ready)


def _write_private(path: Path, text: str) -> None:
    """Write a file for its owner's eyes, whole or not at all."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    temporary.replace(path)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (folder / "lock").open("a")
    except OSError as error:
        raise ServiceError(
            f"The data folder {folder} cannot be written: {error.strerror}.",
            hint="Name another one with --data-dir.",
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ServiceError(
                f"The data folder {folder} is in use by another service.",
                hint="Stop that one, or name another folder with --data-dir.",
            ) from None
        yield


@contextmanager
def _listening(settings: ServiceSettings) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    with listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ServiceError(
                f"Port {settings.port} of {settings.host} cannot be used: {reason}.",
                hint="Choose another one with --port; 0 takes any that is free.",
            ) from None
        yield listener
