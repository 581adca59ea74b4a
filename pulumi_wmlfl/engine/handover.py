"""Which engine does the work: the real Pulumi CLI where it is on PATH, else this one.

Handing over replaces this process by `pulumi` with the same arguments, the same stack, the same settings
and the same state.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

from ..errors import EngineError, WmlflError
from .project import backend_folder, backend_url, find_project, is_configured

ENGINES = ("auto", "pulumi", "embedded")
VARIABLE = "WMLFL_ENGINE"


def chosen_engine(named: str | None) -> str:
    """Return `pulumi` or `embedded`: as named, by WMLFL_ENGINE, else the CLI where it is on PATH.

    Raises:
        EngineError: the name is unknown, or the CLI is wanted and not there.
    """
    engine = named or os.environ.get(VARIABLE) or "auto"
    if engine not in ENGINES:
        raise EngineError(f"{VARIABLE}={engine!r} is none of {', '.join(ENGINES)}.")
    found = shutil.which("pulumi") is not None and shutil.which("pulumi-language-python") is not None
    if engine == "pulumi" and not found:
        raise EngineError(
            "The Pulumi CLI is not on PATH (pulumi, pulumi-language-python).",
            hint="Get it from https://www.pulumi.com/docs/install/ or use --engine embedded.",
        )
    if engine == "auto":
        return "pulumi" if found else "embedded"
    return engine


def hand_over(arguments: list[str], folder: Path) -> NoReturn:
    """Become the Pulumi CLI with these arguments."""
    environment = dict(os.environ)
    try:
        project = find_project(folder)
    except WmlflError:
        project = None  # the CLI has its own words for that
    if project is not None and not is_configured(project):
        url = backend_url(project)
        backend_folder(url).mkdir(mode=0o700, parents=True, exist_ok=True)
        environment["PULUMI_BACKEND_URL"] = url
    program = shutil.which("pulumi")
    assert program is not None  # noqa: S101
    os.execve(program, ["pulumi", *arguments], environment)  # noqa: S606
