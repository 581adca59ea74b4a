"""A Pulumi project in a folder of the test's own, deployed by either engine through the command `wmlfl`."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ENGINES = [
    "embedded",
    pytest.param(
        "pulumi",
        marks=[
            pytest.mark.pulumi_cli,
            pytest.mark.skipif(
                not (shutil.which("pulumi") and shutil.which("pulumi-language-python")),
                reason="the Pulumi CLI is not on PATH",
            ),
        ],
    ),
]


class Stack:
    """One project with its own backend and home, its stack `dev` selected."""

    def __init__(self, folder: Path, program: str, *, engine: str, config: str = "", **environment: object):
        self.folder = folder / "project"
        self.folder.mkdir()
        (folder / "state").mkdir()
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "passphrase-of-the-tests",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "WMLFL_ENGINE": engine,
            **{name: str(value) for name, value in environment.items()},
        }
        (self.folder / "__main__.py").write_text(program)
        settings = config or "  wmlfl:platform: local\n"
        (self.folder / "Pulumi.yaml").write_text(f"name: test\nruntime: python\nconfig:\n{settings}")
        self.run("stack", "init", "dev")

    def run(self, *arguments, code=0, text=None, **variables):
        """Run a command in the project; return both of its streams."""
        done = self._run(arguments, variables, text)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def start(self, *arguments):
        """Start a command in the project; both of its streams are in its output."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def json(self, *arguments, **variables):
        """Run a command that answers with JSON."""
        done = self._run(arguments, variables, None)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    @staticmethod
    def command(*arguments):
        return [sys.executable, "-c", "from pulumi_wmlfl.cli import main; main()", *arguments]

    def _run(self, arguments, variables, text):
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env={**self.environment, **{name: str(value) for name, value in variables.items()}},
            capture_output=True,
            text=True,
            input=text,
            stdin=subprocess.DEVNULL if text is None else None,
            timeout=120,
            check=False,
        )

    def up(self, **variables):
        return self.run("up", "--yes", "--skip-preview", "--non-interactive", **variables)

    def destroy(self):
        return self.run("destroy", "--yes", "--skip-preview", "--non-interactive")

    def outputs(self):
        return self.json("stack", "output", "--json")

    def planned(self, **variables):
        """Return what a preview would do, by the resource's name, for each of ours that is not the same."""
        steps = self.json("preview", "--json", **variables)["steps"]
        named = {step["urn"].rsplit("::", 1)[-1]: step["op"] for step in steps if "wmlfl:" in step["urn"]}
        whole = {name: "replace" if "replace" in op else op for name, op in named.items()}
        return {name: op for name, op in whole.items() if op != "same"}
