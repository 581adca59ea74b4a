"""The project: `Pulumi.yaml`, which stack is selected, and where its state is.

Formats: sdk/go/common/workspace of pulumi/pulumi. Only Python programs run here; what a project asks for
that this engine does not do is refused by name.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

from .._backend import find_project_file, named_backend, pulumi_home
from ..errors import EngineError, StackNotFound

ORGANIZATION = "organization"
_STACK_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_REFUSED = {
    "plugins": "a 'plugins' section",
    "packages": "a 'packages' section",
}


@dataclass(frozen=True, slots=True)
class StackName:
    """A stack of one project."""

    project: str
    name: str

    @property
    def qualified(self) -> str:
        """The name with organization and project, as the backend writes it."""
        return f"{ORGANIZATION}/{self.project}/{self.name}"


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with `Pulumi.yaml`."""

    file: Path
    name: str
    options: dict[str, Any] = field(default_factory=dict)
    main: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    config_folder: str = ""
    backend: str = ""

    @property
    def root(self) -> Path:
        """The folder of `Pulumi.yaml`."""
        return self.file.parent

    @property
    def program(self) -> Path:
        """The folder or file that is run."""
        return (self.root / self.main).resolve() if self.main else self.root

    @property
    def working_folder(self) -> Path:
        """The folder in which program and providers run."""
        return self.program.parent if self.program.is_file() else self.program

    def stack(self, text: str) -> StackName:
        """Return the stack that `text` names: `dev`, `organization/dev` or `organization/project/dev`.

        Raises:
            EngineError: it is not a stack name of this kind of backend.
        """
        parts = text.split("/")
        if len(parts) > 1 and parts[0] != ORGANIZATION:
            raise EngineError(f"Stack {text!r}: the organization of a file backend is always 'organization'.")
        name, project = parts[-1], parts[1] if len(parts) == 3 else self.name
        if len(parts) > 3 or not _STACK_NAME.fullmatch(name):
            raise EngineError(
                f"{text!r} is not a stack name: letters, digits, '.', '_' and '-' make one, at most 100."
            )
        return StackName(project, name)

    def stack_file(self, stack: StackName) -> Path:
        """Return the path of `Pulumi.<stack>.yaml`."""
        suffix = ".json" if self.file.suffix == ".json" else self.file.suffix
        return self.root / self.config_folder / f"Pulumi.{stack.name}{suffix}"

    def interpreter(self) -> str:
        """Return the Python that runs the program: of the option `virtualenv`, or this one."""
        folder = self.options.get("virtualenv")
        if not folder:
            return sys.executable
        python = (self.root / str(folder) / "bin" / "python").absolute()
        if not python.exists():
            raise EngineError(
                f"{self.file.name} names the virtual environment {folder}, which has no bin/python."
            )
        return str(python)


def find_project(folder: Path) -> Project:
    """Return the project of `folder` or of the nearest folder above it.

    Raises:
        EngineError: there is none, or it asks for what this engine does not do.
    """
    file = find_project_file(folder)
    if file is None:
        raise EngineError(f"no Pulumi.yaml project file found (searching upwards from {folder}).")
    return _read_project(file)


def _read_project(path: Path) -> Project:
    try:
        document = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise EngineError(f"{path} is not valid YAML: {error}") from None
    if not isinstance(document, dict) or not document.get("name") or not document.get("runtime"):
        raise EngineError(f"{path} must be a mapping with 'name' and 'runtime'.")
    for key, what in _REFUSED.items():
        if document.get(key):
            raise EngineError(
                f"{path.name} has {what}: the embedded engine runs dynamic resources and components only.",
                hint="Use the Pulumi CLI (--engine pulumi).",
            )
    runtime = document["runtime"]
    name = runtime.get("name") if isinstance(runtime, dict) else runtime
    options = (runtime.get("options") or {}) if isinstance(runtime, dict) else {}
    if name != "python":
        raise EngineError(f"{path.name} has the runtime {name!r}: the embedded engine runs Python only.")
    for option, value in options.items():
        if option not in ("virtualenv", "toolchain") or (option == "toolchain" and value != "pip"):
            raise EngineError(
                f"{path.name} has the runtime option '{option}: {value}', which this engine does not do."
            )
    config = document.get("config") or {}
    return Project(
        file=path,
        name=str(document["name"]),
        options=options,
        main=str(document.get("main") or ""),
        config=config if isinstance(config, dict) else {},
        config_folder=str(document.get("stackConfigDir") or (config if isinstance(config, str) else "")),
        backend=str((document.get("backend") or {}).get("url") or ""),
    )


def backend_url(project: Project) -> str:
    """Return where the state is: environment, project, login, else `.pulumi-state` in the project."""
    return named_backend(project.backend) or f"file://{project.root / '.pulumi-state'}"


def is_configured(project: Project) -> bool:
    """Say whether anything names a backend; if not, both engines use `.pulumi-state`."""
    return bool(named_backend(project.backend))


def backend_folder(url: str) -> Path:
    """Return the folder of a `file://` backend.

    Raises:
        EngineError: the backend is of another kind.
    """
    parts = urlsplit(url)
    if parts.scheme != "file":
        raise EngineError(
            f"The backend {parts.scheme}://{parts.hostname or ''} is not a folder; this engine knows "
            "file:// backends only.",
            hint="Use the Pulumi CLI (--engine pulumi), or set PULUMI_BACKEND_URL=file://<folder>.",
        )
    path = unquote(f"{parts.netloc}{parts.path}")
    return Path(path).expanduser().absolute()


def _selection_file(project: Project) -> Path:
    digest = hashlib.sha1(str(project.file).encode(), usedforsecurity=False).hexdigest()
    return pulumi_home() / "workspaces" / f"{project.name}-{digest}-workspace.json"


def selected_stack(project: Project, url: str) -> str:
    """Return the selected stack's name, empty if none is."""
    try:
        settings = json.loads(_selection_file(project).read_text())
    except (OSError, ValueError):
        return ""
    return str((settings.get("stacks") or {}).get(url) or settings.get("stack") or "")


def select_stack(project: Project, url: str, stack: StackName | None) -> None:
    """Remember the stack as the selected one of this project and backend; None forgets it."""
    path = _selection_file(project)
    try:
        settings = json.loads(path.read_text())
    except (OSError, ValueError):
        settings = {}
    stacks = settings.setdefault("stacks", {})
    if stack is None:
        stacks.pop(url, None)
    else:
        stacks[url] = stack.qualified
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(json.dumps(settings, indent=4))


def current_stack(project: Project, url: str, named: str | None) -> StackName:
    """Return the stack to work on: named on the command line, by PULUMI_STACK, or selected.

    Raises:
        StackNotFound: none of them names one.
    """
    text = named or os.environ.get("PULUMI_STACK") or selected_stack(project, url)
    if not text:
        raise StackNotFound(
            "no stack selected.", hint="Select one (wmlfl stack select NAME) or name it (--stack NAME)."
        )
    return project.stack(text)
