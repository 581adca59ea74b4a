"""What every resource manager does.

Managers work on plain dictionaries: `inputs` are what was declared (normalised by check), `outputs` are the
inputs and what WML made. They know neither Pulumi nor HTTP.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from ..client.contract import Collection, Scope, WmlApi
from ..errors import BadRequest, Conflict, NotFound, WmlflError
from ..schema.api import WmlObject
from ..schema.inputs import check_inputs, known_facts, normalise
from ..schema.policy import FIELDS, Change, Field
from .diff import differs, restore
from .making import Identity, Maker
from .marker import is_of_stack, marker_of, without_markers
from .patch import emptied, patch_for
from .results import CheckResult, Created, DiffResult, InitFailed, Json, Progress, Undone

__all__ = ["Manager"]

T = TypeVar("T")

# WML is eventually consistent: an object that was just made may not be found for a moment.
_APPEARS_SECONDS = 10.0
_IN_USE_SECONDS = 60.0
_METADATA = frozenset({"name", "description", "tags", "project_id", "space_id"})


class Manager:
    """Lifecycle of one kind of object; subclasses add what is special.

    `unknown` is the class of values that are not known yet at preview, `default_scope` the configured
    project or space, `custom_timeout` the seconds that the engine allows this operation (None: no limit).
    `maker` and `identity` (of the resource) let a create find what an earlier try left behind; where the
    resource is not known, objects are made without.
    """

    collection: Collection
    noun: str

    def __init__(
        self,
        api: WmlApi,
        *,
        unknown: type,
        default_scope: Mapping[str, str],
        maker: Maker | None = None,
        identity: Identity | None = None,
        custom_timeout: float | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.api = api
        self.unknown = unknown
        self._default_scope = default_scope
        self._maker = maker
        self._identity = identity
        self._custom_timeout = custom_timeout
        self._sleep = sleep
        self._clock = clock
        self.fields: tuple[Field, ...] = FIELDS[self.collection]

    def check(self, news: Json) -> CheckResult:
        """Normalise inputs and find every problem; makes no request."""
        inputs = {key: value for key, value in normalise(news).items() if value is not None}
        if not {"project_id", "space_id"} & set(inputs):
            inputs |= self._default_scope
        return CheckResult(
            inputs,
            tuple(check_inputs(self.collection, inputs, unknown=self.unknown)),
            tuple(known_facts(self.collection, inputs, unknown=self.unknown)),
        )

    def diff(self, olds: Json, news: Json) -> DiffResult:
        """Compare declared inputs with the outputs of the last run, field by field of the policy."""
        changed = [f for f in self.fields if differs(f, olds.get(f.name), news.get(f.name))]
        replaces = [f.name for f in changed if self._replaces(f, news)]
        return DiffResult([f.name for f in changed], replaces)

    @staticmethod
    def _replaces(spec: Field, news: Json) -> bool:
        taken_away = spec.change is Change.UPDATES and not spec.removable and news.get(spec.name) is None
        return spec.change is Change.REPLACES or taken_away

    def create(self, inputs: Json, progress: Progress) -> Created:
        """Create the object, or take over the one that `adopt_id` names or an earlier try left behind.

        Leaves nothing behind when it fails.

        Raises:
            InitFailed: the object exists, but did not get as far as asked.
        """
        if inputs.get("adopt_id"):
            return self._adopt(str(inputs["adopt_id"]), inputs, progress)
        if self._maker is None or self._identity is None:
            return self.complete(self.api.create(self.collection, self.body(inputs)), inputs, progress)
        taken = self._take_over(inputs, self._maker, self._identity, progress)
        if taken is not None:
            return taken
        scope = self.scope(inputs)
        found, note = self._maker.make(self.collection, scope, self.body(inputs), self._identity)
        try:
            created = self.complete(found, inputs, progress)
        except InitFailed:
            self._maker.notes.handed_over(note)
            raise
        except Undone:
            self._maker.notes.remove([note])
            raise
        self._maker.notes.handed_over(note)
        return created

    def complete(self, found: WmlObject, inputs: Json, progress: Progress) -> Created:  # noqa: ARG002
        """Do what is left to do after WML made the object.

        Raises:
            InitFailed: the object exists, but did not get as far as asked.
            Undone: the object was removed again.
        """
        return Created(found.id, self.outputs(inputs, found))

    def _take_over(
        self, inputs: Json, maker: Maker, identity: Identity, progress: Progress
    ) -> Created | None:
        """Make an object that an earlier deployment left behind what is declared; remove what cannot be."""
        taken: Created | None = None
        for found, note in maker.left_behind(self.collection, self.scope(inputs), identity):
            known = self.read(found.id, {**inputs, "href": ""}) if taken is None else None
            if known is None or self.diff(known[1], inputs).replaces:
                progress("removing what an interrupted deployment left behind")
                self.delete(found.id, inputs, progress)
                maker.notes.remove([note])
                continue
            progress("taking over what an interrupted deployment left behind")
            maker.notes.handed_over(maker.notes.made(note, found.id))
            maker.taken_over.add(found.id)
            taken = Created(found.id, self.update(found.id, known[1], inputs, progress))
        return taken

    def _adopt(self, object_id: str, inputs: Json, progress: Progress) -> Created:
        known = self.read(object_id, {**inputs, "href": ""})
        if known is None:
            raise NotFound(
                f"There is no {self.noun} {object_id} to adopt in this project or space.", status=404
            )
        marker = str(known[1].get("marker") or "")
        if marker and self._identity is not None and not is_of_stack(marker, self._identity.urn):
            raise WmlflError(
                f"The {self.noun} {object_id} cannot be adopted: it carries the marker of another stack, "
                f"{marker}, whose destroy deletes it if that stack still has it.",
                hint="Let the other stack forget it, then use `wmlfl import --from-other-stack`.",
            )
        fixed = self.diff(known[1], inputs).replaces
        if fixed:
            raise WmlflError(
                f"The {self.noun} {object_id} cannot be adopted: it differs in {', '.join(fixed)}, "
                "which cannot be changed in place.",
                hint="Declare what it has, or drop `adopt_id` to make a new one.",
            )
        return Created(object_id, self.update(object_id, known[1], inputs, progress))

    def in_state(self, object_id: str) -> None:
        """Take note that the engine knows an object: it asked about it."""
        if self._maker is not None:
            self._maker.notes.in_state(object_id)

    def was_taken_over(self, object_id: str) -> bool:
        """Say whether this deployment took the object over: what it replaces is then the object itself.

        The engine asks about no object before it replaces it because of `--replace`, so one that is in the
        state and was not known to be is taken for left behind.
        """
        return self._maker is not None and object_id in self._maker.taken_over

    def read(self, object_id: str, outputs: Json) -> tuple[Json, Json] | None:
        """Return inputs and outputs as WML has them now; None if the object is gone.

        `outputs` are those of the last run; without an `href` among them the object is not ours, and
        everything that WML says of it is returned.
        """
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
        """Delete the object; gone already is success, in use is waited for."""
        deadline = self._clock() + self.seconds(outputs, "delete", _IN_USE_SECONDS)
        while True:
            try:
                self.api.delete(self.collection, object_id, self.scope(outputs))
                return
            except NotFound:
                progress("already gone")
                return
            except Conflict as error:
                if self._clock() >= deadline:
                    raise
                progress(f"waiting, WML refuses: {error.wml_message or error.status}")
                self._sleep(2.0)

    def scope(self, values: Json) -> Scope:
        """Return the scope of declared or recorded values, else the configured one."""
        merged = values if {"project_id", "space_id"} & set(values) else {**values, **self._default_scope}
        if merged.get("project_id"):
            return Scope("project_id", str(merged["project_id"]))
        return Scope("space_id", str(merged.get("space_id", "")))

    def in_time(self, operation: str, values: Json) -> AbstractContextManager[None]:
        """Limit what `operation` may ask of WML to the time that the user gave it."""
        return self.api.within(self.seconds(values, operation, 0.0) or None)

    def seconds(self, values: Json, operation: str, default: float) -> float:
        """Return how long an operation may take: `timeouts`, else the resource option, else `default`."""
        timeouts = values.get("timeouts")
        declared = timeouts.get(operation) if isinstance(timeouts, dict) else None
        if isinstance(declared, int | float):
            return float(declared)
        return self._custom_timeout or default

    def body(self, inputs: Json) -> Json:
        """Return WML's request body: the inputs without ours."""
        ours = {f.name for f in self.fields if f.change in {Change.OURS, Change.CONTENT}} | {"triggers"}
        return {key: value for key, value in inputs.items() if key not in ours}

    def inputs_of(self, found: WmlObject, known: Json) -> Json:
        """Map an object back to the inputs that were declared; what somebody added is shown too."""
        foreign = "href" not in known
        inputs: Json = {}
        for spec in self.fields:
            declared, remote = known.get(spec.name), self._remote(found, spec)
            if spec.change in {Change.OURS, Change.CONTENT}:
                value = declared
            elif foreign and not spec.secret:
                value = remote
            else:
                value = restore(spec, declared, remote)
            if value is not None:
                inputs[spec.name] = value
        return inputs

    @staticmethod
    def _remote(found: WmlObject, spec: Field) -> Any:
        # Trainings repeat their texts in the entity, some releases only there.
        places = [found.entity]
        if spec.name in _METADATA:
            places.insert(0, found.metadata.model_dump())
        values = (normalise(place).get(spec.name) for place in places)
        value = next((value for value in values if value is not None), None)
        return without_markers(value) if spec.name == "tags" else value

    def outputs(self, inputs: Json, found: WmlObject) -> Json:
        """Return all outputs: the inputs and what WML made."""
        metadata = found.metadata
        made = {
            "created_at": metadata.created_at,
            "modified_at": metadata.modified_at,
            "owner": metadata.owner,
        }
        marker = marker_of(metadata.tags)
        if marker:
            made["marker"] = marker
        href = f"/ml/v4/{self.collection}/{found.id}"
        return {**inputs, **{k: v for k, v in made.items() if v is not None}, "href": href}

    def get_new(self, object_id: str, scope: Scope) -> WmlObject:
        """Read an object that was just made; it may take a moment to appear."""
        return self.soon(lambda: self.api.get(self.collection, object_id, scope))

    def soon(self, action: Callable[[], T]) -> T:
        """Do something with an object that was just made; a 404 is repeated for some seconds."""
        deadline = self._clock() + _APPEARS_SECONDS
        pause = 0.2
        while True:
            try:
                return action()
            except NotFound:
                if self._clock() + pause > deadline:
                    raise
                self._sleep(pause)
                pause *= 2

    def patched(self, object_id: str, olds: Json, news: Json) -> WmlObject:
        """Patch exactly what differs, and return the object as it is then.

        Whether WML lets every optional field be removed is not documented: where it refuses, the field is
        emptied instead, which means the same.
        """
        scope = self.scope(news)
        operations = patch_for(self.fields, olds, news)
        if not operations:
            return self.api.get(self.collection, object_id, scope)
        try:
            return self.api.patch(self.collection, object_id, scope, operations)
        except BadRequest:
            without_removals = emptied(operations, olds)
            if without_removals == operations:
                raise
            return self.api.patch(self.collection, object_id, scope, without_removals)
