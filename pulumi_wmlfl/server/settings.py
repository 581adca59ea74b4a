"""Settings of the local service, and the names that every data folder begins with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "DEFAULT_PORT",
    "DEVELOPMENT_KEY_NAME",
    "DEVELOPMENT_PROJECT",
    "DEVELOPMENT_SPACE",
    "DEVELOPMENT_USER",
    "DEVELOPMENT_USERNAME",
    "ServiceSettings",
]

DEFAULT_PORT = 9443
DEVELOPMENT_KEY_NAME = "development"
DEVELOPMENT_USER = "IBMid-local"
DEVELOPMENT_USERNAME = "developer"
DEVELOPMENT_PROJECT = "00000000-0000-4000-8000-000000000001"
DEVELOPMENT_SPACE = "00000000-0000-4000-8000-000000000002"


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """What one service runs with; times in seconds, sizes in bytes.

    `pending_seconds` is how long a training stays `pending`; `largest_content` is 512 MiB, the ceiling of a
    party's WebSocket message; `largest_json` limits every other body. A body must come in pieces at most
    `idle_seconds` apart and, after that time, at `slowest_rate` bytes per second or faster; the head of a
    request within `header_seconds`.

    Of a training: `largest_frame` limits a party's message. A party is asked nothing for `settle_seconds`
    after it registered. Once there is a quorum, the others get `late_seconds` more; when it is lost,
    parties have `rejoin_seconds` to come back. Measuring the fused model may take `evaluation_seconds`.
    """

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    ready_file: Path | None = None
    allow_remote: bool = False
    pending_seconds: float = 1.0
    platform_version: str = "5.1.0"
    page_size: int = 100
    largest_page: int = 200
    largest_content: int = 512 * 1024 * 1024
    largest_json: int = 4 * 1024 * 1024
    deepest_json: int = 64
    idle_seconds: float = 30.0
    slowest_rate: int = 1024
    header_seconds: float = 20.0
    most_connections: int = 2000
    token_seconds: float = 3600
    largest_frame: int = 2**29
    settle_seconds: float = 2.0
    late_seconds: float = 10.0
    rejoin_seconds: float = 60.0
    evaluation_seconds: float = 120.0
