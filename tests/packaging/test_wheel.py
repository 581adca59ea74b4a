"""The wheel: it builds, installs alone, and says in one line what an extra would bring."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*command, cwd=None, code=0):
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def installer(python):
    """Return the command that installs into the environment of `python`."""
    uv = shutil.which("uv")
    return [uv, "pip", "install", "--python", str(python)] if uv else [str(python), "-m", "pip", "install"]


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """The interpreter of a fresh environment; skipped where no package index answers."""
    folder = tmp_path_factory.mktemp("fresh")
    without_pip = ["--without-pip"] if shutil.which("uv") else []
    run(sys.executable, "-m", "venv", *without_pip, folder)
    found = folder / "bin" / "python"
    probe = subprocess.run(
        [*installer(found), "--dry-run", "hatchling"], capture_output=True, text=True, timeout=60, check=False
    )
    if probe.returncode:
        pytest.skip(f"no package index answers: {' '.join(probe.stderr.split())[-200:]}")
    return found


def test_the_wheel_alone_serves_programs_and_names_what_commands_need(python, tmp_path):
    # A copy, so that the build leaves nothing in the checkout.
    source = tmp_path / "source"
    keep = shutil.ignore_patterns(".*", "__pycache__", "build", "dist")
    shutil.copytree(ROOT / "pulumi_wmlfl", source / "pulumi_wmlfl", ignore=keep)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    if uv := shutil.which("uv"):
        run(uv, "build", "--wheel", "--out-dir", tmp_path, cwd=source)
    else:
        run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", tmp_path, source)
    (wheel,) = tmp_path.glob("pulumi_wmlfl-*.whl")

    run(*installer(python), wheel)
    program = "import pulumi_wmlfl; from pulumi_wmlfl import Model; print(pulumi_wmlfl.__version__, Model)"
    assert run(python, "-c", program, cwd=tmp_path).startswith("0.")
    run(python, "-c", "import pulumi_wmlfl.client, pulumi_wmlfl.core.training", cwd=tmp_path)

    command = python.parent / "wmlfl"
    said = run(command, "serve", cwd=tmp_path, code=10)
    assert said.splitlines()[0].endswith("with `pip install 'pulumi-wmlfl[local]'`. [WMLFL500]"), said
    assert len(said.splitlines()) == 1, said

    run(*installer(python), "click")
    said = run(command, "serve", cwd=tmp_path, code=10)
    assert "which is not installed. Install it with `pip install 'pulumi-wmlfl[local]'`." in said
    assert len(said.splitlines()) == 1, said
