"""Default folders, the same for the service that writes and the client that reads.

Imports nothing of ours, so that both sides may use it.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["READY_FILE", "default_data_dir", "default_ready_file", "default_state_dir"]

READY_FILE = "ready.json"


def default_data_dir() -> Path:
    """Folder of the local service: `WMLFL_DATA_DIR`, else `wmlfl` in the user's data folder (XDG)."""
    explicit = os.environ.get("WMLFL_DATA_DIR")
    if explicit:
        return Path(explicit).expanduser()
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "wmlfl"


def default_ready_file() -> Path:
    """File in which the local service says where it is: `WMLFL_READY_FILE`, else in its data folder."""
    explicit = os.environ.get("WMLFL_READY_FILE")
    return Path(explicit).expanduser() if explicit else default_data_dir() / READY_FILE


def default_state_dir() -> Path:
    """Folder of what must survive a crash: `WMLFL_STATE_DIR`, else `wmlfl` in the user's state folder."""
    explicit = os.environ.get("WMLFL_STATE_DIR")
    if explicit:
        return Path(explicit).expanduser()
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "wmlfl"
