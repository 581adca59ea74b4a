"""Interpreters with packages whose pins cannot live beside ours: IBM's SDKs and party libraries, and Flower.

A test asks for one by the name of a file in `tests/support/requirements/`:

* `WMLFL_IBM_WML_PYTHON` (the name in capitals) names an interpreter that has everything already;
* else it is built, once, in `WMLFL_TEST_CACHE` (default `~/.cache/wmlfl-tests`), outside the checkout;
* else the test is skipped with the exact reason. `WMLFL_TEST_HEAVY=1` allows the large ones.
"""

import fcntl
import functools
import hashlib
import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

REQUIREMENTS = Path(__file__).with_name("requirements")
# Of the party libraries' list; its own dependencies are not needed, and large.
WITHOUT_DEPENDENCIES = "skops==0.9.0"
CA_VARIABLES = (
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "WML_CLIENT_VERIFY_REQUESTS",
    "WX_CLIENT_VERIFY_REQUESTS",
)


@dataclass(frozen=True)
class Environment:
    """`python` is the version it needs, `seconds` the time allowed to build it."""

    python: str
    seconds: int = 100
    heavy: bool = False


ENVIRONMENTS = {
    "ibm-wml": Environment("3.10"),
    "ibm-watsonx": Environment("3.11"),
    "ibm-wml-tf": Environment("3.10", 1200, heavy=True),
    "ibm-wml-torch": Environment("3.10", 1800, heavy=True),
    "ibm-wml-xgboost": Environment("3.10", 600, heavy=True),
    "ibm-watsonx-xgboost": Environment("3.11", 600, heavy=True),
    "ibm-wml-crypto": Environment("3.10", 900, heavy=True),
    "flower": Environment("3.11", 300, heavy=True),
}


class Unavailable(Exception):
    """Why an environment cannot be had here."""


@functools.cache
def interpreter(name):
    """Return the Python of an environment, built when needed; skip the test where that cannot be."""
    variable = f"WMLFL_{name.upper().replace('-', '_')}_PYTHON"
    if given := os.environ.get(variable):
        return Path(given)
    try:
        return _built(name, ENVIRONMENTS[name])
    except Unavailable as reason:
        pytest.skip(f"{variable} is not set, and {name} cannot be built: {reason}")


def _built(name, environment):
    base = _find_python(environment.python)
    folder = _folder(name)
    if environment.heavy and os.environ.get("WMLFL_TEST_HEAVY") != "1":
        raise Unavailable("it is large, and its tests are slow; WMLFL_TEST_HEAVY=1 allows it")
    folder.parent.mkdir(parents=True, exist_ok=True)
    # The workers of one run share the work, and its failure too.
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            failure = folder.with_suffix(".failed")
            if failure.exists() and time.time() - failure.stat().st_mtime < 600:
                raise Unavailable(f"{failure.read_text()} ({failure} keeps it from being tried again now)")
            try:
                _build(folder, base, name, environment.seconds)
            except Unavailable as reason:
                failure.write_text(str(reason))
                raise
            (folder / "complete").touch()
    return folder / "bin" / "python"


def _folder(name):
    """Return where an environment lives; other requirements give another folder."""
    digest = hashlib.sha256(WITHOUT_DEPENDENCIES.encode())
    included = ["ibm-watsonx.txt"] if name.startswith("ibm-watsonx-") else []
    for file in (*(REQUIREMENTS / each for each in ("ibm-wml.txt", *included)), _requirements(name)):
        digest.update(file.read_bytes())
    root = Path(os.environ.get("WMLFL_TEST_CACHE") or Path.home() / ".cache" / "wmlfl-tests").resolve()
    if "ibmfl" in str(root):
        # IBM's party library of generation 24.1 is silently ignored below a folder of that name.
        raise Unavailable(f"WMLFL_TEST_CACHE: {root} must not have 'ibmfl' in its path")
    return root / f"{name}-{digest.hexdigest()[:12]}"


def _requirements(name):
    return REQUIREMENTS / f"{name}.txt"


def _build(folder, base, name, seconds):
    deadline = time.monotonic() + seconds
    shutil.rmtree(folder, ignore_errors=True)
    python = str(folder / "bin" / "python")
    if uv := shutil.which("uv"):
        _run([base, "-m", "venv", "--without-pip", str(folder)], deadline)
        install = [uv, "pip", "install", "--quiet", "--python", python]
    else:
        _run([base, "-m", "venv", str(folder)], deadline)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*install, "-r", str(_requirements(name))], deadline)
    if name.startswith("ibm-"):
        _run([*install, "--no-deps", WITHOUT_DEPENDENCIES], deadline)


def _find_python(version):
    """Return an interpreter of `version` ("3.10") from pyenv or PATH."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    candidates = sorted(pyenv.glob(f"{version}.*/bin/python"), reverse=True)
    for candidate in (*map(str, candidates), shutil.which(f"python{version}")):
        # A pyenv shim exists for every version, and fails for those that are not switched on.
        code = "import sys, ensurepip, venv; print('%d.%d' % sys.version_info[:2])"
        if candidate and _output([candidate, "-c", code]) == version:
            return candidate
    raise Unavailable(f"no Python {version} in {pyenv} or on PATH")


def _output(command):
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _run(command, deadline):
    try:
        left = max(1.0, deadline - time.monotonic())
        done = subprocess.run(command, capture_output=True, text=True, timeout=left, check=False)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"installing {command[-1]} took too long") from None
    if done.returncode:
        raise Unavailable(f"{Path(command[-1]).name}: … {' '.join(done.stderr.split())[-300:]}")


def environment_for(ca_file):
    """Return the process environment with which IBM's libraries trust `ca_file`, and verify."""
    return {**os.environ, **dict.fromkeys(CA_VARIABLES, str(ca_file))}


def run_script(python, script, *arguments, ca_file, code=0, seconds=120):
    """Run a script with IBM's SDK; return the JSON of its last line, or what it said when it failed."""
    done = subprocess.run(
        [str(python), "-W", "ignore", str(script), *map(str, arguments)],
        env=environment_for(ca_file),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1]) if code == 0 else done.stdout + done.stderr
