"""Where Pulumi keeps the state of a program's stacks, as far as something names it.

Source: Pulumi's documentation: `PULUMI_BACKEND_URL`, `backend.url` in Pulumi.yaml, `pulumi login`.
Imports nothing of ours: the engine uses it, and the provider, which may not know the engine.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

__all__ = ["find_project_file", "named_backend", "pulumi_home"]

_PROJECT_FILES = ("Pulumi.yaml", "Pulumi.yml", "Pulumi.json")


def pulumi_home() -> Path:
    """Return the folder in which Pulumi keeps what belongs to a user."""
    return Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")


def named_backend(project_backend: str) -> str:
    """Return the URL that environment, project (`project_backend`) or login name; empty if none does."""
    return os.environ.get("PULUMI_BACKEND_URL") or project_backend or _login()


def find_project_file(folder: Path) -> Path | None:
    """Return the Pulumi.yaml of a folder or of the nearest one above it."""
    for place in (folder, *folder.parents):
        for name in _PROJECT_FILES:
            if (place / name).is_file():
                return place / name
    return None


def _login() -> str:
    try:
        credentials = json.loads((pulumi_home() / "credentials.json").read_text())
    except (OSError, ValueError):
        return ""
    return str(credentials.get("current") or "") if isinstance(credentials, dict) else ""
