"""Runs scenarios through a deployment engine and takes down what can be compared.

A scenario is a list of steps (a program, a command); an engine is a command line. What is taken down after
each step: the exit code, the provider's calls with their arguments, the state, the objects of the toy cloud.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PROJECT, STACK = "proof", "dev"
PASSPHRASE = "correct horse"
TOY = Path(__file__).parent / "toy"
TOY_TYPE = "pulumi-python:dynamic/toy:Toy"
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
SECONDS = 120
OTHERS_SETTINGS = ("PULUMI_", "TOY_", "WMLFL_", "PYTHONDONTWRITEBYTECODE")


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A deployment engine: how to start it."""

    name: str
    command: tuple[str, ...]
    last: tuple[str, ...] = ()


PULUMI = Engine(name="pulumi", command=("pulumi",))
EMBEDDED = Engine(
    name="embedded",
    command=(sys.executable, "-c", "from pulumi_wmlfl.cli import main; main()"),
    last=("--engine", "embedded"),
)
HAVE_CLI = bool(shutil.which("pulumi") and shutil.which("pulumi-language-python"))


@dataclass(frozen=True, kw_only=True)
class Step:
    """One command on a program.

    Args:
        command: `up`, `preview`, `refresh`, `destroy`.
        program: the program from this step on; None leaves the one before.
        flags: more flags; `{name}` stands for the URN of the toy resource with that name.
        config: settings from this step on, by qualified key; `Secret` values are encrypted.
        faults: what the toy cloud shall refuse: `("create", "name", "before" | "after" | "partial")`.
        prepare: changes objects or state behind the engine's back, before the command.
        fails: whether the command must fail, for a scenario must test what it says; None: whatever comes.
        environment: more environment variables.
    """

    command: str = "up"
    program: str | dict[str, str] | None = None
    flags: tuple[str, ...] = ()
    config: dict[str, Any] | None = None
    faults: tuple[tuple[str, str, str], ...] = ()
    prepare: Callable[[Project], None] | None = None
    fails: bool | None = False
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Scenario:
    """Steps on one stack."""

    name: str
    steps: Sequence[Step]


@dataclass(frozen=True)
class Secret:
    """A setting that is kept encrypted."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one step did."""

    command: str
    code: int
    text: str
    calls: list[dict[str, Any]]
    resources: list[dict[str, Any]]
    pending: list[Any]
    objects: dict[str, Any]
    plan: Any


