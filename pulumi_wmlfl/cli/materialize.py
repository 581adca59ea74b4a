"""Starts the process that puts trained weights into the original package, and judges what it reports.

The process gets a folder of its own, no credentials in its environment, and may be another interpreter: the
one that has the framework in the version that the package was made with.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ContentError
from .trained import Trained, read_layers

__all__ = ["Made", "materialize"]

_WORKER = Path(__file__).with_name("materialize_worker.py")
# What an interpreter and its native libraries need; keys and tokens are not among it.
_PASSED_ON = (
    "HOME", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "OMP_NUM_THREADS", "PATH", "TMPDIR", "TZ",
)  # fmt: skip
_LONGEST_OUTPUT = 2000


@dataclass(frozen=True, slots=True)
class Made:
    """A model that was made: what it is, its number of weights or nodes, and what its owner should know."""

    description: str
    count: int
    unit: str
    notes: tuple[str, ...]


def materialize(
    trained: Trained,
    *,
    framework: str,
    output: Path,
    python: str | None = None,
    classes: list[Any] | None = None,
    state_dict: bool = False,
) -> Made:
    """Run the package's code in a process of its own and write the trained model to `output`.

    Trees have no package; no code but the framework's runs then.

    `python`: the interpreter; this one unless given. `output` is as it was, or has all of the model.

    Raises:
        ContentError: package, weights and framework do not go together, or the framework is missing.
    """
    layers = None if trained.package is None else read_layers(trained.weights)
    with tempfile.TemporaryDirectory(prefix=".materialize-", dir=_parent(output)) as scratch:
        folder = Path(scratch)
        weights, report, made = folder / "weights.npz", folder / "report.json", folder / output.name
        if layers is None:
            weights = trained.weights.resolve()
        else:
            np.savez(weights, **{f"layer_{index}": layer for index, layer in enumerate(layers)})  # type: ignore[arg-type]
        del layers
        work = folder / "work"
        work.mkdir()
        job = {
            "package": None if trained.package is None else str(trained.package.resolve()),
            "parameters": dict(trained.parameters),
            "weights": str(weights),
            "framework": framework,
            "output": str(made),
            "report": str(report),
            "classes": classes,
            "state_dict": state_dict,
        }
        (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
        interpreter = python or sys.executable
        said = _run([interpreter, "-I", str(_WORKER), str(folder / "job.json")], work)
        result = _result(report, said, interpreter)
        _put(made, output)
    return result


def _parent(output: Path) -> Path:
    parent = output.absolute().parent
    if not parent.is_dir():
        raise ContentError(f"The folder {parent} does not exist.")
    return parent


def _run(command: list[str], folder: Path) -> str:
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise ContentError(f"{command[0]} cannot be run: {error.strerror}.", hint="Check --python.") from None
    return f"exit code {done.returncode}; {(done.stderr or done.stdout).strip()[-_LONGEST_OUTPUT:]}"


def _result(report: Path, said: str, interpreter: str) -> Made:
    try:
        found: Mapping[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise ContentError(f"The package's code ended the process that loaded it ({said}).") from None
    if missing := found.get("missing"):
        raise ContentError(
            f"{interpreter} has no {missing}.",
            hint=f"Install it: {interpreter} -m pip install {missing}; or name another with --python.",
        )
    if "made" not in found:
        raise ContentError(f"The model cannot be made: {found.get('error')}")
    return Made(str(found["made"]), int(found["count"]), str(found["unit"]), tuple(map(str, found["notes"])))


def _put(made: Path, output: Path) -> None:
    """Put what was made, a file or a folder, in the place of the output."""
    if output.is_dir() and not output.is_symlink():
        shutil.rmtree(output)
    made.replace(output)
