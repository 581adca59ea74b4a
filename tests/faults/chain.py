"""One stack's life with one harm in each of its steps, and what became of it.

A chain creates, updates, replaces, refreshes and destroys the example's three resources. In each step the
same request (counted within the step) is harmed in the same way; where that shows, the step is run again
without harm. Then WML must hold exactly one object per resource, with the content and the outputs that the
program declares.
"""

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pulumi_wmlfl.errors import NotFound
from tests.faults.proxy import Proxy
from tests.support.service import Service

PROGRAM = """
import json, os
import pulumi
from pulumi_wmlfl import Model, RemoteTrainingSystem, Training
v = json.loads(os.environ["VARIANT"])
m = Model("m", type="tensorflow_2.12", software_spec={"name": "runtime-23.1-py3.10"}, content=v["content"],
          description=v["text"])
r = RemoteTrainingSystem("r", description=v["text"],
                         allowed_identities=[{"id": "IBMid-local", "type": "user"}])
t = Training("t", federated_learning={"model": {"spec": {"id": m.id}, "type": "tensorflow"},
             "fusion_type": "iter_avg", "rounds": v["rounds"],
             "remote_training": {"remote_training_systems": [{"id": r.id, "required": True}]}},
             results_reference={"type": "container", "location": {"path": "."}})
pulumi.export("models", m.id)
pulumi.export("remote_training_systems", r.id)
pulumi.export("trainings", t.id)
pulumi.export("variables", t.party_variables)
"""
FIRST = {"text": "one", "rounds": 3, "content": "first"}
CHANGED = {"text": "two", "rounds": 3, "content": "second"}
REPLACED = {"text": "two", "rounds": 4, "content": "second"}
UP = ("up", "--yes", "--skip-preview")
# What is run, and what the program declares then.
STEPS: dict[str, tuple[tuple[str, ...], dict[str, object]]] = {
    "create": (UP, FIRST),
    "update": (UP, CHANGED),
    "replace": (UP, REPLACED),
    "refresh": (("refresh", "--yes", "--skip-preview"), REPLACED),
    "destroy": (("destroy", "--yes", "--skip-preview"), REPLACED),
}
COLLECTIONS = ("models", "remote_training_systems", "trainings")


@dataclass(frozen=True)
class Case:
    """One harmed step: which request was hit, and whether the step itself or the next run put it right."""

    engine: str
    step: str
    kind: str
    number: int
    request: str
    outcome: str