class World:
    """The objects of the toy cloud."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def objects(self) -> dict[str, Any]:
        """Return all objects by id."""
        return {p.stem: json.loads(p.read_text()) for p in sorted(self.folder.glob("*.json"))}

    def change(self, id_: str, **properties: Any) -> None:
        """Change properties of an object."""
        path = self.folder / f"{id_}.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **properties}))

    def lose(self, id_: str) -> None:
        """Remove an object."""
        (self.folder / f"{id_}.json").unlink()

    def add(self, id_: str, **properties: Any) -> None:
        """Add an object that no stack made."""
        (self.folder / f"{id_}.json").write_text(json.dumps(properties))


class Project:
    """A project with one stack in a folder, an engine's commands on it."""

    def __init__(self, folder: Path, *, stack: str = STACK):
        self.base = folder
        self.folder = folder / "project"
        self.stack = stack
        self.state_folder = folder / "state"
        self.world = World(folder / "world")
        self.log = folder / "calls.jsonl"
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(OTHERS_SETTINGS)},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(TOY),
            "PULUMI_HOME": str(self.base / "home"),
            "PULUMI_BACKEND_URL": self.state_folder.as_uri(),
            "PULUMI_STACK": stack,
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "TOY_WORLD": str(self.world.folder),
            "TOY_LOG": str(self.log),
        }

        if not self.folder.exists():
            self.folder.mkdir(parents=True)
            (self.folder / "Pulumi.yaml").write_text(f"name: {PROJECT}\nruntime: python\n")
            (self.folder / "__main__.py").write_text("import toy_program\n\ntoy_program.run()\n")
            self.configure({})
            self.write_empty_stack()

    def copy(self, folder: Path) -> Project:
        """Return a project that goes on from here in another folder."""
        shutil.copytree(self.base, folder)
        return Project(folder, stack=self.stack)

    @property
    def state_file(self) -> Path:
        """The stack's file in the backend."""
        return self.state_folder / ".pulumi" / "stacks" / PROJECT / f"{self.stack}.json"

    def write_empty_stack(self) -> None:
        """Do what `stack init` does (it has tests of its own)."""
        self.state_file.parent.mkdir(parents=True, exist_ok=True)
        (self.state_folder / ".pulumi" / "meta.yaml").write_text("version: 1\n")
        provider = {"type": "passphrase", "state": {"salt": salt()}}
        latest = {"manifest": {"time": "2026-01-01T00:00:00Z", "magic": "", "version": ""}}
        latest |= {"secrets_providers": provider, "metadata": {}}
        checkpoint = {"stack": f"organization/{PROJECT}/{self.stack}", "latest": latest}
        self.state_file.write_text(json.dumps({"version": 3, "checkpoint": checkpoint}))

    def write(self, program: str | dict[str, str]) -> None:
        """Make `program`, or its pieces by prefix, the project's program."""
        pieces = {"": program} if isinstance(program, str) else program
        (self.folder / "pieces.json").write_text(json.dumps(pieces))

    def configure(self, settings: dict[str, Any]) -> None:
        """Write the stack's configuration file."""
        values = {
            key: {"secure": encrypt(value.text)} if isinstance(value, Secret) else value
            for key, value in settings.items()
        }
        document = {"encryptionsalt": salt(), **({"config": values} if values else {})}
        (self.folder / f"Pulumi.{self.stack}.yaml").write_text(yaml.safe_dump(document))

    @staticmethod
    def sealed(text: str) -> dict[str, str]:
        """Return a text as a secret of the state."""
        return {SIGNATURE: SECRET, "ciphertext": encrypt(json.dumps(text))}

    def popen(self, engine: Engine, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start a command of an engine."""
        return subprocess.Popen(
            [*engine.command, *arguments, "--non-interactive", *engine.last],
            cwd=self.folder,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def __call__(self, engine: Engine, *arguments: str, **environment: str) -> tuple[int, str, str]:
        """Run a command of an engine; return its exit code, standard output and standard error."""
        with self.popen(engine, *arguments, **environment) as process:
            try:
                out, error = process.communicate(timeout=SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return process.returncode, out, error

    def run(self, engine: Engine, step: Step) -> Outcome:
        """Run one step and take down what it did."""
        if step.program is not None:
            self.write(step.program)
        if step.config is not None:
            self.configure(step.config)
        if step.prepare:
            step.prepare(self)
        self.log.write_text("")
        faults = [dict(zip(("call", "name", "kind"), fault, strict=True)) for fault in step.faults]
        flags = [re.sub(r"\{([\w-]+)\}", lambda m: urn(m[1], stack=self.stack), flag) for flag in step.flags]
        how = {"preview": ["--json"]}.get(step.command, ["--yes", "--skip-preview"])
        code, out, error = self(
            engine,
            step.command,
            *(["--stack", self.stack]),
            *how,
            *flags,
            TOY_FAULTS=json.dumps(faults),
            **step.environment,
        )
        assert step.fails in {code != 0, None}, f"{engine.name} {step.command}: exit {code}\n{out}\n{error}"
        deployment = self.deployment()
        return Outcome(
            command=" ".join([step.command, *step.flags]),
            code=code,
            text=out + error,
            calls=self.calls(),
            resources=normal_resources(deployment),
            pending=deployment.get("pending_operations") or [],
            objects=self.world.objects(),
            plan=plan(out) if step.command == "preview" else None,
        )

    def calls(self) -> list[dict[str, Any]]:
        """Return the provider's calls since the log was last emptied."""
        return [normal_call(json.loads(line)) for line in self.log.read_text().splitlines()]

    def deployment(self) -> dict[str, Any]:
        """Return the stack's deployment as it is stored."""
        latest = json.loads(self.state_file.read_text())["checkpoint"]["latest"]
        return latest or {}


def urn(name: str, *, stack: str = STACK, type_: str = TOY_TYPE) -> str:
    """Return the URN of a toy resource."""
    return f"urn:pulumi:{stack}::{PROJECT}::{type_}::{name}"


def plan(out: str) -> Any:
    """Return what a preview announced: the operations by URN."""
    try:
        said = json.loads(out)
    except ValueError:
        return None
    steps: dict[str, list[str]] = {}
    for step in said.get("steps") or []:
        # Which unchanged resources are listed is a matter of taste; the summary counts them all.
        if step["op"] != "same":
            steps.setdefault(step["urn"], []).append(step["op"])
    return {"steps": steps, "summary": said.get("changeSummary")}


@cache
def _key() -> bytes:
    return hashlib.pbkdf2_hmac("sha256", PASSPHRASE.encode(), b"saltsalt", 1_000_000, 32)


def encrypt(text: str) -> str:
    """Encrypt as Pulumi's passphrase provider does."""
    nonce = os.urandom(12)
    sealed = AESGCM(_key()).encrypt(nonce, text.encode(), None)
    return f"v1:{base64.b64encode(nonce).decode()}:{base64.b64encode(sealed).decode()}"


def decrypt(sealed: str) -> str:
    """Decrypt what `encrypt` or an engine encrypted."""
    version, nonce, text = sealed.split(":")
    assert version == "v1"
    return AESGCM(_key()).decrypt(base64.b64decode(nonce), base64.b64decode(text), None).decode()


@cache
def salt() -> str:
    """Return the same salt for every stack, so that its key is derived once."""
    return f"v1:{base64.b64encode(b'saltsalt').decode()}:{encrypt('pulumi')}"


def normal_call(call: dict[str, Any]) -> dict[str, Any]:
    """Leave out of a call what no two runs share, and what its URN says too."""
    if "sent" in call:
        kind, name = call["urn"].split("::")[2:]
        said = {"urn": call["urn"], "name": name, "type": kind.split("$")[-1]}
        # An empty set of properties and none at all are the same to a provider.
        call["sent"] = {k: v for k, v in call["sent"].items() if v not in (said.get(k), {})}
    return without_providers({k: v for k, v in call.items() if k != "pid"})


def without_providers(value: Any) -> Any:
    """Shorten the pickled provider to its class."""
    if isinstance(value, dict):
        return {
            k: pickled_class(v) if k == "__provider" and isinstance(v, str) else without_providers(v)
            for k, v in value.items()
        }
    if isinstance(value, list):
        return [without_providers(item) for item in value]
    return value


def pickled_class(text: str) -> str:
    """Return what can be read of a provider that was pickled by reference."""
    found = re.findall(rb"[A-Za-z_]\w{3,}", base64.b64decode(text))
    return " ".join(word.decode() for word in found)


DROPPED = {"created", "modified", "sourcePosition", "stackTrace"}


def normal_resources(deployment: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the resources of a deployment without times and positions, secrets opened, sorted."""
    found = deployment.get("resources") or []
    ids = {f"{r['urn']}::{r['id']}" for r in found if r["type"].startswith("pulumi:providers:")}
    result = []
    for resource in found:
        kept = {k: v for k, v in without_providers(resource).items() if k not in DROPPED}
        if resource["type"].startswith("pulumi:providers:"):
            kept["id"] = "<uuid>"
        if kept.get("provider") in ids:
            kept["provider"] = kept["provider"].rsplit("::", 1)[0] + "::<uuid>"
        if "propertyDependencies" in kept:
            kept["propertyDependencies"] = {
                k: sorted(v) for k, v in kept["propertyDependencies"].items() if v
            }
        # The SDK gathers them in sets: their order means nothing.
        kept["dependencies"] = sorted(kept.get("dependencies") or [])
        result.append({k: opened(v) for k, v in kept.items() if v not in (None, [], {}, "", False)})
    return sorted(result, key=lambda r: (r["urn"], r.get("delete", False), r.get("id", "")))


def opened(value: Any) -> Any:
    """Open the secrets in a property value."""
    if isinstance(value, dict):
        if value.get(SIGNATURE) == SECRET:
            return {"<secret>": without_providers(json.loads(decrypt(value["ciphertext"])))}
        return {k: opened(v) for k, v in value.items()}
    if isinstance(value, list):
        return [opened(item) for item in value]
    return value
