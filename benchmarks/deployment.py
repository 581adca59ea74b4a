"""HTTP requests and wall time of one `up` against the least possible and against IBM's SDK.

A model with its content, N remote training systems and a training, deployed to the local service, which
answers every request after a fixed delay. `up` is that of Pulumi's CLI, where it is on PATH, and of the
embedded engine, on a file backend without preview; the SDK (`ibm-watson-machine-learning`) does the same in
sequence in one process. All wait until the training is `accepting_parties`; the SDK's script asks without
any pause. All times are those of whole processes.

    python -m benchmarks.deployment [--parties 10 100] [--delay 0.2]
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.environments import environment_for, interpreter
from tests.support.service import start_service

PROGRAM = """
import os
from pulumi_wmlfl import Model, RemoteTrainingSystem, Training
spec = {"name": "runtime-23.1-py3.10"}
model = Model("model", type="tensorflow_2.12", software_spec=spec, content="model.zip")
parties = [
    RemoteTrainingSystem(f"party-{n}", allowed_identities=[{"id": os.environ["USER_ID"], "type": "user"}])
    for n in range(int(os.environ["PARTIES"]))
]
Training("training", results_reference={"type": "container", "connection": {}, "location": {"path": "."}},
    federated_learning={"model": {"spec": {"id": model.id}, "type": "tensorflow"}, "fusion_type": "iter_avg",
        "rounds": 5, "remote_training": {"remote_training_systems": [{"id": p.id} for p in parties]}})
"""
SDK = """
import json, os
from ibm_watson_machine_learning import APIClient
ready = json.load(open(os.environ["WMLFL_READY_FILE"]))
sdk = APIClient({"url": ready["url"], "username": ready["username"], "apikey": ready["apikey"],
                 "instance_id": "openshift", "version": "4.8"})
sdk.set.default_project(ready["project_id"])
names = sdk.repository.ModelMetaNames
spec = sdk.software_specifications.get_id_by_name("runtime-23.1-py3.10")
meta = {names.NAME: "model", names.TYPE: "tensorflow_2.12", names.SOFTWARE_SPEC_UID: spec}
model = sdk.repository.store_model("model.zip", meta_props=meta)["metadata"]["id"]
names = sdk.remote_training_systems.ConfigurationMetaNames
parties = [
    sdk.remote_training_systems.store({names.NAME: f"party-{n}",
        names.ALLOWED_IDENTITIES: [{"id": ready["user_id"], "type": "user"}]})["metadata"]["id"]
    for n in range(int(os.environ["PARTIES"]))
]
names = sdk.training.ConfigurationMetaNames
training = sdk.training.run({names.NAME: "training", names.DESCRIPTION: "d",
    names.TRAINING_DATA_REFERENCES: [],
    names.TRAINING_RESULTS_REFERENCE: {"type": "container", "connection": {}, "location": {"path": "."}},
    names.FEDERATED_LEARNING: {"model": {"spec": {"id": model}, "type": "tensorflow"},
        "fusion_type": "iter_avg", "rounds": 5,
        "remote_training": {"remote_training_systems": [{"id": p} for p in parties]}}})["metadata"]["id"]
while sdk.training.get_status(training)["state"] != "accepting_parties":
    pass
"""


@contextmanager
def folder_with_model():
    """Make a folder with `model.zip`, 64 KiB."""
    with tempfile.TemporaryDirectory(prefix="wmlfl-bench-") as name:
        source = Path(name) / "source"
        source.mkdir()
        (source / "saved_model.pb").write_bytes(os.urandom(1 << 16))
        shutil.make_archive(str(Path(name) / "model"), "zip", source)
        yield Path(name)


def measure(service, command, folder, environment, parties):
    """Run a command; return its seconds and a count of the requests it made, by what they were."""
    service.control.call("DELETE", "/requests")
    environment = {**environment, "WMLFL_READY_FILE": str(service.ready_file), "PARTIES": str(parties)}
    began = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=folder,
        env={**environment, "USER_ID": service.user_id},
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - began
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    kinds = Counter(
        f"{request['method']} {'/'.join(request['path'].split('/')[:4])}"
        for request in service.control.requests()
    )
    return seconds, kinds


def up(service, parties, engine):
    """Deploy with an engine."""
    with folder_with_model() as folder:
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "benchmark",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        (folder / "state").mkdir()
        (folder / "__main__.py").write_text(PROGRAM)
        (folder / "Pulumi.yaml").write_text(
            "name: bench\nruntime: python\nconfig:\n  wmlfl:platform: local\n"
        )
        init = ["wmlfl", "stack", "init", "dev", "--engine", engine]
        subprocess.run(init, cwd=folder, env=environment, check=True, capture_output=True)
        command = ["wmlfl", "up", "--engine", engine, "--yes", "--skip-preview", "--non-interactive"]
        if engine == "pulumi":
            del command[2:4]
            command[0] = "pulumi"
        return measure(service, command, folder, environment, parties)


def sdk(service, parties, python):
    """Deploy with IBM's SDK."""
    with folder_with_model() as folder:
        environment = environment_for(service.ca_file)
        return measure(service, [str(python), "-W", "ignore", "-c", SDK], folder, environment, parties)


def main():
    """Measure and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--parties", type=int, nargs="+", default=[10, 100])
    parser.add_argument("--delay", type=float, default=0.2, help="seconds per request")
    parser.add_argument("--detail", action="store_true", help="print what the requests were")
    options = parser.parse_args()
    engines = ["pulumi", "embedded"] if shutil.which("pulumi") else ["embedded"]
    try:
        python = interpreter("ibm-wml")
    except pytest.skip.Exception as reason:
        print(f"Without IBM's SDK: {reason}")
        python = None
    print(f"Every request takes {options.delay * 1000:g} ms longer.")
    print("parties  engine    requests  least  ratio   up s   SDK requests  SDK s  ratio")
    with tempfile.TemporaryDirectory() as data, start_service(Path(data), pending_seconds=0.1) as service:
        service.control.change(delay_seconds=options.delay)
        for parties in options.parties:
            sdk_seconds, sdk_kinds = sdk(service, parties, python) if python else (0.0, Counter())
            for engine in engines:
                seconds, kinds = up(service, parties, engine)
                # A token, the model, its content, the parties, the training, and one look at its state.
                requests, least = sum(kinds.values()), parties + 5
                line = f"{parties:7d}  {engine:8s}  {requests:8d}  {least:5d}  {requests / least:5.2f}"
                line += f"  {seconds:5.2f}"
                if python:
                    line += (
                        f"   {sum(sdk_kinds.values()):12d}  {sdk_seconds:5.2f}  {seconds / sdk_seconds:5.2f}"
                    )
                print(line)
                if options.detail:
                    print(json.dumps(kinds, indent=2))
            if options.detail:
                print(json.dumps({"SDK": sdk_kinds}, indent=2))


if __name__ == "__main__":
    main()
