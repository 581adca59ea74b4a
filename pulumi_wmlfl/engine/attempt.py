"""One run in the order of its phases: read the state, refresh, deploy, keep what was reached."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from ..errors import EngineError
from .children import Child
from .project import Project
from .stacks import Stack
from .steps import Options
from .urns import STACK_TYPE

if TYPE_CHECKING:
    from .cancellation import Cancellation
    from .deployment import Deployment
    from .ledger import Ledger
    from .monitor import Answer
    from .providers import Providers
    from .registration import Registration
    from .results import Recorder
    from .settings import ConfigValue
    from .state import Resource, Snapshot


class Processes:
    """The processes of one run, started before anything else."""

    def __init__(
        self, project: Project, *, program: bool, provider: bool, on_line: Callable[[str], None]
    ) -> None:
        interpreter = project.interpreter()
        common: dict[str, Any] = {
            "interpreter": interpreter,
            "folder": project.working_folder,
            "on_line": on_line,
        }
        self.program: Child | None = None
        self.provider: Child | None = None
        if program:
            self.program = Child("program_process.py", environment={}, **common)
        if provider:
            environment = {"PULUMI_PROJECT": project.name}
            self.provider = Child("provider_process.py", environment=environment, first_line=True, **common)

    def end(self, *, at_once: bool = False) -> None:
        """End them."""
        for child in (self.program, self.provider):
            if child is not None:
                child.end(at_once=at_once)


class Attempt:
    """One run, in the order of its phases."""

    def __init__(
        self,
        stack: Stack,
        kind: str,
        watcher: Recorder,
        cancellation: Cancellation,
        options: Options,
        processes: Processes,
    ) -> None:
        self._stack = stack
        self._kind = kind
        self._watcher = watcher
        self._cancellation = cancellation
        self._options = options
        self._processes = processes
        self._address: Future[str] = Future()
        self._config: dict[str, ConfigValue] = {}
        self._snapshot: Snapshot
        self._providers: Providers
        self._ledger: Ledger
        self._door = _Door()
        self.failed = False

    def prepare(self, *, clear_pending_creates: bool) -> None:
        """Read configuration and state."""
        if self._stack.settings.holds_secrets:
            threading.Thread(target=_quietly(self._stack.crypter.ready), daemon=True).start()
        from .providers import Providers

        self._snapshot = self._stack.snapshot()
        if self._kind == "update":
            self._config = self._stack.config()
            self._watcher.configured(self._config)
        self._providers = Providers(
            interpreter=self._stack.project.interpreter(),
            folder=self._stack.project.working_folder,
            project=self._stack.project.name,
            on_line=lambda line: self._watcher.message("", "info", line),
            address=self._address,
            spare=[self._processes.provider] if self._processes.provider else [],
        )
        pending = self._snapshot.pending
        self._snapshot.pending = [
            operation for operation in pending if operation.type == "creating" and not clear_pending_creates
        ]
        if pending and not self._options.dry_run and not clear_pending_creates:
            names = "; ".join(f"{operation.type} {operation.resource.urn}" for operation in pending)
            self._watcher.message(
                "",
                "warning",
                f"An earlier run was interrupted; what became of this is not known: {names}. An object whose "
                "creation was interrupted may exist without being in the state.",
            )

    def carry_out(self, *, refresh: bool) -> None:
        """Refresh if asked, then do the operation itself."""
        from .ledger import Ledger
        from .monitor import Server

        self._door.info = self._info()
        server = Server(self._door, self._watcher, threads=self._options.parallel * 4 + 16)
        self._address.set_result(server.address)
        in_order = False
        try:
            if self._kind == "refresh" or refresh:
                self._refresh()
            if self._kind != "refresh" and not self.failed and not self._cancellation.asked.is_set():
                opener = None if self._options.dry_run else self._open_journal
                self._ledger = Ledger(self._snapshot, opener)
                self._deploy()
                self._ledger.close()
                if not self._options.dry_run:
                    self._snapshot = self._ledger.current()
            in_order = True
        finally:
            self._providers.end(at_once=not in_order or self._cancellation.at_once.is_set())
            server.stop()

    def _open_journal(self, snapshot: Snapshot) -> Any:
        from .journal import Journal

        # A wrong passphrase is found here, before the first resource is made, at the latest.
        self._stack.crypter.ready()
        snapshot.salt = self._stack.crypter.salt
        return Journal(self._stack.backend, self._stack.name, snapshot, self._stack.crypter)

    def _refresh(self) -> None:
        from .refresh import Refresh

        stopped = threading.Event()
        self._cancellation.changed.append(stopped.set)
        work = Refresh(
            resources=self._snapshot.resources,
            providers=self._providers,
            watcher=self._watcher,
            options=self._options,
            stopped=stopped,
            read_stack=self._read_stack,
            alone=self._kind == "refresh",
        )
        self._snapshot.resources = work.run()
        self.failed = work.failed

    def _deploy(self) -> None:
        from .deployment import Deployment, Target

        target = Target(self._stack.name.name, self._stack.name.project, self._config)
        deployment = Deployment(
            target=target,
            resources=self._snapshot.resources,
            ledger=self._ledger,
            providers=self._providers,
            watcher=self._watcher,
            options=self._options,
            cancellation=self._cancellation,
            read_stack=self._read_stack,
        )
        self._door.deployment = deployment
        succeeded = self._run_program(deployment) if self._kind == "update" else True
        deployment.finish(program_succeeded=succeeded)
        self.failed = deployment.failed

    def _run_program(self, deployment: Deployment) -> bool:
        child = self._processes.program
        assert child is not None  # noqa: S101
        info, address = self._door.info, self._address.result()
        settings = {
            "program": str(self._stack.project.program),
            "config": info["config"],
            "config_secret_keys": info["configSecretKeys"],
            "runtime": {
                "project": info["project"],
                "stack": info["stack"],
                "organization": info["organization"],
                "parallel": info["parallel"],
                "dry_run": info["dryRun"],
                "root_directory": str(self._stack.project.root),
                "monitor": address,
                "engine": address,
            },
        }
        # A run that is stopped has no use for the program: what it still does would only fail.
        deployment.on_stop = child.end
        if deployment.stopped:
            return False
        child.tell(json.dumps(settings))
        return child.wait() == 0 and not deployment.stopped

    def _info(self) -> dict[str, Any]:
        return {
            "project": self._stack.project.name,
            "stack": self._stack.name.name,
            "organization": "organization",
            "config": {key: value.text for key, value in self._config.items()},
            "configSecretKeys": sorted(key for key, value in self._config.items() if value.secret),
            "dryRun": self._options.dry_run,
            "parallel": self._options.parallel,
        }

    def _read_stack(self, resource: Resource) -> Resource:
        """Set the outputs of a stack reference: the outputs of a stack of the same backend."""
        from .values import Secret, holds

        named = str(resource.inputs.get("name", resource.id))
        name = self._stack.project.stack(named)
        other = Stack(self._stack.project, name, self._stack.backend)
        other.passphrase = self._stack.passphrase
        outputs = other.outputs()
        secret = sorted(key for key, value in outputs.items() if holds(value, Secret))
        resource.outputs = {"name": named, "outputs": outputs, "secretOutputNames": secret}
        return resource

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs as they are now."""
        deployment = self._door.deployment
        entries = list(self._snapshot.resources)
        if deployment is not None and self._options.dry_run:
            entries = list(deployment.planner.news.values())
        for entry in entries:
            if entry.type == STACK_TYPE and not entry.delete:
                return entry.outputs
        return {}

    def save(self) -> None:
        """Write the state."""
        self._stack.write(self._snapshot)


class _Door:
    """Where the services ask: the deployment, once there is one."""

    def __init__(self) -> None:
        self.deployment: Deployment | None = None
        self.info: dict[str, Any] = {}

    def _inside(self) -> Deployment:
        if self.deployment is None:
            raise EngineError("no program runs")
        return self.deployment

    def register(self, wanted: Registration) -> Future[Answer]:
        """Ask for a resource."""
        return self._inside().register(wanted)

    def read(self, wanted: Registration, identity: str) -> Future[Answer]:
        """Ask for a resource that is only read."""
        return self._inside().read(wanted, identity)

    def register_outputs(self, urn: str, outputs: dict[str, Any]) -> None:
        """Set the outputs of a component."""
        self._inside().register_outputs(urn, outputs)

    def lookup(self, urn: str) -> Answer | None:
        """Return a resource that was registered before."""
        return self._inside().lookup(urn)


def _quietly(work: Callable[[], None]) -> Callable[[], None]:
    def attempt() -> None:
        with contextlib.suppress(EngineError):  # who needs the result meets the error again
            work()

    return attempt
