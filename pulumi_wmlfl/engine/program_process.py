"""Run by path in the child that runs the Pulumi program, on the real SDK.

Reads its settings as one line of JSON from the pipe given as `argv[1]`, after the SDK is imported; when
the pipe closes, the engine is gone and the process ends. It imports nothing of ours: it may run in the
project's own virtual environment. Exit codes: 0 the program ended well, 1 it did not; why was logged.
"""

import sys

sys.path[0] = ""  # as with `python -m`: the program's folder, not this file's

import asyncio  # noqa: E402
import json  # noqa: E402
import logging  # noqa: E402
import os  # noqa: E402
import re  # noqa: E402
import runpy  # noqa: E402
import threading  # noqa: E402
import traceback  # noqa: E402
from concurrent.futures import ThreadPoolExecutor  # noqa: E402
from typing import Any, BinaryIO  # noqa: E402

# What the SDK says when a feature is not announced; here no update of a CLI would help.
_UNSUPPORTED = re.compile(r"The Pulumi CLI does not support (.+?)\. Please update the Pulumi CLI")


def main() -> int:
    """Run the program; returns the exit code."""
    pipe = os.fdopen(int(sys.argv[1]), "rb", buffering=0)
    import pulumi
    from pulumi import runtime

    line = pipe.readline()
    if not line:
        return 1
    settings: dict[str, Any] = json.loads(line)
    threading.Thread(target=_end_with, args=(pipe,), daemon=True).start()
    program = settings["program"]
    sys.argv = [program]
    runtime.set_all_config(settings["config"], settings["config_secret_keys"])
    runtime.configure(runtime.Settings(**settings["runtime"]))

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    # Every resource in flight blocks one thread of the SDK.
    executor = ThreadPoolExecutor(max_workers=max(settings["runtime"]["parallel"], 1) * 4)
    loop.set_default_executor(executor)
    # After a failure some futures are never awaited, which asyncio would report as errors of its own.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    try:
        loop.run_until_complete(runtime.run_in_stack(lambda: _run(program)))
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        return 1
    except BaseException as error:  # noqa: BLE001
        if found := _UNSUPPORTED.search(str(error)):
            text = f"The embedded engine does not support {found[1]}."
            pulumi.log.error(f"{text} Use the Pulumi CLI for this program: --engine pulumi.")
            return 1
        pulumi.log.error("Program failed with an unhandled exception:\n" + _own_traceback(program))
        return 1
    finally:
        executor.shutdown(wait=True)
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def _run(program: str) -> None:
    runpy.run_path(program, run_name="__main__")


def _own_traceback(program: str) -> str:
    """Return the traceback of the current exception from the program's first frame on."""
    error = sys.exc_info()[1]
    assert error is not None  # noqa: S101
    frames = traceback.extract_tb(error.__traceback__)
    start = os.path.join(program, "__main__.py") if os.path.isdir(program) else program  # noqa: PTH112, PTH118
    for index, frame in enumerate(frames):
        if os.path.abspath(frame.filename) == start:  # noqa: PTH100
            return "".join(traceback.format_exception(error, limit=index - len(frames), chain=False))
    return "".join(traceback.format_exception(error))


def _end_with(pipe: BinaryIO) -> None:
    pipe.read()
    os._exit(1)


sys.exit(main())
