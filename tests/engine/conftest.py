"""A project in a folder of the test's own, driven through the command `wmlfl`, and what it leaves behind."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pulumi_wmlfl.engine import api

PROGRAM = Path(__file__).parent / "program"
BINARIES = Path(sys.executable).parent


class Project:
    """One project with its own backend, home and world of objects."""

    def __init__(self, folder: Path):
        self.folder = folder / "project"
        shutil.copytree(PROGRAM, self.folder, ignore=shutil.ignore_patterns("__pycache__"))
        self.world = folder / "world"
        self.state = folder / "state"
        for path in (self.world, self.state):
            path.mkdir()
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("PULUMI_", "WMLFL_"))},
            "PATH": f"{BINARIES}{os.pathsep}{os.environ['PATH']}",
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_BACKEND_URL": f"file://{self.state}",
            "PULUMI_CONFIG_PASSPHRASE": "correct horse",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "WMLFL_ENGINE": "embedded",
            "WORLD": str(self.world),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self.want([])

    def want(self, items):
        """Set what the program declares."""
        (self.folder / "wanted.json").write_text(json.dumps(items))

    def run(self, *arguments, code=0, program="wmlfl", env=None, stdin=None):
        """Run a command in the project; its output, both streams together."""
        done = subprocess.run(
            [program, *arguments],
            cwd=self.folder,
            env={**self.environment, **(env or {})},
            text=True,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    def start(self, *arguments):
        """Start a command and leave it running."""
        return subprocess.Popen(
            ["wmlfl", *arguments],
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def up(self, *arguments, code=0):
        return self.run("up", "--yes", "--skip-preview", *arguments, code=code)

    def calls(self):
        """Return the provider's calls since the last question, without `configure`."""
        path = self.world / "calls.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return [call for call in map(json.loads, lines) if call[0] != "configure"]

    def verbs(self):
        """Return the calls as `method label`, in order."""
        return [f"{call[0]} {call[-1].get('label')}" for call in self.calls()]

    def objects(self):
        """Return the labels of the objects that exist."""
        return sorted(json.loads(path.read_text())["label"] for path in self.world.glob("*.json"))

    def export(self, program="wmlfl"):
        return json.loads(self.run("stack", "export", program=program))["deployment"]

    def resources(self):
        """Return the state's resources by name."""
        return {entry["urn"].rsplit("::", 1)[-1]: entry for entry in self.export().get("resources", [])}

    def await_file(self, name):
        deadline = time.monotonic() + 60
        while not (self.world / name).exists():
            assert time.monotonic() < deadline, f"gave up waiting for {name}"
            time.sleep(0.01)


@pytest.fixture
def project(tmp_path):
    """A project whose stack `dev` is selected and empty."""
    made = Project(tmp_path)
    made.run("stack", "init", "dev")
    return made


class Deployed:
    """The same project, deployed through the Python interface in this process."""

    def __init__(self, project):
        self.project = project
        self.want = project.want
        self.verbs = project.verbs
        self.objects = project.objects
        self.stack = api.open_stack(project.folder, "dev", create=True)

    def run(self, operation, *, fails=False, **options):
        result = getattr(self.stack, operation)(**options)
        assert result.succeeded is not fails, self.stack.messages
        return {op: count for op, count in result.changes.items() if op != "same"}

    def up(self, **options):
        return self.run("up", **options)

    def destroy(self, **options):
        return self.run("destroy", **options)

    def said(self):
        return "\n".join(message.text for message in self.stack.messages)

    def start(self, *things):
        """Declare and make things; forget the calls that made them."""
        self.want(list(things))
        self.up()
        self.project.calls()

    def resources(self):
        """Return the state's resources by name."""
        return {entry["urn"].rsplit("::", 1)[-1]: entry for entry in self.stack.resources()}

    def effects(self):
        """Return the calls that changed something, as `method label`."""
        return [verb for verb in self.verbs() if verb.split()[0] in ("create", "update", "delete")]


@pytest.fixture
def deployed(tmp_path, monkeypatch):
    """An empty stack of a project of the test's own, deployed in this process."""
    project = Project(tmp_path)
    for key, value in project.environment.items():
        monkeypatch.setenv(key, value)
    return Deployed(project)
