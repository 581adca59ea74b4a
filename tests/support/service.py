"""Starts the real local service in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from pulumi_wmlfl.client import Scope, WmlClient
from pulumi_wmlfl.config import resolve_settings


class Service:
    """A running service: what its ready file says, and a client for it."""

    def __init__(self, process, data_dir):
        self.process = process
        self.data_dir = data_dir
        self.ready_file = data_dir / "ready.json"
        self.ready = json.loads(self.ready_file.read_text())

    def client(self):
        """Return a client of the development user."""
        environment = {"WMLFL_READY_FILE": str(self.ready_file), "WMLFL_RETRIES": "0"}
        return WmlClient(resolve_settings({"wmlfl:platform": "local"}, environment))

    @property
    def scope(self):
        """The development project."""
        return Scope("project_id", self.ready["project_id"])

    def kill(self):
        """End it as a power loss would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)


def spawn(data_dir: Path, *options: str):
    """Start `wmlfl serve`; returns the process at once."""
    command = [sys.executable, "-c", "from pulumi_wmlfl.cli import main; main()", "serve", "--port", "0"]
    return subprocess.Popen(
        [*command, "--data-dir", str(data_dir), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


@contextmanager
def start_service(data_dir: Path, *options: str):
    """Run a service on `data_dir` until the block ends."""
    (data_dir / "ready.json").unlink(missing_ok=True)
    process = spawn(data_dir, *options)
    try:
        wait_until(lambda: (data_dir / "ready.json").exists() or process.poll() is not None)
        assert process.poll() is None, process.stdout.read()
        yield Service(process, data_dir)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(15)
        process.stdout.close()


def wait_until(done, seconds: float = 30.0):
    """Wait for a condition with a deadline."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "gave up waiting"
        time.sleep(0.02)
