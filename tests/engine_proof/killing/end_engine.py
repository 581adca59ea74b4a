"""Ends an engine with SIGKILL at a chosen point of its own work: before its n-th change of a file.

`arm()` is called in the engine's process before the engine starts. Environment: END_FOLDER, where the files
are that count; END_AT, the number of the change to die before (0: never); END_LOG, a file for what was done.
"""

import os
import signal
import sys
import threading

CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate"}
_lock = threading.Lock()


def arm():
    """From now on count the changes of files, and end this process at the one that was asked for."""
    folder, at = os.environ["END_FOLDER"], int(os.environ["END_AT"])
    log = os.open(os.environ["END_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    count = 0

    def hook(event, arguments):
        nonlocal count
        if event == "open":
            path, _, flags = arguments
            if not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                return
        elif event in CHANGES:
            path = arguments[0]
        else:
            return
        if not str(path).startswith(folder):
            return
        with _lock:
            count += 1
            os.write(log, f"{event} {path}\n".encode())
            if count == at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
