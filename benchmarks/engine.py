"""The embedded engine against the Pulumi CLI: first `up`, unchanged `up` and `destroy` of stacks of any size.

python -m benchmarks.engine
python -m benchmarks.engine --sizes 11 100 500 1000 --repeat 5 --only embedded

Both run the same program of dynamic resources, whose provider does nothing and so takes no time. What is
measured is a whole command, from its start to its end; the runs of the two alternate and the fastest of each
counts, because other work on the machine can only slow a run down.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROVIDER = """
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider


class Nothing(ResourceProvider):
    serialize_as_secret_always = False

    def create(self, props):
        return CreateResult(f"id-{props['n']:.0f}", props)

    def diff(self, id_, olds, news):
        return DiffResult(changes=olds["text"] != news["text"])


class Thing(Resource, module="bench", name="Thing"):
    def __init__(self, n):
        super().__init__(Nothing(), f"thing-{n}", {"n": n, "text": "x" * 200})
"""
PROGRAM = """
import os
from things import Thing

for n in range(int(os.environ["THINGS"])):
    Thing(n)
"""
COMMANDS = {
    "first up": ("up", "--yes", "--skip-preview"),
    "unchanged up": ("up", "--yes", "--skip-preview"),
    "destroy": ("destroy", "--yes", "--skip-preview"),
}
ENGINES = {
    "pulumi": ("pulumi",),
    "embedded": (sys.executable, "-c", "from pulumi_wmlfl.cli import main; main()"),
}


def main() -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[11, 100, 500], help="resources in the stack")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each engine and size")
    parser.add_argument("--only", choices=list(ENGINES), help="measure one engine")
    wanted = parser.parse_args()
    engines = [wanted.only] if wanted.only else list(ENGINES)
    if "pulumi" in engines and not (shutil.which("pulumi") and shutil.which("pulumi-language-python")):
        print("The Pulumi CLI is not on PATH: only the embedded engine is measured.")
        engines = ["embedded"]
    life(engines[-1], 2)  # compiles what is imported; not measured
    head = f"{'resources':>9}  {'command':<13}" + "".join(f"{e + ' s':>13}" for e in engines)
    print(head + ("   times faster" if len(engines) > 1 else ""))
    for size in wanted.sizes:
        runs = {engine: [] for engine in engines}
        for _ in range(wanted.repeat):
            for engine in engines:
                runs[engine].append(life(engine, size))
        for command in COMMANDS:
            best = [min(run[command] for run in runs[engine]) for engine in engines]
            ratio = f"{best[0] / best[-1]:>15.1f}" if len(best) > 1 else ""
            print(
                f"{size:>9}  {command:<13}" + "".join(f"{seconds:>13.2f}" for seconds in best) + ratio,
                flush=True,
            )
    return 0


def life(engine: str, size: int) -> dict[str, float]:
    """Make, keep and destroy a stack of `size` resources, the stack itself among them; return the seconds."""
    with tempfile.TemporaryDirectory(prefix="wmlfl-bench-") as name:
        folder = Path(name)
        (folder / "state").mkdir()
        (folder / "Pulumi.yaml").write_text("name: bench\nruntime: python\n")
        (folder / "things.py").write_text(PROVIDER)
        (folder / "__main__.py").write_text(PROGRAM)
        environment = {
            **{k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_BACKEND_URL": (folder / "state").as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "bench",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "THINGS": str(size - 1),
        }
        run(engine, folder, environment, "stack", "init", "bench")
        return {
            command: run(engine, folder, environment, *arguments) for command, arguments in COMMANDS.items()
        }


def run(engine: str, folder: Path, environment: dict[str, str], *arguments: str) -> float:
    """Run a command of an engine; return the seconds that it took."""
    chosen = ("--engine", "embedded") if engine == "embedded" else ()
    begin = time.perf_counter()
    done = subprocess.run(
        [*ENGINES[engine], *arguments, "--non-interactive", *chosen],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - begin
    if done.returncode:
        sys.exit(f"{engine} {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
