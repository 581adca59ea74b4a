"""The example on the local WML service: whatever the moment of the engine's death, the next run mends it.

The engine is stopped when the provider makes its n-th request, so that what the provider then does is never
heard of; when the service is at rest, the engine is killed. The provider marks what it makes, and the next
run finds it by that.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from tests.support.service import wait_until

from .harness import EMBEDDED, OTHERS_SETTINGS
from .killed import COMMANDS, KILLING, MARK, survivors

pytestmark = pytest.mark.thorough


ROOT = Path(__file__).parents[2]
KINDS = {"models": "Model", "remote_training_systems": "RemoteTrainingSystem", "trainings": "Training"}
# More numbers than a command makes requests are no harm: such a run ends by itself.
EVERY = os.environ.get("WMLFL_PROOF") == "all"
POINTS = [
    (command, number)
    for command, requests in {"up": 16, "refresh": 6, "destroy": 9}.items()
    for number in range(1, requests + 1)
    if EVERY or number % 5 == 2
]


class Example:
    """The repository's example as a project of its own, on the service of this test."""

    def __init__(self, folder, service):
        self.folder, self.service = folder, service
        shutil.copytree(ROOT / "examples" / "mnist", folder / "examples" / "mnist")
        shutil.copy(ROOT / "Pulumi.yaml", folder)
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(OTHERS_SETTINGS)},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PULUMI_BACKEND_URL": (folder / "state").as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_STACK": "local",
            "WMLFL_READY_FILE": str(service.ready_file),
        }
        (folder / "state").mkdir()
        self("stack", "init", "local")

    def popen(self, *arguments, **environment):
        return subprocess.Popen(
            [*EMBEDDED.command, *arguments, "--non-interactive", *EMBEDDED.last],
            cwd=self.folder,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __call__(self, *arguments):
        with self.popen(*arguments) as process:
            said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, said
        return said

    def objects(self):
        """Return the ids of what is in the project of this test, by kind."""
        client = self.service.client()
        return {kind: sorted(o.id for o in client.list(kind, self.service.scope)) for kind in KINDS}

    def resources(self):
        """Return the ids of what the state knows, by kind."""
        deployment = json.loads(self("stack", "export"))["deployment"]
        assert not deployment.get("pending_operations")
        ids = {r["type"].rpartition(":")[2]: r.get("id") for r in deployment.get("resources") or []}
        return {kind: ids[type_] for kind, type_ in KINDS.items() if type_ in ids}

    def kill_at(self, command, number):
        """Run a command and kill its engine as the module says; return whether it came so far."""
        mark, pid_file = uuid.uuid4().hex, self.folder / "engine.pid"
        how = {"HOLD_AT": str(number), "HOLD_PID_FILE": str(pid_file), "PYTHONPATH": str(KILLING), MARK: mark}
        with self.popen(*COMMANDS[command], **how) as process:
            pid_file.write_text(str(process.pid))
            wait_until(lambda: process.poll() is not None or is_stopped(process.pid), seconds=60)
            if process.poll() is not None:
                return False
            self.wait_for_rest()
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=30)
        wait_until(lambda: not survivors(mark), seconds=10)
        return True

    def wait_for_rest(self):
        """Wait until the service has had no request for a while."""
        control = self.service.control
        seen = []

        def at_rest():
            seen.append(len(control.requests()))
            return len(seen) > 15 and len(set(seen[-15:])) == 1

        wait_until(at_rest)


def is_stopped(pid):
    """Say whether a process has been stopped by SIGSTOP."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


@pytest.mark.parametrize(("command", "number"), POINTS)
def test_killed_at_a_request(command, number, tmp_path, service):
    example = Example(tmp_path, service)
    if command != "up":
        example(*COMMANDS["up"])
    if command == "refresh":
        [party] = example.objects()["remote_training_systems"]
        change = [{"op": "replace", "path": "/description", "value": "drift"}]
        service.client().patch("remote_training_systems", party, service.scope, change)
    killed = example.kill_at(command, number)
    said = example(*COMMANDS[command])
    known, found = example.resources(), example.objects()
    assert set(known) == (set() if command == "destroy" else set(KINDS))
    assert found == {kind: [known[kind]] if kind in known else [] for kind in KINDS}
    assert killed or "interrupted" not in said
    if command == "up":
        example("preview", "--expect-no-changes")
    if command == "refresh":
        assert '"description": "drift"' in example("stack", "export")
