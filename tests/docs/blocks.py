"""Reads the code blocks of README and docs, and runs a page's console blocks as a reader would."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import certifi

from tests.support.service import wait_until

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^(?P<indent> *)```(?P<info>[^`\n]*)$")
# What differs from run to run.
_VARIABLE = (
    (re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "ID"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?Z?"), "TIME"),
    (re.compile(r"127\.0\.0\.1:\d+"), "ADDRESS"),
    (re.compile(r"\b\d+(?:\.\d+)? ?s\b"), "SECONDS"),
    (re.compile(r"\b\d\.\d{3,}\b"), "NUMBER"),
    (re.compile(r"\s+"), " "),
)


@dataclass(frozen=True)
class Block:
    """One fenced block: where it is, its language, its title and its text without indentation."""

    page: str
    line: int
    language: str
    title: str
    text: str

    @property
    def where(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """README in both languages, those of the examples, and everything in docs."""
    examples = sorted((ROOT / "examples").glob("*/README.md"))
    return [ROOT / "README.md", ROOT / "README.ja.md", *examples, *sorted((ROOT / "docs").rglob("*.md"))]


def blocks_of(path: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    opened: re.Match[str] | None = None
    start, inner = 0, []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        fence = _FENCE.match(line)
        if opened is None and fence:
            opened, start, inner = fence, number, []
        elif opened is not None and fence and not fence["info"].strip():
            language, _, rest = opened["info"].strip().partition(" ")
            title = re.search(r'title="([^"]+)"', rest)
            name = path.relative_to(ROOT).as_posix()
            yield Block(name, start, language, title[1] if title else "", "\n".join(inner) + "\n")
            opened = None
        elif opened is not None:
            inner.append(line.removeprefix(opened["indent"]))
    assert opened is None, f"{path}:{start}: a block that does not end"


def commands_of(block: Block) -> list[tuple[str, str]]:
    """Split a console block into commands and what is shown after each."""
    found: list[tuple[str, str]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], ""))
        elif found and found[-1][0].endswith("\\"):
            found[-1] = (f"{found[-1][0]}\n{line}", "")
        elif found:
            found[-1] = (found[-1][0], f"{found[-1][1]}{line}\n")
    return found


def normal(line: str) -> str:
    """Replace what differs from run to run."""
    for pattern, word in _VARIABLE:
        line = pattern.sub(word, line)
    return line.strip()


def missing_lines(shown: str, printed: str) -> list[str]:
    """Return the shown lines that were not printed; `…` stands for anything, the order for nothing."""
    lines = [normal(line) for line in printed.splitlines()]
    missing = []
    for line in filter(None, map(normal, shown.splitlines())):
        pattern = re.compile(".*".join(re.escape(part.strip()) for part in line.split("…")) + "$")
        if not any(pattern.match(other) for other in lines):
            missing.append(line)
    return missing


class Terminal:
    """A reader's terminal: one folder and one environment from command to command."""

    def __init__(self, folder: Path, home: Path):
        self.folder = folder
        self.home = home
        self.background: list[subprocess.Popen[str]] = []
        keep = ("PATH", "LANG", "TMPDIR")
        self.environment = {
            **{name: os.environ[name] for name in keep if name in os.environ},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(home),
            "PYTHONUNBUFFERED": "1",
            "OMP_NUM_THREADS": "1",
            # As many a reader has it; it must not be taken for the local service's authority.
            "REQUESTS_CA_BUNDLE": certifi.where(),
        }

    def run(self, command: str) -> tuple[int, str]:
        """Run one command; folder and environment stay for the next one."""
        after = self.home / "after"
        script = f"{command}\ncode=$?\npwd > {after}; env -0 >> {after}\nexit $code"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=100,
            check=False,
        )
        folder, _, variables = after.read_text().partition("\n")
        after.unlink()  # it has the reader's secrets
        self.folder = Path(folder)
        self.environment = dict(entry.split("=", 1) for entry in variables.split("\0") if "=" in entry)
        return done.returncode, done.stdout

    def serve(self, command: str) -> str:
        """Start the service in the background, on any free port; return what it says when it is ready."""
        log = self.home / "service.log"
        with log.open("w") as file:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {command} --port 0"],
                cwd=self.folder,
                env=self.environment,
                stdout=file,
                stderr=file,
                text=True,
            )
        self.background.append(process)
        wait_until(lambda: "Press Ctrl-C" in log.read_text() or process.poll() is not None)
        return log.read_text()

    def close(self) -> None:
        """End what runs in the background."""
        for process in self.background:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