class Chain:
    """A stack in `folder`, deployed by one engine through `proxy`."""

    def __init__(self, folder: Path, engine: str, proxy: Proxy, service: Service) -> None:
        self.folder, self.engine, self.proxy, self.service = folder, engine, proxy, service
        self.run_id = uuid.uuid4().hex
        self.said = ""
        self.killed = 0
        folder.mkdir()
        (folder / "__main__.py").write_text(PROGRAM)
        (folder / "Pulumi.yaml").write_text(
            "name: faults\nruntime: python\nconfig:\n  wmlfl:platform: local\n"
            f"  wmlfl:url: {proxy.url}\n  wmlfl:caFile: {proxy.ca_file}\n  wmlfl:requestTimeout: 2\n"
            f"  wmlfl:projectId: {service.project_id}\n"
        )
        for name in ("first", "second"):
            (folder / name).write_bytes(name.encode() * 1000)
        (folder / "state").mkdir()
        self.environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "passphrase-of-the-tests",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "WMLFL_APIKEY": service.apikey,
            "WMLFL_READY_FILE": str(service.ready_file),
            "WMLFL_STATE_DIR": str(folder / "notes"),
            "WMLFL_TEST_RUN": self.run_id,
        }
        assert self("stack", "init", "dev") == 0, self.said

    def __call__(self, *arguments: str, variant: dict[str, object] = FIRST) -> int:
        """Run a command; returns its exit code, and keeps what it said."""
        base = ["pulumi"] if self.engine == "pulumi" else ["wmlfl"]
        more = ["--engine", "embedded"] if self.engine == "embedded" else []
        done = subprocess.run(
            [*base, *arguments, "--non-interactive", *more],
            cwd=self.folder,
            env={**self.environment, "VARIANT": json.dumps(variant)},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        self.said = done.stdout + done.stderr
        return done.returncode

    def kill_provider(self) -> None:
        """SIGKILL the provider processes of this chain: the SDK's module, or the embedded engine's child."""
        for process in Path("/proc").glob("[0-9]*"):
            try:
                command = (process / "cmdline").read_bytes()
                environment = (process / "environ").read_bytes()
            except OSError:
                continue
            provides = b"pulumi.dynamic" in command or b"provider_process.py" in command
            if provides and self.run_id.encode() in environment:
                os.kill(int(process.name), signal.SIGKILL)
                self.killed += 1

    def cases(self, kind: str, number: int) -> Iterator[Case]:
        """Run the whole life, each step harmed at its request `number`; yields what became of each."""
        self.proxy.kill = self.kill_provider
        for step, (command, variant) in STEPS.items():
            self.proxy.arm(number, kind)
            self.killed = 0
            code = self(*command, variant=variant)
            harmed, first = self.proxy.harmed(failed=code != 0), self.said
            self.proxy.arm(0, "")
            right: Callable[[], str] = (
                self.nothing_left if step == "destroy" else lambda v=variant: self.wrong(v)
            )
            outcome = "at once"
            if code != 0 or right():
                outcome = "at the next run"
                again = command if step == "destroy" else UP
                code = self(*again, variant=variant)
            problem = right() or (f"exit code {code}" if code else "")
            if problem:
                outcome = f"never: {problem}\n{first}\n{self.said}"
            assert self.killed or not (harmed and kind.startswith("provider killed")), "nobody was killed"
            assert harmed or outcome == "at once", f"failed without harm: {outcome}\n{first}"
            if harmed:
                yield Case(self.engine, step, kind, number, harmed, outcome)
            if problem:
                return

    def wrong(self, variant: dict[str, object]) -> str:
        """Return what is not as declared in WML or in the outputs; empty if all is right."""
        client, scope = self.service.client(), self.service.scope
        found = {kind: list(client.list(kind, scope)) for kind in COLLECTIONS}  # type: ignore[arg-type]
        counts = {kind: len(objects) for kind, objects in found.items()}
        if set(counts.values()) != {1}:
            return f"objects: {counts}"
        outputs = self.outputs()
        ids = {kind: objects[0].id for kind, objects in found.items()}
        if {kind: outputs.get(kind) for kind in COLLECTIONS} != ids:
            return f"outputs {outputs}, objects {ids}"
        is_now = {
            "training": outputs["variables"]["training_id"],
            "texts": {found[kind][0].metadata.description for kind in ("models", "remote_training_systems")},
            "rounds": found["trainings"][0].entity["federated_learning"]["rounds"],
            "content": self.content(ids["models"]),
        }
        should_be = {
            "training": ids["trainings"],
            "texts": {variant["text"]},
            "rounds": variant["rounds"],
            "content": (self.folder / str(variant["content"])).read_bytes(),
        }
        return "" if is_now == should_be else f"is {is_now}, should be {should_be}"

    def content(self, model_id: str) -> bytes:
        """Return the model's content; empty if there is none."""
        try:
            with self.service.client().download_content(model_id, self.service.scope) as chunks:
                return b"".join(chunks)
        except NotFound:
            return b""

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs from its state; both engines write the same file."""
        state = json.loads((self.folder / "state/.pulumi/stacks/faults/dev.json").read_text())
        found = [r for r in state["checkpoint"]["latest"]["resources"] if r["type"] == "pulumi:pulumi:Stack"]
        outputs: dict[str, Any] = found[0].get("outputs", {})
        return outputs

    def nothing_left(self) -> str:
        """Return what is still there; empty if nothing is."""
        client, scope = self.service.client(), self.service.scope
        left = {kind: len(list(client.list(kind, scope))) for kind in COLLECTIONS}  # type: ignore[arg-type]
        return "" if not any(left.values()) else f"left: {left}"
