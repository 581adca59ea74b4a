"""`get_model`, `get_remote_training_system`, `get_training`: what exists in WML, as plain values.

They ask WML at once, in the program's process, at preview as well as at `up`, with the settings of the stack
or of an explicit provider. So a program can decide by what it finds, and find it by name or tag. Nothing of
it is in the state; `Model.get` and its sisters put a resource there that a refresh looks at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi

from ..errors import LookupFailed, NotFound, NothingFound, SeveralFound, WmlflError
from ..schema.policy import FIELDS
from ._errors import ProgramError
from .provider import Provider

if TYPE_CHECKING:
    from ..client.contract import Collection, Scope
    from ..config import Settings
    from ..schema.api import WmlObject

__all__ = [
    "GetModelResult",
    "GetRemoteTrainingSystemResult",
    "GetTrainingResult",
    "get_model",
    "get_remote_training_system",
    "get_training",
]


class _LookupFailed(ProgramError, LookupFailed):
    """A lookup could not be made; `cause` is the code of the reason, which has a page of its own."""

    def __init__(self, message: str, *, hint: str = "", cause: str = "") -> None:
        super().__init__(message, hint=hint)
        self._cause = cause

    def page(self) -> str:
        """Return the code of the cause where there is one."""
        return self._cause or super().page()


class _NothingFound(ProgramError, NothingFound):
    """A lookup found nothing."""


class _SeveralFound(ProgramError, SeveralFound):
    """A lookup found several objects."""


@dataclass(frozen=True, kw_only=True)
class _Result:
    """What every object has; `entity` is all that WML says of it, without keys. Times are UTC, ISO 8601."""

    id: str
    name: str
    description: str
    tags: Sequence[str]
    owner: str
    created_at: str
    modified_at: str
    project_id: str
    space_id: str
    entity: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class GetModelResult(_Result):
    """A model that exists."""

    type: str
    software_spec: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class GetRemoteTrainingSystemResult(_Result):
    """A remote training system that exists."""

    allowed_identities: Sequence[Mapping[str, Any]]
    organization: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class GetTrainingResult(_Result):
    """A training that exists; `state` is that of the moment."""

    state: str
    federated_learning: Mapping[str, Any]
    results_location: Mapping[str, Any]


def get_model(
    id: str | None = None,  # noqa: A002 - Pulumi's name
    *,
    name: str | None = None,
    tag: str | None = None,
    project_id: str | None = None,
    space_id: str | None = None,
    provider: Provider | None = None,
) -> GetModelResult:
    """Return the model with this id, or the only one with this name and tag.

    Raises:
        NothingFound: there is none.
        SeveralFound: there are several.
        LookupFailed: WML cannot be asked; the text says why.
    """
    common, entity = _get("models", id, name, tag, project_id, space_id, provider)
    return GetModelResult(
        **common, type=str(entity.get("type") or ""), software_spec=entity.get("software_spec") or {}
    )


def get_remote_training_system(
    id: str | None = None,  # noqa: A002 - Pulumi's name
    *,
    name: str | None = None,
    tag: str | None = None,
    project_id: str | None = None,
    space_id: str | None = None,
    provider: Provider | None = None,
) -> GetRemoteTrainingSystemResult:
    """Return the remote training system with this id, or the only one with this name and tag.

    Raises:
        NothingFound: there is none.
        SeveralFound: there are several.
        LookupFailed: WML cannot be asked; the text says why.
    """
    common, entity = _get("remote_training_systems", id, name, tag, project_id, space_id, provider)
    return GetRemoteTrainingSystemResult(
        **common,
        allowed_identities=entity.get("allowed_identities") or [],
        organization=entity.get("organization") or {},
    )


def get_training(
    id: str | None = None,  # noqa: A002 - Pulumi's name
    *,
    name: str | None = None,
    tag: str | None = None,
    project_id: str | None = None,
    space_id: str | None = None,
    provider: Provider | None = None,
) -> GetTrainingResult:
    """Return the training with this id, or the only one with this name and tag.

    Raises:
        NothingFound: there is none.
        SeveralFound: there are several.
        LookupFailed: WML cannot be asked; the text says why.
    """
    common, entity = _get("trainings", id, name, tag, project_id, space_id, provider)
    status, results = entity.get("status") or {}, entity.get("results_reference") or {}
    return GetTrainingResult(
        **common,
        state=str(status.get("state") or ""),
        federated_learning=entity.get("federated_learning") or {},
        results_location=results.get("location") or {},
    )


def _get(
    collection: Collection,
    object_id: str | None,
    name: str | None,
    tag: str | None,
    project_id: str | None,
    space_id: str | None,
    provider: Provider | None,
) -> tuple[dict[str, Any], Mapping[str, Any]]:
    from ..client import connect
    from ..core.lookup import find_one

    wanted = {"id": object_id, "name": name, "tag": tag}
    _check(wanted, {"project_id": project_id, "space_id": space_id})
    try:
        settings = _settings(provider)
        scope = _scope(settings, project_id, space_id)
        found = find_one(
            connect(settings), collection, scope, object_id=object_id or "", name=name or "", tag=tag or ""
        )
    except SeveralFound as error:
        raise _SeveralFound(error.message, hint=error.hint) from None
    except (NothingFound, NotFound) as error:
        raise _NothingFound(str(error)) from None
    except WmlflError as error:
        raise _LookupFailed(str(error), cause=error.code) from None
    entity = _without_keys(collection, found.entity)
    return {**_common(found, scope), "entity": entity}, entity


def _check(wanted: Mapping[str, object], scope: Mapping[str, object]) -> None:
    given = [key for key, value in wanted.items() if value is not None]
    unplain = [
        k for k, v in {**wanted, **scope}.items() if v is not None and (not isinstance(v, str) or not v)
    ]
    if unplain:
        raise _LookupFailed(
            f"{', '.join(unplain)} of a lookup must be plain text.",
            hint="For a value that another resource gives use `Model.get` and its sisters.",
        )
    if not given or ("id" in given and len(given) > 1):
        raise _LookupFailed("A lookup takes either an id, or a name, a tag or both.")
    if all(scope.values()):
        raise _LookupFailed("Give either project_id or space_id, not both.")


def _settings(provider: Provider | None) -> Settings:
    from ..config import SETTINGS, resolve_settings

    if provider is not None:
        try:
            name, given = provider.known_settings()
        except ValueError as error:
            raise _LookupFailed(
                f"A lookup needs plain settings; of the provider these are not: {error}."
            ) from None
        return resolve_settings(given, provider=name)
    keys = [f"wmlfl:{setting.key}" for setting in SETTINGS]
    configured = {key: pulumi.runtime.get_config(key) for key in keys}
    return resolve_settings({key: value for key, value in configured.items() if value is not None})


def _scope(settings: Settings, project_id: str | None, space_id: str | None) -> Scope:
    from ..client.contract import Scope

    if project_id or (settings.project_id and not space_id):
        return Scope("project_id", project_id or settings.project_id)
    if space_id or settings.space_id:
        return Scope("space_id", space_id or settings.space_id)
    raise _LookupFailed(
        "Neither a project nor a space is named.", hint="Set wmlfl:projectId, or give project_id or space_id."
    )


def _common(found: WmlObject, scope: Scope) -> dict[str, Any]:
    from ..core.lookup import name_of, tags_of

    metadata = found.metadata
    return {
        "id": found.id,
        "name": name_of(found),
        "description": metadata.description or "",
        "tags": tags_of(found),
        "owner": metadata.owner or "",
        "created_at": metadata.created_at or "",
        "modified_at": metadata.modified_at or "",
        "project_id": "",
        "space_id": "",
        **scope.as_dict(),
    }


def _without_keys(collection: Collection, entity: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the connections of references: some releases answer them with the storage's keys."""
    secret = {field.name for field in FIELDS[collection] if field.secret}
    return {key: _unconnected(value) if key in secret else value for key, value in entity.items()}


def _unconnected(value: Any) -> Any:
    if isinstance(value, list):
        return [_unconnected(entry) for entry in value]
    return {k: v for k, v in value.items() if k != "connection"} if isinstance(value, dict) else value
