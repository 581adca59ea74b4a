"""Loaded by every Python process of a run: holds the engine when the provider makes its n-th HTTP request.

Environment: HOLD_AT, the number of the request; HOLD_PID_FILE, a file with the engine's process id. The
engine is stopped (SIGSTOP), so it learns nothing of this request or a later one; the provider goes on.
"""

import contextlib
import itertools
import os
import signal
import sys
from pathlib import Path

at = int(os.environ.get("HOLD_AT", "0"))
if at:
    count = itertools.count(1)

    def hold(event, _arguments):
        if event == "http.client.send" and next(count) == at:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(Path(os.environ["HOLD_PID_FILE"]).read_text()), signal.SIGSTOP)

    sys.addaudithook(hold)
