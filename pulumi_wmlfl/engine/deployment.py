"""One run: preview, update, refresh or destroy of a stack, from its state to its new state.

One thread plans, in the order in which registrations come; a pool carries out the steps. A failure stops
what has not begun, lets what runs end, and keeps what was reached.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

from ..errors import EngineError
from .apply import Executor, Watcher
from .cancellation import Cancellation
from .goals import default_inputs, has_provider, inherit
from .ledger import Ledger
from .monitor import Answer, Stopped
from .plan import Planner
from .providers import Providers
from .registration import Registration
from .settings import ConfigValue
from .state import Resource
from .steps import CheckFailed, Op, Options, Step
from .urns import (
    PROVIDER_PREFIX,
    STACK_TYPE,
    is_provider_type,
    make_urn,
    package_of,
)
from .values import Properties, Unknown, equal, holds


@dataclass(slots=True)
class _Event:
    wanted: Registration
    answer: Future[Answer]
    identity: str | None = None


@dataclass(slots=True)
class Target:
    """The stack that is worked on."""

    stack: str
    project: str
    config: dict[str, ConfigValue] = field(default_factory=dict)


class Deployment:
    """What carries out a program's wishes, and the deletions after it."""

    def __init__(
        self,
        *,
        target: Target,
        resources: list[Resource],
        ledger: Ledger,
        providers: Providers,
        watcher: Watcher,
        options: Options,
        cancellation: Cancellation,
        read_stack: Callable[[Resource], Resource],
    ) -> None:
        self.target = target
        self.info: dict[str, Any] = {}
        self._ledger = ledger
        self._options = options
        self._providers = providers
        self._watcher = watcher
        self._cancellation = cancellation
        self.planner = Planner(
            stack=target.stack,
            project=target.project,
            resources=resources,
            providers=providers,
            options=options,
            report=watcher.message,
        )
        self._executor = Executor(
            ledger=ledger,
            providers=providers,
            watcher=watcher,
            deleted=lambda: self.planner.deleted,
            dry_run=options.dry_run,
            read_stack=read_stack,
        )
        self._pool = ThreadPoolExecutor(max(options.parallel, 1), thread_name_prefix="step")
        self._events: queue.SimpleQueue[_Event | None] = queue.SimpleQueue()
        self._goals: dict[str, Registration] = {}
        self._stopped = threading.Event()
        self._waiting: set[Future[Answer]] = set()
        self._lock = threading.Lock()
        self._running: set[Future[None]] = set()
        self._unreached: set[str] = set()  # failed or skipped, with --continue-on-error
        self._stack_outputs: Properties | None = None
        self.failed = False
        self.on_stop: Callable[[], None] = lambda: None
        cancellation.changed.append(self._cancelled)
        for entry in resources:
            if is_provider_type(entry.type) and not entry.delete:
                providers.register(f"{entry.urn}::{entry.id}", entry.inputs)
        self._thread = threading.Thread(target=self._plan_all, name="planner", daemon=True)
        self._thread.start()

    # -- what the monitor asks -----------------------------------------------------------------------

    def register(self, wanted: Registration) -> Future[Answer]:
        """Ask for a resource."""
        return self._ask(_Event(wanted, Future()))

    def read(self, wanted: Registration, identity: str) -> Future[Answer]:
        """Ask for a resource that is only read."""
        return self._ask(_Event(wanted, Future(), identity))

    def _ask(self, event: _Event) -> Future[Answer]:
        with self._lock:
            if self._stopped.is_set():
                event.answer.set_exception(Stopped())
                return event.answer
            self._waiting.add(event.answer)
        self._events.put(event)
        return event.answer

    def register_outputs(self, urn: str, outputs: Properties) -> None:
        """Set the outputs of a component; those of the stack are set at the end, if all went well."""
        resource = self.planner.news.get(urn)
        if resource is None:
            if urn in self._unreached or self._stopped.is_set():
                return
            raise EngineError(f"outputs of {urn}, which was not registered")
        if resource.type == STACK_TYPE:
            self._stack_outputs = outputs
        elif not equal(resource.outputs, outputs):
            resource.outputs = outputs
            self._ledger.put(resource)

    def lookup(self, urn: str) -> Answer | None:
        """Return a resource that was registered before."""
        found = self.planner.news.get(urn)
        return Answer(found.urn, found.id, found.outputs) if found else None

    # -- planning ------------------------------------------------------------------------------------

    def _plan_all(self) -> None:
        while (event := self._events.get()) is not None:
            if self._stopped.is_set():
                continue
            try:
                self._plan(event)
            except CheckFailed:
                self._fail()  # every problem was reported
            except EngineError as error:
                self._watcher.message(self._urn(event.wanted), "error", str(error))
                self._fail()
            except Exception as error:  # noqa: BLE001
                # Whatever it is, nobody may wait for ever for an answer.
                self._watcher.message(self._urn(event.wanted), "error", f"the engine failed: {error!r}")
                self._fail()

    def _urn(self, wanted: Registration) -> str:
        return make_urn(
            stack=self.target.stack,
            project=self.target.project,
            parent=wanted.parent,
            type=wanted.type,
            name=wanted.name,
        )

    def _plan(self, event: _Event) -> None:
        wanted = event.wanted
        inherit(wanted, self._goals.get(wanted.parent))
        if wanted.custom and not has_provider(wanted):
            wanted.provider = self._default_provider(package_of(wanted.type))
        if event.identity is None:
            steps = self.planner.plan(wanted)
        else:
            steps = self.planner.plan_read(wanted, event.identity)
        last = next(step for step in reversed(steps) if step.op is not Op.REPLACE)
        self._goals[last.urn] = wanted
        if self._options.continue_on_error and self._unreached.intersection(last.resource.needs()):
            self._unreached.add(last.urn)
            self._reply(event.answer, Answer(last.urn, result="skip"))
            return
        if self._options.dry_run or (len(steps) == 1 and last.op is Op.SAME):
            self._carry_out(steps, last, event.answer)
        else:
            self._submit(lambda: self._carry_out(steps, last, event.answer))

    def _default_provider(self, package: str) -> str:
        inputs = default_inputs(package, self.target.config)
        wanted = Registration(type=PROVIDER_PREFIX + package, name="default", custom=True, inputs=inputs)
        urn = self._urn(wanted)
        if urn not in self.planner.news:
            for step in self.planner.plan(wanted):
                self._run_step(step)
        return f"{urn}::{self.planner.news[urn].id}"

    # -- carrying out --------------------------------------------------------------------------------

    def _submit(self, work: Callable[[], None]) -> None:
        future = self._pool.submit(work)
        with self._lock:
            self._running.add(future)
        future.add_done_callback(self._finished)

    def _finished(self, future: Future[None]) -> None:
        with self._lock:
            self._running.discard(future)
        if (error := future.exception()) is not None:
            self._watcher.message("", "error", f"the engine failed: {error!r}")
            self._fail()

    def _carry_out(self, steps: list[Step], last: Step, answer: Future[Answer]) -> None:
        for step in steps:
            if self._stopped.is_set():
                return
            if not self._run_step(step):
                if self._options.continue_on_error:
                    self._unreached.add(last.urn)
                    self._reply(answer, Answer(last.urn, result="fail"))
                return
        new = last.resource
        outputs = new.outputs if new.custom else {}
        unknown = last.untargeted and last.old is None
        self._reply(answer, Answer(new.urn, new.id, outputs, unknown=unknown))

    def _run_step(self, step: Step) -> bool:
        error = self._executor.run(step)
        if error is None:
            if step.new is not None and step.op is not Op.REPLACE:
                self.planner.news[step.urn] = step.new
            return True
        self.failed = True
        if not self._options.continue_on_error:
            self._stop()
        return False

    def _reply(self, answer: Future[Answer], value: Answer) -> None:
        with self._lock:
            self._waiting.discard(answer)
        if not answer.done():
            answer.set_result(value)

    # -- the end -------------------------------------------------------------------------------------

    def _fail(self) -> None:
        self.failed = True
        self._stop()

    def _cancelled(self) -> None:
        if self._cancellation.at_once.is_set():
            self._providers.end(at_once=True)
        else:
            # Not here: this may be where a signal is handled.
            threading.Thread(target=self._providers.cancel, daemon=True).start()
        self._stop()

    def _stop(self) -> None:
        """Begin nothing more: who waits for a resource learns it, what runs ends."""
        with self._lock:
            if self._stopped.is_set():
                return
            self._stopped.set()
        # The program ends before its calls fail, so that it has nothing to say about that.
        self.on_stop()
        with self._lock:
            waiting, self._waiting = list(self._waiting), set()
        for answer in waiting:
            if not answer.done():
                answer.set_exception(Stopped())

    @property
    def stopped(self) -> bool:
        """Whether nothing more is begun."""
        return self._stopped.is_set()

    def finish(self, *, program_succeeded: bool) -> None:
        """Delete what is no longer wanted, set the stack's outputs, wait for everything."""
        if program_succeeded and not self._stopped.is_set():
            try:
                self._delete_rest()
            except EngineError as error:
                self._watcher.message("", "error", str(error))
                self.failed = True
        self.failed = self.failed or not program_succeeded or self.planner.errored
        self._drain()
        self._events.put(None)
        self._thread.join()
        self._drain()
        self._pool.shutdown()
        self._set_stack_outputs()

    def _set_stack_outputs(self) -> None:
        """Set what the program exported; after a failure the outputs it did not get to stay."""
        if self._stack_outputs is None:
            return
        incomplete = self.failed or self._stopped.is_set()
        for resource in self.planner.news.values():
            if resource.type == STACK_TYPE:
                known = {
                    key: value for key, value in self._stack_outputs.items() if not holds(value, Unknown)
                }
                resource.outputs = {**resource.outputs, **known} if incomplete else self._stack_outputs

    def _delete_rest(self) -> None:
        missing = self._options.targets.missing({*self.planner.olds, *self.planner.news})
        if missing:
            raise EngineError(f"Target resource '{missing[0]}' could not be found in the stack.")
        kept: set[str] = set()
        for wave in self.planner.plan_deletes():
            for step in self._executor.failed:
                kept.update(step.resource.needs())
            for step in wave:
                if step.urn in kept:
                    kept.update(step.resource.needs())
                elif not self._stopped.is_set():
                    self._submit(lambda step=step: self._run_delete(step))  # type: ignore[misc]
            self._drain()

    def _run_delete(self, step: Step) -> None:
        if not self._stopped.is_set():
            self._run_step(step)

    def _drain(self) -> None:
        while True:
            with self._lock:
                running = list(self._running)
            if not running:
                return
            wait(running)
