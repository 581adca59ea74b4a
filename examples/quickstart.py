"""`make quickstart`: a local WML service, the notebook's experiment on it, and how to go on.

python examples/quickstart.py              # start the service and deploy
python examples/quickstart.py --destroy    # destroy the experiment and stop the service
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / ".wmlfl"
READY = HOME / "ready.json"
STACK = "local"


def main() -> int:
    """Run the quickstart; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--destroy", action="store_true", help="destroy the experiment and stop the service")
    wanted = parser.parse_args()
    if not (shutil.which("pulumi") and shutil.which("pulumi-language-python")):
        print("error: the Pulumi CLI is not on PATH. Get it from https://www.pulumi.com/docs/install/")
        return 1
    HOME.mkdir(mode=0o700, exist_ok=True)
    environment = write_environment()
    return destroy(environment) if wanted.destroy else deploy(environment)


def deploy(environment: dict[str, str]) -> int:
    """Start the service, deploy the first example, show what the parties need."""
    print("==> 1/3 Local WML service")
    ready = start_service(environment)
    print(f"    {ready['url']}, project {ready['project_id']}")
    print("==> 2/3 The notebook's experiment: model, remote training system, training")
    pulumi(environment, "stack", "select", "--create", STACK, quiet=True)
    pulumi(environment, "up", "--stack", STACK, "--yes", "--skip-preview")
    print("==> 3/3 The variables for the party's notebook")
    shown = pulumi(environment, "stack", "output", "--stack", STACK, "--json", quiet=True)
    outputs = json.loads(shown)
    for name in ("WML_SERVICES_HOST", "RTS_ID", "TRAINING_ID"):
        print(f"    {name} = {outputs[name]!r}")
    print(
        "\nThe service goes on running. To go on:\n"
        "    . .venv/bin/activate && . .wmlfl/env\n"
        "    pulumi preview                # edit examples/mnist/__main__.py first: see what would change\n"
        "    pulumi up\n"
        "    pulumi refresh                # find what was changed behind Pulumi's back\n"
        "    make quickstart-destroy"
    )
    return 0


def destroy(environment: dict[str, str]) -> int:
    """Destroy the experiment, remove the stack and stop the service."""
    if READY.exists():
        pulumi(environment, "destroy", "--stack", STACK, "--yes", "--skip-preview")
        pulumi(environment, "stack", "rm", STACK, "--yes", "--preserve-config", quiet=True)
        os.kill(json.loads(READY.read_text())["pid"], signal.SIGTERM)
        wait_until(lambda: not READY.exists(), "the service to stop")
    print("Nothing is left running.")
    return 0


def write_environment() -> dict[str, str]:
    """Write `.wmlfl/env`, the settings that `pulumi` needs here, and return them for this process."""
    state = ROOT / ".pulumi-state"
    state.mkdir(exist_ok=True)
    settings = {
        "WMLFL_READY_FILE": str(READY),
        "PULUMI_BACKEND_URL": f"file://{state}",
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_STACK": STACK,
    }
    lines = [f"export {name}='{value}'\n" for name, value in settings.items()]
    (HOME / "env").write_text("".join(lines))
    binaries = Path(sys.executable).parent
    return {
        **os.environ,
        **settings,
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }


def start_service(environment: dict[str, str]) -> dict[str, str]:
    """Start `wmlfl serve` in the background, unless it runs already."""
    if not (READY.exists() and is_running(json.loads(READY.read_text())["pid"])):
        READY.unlink(missing_ok=True)
        command = [
            "wmlfl",
            "serve",
            "--port",
            "0",
            "--data-dir",
            str(HOME / "data"),
            "--ready-file",
            str(READY),
        ]
        with (HOME / "service.log").open("w") as log:
            process = subprocess.Popen(
                command,
                env=environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        wait_until(lambda: READY.exists() or process.poll() is not None, "the service to start")
        if not READY.exists():
            sys.exit((HOME / "service.log").read_text())
    return json.loads(READY.read_text())


def is_running(pid: int) -> bool:
    """Say whether a process lives."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(done, what: str) -> None:
    """Wait at most 30 s for `done()`."""
    deadline = time.monotonic() + 30
    while not done():
        if time.monotonic() > deadline:
            sys.exit(f"error: gave up waiting for {what}; see .wmlfl/service.log")
        time.sleep(0.05)


def pulumi(environment: dict[str, str], *arguments: str, quiet: bool = False) -> str:
    """Run the Pulumi CLI in the repository; its error ends the quickstart."""
    done = subprocess.run(
        ["pulumi", *arguments],
        cwd=ROOT,
        env=environment,
        check=False,
        text=True,
        stdout=subprocess.PIPE if quiet else None,
    )
    if done.returncode:
        sys.exit(f"error: `pulumi {' '.join(arguments[:2])}` failed with exit code {done.returncode}.")
    return done.stdout or ""


if __name__ == "__main__":
    sys.exit(main())
