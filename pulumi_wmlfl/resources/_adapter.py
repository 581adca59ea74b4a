"""The bridge between `pulumi.dynamic` and `core`: unknowns, secrets, errors. Stateless, pickled by reference.

The import paths of the provider classes are written into every state; they never change.
"""

from __future__ import annotations

from typing import Any

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

from ..config import SETTINGS
from ..errors import NotFound, WmlflError
from . import _engine_link
from ._secrets import hide_outputs

__all__ = ["WmlProvider"]

_INTERNAL = "__provider"
# Configuration of this process. Explicit providers have a process each, so there is one.
_configuration: dict[str, Any] = {}


class WmlProvider(ResourceProvider):
    """Base of the three providers; subclasses name their manager."""

    serialize_as_secret_always = False
    _kind = ""

    def configure(self, req: ConfigureRequest) -> None:
        """Take the stack's configuration; makes no request."""
        _engine_link.clean_errors()
        _engine_link.widen_thread_pool()
        found = {f"wmlfl:{s.key}": req.config.get(f"wmlfl:{s.key}") for s in SETTINGS}
        _configuration.clear()
        _configuration.update({key: value for key, value in found.items() if value is not None})

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Validate everything; every problem is reported on its property."""
        with _engine_link.no_exits():
            checked = self._manager().check(_plain(news))
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
        with _engine_link.no_exits():
            found = self._manager().diff(_plain(_olds), _plain(_news))
            return DiffResult(changes=bool(found.changed), replaces=list(found.replaces))

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Create the object; one that exists but is not ready keeps its id in the state."""
        from ..core.base import InitFailed

        with _engine_link.no_exits():
            manager = self._manager()
            try:
                created = manager.create(_plain(props), _engine_link.progress_of_this_call())
            except InitFailed as error:
                partial = error.created
                outputs = self._secret(partial.outputs)
                _engine_link.fail_with_partial_state(partial.id, outputs, str(error))
                raise
            return CreateResult(created.id, self._secret(created.outputs))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Return what WML has now; an empty id says that it is gone."""
        with _engine_link.no_exits():
            manager = self._manager()
            found = manager.read(id_, _plain(props))
            if found is None:
                if "href" not in props:
                    raise NotFound(f"There is no {manager.noun} {id_} in this project or space.", status=404)
                return ReadResult("", {})
            inputs, outputs = found
            return ReadResult(id_, self._secret(outputs), inputs)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Change the object in place."""
        from ..core.base import InitFailed

        with _engine_link.no_exits():
            manager = self._manager()
            progress = _engine_link.progress_of_this_call()
            try:
                outputs = manager.update(_id, _plain(_olds), _plain(_news), progress)
            except InitFailed as error:
                partial = error.created
                outputs = self._secret(partial.outputs)
                _engine_link.fail_with_partial_state(partial.id, outputs, str(error))
                raise
            return UpdateResult(self._secret(outputs))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Delete the object; gone already is success."""
        with _engine_link.no_exits():
            self._manager().delete(_id, _plain(_props), _engine_link.progress_of_this_call())

    def _manager(self) -> Any:
        from ..client import connect
        from ..config import resolve_settings
        from ..core.model import ModelManager
        from ..core.remote_training_system import RemoteTrainingSystemManager
        from ..core.training import TrainingManager

        settings = resolve_settings(_configuration)
        scope: dict[str, str] = {}
        if settings.project_id:
            scope = {"project_id": settings.project_id}
        elif settings.space_id:
            scope = {"space_id": settings.space_id}
        api = connect(settings)
        if self._kind == "models":
            return ModelManager(api, unknown=Unknown, default_scope=scope)
        if self._kind == "remote_training_systems":
            return RemoteTrainingSystemManager(api, unknown=Unknown, default_scope=scope)
        if self._kind == "trainings":
            return TrainingManager(api, unknown=Unknown, default_scope=scope, host=settings.url)
        raise WmlflError(f"{type(self).__name__} names no kind of object.")

    def _secret(self, outputs: dict[str, Any]) -> dict[str, Any]:
        return hide_outputs(self._kind, outputs)


def _plain(properties: dict[str, Any]) -> dict[str, Any]:
    """Return properties without Pulumi's own, whole numbers as integers: they arrive as floats."""
    from ..schema.inputs import normalise

    plain: dict[str, Any] = normalise({k: v for k, v in properties.items() if k != _INTERNAL})
    return plain
