"""Run by path in the child that serves dynamic resources: the SDK's own provider, tied to our life.

It imports the SDK while the engine is still getting ready, then reads the engine's address from the
pipe given as `argv[1]`; when that pipe closes, the engine is gone and the process ends. It imports
nothing of ours: it may run in the project's own virtual environment.
"""

import sys

sys.path[0] = ""  # as with `python -m`: the project's folder, not this file's

import os  # noqa: E402
import runpy  # noqa: E402
import threading  # noqa: E402
from typing import BinaryIO  # noqa: E402


def main() -> None:
    """Serve until the engine closes the pipe or ends this process."""
    pipe = os.fdopen(int(sys.argv[1]), "rb", buffering=0)
    import pulumi.dynamic  # noqa: F401

    address = pipe.readline().decode().strip()
    if not address:
        return
    threading.Thread(target=_end_with, args=(pipe,), daemon=True).start()
    sys.argv = [sys.argv[0], address]
    runpy.run_module("pulumi.dynamic", run_name="__main__", alter_sys=True)


def _end_with(pipe: BinaryIO) -> None:
    pipe.read()
    os._exit(1)


main()
