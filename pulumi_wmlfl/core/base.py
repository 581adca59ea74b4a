"""What every resource manager does, and the values it answers with.

Managers work on plain dictionaries: `inputs` are what was declared (normalised by check), `outputs` are the
inputs and what WML made. They know neither Pulumi nor HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..client.contract import Collection, Scope, WmlApi
from ..errors import NotFound, Problem, WmlflError
from ..schema.api import WmlObject
from ..schema.inputs import check_inputs, normalise
from ..schema.policy import FIELDS, Change, Field

__all__ = ["CheckResult", "Created", "DiffResult", "InitFailed", "Json", "Manager", "Progress"]

Json = dict[str, Any]
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Normalised inputs and every problem of them."""

    inputs: Json
    problems: Sequence[Problem] = ()


@dataclass(frozen=True, slots=True)
class DiffResult:
    """Which inputs differ, and which of those force a replacement."""

    changed: Sequence[str] = ()
    replaces: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Created:
    """A new object's id and outputs."""

    id: str
    outputs: Json = field(default_factory=dict)


class InitFailed(WmlflError):
    """The object exists, but did not get as far as asked; its id and outputs must be kept."""

    code = "WMLFL403"
    exit_code = 9

    def __init__(self, cause: WmlflError, created: Created) -> None:
        super().__init__(cause.message, hint=cause.hint, resource=cause.resource)
        self.created = created


class Manager:
    """Lifecycle of one kind of object; subclasses add what is special."""

    collection: Collection
    noun: str

    def __init__(self, api: WmlApi, *, unknown: type, default_scope: Mapping[str, str]) -> None:
        self.api = api
        self.unknown = unknown
        self._default_scope = default_scope
        self.fields: tuple[Field, ...] = FIELDS[self.collection]

    def check(self, news: Json) -> CheckResult:
        """Normalise inputs and find every problem; makes no request."""
        inputs = {key: value for key, value in normalise(news).items() if value is not None}
        if not {"project_id", "space_id"} & set(inputs):
            inputs |= self._default_scope
        return CheckResult(inputs, tuple(check_inputs(self.collection, inputs, unknown=self.unknown)))

    def diff(self, olds: Json, news: Json) -> DiffResult:
        """Compare declared inputs with the outputs of the last run, field by field of the policy."""
        old, new = normalise(olds), normalise(news)
        changed = [f for f in self.fields if self.differs(f, old.get(f.name), new.get(f.name))]
        replaces = [f.name for f in changed if f.change is Change.REPLACES]
        return DiffResult([f.name for f in changed], replaces)

    def differs(self, spec: Field, old: Any, new: Any) -> bool:
        """Say whether a field differs; a content path never does, only the content's hash."""
        return spec.name != "content" and old != new

    def create(self, inputs: Json, progress: Progress) -> Created:
        """Create the object; leaves nothing behind when it fails."""
        raise NotImplementedError

    def read(self, object_id: str, outputs: Json) -> tuple[Json, Json] | None:
        """Return inputs and outputs as WML has them now; None if the object is gone."""
        try:
            found = self.api.get(self.collection, object_id, self.scope(outputs))
        except NotFound:
            return None
        inputs = self.inputs_of(found, outputs)
        return inputs, self.outputs(inputs, found)

    def update(self, object_id: str, olds: Json, news: Json, progress: Progress) -> Json:
        """Change the object in place; returns all outputs."""
        raise NotImplementedError

    def delete(self, object_id: str, outputs: Json, progress: Progress) -> None:
        """Delete the object; gone already is success."""
        try:
            self.api.delete(self.collection, object_id, self.scope(outputs))
        except NotFound:
            progress("already gone")

    def scope(self, values: Json) -> Scope:
        """Return the scope of declared or recorded values, else the configured one."""
        merged = values if {"project_id", "space_id"} & set(values) else {**values, **self._default_scope}
        if merged.get("project_id"):
            return Scope("project_id", str(merged["project_id"]))
        return Scope("space_id", str(merged.get("space_id", "")))

    def body(self, inputs: Json) -> Json:
        """Return WML's request body: the inputs without ours."""
        ours = {f.name for f in self.fields if f.change in {Change.OURS, Change.CONTENT}} | {"triggers"}
        return {key: value for key, value in inputs.items() if key not in ours}

    def inputs_of(self, found: WmlObject, known: Json) -> Json:
        """Map an object back to the inputs that were declared; unset fields with drift are shown too."""
        inputs: Json = {}
        for spec in self.fields:
            declared = known.get(spec.name)
            remote = self._remote(found, spec.name)
            if spec.secret or spec.change not in {Change.UPDATES, Change.REPLACES} or spec.name == "triggers":
                value = declared
            else:
                value = self.restore(spec.name, declared, remote)
            if value is not None:
                inputs[spec.name] = value
        return inputs

    def restore(self, name: str, declared: Any, remote: Any) -> Any:
        """Return `remote` without what WML adds to what was declared."""
        if declared is None and (
            remote in (None, "", [], {}) or name not in {"description", "tags", "custom"}
        ):
            return None
        if isinstance(declared, dict) and isinstance(remote, dict):
            return {
                key: self.restore("", declared[key], remote.get(key)) for key in declared if key in remote
            } or remote
        return remote

    @staticmethod
    def _remote(found: WmlObject, name: str) -> Any:
        metadata = found.metadata.model_dump()
        value = (
            metadata.get(name) if name in {"name", "description", "tags", "project_id", "space_id"} else None
        )
        return value if value is not None else found.entity.get(name)

    def outputs(self, inputs: Json, found: WmlObject) -> Json:
        """Return all outputs: the inputs and what WML made."""
        metadata = found.metadata
        made = {
            "created_at": metadata.created_at,
            "modified_at": metadata.modified_at,
            "owner": metadata.owner,
        }
        href = f"/ml/v4/{self.collection}/{found.id}"
        return {**inputs, **{k: v for k, v in made.items() if v is not None}, "href": href}

    def patch(self, olds: Json, news: Json) -> list[Json]:
        """Return the JSON Patch for what differs of the fields that WML updates in place."""
        operations: list[Json] = []
        old = normalise(olds)
        for spec in self.fields:
            before, after = old.get(spec.name), news.get(spec.name)
            if spec.change is not Change.UPDATES or not self.differs(spec, before, after):
                continue
            path = f"/{spec.name}"
            if after is None:
                operations.append({"op": "remove", "path": path})
            else:
                operations.append(
                    {"op": "add" if before is None else "replace", "path": path, "value": after}
                )
        return operations
