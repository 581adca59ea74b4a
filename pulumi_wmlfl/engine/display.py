"""What people see while a run goes on: one line for each step, live rows on a terminal, JSON for programs.

Secrets are hidden wherever they could appear, also in what programs and providers print.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, TextIO

from ..errors import EngineError
from .outcomes import ProviderError
from .showing import SECRET_TEXT, WORDS, output_lines, shown, step_differences, summary, title
from .steps import PARTS, Op, Step
from .urns import name_of
from .values import Secret, Value, plain

if TYPE_CHECKING:
    from rich.live import Live

    from .results import Result
    from .settings import ConfigValue

# A longer error is not said twice.
_LONG = 72
_QUIET = (Op.SAME, Op.REPLACE)


class Mask:
    """Hides known secrets in text."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._learned: set[int] = set()

    def learn(self, value: Value) -> None:
        """Remember every text in the secrets that `value` holds."""
        if isinstance(value, Secret):
            if value.unseal is None and id(value) not in self._learned:
                self._learned.add(id(value))
                self._remember(plain(value))
        elif isinstance(value, dict):
            for item in value.values():
                self.learn(item)
        elif isinstance(value, list):
            for item in value:
                self.learn(item)

    def _remember(self, value: Value) -> None:
        if isinstance(value, str):
            # Shorter ones would hide parts of ordinary words.
            if len(value) > 3:
                self._known.add(value)
        elif isinstance(value, dict):
            for item in value.values():
                self._remember(item)
        elif isinstance(value, list):
            for item in value:
                self._remember(item)

    def hide(self, text: str) -> str:
        """Return `text` without the secrets."""
        for secret in sorted(self._known, key=len, reverse=True):
            if secret in text:
                text = text.replace(secret, SECRET_TEXT)
        return text


