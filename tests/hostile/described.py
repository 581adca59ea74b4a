"""Runs schemathesis over the description that a service publishes, against the service on its socket."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
# A rule across fields (exactly one of project_id and space_id) cannot be written into the description: what
# is valid by it may be refused. And what is not valid may be accepted: our hooks put it right.
UNSUITABLE = "positive_data_acceptance,negative_data_rejection"


@dataclass(frozen=True)
class Outcome:
    """How many requests were made, and what schemathesis said if it found anything."""

    requests: int
    said: str


def run(service, folder, *, examples, seed, phases="coverage,fuzzing,stateful", signed_in=True):
    """Check every operation of the description with so many examples each."""
    token = service.http().session.headers["Authorization"] if signed_in else "none"
    document = folder / "openapi.json"
    document.write_bytes(service.http()("GET", "/openapi.json").content)
    (folder / "schemathesis.toml").write_text('headers = { Authorization = "${WMLFL_TEST_TOKEN}" }\n')
    command = [
        str(Path(sys.executable).parent / "schemathesis"),
        *("--config-file", str(folder / "schemathesis.toml"), "run", str(document), "--url", service.url),
        *("--tls-verify", service.ca_file, "--phases", phases, "--seed", str(seed), "-n", str(examples)),
        *("--checks", "all", "--exclude-checks", UNSUITABLE if signed_in else f"{UNSUITABLE},ignored_auth"),
        *("--request-timeout", "20", "--continue-on-failure", "--no-color", "--warnings", "off"),
    ]
    done = subprocess.run(
        command,
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "SCHEMATHESIS_HOOKS": "tests.hostile.hooks",
            "WMLFL_TEST_PROJECT": service.project_id,
            "WMLFL_TEST_TOKEN": token,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    made = re.search(r"([\d,]+) generated", said)
    requests = int(made[1].replace(",", "")) if made else 0
    return Outcome(requests, "" if done.returncode == 0 and requests else said)
