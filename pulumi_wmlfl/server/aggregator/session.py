"""One training from its first party to its trained model: gather, rounds, results, farewell.

The training's state is kept by `jobs`, in SQLite; what a session must know after a kill of the service it
reads back from there: the last fused round from the journal, its weights from the workspace. Parties'
messages come in through :class:`.desk.Desk`; this module decides what happens when.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool

from ...errors import FusionError, ServiceError, WmlflError
from ...fusion import Fusion, GlobalUpdate, create_fusion
from ..clock import timestamp
from ..jobs import IllegalTransition, State, failure
from ..services import Services
from ..store.contract import Record
from .desk import Desk
from .exchange import exchange_of
from .keys import keys_of
from .metrics import metrics_entry
from .plan import plan_of
from .quorum import Ballot, Outcome, Patience, Rule, Verdict
from .results import Results, results_of
from .workspace import Workspace

__all__ = ["Session"]

_log = logging.getLogger("pulumi_wmlfl.server.aggregator")
_MOST_NAMED = 10


class _Failed(Exception):
    """The training cannot go on; `code` and the text go into its status."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Session:
    """A training that accepts parties or runs."""

    def __init__(self, services: Services, record: Record) -> None:
        self.record = record
        self.plan = plan_of(record.entity["federated_learning"])
        self.workspace = Workspace(services.settings.data_dir, record.id)
        self._fusion: Fusion = create_fusion(self.plan.fusion_type, self.plan.learning)
        self.desk = Desk(services, record, self.plan, self.workspace, self._fusion)
        self._keys = keys_of(self.desk, self._fusion, seconds=services.settings.evaluation_seconds)
        self._exchange = exchange_of(self.desk, self.plan, self._fusion, self._keys, services.settings)
        self._services = services
        self._jobs = services.jobs
        self._settings = services.settings
        self._rule = Rule(self.plan.needed, self.plan.required)
        self._model: GlobalUpdate | None = None
        self._done = 0
        self._fused = 0
        self._reason = ""
        self._hurries = False

    # its life

    async def run(self) -> None:
        """Do everything that is left of the training; ends when the training has ended."""
        reporter = asyncio.create_task(self.desk.keep_reporting())
        try:
            await self._restore()
            if self.record.state != State.STORING and self._done < self.plan.rounds:
                await self._gather()
                await self._share_keys()
                await self._begin()
                await self._run_rounds()
            await self._store()
        except _Failed as reason:
            await self._fail(reason.code, str(reason))
        except IllegalTransition as reason:
            # It was canceled, deleted or moved meanwhile.
            _log.debug("%s", reason)
            await self.desk.dismiss(str(reason))
        except (WmlflError, OSError) as error:
            await self._fail("training_failed", str(error))
        except Exception:  # noqa: BLE001 - whatever it is, the training says so
            _log.exception("the training %s failed", self.record.id)
            await self._fail("internal_error", "The aggregator failed; the service's log tells why.")
        finally:
            reporter.cancel()
            self._exchange.close()

    async def _restore(self) -> None:
        """Go back to the last round that was fused, if there is one."""
        entries = await run_in_threadpool(self._jobs.read_journal, self.record.id)
        fused = [entry.data for entry in entries if entry.event == "fused"]
        if not fused:
            return
        if fused[-1]["file"] is None:
            text = (
                "The service was restarted in an encrypted training, whose model only its parties can read."
            )
            raise _Failed("encrypted", f"{text} Create the training again.")
        layers, layout = await run_in_threadpool(self.workspace.load_model, fused[-1]["file"])
        self._model = self._fusion.restore(layers, layout)
        self._exchange.restored()
        self._done = self._fused = int(fused[-1]["round"])
        _log.info("training %s: it goes on after round %d.", self.record.id, self._done)

    async def _gather(self) -> None:
        """Wait for the quorum, then a little for those who are late."""
        loop = asyncio.get_running_loop()
        # While it accepts parties the clock of the jobs ends the waiting.
        running = self.record.state == State.RUNNING
        end = loop.time() + self.plan.timeout if running else math.inf
        quorum_at: float | None = None
        while True:
            if self.desk.problem:
                raise _Failed("model_package", self.desk.problem)
            present = self.desk.present()
            if len(present) == len(self.desk.parties):
                return
            now = loop.time()
            quorum_at = (quorum_at or now) if self._rule.met_by(present) else None
            if quorum_at is not None and (self._hurries or now >= quorum_at + self._settings.late_seconds):
                return
            if quorum_at is None and now >= end:
                text = f"The quorum did not come back within max_timeout: {self.missing()}"
                raise _Failed("quorum_not_reached", text)
            await self.desk.happens(until=quorum_at + self._settings.late_seconds if quorum_at else end)

    def hurry(self) -> bool:
        """Wait for nobody else if the quorum is there; False if it is not."""
        self._hurries = self._rule.met_by(self.desk.present())
        self.desk.something_happened()
        return self._hurries

    async def _share_keys(self) -> None:
        """In an encrypted training let the parties agree on keys; whoever cannot is out."""
        await self._keys.share()
        while not self._rule.met_by(self._keys.present()):
            await self._gather()
            await self._keys.share()

    async def _begin(self) -> None:
        if self.record.state == State.RUNNING:
            return
        count = self.plan.rounds
        rounds = "the one round begins" if count == 1 else f"{count} rounds begin"
        status = {
            "running_at": timestamp(self._services.clock()),
            "iteration": self._done,
            "total_iterations": self.plan.rounds,
            "message": _info(f"The quorum is reached; {rounds}."),
            **self.desk.report(),
        }
        await run_in_threadpool(lambda: self._jobs.transition(self.record.id, State.RUNNING, status=status))

    async def _fail(self, code: str, text: str) -> None:
        if (
            self._fused
            and self._model is not None
            and self.record.state != State.STORING
            and code != "results"
        ):
            text = f"{text} {await self._rescue(self._model)}"
        status = {**failure(self.record.id, code, text), **self.desk.report()}
        try:
            await run_in_threadpool(
                lambda: self._jobs.transition(self.record.id, State.FAILED, status=status)
            )
        except IllegalTransition as reason:
            _log.debug("%s", reason)
        await self.desk.dismiss(text)

    async def _rescue(self, model: GlobalUpdate) -> str:
        """Keep the model of the last round that was fused; say where it is."""
        try:
            model = await self._keys.open(model, patience=0)
            await self._results(self._fused).rescue(model)
        except (WmlflError, OSError) as error:
            return f"The model of round {self._fused} could not be kept: {error}"
        where = f"GET /ml/v4/trainings/{self.record.id}/results"
        return f"The model of round {self._fused} is kept on the service: {where}."

    # rounds

    async def _run_rounds(self) -> None:
        if self._exchange.needs_beginning:
            self._model = await self._fused_round(0)
        for number in range(self._done + 1, self.plan.rounds + 1):
            self._model = model = await self._fused_round(number)
            self._fused = number
            measured = await self._evaluate(number, model)
            self._done = number
            if self.plan.keep_rounds and number < self.plan.rounds:
                opened = await self._keys.open(model, patience=self._settings.rejoin_seconds)
                await self._results(number).keep_round(opened, number)
            if reason := self.plan.termination.ends_after(number, measured):
                self._reason = reason
                return

    async def _fused_round(self, number: int) -> GlobalUpdate:
        """Let the parties train until a round counts: whose update is of another model is out, then again."""
        while True:
            await self._round(number)
            try:
                model = await self._exchange.finish()
            except FusionError as error:
                raise _Failed("fusion_failed", f"Round {number} could not be fused: {error}") from None
            for party_id, reason in model.rejected.items():
                await self.desk.refuse(self.desk.parties[party_id], reason)
            if self._rule.met_by(set(model.parties)):
                await self._keep(number, model)
                return model

    async def _round(self, number: int) -> None:
        """Let the parties train once; their updates go into the fusion as they come.

        Raises:
            _Failed: too few of them answered.
        """
        loop = asyncio.get_running_loop()
        ballot = Ballot(began=loop.time())
        patience = Patience(
            timeout=self.plan.timeout,
            late=self._settings.late_seconds,
            rejoin=self._settings.rejoin_seconds,
        )
        await self._exchange.open(number, self._model, ballot)
        _log.info(
            "training %s: round %d of %d begins with %s.",
            self.record.id,
            number,
            self.plan.rounds,
            self._titles(self._keys.present()),
        )
        while True:
            self._exchange.ask(number, ballot)
            verdict = ballot.judge(loop.time(), self._rule, patience, self._keys.present())
            if verdict.outcome is not Outcome.WAIT:
                await self.desk.close_round()
            if verdict.outcome is Outcome.FINISH:
                return
            if verdict.outcome is not Outcome.WAIT:
                raise self._round_failed(number, verdict, ballot)
            await self.desk.happens(until=verdict.until)

    def _titles(self, party_ids: Collection[str]) -> str:
        return _listed(
            [self.desk.name_of(party) for party in self.desk.parties.values() if party.id in party_ids]
        )

    def missing(self) -> str:
        """Say how many of the needed parties are there, and which are not."""
        present = self.desk.present()
        return f"{self._rule.count(present)} are there. {self._absent(present)}".strip()

    def _absent(self, party_ids: Collection[str]) -> str:
        """Name the parties that are not among these; those that the training requires first."""
        absent = [party for party in self.desk.parties.values() if party.id not in party_ids]
        absent.sort(key=lambda party: not party.required)
        names = [self.desk.name_of(party) + (" (required)" if party.required else "") for party in absent]
        return f"Missing: {_listed(names)}." if names else ""

    def _round_failed(self, number: int, verdict: Verdict, ballot: Ballot) -> _Failed:
        if verdict.outcome is Outcome.TIMED_OUT:
            text = (
                f"Round {number} took longer than max_timeout ({self.plan.timeout:g} s): "
                f"{self._rule.count(ballot.answered)} answered. {self._absent(ballot.answered)}"
            )
            return _Failed("quorum_not_reached", text)
        present = ballot.answered | (self._keys.present() - ballot.failed)
        text = (
            f"The quorum was lost in round {number}: {self._rule.count(present)} take part, "
            f"and nobody came back. {self._absent(present)}"
        )
        return _Failed("quorum_lost", text)

    async def _keep(self, number: int, model: GlobalUpdate) -> None:
        """Put the fused model on the disk, then into the journal: from here a restarted service goes on.

        One that is encrypted is not kept: after a restart its parties are others, without its keys.
        """
        encrypted = model.layers is None
        file = None if encrypted else await run_in_threadpool(self.workspace.save_model, model, number)
        data = {"round": number, "file": file, "parties": list(model.parties)}
        status = {"iteration": number, **self.desk.report()}
        await run_in_threadpool(lambda: self._jobs.report(self.record.id, status, event="fused", data=data))
        await run_in_threadpool(self.workspace.forget_models, file or "")
        parties = self._titles(model.parties)
        _log.info(
            "training %s: round %d of %d is fused from %s.", self.record.id, number, self.plan.rounds, parties
        )

    async def _evaluate(self, number: int, model: GlobalUpdate) -> list[dict[str, float]]:
        """Give the fused model to the parties, let them measure it, report; return what each measured."""
        fused = await self._exchange.measure(model)
        at = timestamp(self._services.clock())
        entry = metrics_entry(number, at, fused=fused, local=self.desk.local_metrics)
        status = {
            "message": _info(f"Round {number} of {self.plan.rounds} is complete."),
            **self.desk.report(),
        }
        await run_in_threadpool(self._add_metrics, status, entry)
        return [dict(metrics) for metrics in fused.values()]

    def _add_metrics(self, status: Mapping[str, Any], entry: Mapping[str, Any]) -> None:
        current = self._services.store.get("trainings", self.record.id)
        so_far = list(current.status.get("metrics", ())) if current else []
        self._jobs.report(self.record.id, {**status, "metrics": [*so_far, entry]}, event="round", data=entry)

    # the end

    def _results(self, rounds: int) -> Results:
        return results_of(self._services, self.record, self.workspace, rounds)

    async def _store(self) -> None:
        """Store the results, then say that the training is complete, then send the parties home."""
        if self._model is None:
            raise ServiceError("There is no trained model to store.")
        opened = await self._keys.open(self._model, patience=self._settings.rejoin_seconds)
        if opened is not self._model:
            await self._keep(self._done, opened)
            self._model = opened
        status = {"message": _info("The results are being stored."), **self.desk.report()}
        if self.record.state != State.STORING:
            await run_in_threadpool(
                lambda: self._jobs.transition(self.record.id, State.STORING, status=status)
            )
        await self._results(self._done).store(self._model)
        text = f"The experiment is complete. {self._reason}".strip()
        done = {"message": _info(text)}
        await run_in_threadpool(lambda: self._jobs.transition(self.record.id, State.COMPLETED, status=done))
        await self.desk.dismiss(text)
        await run_in_threadpool(self.workspace.remove)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _info(text: str) -> dict[str, str]:
    return {"level": "info", "text": text}
