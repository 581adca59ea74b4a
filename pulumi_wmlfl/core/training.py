"""Trainings: started, waited for, cancelled and deleted; WML changes none in place.

A replacement creates the new run first and ends the old one afterwards: both may exist, and a new run that
WML refuses must not cost the old one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ..client.contract import WmlApi
from ..errors import BadRequest, NotFound, TrainingFailed, WaitTimedOut, WmlflError
from ..schema.api import TrainingState, WmlObject
from .base import Created, InitFailed, Json, Manager, Progress

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

    def __init__(
        self,
        api: WmlApi,
        *,
        unknown: type,
        default_scope: Mapping[str, str],
        host: str = "",
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(api, unknown=unknown, default_scope=default_scope)
        self._host = host
        self._sleep = sleep
        self._clock = clock

    def create(self, inputs: Json, progress: Progress) -> Created:
        """Start the training and wait for the wanted state.

        Raises:
            InitFailed: it was started, but the state was not reached; the next update resumes the wait.
        """
        body = {"training_data_references": [], **self.body(inputs)}
        found = self.api.create("trainings", body)
        return self._waited(inputs, found, progress)

    def update(self, object_id: str, olds: Json, news: Json, progress: Progress) -> Json:  # noqa: ARG002
        """Take over what only we keep, and resume a wait that was interrupted."""
        found = self.api.get("trainings", object_id, self.scope(news))
        return self._waited(news, found, progress).outputs

    def delete(self, object_id: str, outputs: Json, progress: Progress) -> None:
        """Cancel, wait until it has ended, remove its record; results in storage stay."""
        scope = self.scope(outputs)
        deadline = self._clock() + self._seconds(outputs, "delete", _DELETE_SECONDS)
        try:
            found = self.api.get("trainings", object_id, scope)
            if not TrainingState.is_terminal(found.state):
                progress("cancelling")
                self._cancel(object_id, outputs)
                found = self._poll(found, outputs, TrainingState.is_terminal, deadline, progress)
            if outputs.get("on_delete") != "cancel":
                self.api.delete("trainings", object_id, scope, hard=True)
        except NotFound:
            progress("already gone")

    def _cancel(self, object_id: str, outputs: Json) -> None:
        try:
            self.api.delete("trainings", object_id, self.scope(outputs))
        except BadRequest as error:
            # It ended between our look and the cancel; any other refusal is an error.
            if "already completed" not in error.wml_message:
                raise

    def _waited(self, inputs: Json, found: WmlObject, progress: Progress) -> Created:
        wanted = str(inputs.get("wait_for") or "accepting_parties")
        reached = _REACHED.get(wanted)
        if reached is None:
            return Created(found.id, self.outputs(inputs, found))
        deadline = self._clock() + self._seconds(inputs, "create", _CREATE_SECONDS)
        try:
            found = self._poll(
                found, inputs, lambda s: s in reached or TrainingState.is_terminal(s), deadline, progress
            )
            if found.state not in reached:
                text = (
                    f"The training {found.id} is {found.state} and will never be {wanted}. {_message(found)}"
                )
                raise TrainingFailed(text, hint="Correct the cause and change `triggers` to start a new run.")
        except WmlflError as error:
            raise InitFailed(error, Created(found.id, self.outputs(inputs, found))) from None
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
        scope = self.scope(values)
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
            found = self.api.get("trainings", found.id, scope)
        return found

    @staticmethod
    def _seconds(values: Json, key: str, default: float) -> float:
        timeouts = values.get("timeouts")
        value = timeouts.get(key) if isinstance(timeouts, dict) else None
        return float(value) if isinstance(value, int | float) else default

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
        learning = inputs.get("federated_learning")
        remote = learning.get("remote_training") if isinstance(learning, dict) else None
        parties = remote.get("remote_training_systems") if isinstance(remote, dict) else None
        ids = [str(party.get("id")) for party in parties or [] if isinstance(party, dict)]
        scope = self.scope(inputs)
        names = {}
        for party in ids:
            try:
                name = self.api.get("remote_training_systems", party, scope).metadata.name
            except WmlflError:
                name = None
            names[name if name and name not in names else party] = party
        return {
            "host": self._host,
            "training_id": found.id,
            **scope.as_dict(),
            "remote_training_systems": names,
        }


def _message(found: WmlObject) -> str:
    status: Any = found.entity.get("status")
    message = status.get("message") if isinstance(status, dict) else None
    text = message.get("text") if isinstance(message, dict) else message
    return text if isinstance(text, str) else ""
