"""Settings of the local service, and the names that every data folder begins with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "DEFAULT_PORT",
    "DEVELOPMENT_PROJECT",
    "DEVELOPMENT_SPACE",
    "DEVELOPMENT_USER",
    "DEVELOPMENT_USERNAME",
    "ServiceSettings",
]

DEFAULT_PORT = 9443
DEVELOPMENT_USER = "IBMid-local"
DEVELOPMENT_USERNAME = "developer"
DEVELOPMENT_PROJECT = "00000000-0000-4000-8000-000000000001"
DEVELOPMENT_SPACE = "00000000-0000-4000-8000-000000000002"


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """What one service runs with.

    `pending_seconds` is how long a training stays `pending`; `largest_content` is in bytes (512 MiB is the
    ceiling of a party's WebSocket message); `largest_json` limits every other body.
    """

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    ready_file: Path | None = None
    allow_remote: bool = False
    pending_seconds: float = 1.0
    platform_version: str = "5.1.0"
    largest_content: int = 512 * 1024 * 1024
    largest_json: int = 4 * 1024 * 1024
    deepest_json: int = 64
    body_timeout: float = 30.0
    token_seconds: int = 3600
