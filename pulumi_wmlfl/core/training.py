"""Trainings: started, waited for, cancelled and deleted; WML changes none in place.

A replacement creates the new run first and ends the old one afterwards: both may exist, and a new run that
WML refuses must not cost the old one.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from ..client.contract import WmlApi
from ..errors import BadRequest, Conflict, NotFound, TrainingFailed, WaitTimedOut, WmlflError
from ..schema.api import TrainingState, WmlObject
from .base import Manager
from .party_names import names_of
from .results import Created, DiffResult, InitFailed, Json, Progress, Undone

__all__ = ["TrainingManager"]

_CREATE_SECONDS = 1800.0
_DELETE_SECONDS = 300.0
_LONGEST_POLL = 5.0
_REACHED: dict[str, frozenset[str]] = {
    "accepting_parties": frozenset({"accepting_parties", "running", "storing", "completed"}),
    "completed": frozenset({"completed"}),
}


class TrainingManager(Manager):
    """Lifecycle of `/ml/v4/trainings`."""

    collection = "trainings"
    noun = "training"

    def __init__(self, api: WmlApi, *, host: str = "", **options: Any) -> None:
        super().__init__(api, **options)
        self._host = host

    def diff(self, olds: Json, news: Json) -> DiffResult:
        """As every diff; the order in which the parties are named means nothing."""
        return super().diff(_in_one_order(olds), _in_one_order(news))

    def body(self, inputs: Json) -> Json:
        """As every resource's; WML's SDKs require the list of data references, though it is empty."""
        return {"training_data_references": [], **super().body(inputs)}

    def in_time(self, operation: str, values: Json) -> AbstractContextManager[None]:  # noqa: ARG002
        """The time that the user gave is that of the wait, which ends by itself and keeps the id."""
        return nullcontext()

    def complete(self, found: WmlObject, inputs: Json, progress: Progress) -> Created:
        """Wait for the wanted state; where it is not reached, the id is kept and the next update resumes."""
        return self._waited(inputs, found, progress, new=True)

    def update(self, object_id: str, olds: Json, news: Json, progress: Progress) -> Json:
        """Take over what only we keep, and resume a wait that was interrupted.

        A run that has ended for good can still be edited: only who asks for the wait again is told.
        """
        found = self.api.get("trainings", object_id, self.scope(news))
        changed = self.diff(olds, news).changed
        resumed = not changed or "wait_for" in changed
        if TrainingState.is_terminal(found.state) and not resumed:
            return self.outputs(news, found)
        return self._waited(news, found, progress, new=False).outputs

    def delete(self, object_id: str, outputs: Json, progress: Progress) -> None:
        """Cancel, wait until it has ended, remove its record; results in storage stay."""
        deadline = self._clock() + self.seconds(outputs, "delete", _DELETE_SECONDS)
        try:
            self._end(object_id, outputs, deadline, progress)
        except NotFound:
            progress("already gone")

    def _end(self, object_id: str, outputs: Json, deadline: float, progress: Progress) -> None:
        scope = self.scope(outputs)
        while True:
            found = self.api.get("trainings", object_id, scope)
            if not TrainingState.is_terminal(found.state):
                progress("cancelling")
                self._cancel(object_id, outputs)
                self._poll(found, outputs, TrainingState.is_terminal, deadline, progress)
            if outputs.get("on_delete") == "cancel":
                return
            try:
                self.api.delete("trainings", object_id, scope, hard=True)
                return
            except (BadRequest, Conflict):
                # It may have been looked at a moment too early.
                if self._clock() >= deadline:
                    raise
                self._sleep(1.0)

    def _cancel(self, object_id: str, outputs: Json) -> None:
        try:
            self.api.delete("trainings", object_id, self.scope(outputs))
        except BadRequest as error:
            # It ended between our look and the cancel; any other refusal is an error.
            if "already completed" not in error.wml_message:
                raise

    def _waited(self, inputs: Json, found: WmlObject, progress: Progress, *, new: bool) -> Created:
        wanted = str(inputs.get("wait_for") or "accepting_parties")
        reached = _REACHED.get(wanted)
        if reached is None:
            return Created(found.id, self.outputs(inputs, found))
        seconds = self.seconds(inputs, "create", _CREATE_SECONDS)
        if not new:
            seconds = self.seconds(inputs, "update", seconds)
        deadline = self._clock() + seconds
        try:
            if new:
                found = self.get_new(found.id, self.scope(inputs))
            found = self._poll(
                found, inputs, lambda s: s in reached or TrainingState.is_terminal(s), deadline, progress
            )
            if found.state not in reached:
                text = (
                    f"The training {found.id} is {found.state} and will never be {wanted}. {_message(found)}"
                )
                raise TrainingFailed(text, hint="Correct the cause and change `triggers` to start a new run.")
        except NotFound as error:
            if new:
                raise Undone(error, "Somebody deleted it meanwhile.") from None
            raise
        except WmlflError as error:
            raise InitFailed(error, Created(found.id, self.outputs(inputs, found))) from None
        progress(found.state)
        return Created(found.id, self.outputs(inputs, found))

    def _poll(
        self,
        found: WmlObject,
        values: Json,
        done: Callable[[str], bool],
        deadline: float,
        progress: Progress,
    ) -> WmlObject:
        pause = 0.1
        scope, training_id = self.scope(values), found.id
        while not done(found.state):
            progress(f"{found.state}: {_message(found)}".rstrip(": "))
            left = deadline - self._clock()
            if left <= 0:
                raise WaitTimedOut(
                    f"The training {found.id} is still {found.state}. {_message(found)}",
                    hint="Run `up` again to go on waiting, or raise `timeouts`.",
                )
            self._sleep(min(pause, left))
            pause = min(_LONGEST_POLL, pause * 1.5)
            found = self.api.get("trainings", training_id, scope)
        return found

    def outputs(self, inputs: Json, found: WmlObject) -> Json:
        """As every resource's, with state, message, the results' place and what the parties need."""
        outputs = super().outputs(inputs, found)
        results = found.entity.get("results_reference")
        location = results.get("location") if isinstance(results, dict) else None
        outputs["state"] = found.state
        outputs["message"] = _message(found)
        outputs["results_location"] = location if isinstance(location, dict) else {}
        outputs["party_variables"] = self._party_variables(inputs, found)
        return outputs

    def _party_variables(self, inputs: Json, found: WmlObject) -> Json:
        _, _, parties = _parties(inputs)
        ids = [str(party.get("id")) for party in parties or [] if isinstance(party, dict)]
        scope = self.scope(inputs)
        return {
            "host": self._host,
            "training_id": found.id,
            **scope.as_dict(),
            "remote_training_systems": names_of(ids, self.api, scope),
        }


def _parties(values: Json) -> tuple[Any, Any, Any]:
    """Return `federated_learning`, its `remote_training`, and the list of the parties in that."""
    learning = values.get("federated_learning")
    remote = learning.get("remote_training") if isinstance(learning, dict) else None
    return learning, remote, remote.get("remote_training_systems") if isinstance(remote, dict) else None


def _in_one_order(values: Json) -> Json:
    """Return inputs or outputs with the parties by their id, unless an id is not known yet."""
    learning, remote, parties = _parties(values)
    if not isinstance(parties, list) or not all(
        isinstance(party, dict) and isinstance(party.get("id"), str) for party in parties
    ):
        return values
    ordered = sorted(parties, key=lambda party: str(party["id"]))
    remote = {**remote, "remote_training_systems": ordered}
    return {**values, "federated_learning": {**learning, "remote_training": remote}}


def _message(found: WmlObject) -> str:
    status: Any = found.entity.get("status")
    message = status.get("message") if isinstance(status, dict) else None
    text = message.get("text") if isinstance(message, dict) else message
    return text if isinstance(text, str) else ""
