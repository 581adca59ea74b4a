"""An interpreter with Flower, which cannot live beside Pulumi: their bounds on common packages conflict.

`WMLFL_FLOWER_PYTHON` names one; with `WMLFL_TEST_BUILD=1` it is built once in `WMLFL_TEST_CACHE` (default
`~/.cache/wmlfl-tests`); else tests that need it are skipped with the reason.
"""

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REQUIREMENTS = ("flwr>=1.20,<2", "numpy")


@functools.cache
def flower_interpreter():
    """Return the Python that has Flower; skip the test where there is none."""
    if given := os.environ.get("WMLFL_FLOWER_PYTHON"):
        return Path(given)
    cache = Path(os.environ.get("WMLFL_TEST_CACHE") or Path.home() / ".cache" / "wmlfl-tests")
    python = cache / "flower" / "bin" / "python"
    complete = cache / "flower" / "complete"
    if complete.exists():
        return python
    uv = shutil.which("uv")
    if os.environ.get("WMLFL_TEST_BUILD") != "1" or uv is None:
        pytest.skip("WMLFL_FLOWER_PYTHON names no Python with Flower; WMLFL_TEST_BUILD=1 and uv build one")
    cache.mkdir(parents=True, exist_ok=True)
    for command in (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(cache / "flower")],
        [uv, "pip", "install", "--quiet", "--python", str(python), *REQUIREMENTS],
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode != 0:
            pytest.skip(f"a Python with Flower cannot be built: {done.stderr.strip()[-300:]}")
    complete.touch()
    return python
