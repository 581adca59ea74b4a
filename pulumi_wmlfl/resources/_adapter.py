"""The bridge between `pulumi.dynamic` and `core`: unknowns, secrets, errors. Stateless, pickled by reference.

The import paths of the provider classes are written into every state; they never change.
"""

from __future__ import annotations

import functools
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)
from pulumi.output import Unknown

from .._backend import find_project_file, named_backend
from .._paths import default_state_dir
from ..config import SETTINGS
from ..errors import NotFound
from . import _cancelling, _engine_link
from ._secrets import hide_outputs

if TYPE_CHECKING:
    from ..config import Settings
    from ..core.making import Maker

__all__ = ["PROVIDER_NAME", "WmlProvider"]

_INTERNAL = "__provider"
# The property by which an explicit provider tells its process its name.
PROVIDER_NAME = "wmlfl:explicitProvider"
# Configuration of this process. Explicit providers have a process each, so there is one.
_configuration: dict[str, Any] = {}
_makers: dict[Settings, Maker] = {}
_making = threading.Lock()


class WmlProvider(ResourceProvider):
    """Base of the three providers; subclasses name their manager."""

    serialize_as_secret_always = False
    _kind = ""

    def configure(self, req: ConfigureRequest) -> None:
        """Take the stack's configuration; makes no request."""
        _engine_link.clean_errors()
        _engine_link.widen_thread_pool()
        _engine_link.end_with_the_engine()
        _cancelling.listen()
        found = {key: req.config.get(key) for key in (*(f"wmlfl:{s.key}" for s in SETTINGS), PROVIDER_NAME)}
        _configuration.clear()
        _configuration.update({key: value for key, value in found.items() if value is not None})

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Validate everything; every problem is reported on its property."""
        with _engine_link.one_clear_line():
            checked = self._manager().check(_plain(news))
            for fact in checked.warnings:
                _engine_link.warn(f"{fact.path}: {fact.message}")
            inputs = {**checked.inputs, _INTERNAL: news[_INTERNAL]} if _INTERNAL in news else checked.inputs
            # The CLI prints the value of a property with its failure, secrets in clear: the path goes into
            # the text and the property stays empty.
            failures = [
                CheckFailure("", f"{problem.path}: {problem.message}" if problem.path else problem.message)
                for problem in checked.problems
            ]
            return CheckResult(inputs, failures)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Say which fields differ and which force a replacement."""
        with _engine_link.one_clear_line():
            manager = self._manager()
            manager.in_state(_id)
            found = manager.diff(_plain(_olds), _plain(_news))
            # With "unknown" the engine compares the inputs itself: it names the fields and honours
            # `replace_on_changes`; `changes=True` would give it nothing to show.
            return DiffResult(changes=None if found.changed else False, replaces=list(found.replaces))

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Create the object; one that exists but is not ready keeps its id in the state."""
        from ..core.results import InitFailed

        with _engine_link.one_clear_line():
            manager = self._manager()
            try:
                inputs = _plain(props)
                with manager.in_time("create", inputs):
                    created = manager.create(inputs, _engine_link.progress_of_this_call())
            except InitFailed as error:
                partial = error.created
                outputs = self._secret(partial.outputs)
                _engine_link.fail_with_partial_state(partial.id, outputs, error.with_code())
                raise
            return CreateResult(created.id, self._secret(created.outputs))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Return what WML has now; an empty id says that it is gone."""
        with _engine_link.one_clear_line():
            manager = self._manager()
            manager.in_state(id_)
            found = manager.read(id_, _plain(props))
            if found is None:
                if "href" not in props:
                    raise NotFound(f"There is no {manager.noun} {id_} in this project or space.", status=404)
                return ReadResult("", {})
            inputs, outputs = found
            return ReadResult(id_, self._secret(outputs), inputs)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Change the object in place."""
        from ..core.results import InitFailed

        with _engine_link.one_clear_line():
            manager = self._manager()
            manager.in_state(_id)
            progress = _engine_link.progress_of_this_call()
            try:
                news = _plain(_news)
                with manager.in_time("update", news):
                    outputs = manager.update(_id, _plain(_olds), news, progress)
            except InitFailed as error:
                partial = error.created
                outputs = self._secret(partial.outputs)
                _engine_link.fail_with_partial_state(partial.id, outputs, error.with_code())
                raise
            except NotFound as error:
                error.hint = "It was deleted behind Pulumi's back: run `wmlfl refresh`, then `wmlfl up`."
                raise
            return UpdateResult(self._secret(outputs))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Delete the object; gone already is success."""
        with _engine_link.one_clear_line():
            manager = self._manager()
            if manager.was_taken_over(_id):
                _engine_link.progress_of_this_call()("kept: its replacement is the same object")
                return
            manager.in_state(_id)
            outputs = _plain(_props)
            with manager.in_time("delete", outputs):
                manager.delete(_id, outputs, _engine_link.progress_of_this_call())

    def _manager(self) -> Any:
        from ..client import connect
        from ..config import resolve_settings
        from ..core.making import Identity
        from ..core.model import ModelManager
        from ..core.remote_training_system import RemoteTrainingSystemManager
        from ..core.training import TrainingManager

        given = {key: value for key, value in _configuration.items() if key != PROVIDER_NAME}
        settings = resolve_settings(given, provider=str(_configuration.get(PROVIDER_NAME, "")))
        scope: dict[str, str] = {}
        if settings.project_id:
            scope = {"project_id": settings.project_id}
        elif settings.space_id:
            scope = {"space_id": settings.space_id}
        managers: dict[str, Any] = {
            "models": ModelManager,
            "remote_training_systems": RemoteTrainingSystemManager,
            "trainings": functools.partial(TrainingManager, host=settings.url),
        }
        urn = _engine_link.urn_of_this_call()
        return managers[self._kind](
            connect(settings, sleep=_cancelling.pause),
            unknown=Unknown,
            default_scope=scope,
            maker=_maker(settings),
            identity=Identity(urn, str(Path.cwd()), _backend()) if urn else None,
            custom_timeout=_engine_link.timeout_of_this_call(),
            sleep=_cancelling.pause,
        )

    def _secret(self, outputs: dict[str, Any]) -> dict[str, Any]:
        return hide_outputs(self._kind, outputs)