class Display:
    """Shows a run as lines of text; on a terminal with the running steps below them."""

    def __init__(
        self,
        stream: TextIO,
        *,
        debug: bool = False,
        diff: bool = True,
        live: bool = False,
        dry_run: bool = False,
    ) -> None:
        self._stream = stream
        self._debug = debug
        self._diff = diff
        self._dry_run = dry_run
        self._mask = Mask()
        self._lock = threading.Lock()
        self._started: dict[Step, float] = {}
        self._status: dict[str, str] = {}
        # The first resource with an error, by the error's text.
        self._errors: dict[str, str] = {}
        self._live: Live | None = None
        if live:
            self._start_live()

    # -- what happens --------------------------------------------------------------------------------

    def step_started(self, step: Step) -> None:
        """Note the time, and every secret that could be printed."""
        with self._lock:
            self._started[step] = time.monotonic()
            for resource in (step.new, step.old):
                if resource is not None:
                    self._mask.learn(resource.inputs)

    def step_ended(self, step: Step, error: EngineError | None) -> None:
        """Show what was done to the resource, or what went wrong."""
        with self._lock:
            seconds = time.monotonic() - self._started.pop(step, time.monotonic())
            self._status.pop(step.urn, None)
            if step.is_hidden and error is None:
                return
            # What failed has no outcome; what was tried is the operation.
            op = step.op if error else step.outcome or step.op
            if error is None and (op in _QUIET and not (op is Op.REPLACE and self._dry_run)):
                return
            if self._dry_run and op in (Op.CREATE_REPLACEMENT, Op.DELETE_REPLACED) and error is None:
                return
            sign, style, todo, _, done = WORDS[op]
            words = todo if self._dry_run or error else f"{done} ({seconds:.2f}s)"
            if error:
                words = f"{words} failed ({seconds:.2f}s)"
            self._line(f"{sign:>2} {title(step)} {words}", style)
            if self._diff:
                for line in step_differences(step):
                    self._line(f"       {line}", "dim" if line.startswith("because") else "")
            if error:
                self._error(step, error)

    def message(self, urn: str, severity: str, text: str, *, ephemeral: bool = False) -> None:
        """Show what a program, a provider or the engine has to say."""
        with self._lock:
            if ephemeral:
                self._status[urn] = self._mask.hide(text.splitlines()[-1] if text else "")
                return
            if severity == "debug" and not self._debug:
                return
            head = "" if severity == "info" else f"{severity}: "
            name = f"{urn.rsplit('::', 1)[-1]}: " if urn and not urn.endswith("::default") else ""
            style = {"error": "red", "warning": "yellow"}.get(severity, "")
            first, *rest = (text.rstrip() or "").split("\n")
            self._line(f"   {head}{name}{first}", style)
            for line in rest:
                self._line(f"     {line}", "")

    def _error(self, step: Step, error: EngineError) -> None:
        text, name = str(error), name_of(step.urn)
        first = self._errors.setdefault(text, name)
        if first != name and len(text) > _LONG:
            self._line(f"       error: the same as of {first}, above", "red")
            return
        self._line(f"       error: {text}", "red")
        if self._debug and isinstance(error, ProviderError):
            for line in error.detail.rstrip().splitlines():
                self._line(f"         {line}", "dim")

    # -- begin and end -------------------------------------------------------------------------------

    def configured(self, config: dict[str, ConfigValue]) -> None:
        """Remember the secrets of the configuration."""
        for value in config.values():
            self._mask.learn(Secret(value.text) if value.secret else None)

    def heading(self, text: str) -> None:
        """Show what begins."""
        self._line(text, "bold")

    def end(self, result: Result) -> None:
        """Show outputs and summary."""
        self.stop()
        if result.outputs and result.kind != "destroy" and result.succeeded:
            self._line("Outputs:", "bold")
            for key in sorted(result.outputs):
                for line in output_lines(key, result.outputs[key]):
                    self._line(f"    {line}", "")
        self._line("Resources:", "bold")
        for line in summary(result.changes, dry_run=result.dry_run) or ["no changes"]:
            self._line(f"    {line}", "")
        self._line(f"Duration: {result.seconds:.1f}s", "")

    def stop(self) -> None:
        """End the live part."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    # -- drawing -------------------------------------------------------------------------------------

    def _line(self, text: str, style: str) -> None:
        text = self._mask.hide(text)
        if self._live is not None:
            from rich.text import Text

            self._live.console.print(Text(text, style=style), soft_wrap=True)
        else:
            print(text, file=self._stream, flush=True)

    def _start_live(self) -> None:
        from rich.console import Console
        from rich.live import Live

        console = Console(file=self._stream, highlight=False)
        self._live = Live(console=console, get_renderable=self._rows, refresh_per_second=8, transient=True)
        self._live.start()

    def _rows(self) -> Any:
        from rich.text import Text

        now = time.monotonic()
        rows = Text()
        for step, began in list(self._started.items())[:20]:
            _, style, _, doing, _ = WORDS[step.op]
            status = self._status.get(step.urn, "")
            rows.append(f"   {title(step)} {doing} ({now - began:.0f}s) {status}\n", style=style)
        return rows


class JsonDisplay:
    """Keeps everything to itself and prints one JSON document at the end."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._mask = Mask()
        self._lock = threading.Lock()
        self._steps: list[dict[str, Any]] = []
        self._diagnostics: list[dict[str, str]] = []

    def step_started(self, step: Step) -> None:
        """Note every secret that could be printed."""
        with self._lock:
            for resource in (step.new, step.old):
                if resource is not None:
                    self._mask.learn(resource.inputs)

    def step_ended(self, step: Step, error: EngineError | None) -> None:
        """Keep the step; a replacement is one step to people."""
        if (step.op in PARTS or step.is_hidden) and error is None:
            return
        with self._lock:
            entry: dict[str, Any] = {"op": str(step.op), "urn": step.urn}
            if step.outcome is not None:
                entry["outcome"] = str(step.outcome)
            if step.op not in (Op.SAME, Op.DELETE):
                entry["differences"] = step_differences(step)
            if step.keys:
                entry["replaceReasons"] = step.keys
            if error:
                entry["error"] = str(error)
            self._steps.append(entry)

    def message(self, urn: str, severity: str, text: str, *, ephemeral: bool = False) -> None:
        """Keep the message."""
        if not ephemeral and severity != "debug":
            with self._lock:
                self._diagnostics.append({"urn": urn, "severity": severity, "message": text})

    def configured(self, config: dict[str, ConfigValue]) -> None:
        """Remember the secrets of the configuration."""
        for value in config.values():
            self._mask.learn(Secret(value.text) if value.secret else None)

    def heading(self, text: str) -> None:
        """Keep quiet."""

    def stop(self) -> None:
        """Have nothing to stop."""

    def end(self, result: Result) -> None:
        """Print the document."""
        document = {
            "steps": self._steps,
            "diagnostics": self._diagnostics,
            "outputs": {key: shown(value) for key, value in sorted(result.outputs.items())},
            "changeSummary": result.changes,
            "duration": result.seconds,
            "result": "succeeded" if result.succeeded else "failed",
        }
        print(self._mask.hide(json.dumps(document, indent=2, ensure_ascii=False)), file=self._stream)


def make_display(*, json_output: bool, debug: bool, diff: bool, dry_run: bool, interactive: bool) -> Any:
    """Return the display that fits: JSON if asked for, live rows on a terminal, plain lines elsewhere."""
    if json_output:
        return JsonDisplay(sys.stdout)
    live = interactive and sys.stdout.isatty()
    return Display(sys.stdout, debug=debug, diff=diff, live=live, dry_run=dry_run)
