"""Starts the real local service in a process of its own; talks to it as a client and as its control side."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import requests

from pulumi_wmlfl.client import Scope, WmlClient
from pulumi_wmlfl.config import resolve_settings

GRANT = "urn:ibm:params:oauth:grant-type:apikey"


class Http:
    """Plain requests to a service, its authority verified; every answer is returned, whatever its status."""

    def __init__(self, url, ca_file, token):
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = ca_file
        self.session.headers["Authorization"] = f"Bearer {token}"

    def __call__(self, method, path, **options):
        options.setdefault("timeout", 30)
        return self.session.request(method, self.url + path, **options)


class Control:
    """The control side of a service."""

    def __init__(self, ready):
        self._http = Http(f"{ready['url']}/control/v1", ready["ca_file"], ready["control_token"])
        self.touched = False

    def call(self, method, path, **options):
        """Make a request; it must succeed."""
        answer = self._http(method, path, **options)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def fault(self, **fault):
        """Inject a fault; see `pulumi_wmlfl.server.control.Fault`."""
        self.touched = True
        return self.call("POST", "/faults", json=fault)

    def change(self, **settings):
        """Change settings of the running service."""
        self.touched = True
        return self.call("PATCH", "/settings", json=settings)

    def restore(self):
        """Take back faults and settings."""
        self.call("DELETE", "/faults")
        self.call("DELETE", "/settings")
        self.touched = False

    def requests(self, **query):
        """Return the requests that the service answered (`path`: a regular expression, `method`)."""
        return self.call("GET", "/requests", params=query)["requests"]

    def new_scope(self, kind="project_id", **members):
        """Make a project or space of the development user, or of `members` (`{user id: role}`)."""
        return self.call("POST", "/scopes", json={"kind": kind, "members": members})[kind]

    def new_user(self, username):
        """Make a user with a key: `user_id`, `username`, `apikey`."""
        return self.call("POST", "/users", json={"username": username})

    def move(self, training_id, state, **status):
        """Move a training to a state."""
        return self.call("POST", f"/trainings/{training_id}/state", json={"state": state, "status": status})


class Service:
    """A running service: what its ready file says, and clients for it."""

    def __init__(self, process, data_dir, ready_file=None):
        self.process = process
        self.data_dir = data_dir
        self.ready_file = ready_file or data_dir / "ready.json"
        self.ready = json.loads(self.ready_file.read_text())
        self.url = self.ready["url"]
        self.ca_file = self.ready["ca_file"]
        self.apikey = self.ready["apikey"]
        self.user_id = self.ready["user_id"]
        self.project_id = self.ready["project_id"]
        self.space_id = self.ready["space_id"]
        self.control = Control(self.ready)

    def client(self):
        """Return a client of the development user."""
        environment = {"WMLFL_READY_FILE": str(self.ready_file), "WMLFL_RETRIES": "0"}
        return WmlClient(resolve_settings({"wmlfl:platform": "local"}, environment))

    @property
    def scope(self):
        """The project of this test."""
        return Scope("project_id", self.project_id)

    def http(self, apikey=None):
        """Return plain requests, signed in with a key (the development user's)."""
        form = {"grant_type": GRANT, "apikey": apikey or self.apikey}
        answer = Http(self.url, self.ca_file, "none")("POST", "/identity/token", data=form)
        assert answer.ok, answer.text
        return Http(self.url, self.ca_file, answer.json()["access_token"])

    def with_fresh_scopes(self, folder):
        """Return this service with a project and a space of its own."""
        scopes = {kind: self.control.new_scope(kind) for kind in ("project_id", "space_id")}
        ready_file = folder / "ready.json"
        ready_file.write_text(json.dumps({**self.ready, **scopes}))
        return Service(self.process, self.data_dir, ready_file)

    def kill(self):
        """End it as a power loss would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)


def spawn(data_dir: Path, *options: str, command: str = "serve", **popen):
    """Start `wmlfl serve` (or another command) on `data_dir`; returns the process at once."""
    port = () if command != "serve" or "--port" in options else ("--port", "0")
    base = [sys.executable, "-c", "from pulumi_wmlfl.cli import main; main()", *command.split(), *port]
    return subprocess.Popen(
        [*base, *options, "--data-dir", str(data_dir)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        **popen,
    )


@contextmanager
def start_service(data_dir: Path, *options: str, popen=None, **named: object):
    """Run a service on `data_dir` until the block ends; `pending_seconds=0.2` is `--pending-seconds 0.2`."""
    for name, value in named.items():
        options += (f"--{name.replace('_', '-')}", str(value))
    (data_dir / "ready.json").unlink(missing_ok=True)
    process = spawn(data_dir, *options, **(popen or {}))
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
    """Wait for a condition with a deadline; return what made it true."""
    deadline = time.monotonic() + seconds
    while not (found := done()):
        assert time.monotonic() < deadline, "gave up waiting"
        time.sleep(0.02)
    return found
