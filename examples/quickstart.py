"""`make quickstart`: a local WML service, two experiments on it, and one of them trained by three parties.

python examples/quickstart.py              # start the service, deploy, train
python examples/quickstart.py --destroy    # destroy the experiments and stop the service

It needs neither an account nor TensorFlow nor the Pulumi CLI; where the CLI is on PATH, it deploys.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]
DIGITS = ROOT / "examples" / "digits"
HOME = ROOT / ".wmlfl"
READY = HOME / "ready.json"
STACK = "local"
PARTIES = ("hospital-north", "hospital-south", "village-clinic")


def main() -> int:
    """Run the quickstart; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--destroy", action="store_true", help="destroy everything and stop the service")
    wanted = parser.parse_args()
    HOME.mkdir(mode=0o700, exist_ok=True)
    environment = write_environment()
    return destroy(environment) if wanted.destroy else run(environment)


def run(environment: dict[str, str]) -> int:
    """Start the service, deploy both experiments, train the second one."""
    step(1, "A local WML service: sign-in, models, trainings, aggregator")
    ready = start_service(environment)
    say(f"{ready['url']}, project {ready['project_id']}")
    say(f"Look on while it works: {ready['url']}/dashboard/ with the apikey in .wmlfl/ready.json")

    step(2, "IBM's notebook as infrastructure: model, remote training system, training")
    outputs = deploy(environment, ROOT)
    for name in ("WML_SERVICES_HOST", "RTS_ID", "TRAINING_ID"):
        say(f"{name} = {outputs[name]!r}")
    say("These are the variables for the party's notebook; its training waits for that party.")

    step(3, "A second experiment: three hospitals, each with a user and a key of its own")
    keys = {name: party_key(environment, name) for name in PARTIES}
    # A training runs once: another value starts a new one.
    outputs = deploy(environment, DIGITS, run=str(int(time.time())))

    step(4, "The parties train: each keeps its images and sends weights")
    kits = make_kits(environment)
    sys.path.insert(0, str(DIGITS))
    from train import train

    curves = train([kits[name] for name in PARTIES], [keys[name] for name in PARTIES], say)

    step(5, "What it was good for")
    from accuracy import draw, in_words

    picture = HOME / "accuracy.svg"
    draw(curves, picture)
    say(in_words(curves))
    say(f"The picture: {picture.relative_to(ROOT)}")

    step(6, "The trained model, stored as a model of WML, and used")
    from trained_model import store_as_model, try_out

    stored = store_as_model(READY, outputs["TRAINING_ID"])
    say(f"Model {stored}, as request.json of the training says. Its weights cannot execute;")
    say("put into the untrained model, this repository's own pickle, they are a classifier again:")
    file = (HOME / "digits.joblib").relative_to(ROOT)
    permitted = ("--force", "--run-package-code")
    made = ("model", "materialize", "--model", stored, "--output", str(file), *permitted)
    say(wmlfl({**environment, "WMLFL_PLATFORM": "local"}, *made).strip())
    say(try_out(ROOT / file))

    print(
        "\nThe service goes on running. To go on:\n"
        "    . .venv/bin/activate && . .wmlfl/env\n"
        "    wmlfl preview                 # edit examples/mnist/__main__.py first: see what would change\n"
        "    wmlfl up\n"
        "    wmlfl refresh                 # find what was changed behind its back\n"
        "    make quickstart               # train the digits once more\n"
        "    make quickstart-destroy"
    )
    return 0


def step(number: int, text: str) -> None:
    """Say what comes now."""
    print(f"\n==> {number}/6 {text}", flush=True)


def say(text: str) -> None:
    """Say what came out."""
    print(f"    {text}", flush=True)


# deploying


def deploy(environment: dict[str, str], folder: Path, **settings: str) -> dict:
    """Bring up the program in `folder` with these settings; returns its outputs."""
    wmlfl(environment, "stack", "select", "--create", STACK, folder=folder)
    for key, value in settings.items():
        wmlfl(environment, "config", "set", key, value, "--stack", STACK, folder=folder)
    wmlfl(environment, "up", "--stack", STACK, "--yes", "--skip-preview", folder=folder, shown=True)
    return json.loads(wmlfl(environment, "stack", "output", "--stack", STACK, "--json", folder=folder))


