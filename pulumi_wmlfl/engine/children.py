"""Child processes: the program and the provider servers, in process groups of their own.

A child gets what it needs to know through a pipe that stays open as long as the engine lives: the child
can import its SDK meanwhile, and it ends when the engine does, however that ends.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO


class Child:
    """One child process whose output goes, line by line, to `on_line`."""

    def __init__(
        self,
        script: str,
        *,
        interpreter: str,
        folder: Path,
        environment: Mapping[str, str],
        on_line: Callable[[str], None],
        first_line: bool = False,
    ) -> None:
        reader, self._pipe = os.pipe()
        self._on_line = on_line
        self._first_line = first_line
        try:
            self._process = subprocess.Popen(
                [interpreter, "-u", str(Path(__file__).with_name(script)), str(reader)],
                cwd=folder,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if not first_line else subprocess.PIPE,
                pass_fds=(reader,),
                start_new_session=True,
            )
        finally:
            os.close(reader)
        self._readers: list[threading.Thread] = []
        self._closing = threading.Lock()

    def tell(self, line: str) -> None:
        """Send the child its one line and start showing its output."""
        with contextlib.suppress(BrokenPipeError):  # it ended already; waiting for it tells why
            os.write(self._pipe, line.encode() + b"\n")
        if not self._first_line:
            self._show(self._process.stdout)

    def read_first_line(self) -> str:
        """Return the first line of the output, empty if the child ended before; show what follows."""
        assert self._process.stdout is not None  # noqa: S101
        line = self._process.stdout.readline().decode(errors="replace").strip()
        self._show(self._process.stdout)
        self._show(self._process.stderr)
        return line

    def _show(self, stream: IO[bytes] | None) -> None:
        assert stream is not None  # noqa: S101

        def read() -> None:
            with stream:
                for line in stream:
                    if text := line.decode(errors="replace").rstrip():
                        self._on_line(text)

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        self._readers.append(thread)

    def wait(self) -> int:
        """Wait for the end and for the last line of output; returns the exit code."""
        code = self._process.wait()
        for thread in self._readers:
            thread.join(timeout=5)
        return code

    def end(self, *, at_once: bool = False) -> None:
        """End the child and everything it started; `at_once`: without giving it the time to do so in order.

        A provider is interrupted, as Pulumi does it: that tells it that all it answered is in the state.
        """
        with self._closing:
            if self._pipe < 0:
                return
            pipe, self._pipe = self._pipe, -1
        with contextlib.suppress(ProcessLookupError):
            in_order = signal.SIGINT if self._first_line else signal.SIGTERM
            os.killpg(self._process.pid, signal.SIGKILL if at_once else in_order)
        try:
            self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        finally:
            # With it the child would end by itself, and not in order.
            os.close(pipe)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None and not self._readers:
                stream.close()
        for thread in self._readers:
            thread.join(timeout=5)
