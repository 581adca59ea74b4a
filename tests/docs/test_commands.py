"""The page of the commands: help texts as they are, every exit code, completion."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pulumi_wmlfl import errors

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "commands.md"


def test_the_help_texts_are_those_of_the_commands():
    done = subprocess.run(
        [sys.executable, "docs/generate_commands.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_every_exit_code_is_explained():
    table = PAGE.read_text().partition("## Exit codes")[2].partition("## ")[0]
    explained = {
        int(code) for cell in re.findall(r"^\| ([0-9, ]+) \|", table, re.M) for code in cell.split(", ")
    }
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.WmlflError)
    ]
    assert {kind.exit_code for kind in kinds} | {0, 2} == explained


def test_every_kind_of_envelope_is_explained():
    code = "\n".join(file.read_text("utf-8") for file in (ROOT / "pulumi_wmlfl/cli").glob("*.py"))
    table = PAGE.read_text().partition("## For programs")[2].partition("## ")[0]
    kinds = set(re.findall(r"emit\(\s*\"([a-z-]+)\"", code))
    assert {kind for kind in kinds if f"`{kind}`" not in table} == set()
    assert {"trainings", "import", "error"} <= kinds


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands(shell):
    wmlfl = Path(sys.executable).with_name("wmlfl")
    environment = {**os.environ, "_WMLFL_COMPLETE": f"{shell}_source"}
    done = subprocess.run([wmlfl], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "_WMLFL_COMPLETE" in done.stdout
    words = {"COMP_WORDS": "wmlfl tra", "COMP_CWORD": "tra" if shell == "fish" else "1"}
    environment = {**os.environ, **words, "_WMLFL_COMPLETE": f"{shell}_complete"}
    done = subprocess.run([wmlfl], env=environment, capture_output=True, text=True, check=False)
    assert "training" in done.stdout
