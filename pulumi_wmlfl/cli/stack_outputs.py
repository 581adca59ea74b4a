"""Where `wmlfl party kit` gets a stack's outputs from: a file, standard input, or the deployment engine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from .._paths import default_ready_file
from ..errors import ConfigurationError

__all__ = ["local_authority", "read_outputs"]


def read_outputs(file: Path | None, *, stack: str | None, folder: Path | None) -> Any:
    """Return a stack's outputs.

    Raises:
        ConfigurationError: they cannot be read, or the engine failed; its own words come before.
    """
    if file is not None:
        if str(file) != "-" and not file.is_file():
            raise ConfigurationError(f"--outputs: {file} does not exist.")
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        where = "standard input" if str(file) == "-" else str(file)
    else:
        where = "the stack's outputs"
        text = _from_engine(stack, folder)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ConfigurationError(
            f"{where} is not JSON.", hint="Give what `pulumi stack output --json` prints."
        ) from None


def local_authority(host: str) -> Path | None:
    """Return the CA file of the local service that answers at `host`, as its ready file says."""
    try:
        ready = json.loads(default_ready_file().read_text(encoding="utf-8"))
        return Path(ready["ca_file"]) if ready["url"].rstrip("/") == host else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _from_engine(stack: str | None, folder: Path | None) -> str:
    wanted = ["stack", "output", "--json"]
    wanted += ["--stack", stack] if stack else []
    wanted += ["--cwd", str(folder)] if folder else []
    command = [sys.executable, "-c", "from pulumi_wmlfl.cli import main; main()", *wanted]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise ConfigurationError(
            "The stack's outputs cannot be read; see above.", hint="Give them with --outputs FILE."
        )
    return done.stdout