@functools.cache
def _backend() -> str:
    """Return where the engine keeps its state, as far as something names it."""
    import yaml

    file = find_project_file(Path.cwd())
    try:
        project = yaml.safe_load(file.read_text(encoding="utf-8")) if file else None
    except (OSError, ValueError, yaml.YAMLError):
        project = None
    backend = project.get("backend") if isinstance(project, dict) else None
    url = backend.get("url") if isinstance(backend, dict) else None
    return named_backend(str(url or "")).rstrip("/")


def _place(settings: Settings) -> str:
    """Return what stays the same of an environment; the local service may get another port at each start."""
    return f"local:{settings.ca_file}" if settings.platform == "local" and settings.ca_file else settings.url


def _maker(settings: Settings) -> Maker:
    """Return the one maker of an environment in this process: it knows which tries are this deployment's."""
    from ..client import connect
    from ..core.making import Lookup, Maker
    from ..core.pending import Notes

    with _making:
        if settings not in _makers:
            api = connect(settings, sleep=_cancelling.pause)
            notes = Notes(default_state_dir() / "pending")
            _engine_link.when_the_deployment_ends(notes.ended_in_order)
            _makers[settings] = Maker(api, _place(settings), notes, Lookup(api), sleep=_cancelling.pause)
        return _makers[settings]


def _plain(properties: dict[str, Any]) -> dict[str, Any]:
    """Return properties without Pulumi's own, whole numbers as integers: they arrive as floats."""
    from ..schema.inputs import normalise

    plain: dict[str, Any] = normalise({k: v for k, v in properties.items() if k != _INTERNAL})
    return plain
