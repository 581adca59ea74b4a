"""One stack: its settings, its state, and the two together, whoever wrote them last."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import EngineError, StackLocked
from .backend import Backend
from .journal import FEATURE, is_open, remove_journal, replay
from .project import (
    Project,
    StackName,
    backend_folder,
    backend_url,
    current_stack,
    select_stack,
    selected_stack,
)
from .secrets import Crypter, Passphrase
from .settings import ConfigValue, full_config, project_defaults, read_settings
from .state import Snapshot, in_order, salt_of
from .values import SECRET, SIGNATURE, Secret


def open_backend(project: Project) -> Backend:
    """Return the backend of a project, ready for use."""
    url = backend_url(project)
    backend = Backend(backend_folder(url), url)
    backend.prepare()
    return backend


class Stack:
    """A stack that exists.

    Raises:
        StackNotFound: it does not.
    """

    def __init__(
        self, project: Project, name: StackName, backend: Backend, *, ask: Callable[[], str] | None = None
    ) -> None:
        self.project = project
        self.name = name
        self.backend = backend
        self.passphrase = Passphrase(ask)
        self.settings = read_settings(project.stack_file(name))
        self._crypters: dict[str, Crypter] = {}
        self._content = backend.read(name)

    @classmethod
    def open(
        cls,
        project: Project,
        named: str | None = None,
        *,
        backend: Backend | None = None,
        ask: Callable[[], str] | None = None,
    ) -> Stack:
        """Return the named or selected stack of a project."""
        backend = backend or open_backend(project)
        return cls(project, current_stack(project, backend.url, named), backend, ask=ask)

    @classmethod
    def create(
        cls, project: Project, name: StackName, backend: Backend, *, ask: Callable[[], str] | None = None
    ) -> Stack:
        """Make a stack, with the salt of its secrets.

        Raises:
            EngineError: there is one of this name.
        """
        if backend.file(name).exists():
            raise EngineError(f"stack '{name.name}' already exists")
        settings = read_settings(project.stack_file(name))
        if not settings.salt:
            settings.set_salt(Crypter.create(Passphrase(ask)).salt)
        backend.write(name, None)
        return cls(project, name, backend, ask=ask)

    # -- secrets and configuration -------------------------------------------------------------------

    @property
    def crypter(self) -> Crypter:
        """What encrypts the stack's secrets; makes and keeps a salt for a stack that has none."""
        if not self.settings.salt:
            deployment = self.deployment()
            self.settings.set_salt(salt_of(deployment) or Crypter.create(self.passphrase).salt)
        return self._crypter(self.settings.salt)

    def _crypter(self, salt: str) -> Crypter:
        if salt not in self._crypters:
            self._crypters[salt] = Crypter(salt, self.passphrase)
        return self._crypters[salt]

    def config(self) -> dict[str, ConfigValue]:
        """Return the configuration of the stack with the project's defaults, decrypted."""
        return full_config(self.project, self.settings, self._reader())

    def masked_config(self) -> dict[str, ConfigValue]:
        """Return the configuration with the project's defaults as it can be shown without the passphrase."""
        return {**project_defaults(self.project), **self.settings.masked()}

    def _reader(self) -> Crypter | None:
        return self._crypter(self.settings.salt) if self.settings.salt else None

    # -- state ---------------------------------------------------------------------------------------

    def deployment(self) -> dict[str, Any]:
        """Return the deployment as JSON, put together with the journal of a run that has not ended."""
        if is_open(self._content):
            return replay(self.backend, self.name, self._content)
        checkpoint = self._content.get("checkpoint") or {}
        return checkpoint.get("latest") or {}

    def snapshot(self) -> Snapshot:
        """Return the state."""
        unknown = [name for name in self._content.get("features") or [] if name != FEATURE]
        if unknown:
            raise EngineError(
                f"The state of {self.name.name} uses {', '.join(unknown)}, which this engine does not know.",
                hint="Use the Pulumi CLI (--engine pulumi).",
            )
        return self._read(self.deployment())

    def _read(self, deployment: dict[str, Any]) -> Snapshot:
        salt = salt_of(deployment)

        def unseal(ciphertext: str) -> Secret:
            if not salt:
                raise EngineError("The state has secrets but does not say how they were encrypted.")
            return self._crypter(salt).unseal(ciphertext)

        return Snapshot.from_json(deployment, unseal)

    def write(self, snapshot: Snapshot) -> dict[str, Any]:
        """Write the state as a whole; an open journal has had its day."""
        snapshot.salt = self.crypter.salt
        deployment = snapshot.to_json(self.crypter.seal)
        self._content = self.backend.write(self.name, deployment)
        remove_journal(self.backend, self.name)
        return deployment

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs away; what an interrupted run left is put in order first."""
        with self.backend.lock(self.name):
            self._content = self.backend.read(self.name)
            self._recover()
            yield

    def remove(self, *, keep_settings: bool = False) -> None:
        """Remove the stack, its settings too unless they are to be kept; nobody has it selected any more."""
        with self.locked():
            self.backend.remove(self.name)
        if not keep_settings:
            self.settings.path.unlink(missing_ok=True)
        if selected_stack(self.project, self.backend.url) == self.name.qualified:
            select_stack(self.project, self.backend.url, None)

    def recover(self) -> None:
        """Put in order what an interrupted run left, unless a run works on the stack now."""
        if is_open(self._content):
            try:
                with self.locked():
                    pass
            except StackLocked:
                return

    def _recover(self) -> None:
        if is_open(self._content):
            deployment = self.deployment()
            snapshot = self._read(deployment)
            snapshot.resources = in_order(snapshot.resources)
            seal = self._crypter(snapshot.salt).seal if snapshot.salt else _cannot_seal
            self._content = self.backend.write(self.name, snapshot.to_json(seal))
        remove_journal(self.backend, self.name)

    def import_deployment(self, content: Any, *, force: bool = False) -> None:
        """Take over an exported deployment.

        Raises:
            EngineError: it is not one, it is of another stack, or its resources do not fit together.
        """
        if not isinstance(content, dict) or not isinstance(content.get("deployment"), dict):
            raise EngineError("could not import: the file is not an exported deployment.")
        if content.get("version") != 3:
            raise EngineError(
                f"could not import: the deployment has version {content.get('version')}, not 3."
            )
        snapshot = self._read(content["deployment"])
        prefix = f"urn:pulumi:{self.name.name}::{self.name.project}::"
        foreign = [entry.urn for entry in snapshot.resources if not entry.urn.startswith(prefix)]
        if foreign and not force:
            raise EngineError(f"could not import: the resource '{foreign[0]}' is of another stack.")
        snapshot.resources = in_order(snapshot.resources, strict=True)
        with self.locked():
            self.write(snapshot)

    def forget(self, urns: Collection[str] | None, *, force: bool = False, dependents: bool = False) -> int:
        """Take resources (None: all) out of the state without touching them; return how many.

        `dependents`: also what needs them.

        Raises:
            EngineError: there is none, one is protected (without `force`), or others need it.
        """
        with self.locked():
            snapshot = self.snapshot()
            known = {entry.urn for entry in snapshot.resources}
            gone, kept = known if urns is None else set(urns), []
            for urn in sorted(gone - known):
                raise EngineError(
                    f"No such resource '{urn}' exists in the current state.",
                    hint="`wmlfl stack --show-urns` lists them.",
                )
            for entry in snapshot.resources:
                needed = gone.intersection(entry.needs())
                if needed and entry.urn not in gone and not dependents:
                    raise EngineError(
                        f"'{min(needed)}' cannot be forgotten: '{entry.urn}' depends on it.",
                        hint="Forget that too, or pass --target-dependents.",
                    )
                if not needed and entry.urn not in gone:
                    kept.append(entry)
                    continue
                if entry.protect and not force:
                    raise EngineError(f"'{entry.urn}' is protected.", hint="Pass --force to forget it.")
                gone.add(entry.urn)
            count = len(snapshot.resources) - len(kept)
            snapshot.resources = kept
            self.write(snapshot)
            return count

    def exported(self, *, show_secrets: bool = False) -> dict[str, Any]:
        """Return the deployment as `stack export` prints it."""
        deployment = self.deployment()
        if show_secrets:
            deployment = _in_plain(self._read(deployment))
        return {"version": 3, "deployment": deployment}

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs; secrets are marked."""
        for entry in self.snapshot().resources:
            if entry.type == "pulumi:pulumi:Stack" and not entry.delete:
                return entry.outputs
        return {}


def _cannot_seal(secret: Secret) -> str:  # noqa: ARG001
    raise EngineError("The state has secrets but does not say how they were encrypted.")


def _in_plain(snapshot: Snapshot) -> dict[str, Any]:
    import json

    from .values import to_json

    def opened(value: Any) -> Any:
        if isinstance(value, dict):
            if value.get(SIGNATURE) == SECRET:
                return {SIGNATURE: SECRET, "plaintext": value["ciphertext"]}
            return {key: opened(item) for key, item in value.items()}
        return [opened(item) for item in value] if isinstance(value, list) else value

    def text(secret: Secret) -> str:
        return json.dumps(to_json(secret.value, text), separators=(",", ":"), ensure_ascii=False)

    found: dict[str, Any] = opened(snapshot.to_json(text))
    return found
