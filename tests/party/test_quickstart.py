"""`make quickstart` without the Pulumi CLI: to the trained model, and everything gone afterwards."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def clone(tmp_path):
    """A copy of what the quickstart needs of a clone; destroyed again whatever the test did."""
    folder = tmp_path / "clone"
    folder.mkdir()
    shutil.copy(ROOT / "Pulumi.yaml", folder)
    unwanted = shutil.ignore_patterns("__pycache__", "Pulumi.*.yaml")
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=unwanted)
    shutil.copy(ROOT / "examples/digits/Pulumi.yaml", folder / "examples/digits")
    (folder / ".venv").symlink_to(sys.prefix)
    yield folder
    quickstart(folder, "--destroy")


def quickstart(folder, *options):
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("WMLFL_", "PULUMI_"))
    }
    return subprocess.run(
        [sys.executable, "examples/quickstart.py", *options],
        cwd=folder,
        env={**environment, "WMLFL_ENGINE": "embedded", "PYTHONUNBUFFERED": "1"},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )


@pytest.mark.timeout(500)
def test_the_quickstart_goes_to_the_end_and_destroys_everything(clone):
    done = quickstart(clone)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    told = done.stdout
    assert re.findall(r"==> (\d)/6", told) == list("123456")
    for name in ("WML_SERVICES_HOST", "RTS_ID", "TRAINING_ID"):
        assert re.search(rf"{name} = '\S+'", told)
    rows = re.findall(r"round +(\d+) +([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+)", told)
    assert [int(row[0]) for row in rows] == list(range(1, 11))
    together, *alone = (float(cell) for cell in rows[-1][1:])
    assert together > 0.9 > max(alone)
    reached = re.search(r"It reads .*: ([\d.]+) % of all", told)
    assert float(reached[1]) == pytest.approx(100 * together, abs=0.1)
    picture = ET.parse(clone / ".wmlfl/accuracy.svg")
    assert len(picture.findall("{http://www.w3.org/2000/svg}polyline")) == 4

    # The machine was switched off in between.
    os.kill(json.loads((clone / ".wmlfl/ready.json").read_text())["pid"], signal.SIGKILL)
    destroyed = quickstart(clone, "--destroy")
    assert destroyed.returncode == 0, destroyed.stdout + destroyed.stderr
    assert not (clone / ".wmlfl/data").exists()
    assert not (clone / ".wmlfl/ready.json").exists()
    again = quickstart(clone, "--destroy")
    assert again.returncode == 0