def destroy(environment: dict[str, str]) -> int:
    """Destroy the experiments, remove the stacks, stop the service and remove what it kept."""
    if READY.exists():
        # One that was killed is needed once more: it has the objects.
        service = start_service(environment)
        for folder in (DIGITS, ROOT):
            wmlfl(environment, "stack", "select", "--create", STACK, folder=folder)
            wmlfl(
                environment, "destroy", "--stack", STACK, "--yes", "--skip-preview", folder=folder, shown=True
            )
            kept = ["--preserve-config"] if folder == ROOT else []
            wmlfl(environment, "stack", "rm", STACK, "--yes", *kept, folder=folder)
        os.kill(service["pid"], signal.SIGTERM)
        wait_until(lambda: not READY.exists(), "the service to stop")
    # The stored models of the trainings are in there too, and users with keys.
    for kept in ("data", "keys", "kits"):
        shutil.rmtree(HOME / kept, ignore_errors=True)
    print("Nothing is left running; the picture is still in .wmlfl.")
    return 0


def write_environment() -> dict[str, str]:
    """Write `.wmlfl/env`, the settings that deployments need here, and return them for this process."""
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


def wmlfl(
    environment: dict[str, str],
    *arguments: str,
    folder: Path = ROOT,
    shown: bool = False,
) -> str:
    """Run `wmlfl` in `folder` and return what it prints, unless it is `shown`; an error ends the quickstart.

    For deployments the Pulumi CLI does the work where it is on PATH, else the embedded engine: same stack,
    same state.
    """
    done = subprocess.run(
        ["wmlfl", *arguments],
        cwd=folder,
        env=environment,
        check=False,
        text=True,
        stdout=None if shown else subprocess.PIPE,
        stderr=None if shown else subprocess.PIPE,
    )
    if done.returncode:
        sys.stderr.write(done.stderr or "")
        sys.exit(f"error: `wmlfl {' '.join(arguments[:2])}` failed with exit code {done.returncode}.")
    return done.stdout or ""


# the service


def start_service(environment: dict[str, str]) -> dict[str, str]:
    """Start `wmlfl serve` in the background, unless it runs already."""
    if not (READY.exists() and is_running(json.loads(READY.read_text()))):
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


def is_running(ready: dict[str, str]) -> bool:
    """Say whether the service of a ready file lives: its process, at its address."""
    address = urlsplit(ready["url"])
    try:
        os.kill(int(ready["pid"]), 0)
        socket.create_connection((address.hostname, address.port), timeout=10).close()
    except OSError:
        return False
    return True


def wait_until(done, what: str) -> None:
    """Wait at most 30 s for `done()`."""
    deadline = time.monotonic() + 30
    while not done():
        if time.monotonic() > deadline:
            sys.exit(f"error: gave up waiting for {what}; see .wmlfl/service.log")
        time.sleep(0.05)


# the parties


def party_key(environment: dict[str, str], name: str) -> str:
    """Return the key of a party's user; the first time, make both."""
    file = HOME / "keys" / f"{name}.json"
    if not file.exists():
        file.parent.mkdir(mode=0o700, exist_ok=True)
        wmlfl(environment, "keys", "add", name, "--out", str(file), "--data-dir", str(HOME / "data"))
    user = json.loads(file.read_text())
    say(f"{name} is {user['user_id']}")
    return user["apikey"]


def make_kits(environment: dict[str, str]) -> dict[str, Path]:
    """Make each party's kit from the stack's outputs, as one would send it to the hospitals."""
    kits = HOME / "kits"
    options = ("--out", str(kits), "--update", "--data-handler", "data_handler.py", "--json")
    made = wmlfl(environment, "party", "kit", "--stack", STACK, *options, folder=DIGITS)
    found = {kit["party"]: Path(kit["path"]) for kit in json.loads(made)["data"]}
    say(f"A kit for each: .wmlfl/kits/{{{','.join(path.name for path in found.values())}}}")
    return found


if __name__ == "__main__":
    sys.exit(main())
