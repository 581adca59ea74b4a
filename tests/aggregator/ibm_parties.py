"""IBM's real parties as processes, each in a folder of its own."""

import json
import subprocess
from pathlib import Path

from tests.support.environments import environment_for

SCRIPTS = Path(__file__).parent / "ibm"


def made_package(python, kind, target):
    """Make an untrained model with IBM's environment; return its bytes."""
    command = [str(python), "-W", "ignore", str(SCRIPTS / "model.py"), kind, str(target)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return target.read_bytes()


class IbmParty:
    """A party's process; `said` is what it wrote."""

    def __init__(self, python, service, training_id, rts_id, folder, *, generation="wml", info=None, **more):
        folder.mkdir()
        settings = {
            "generation": generation,
            "url": service.url,
            "username": service.ready["username"],
            "apikey": service.apikey,
            "project_id": service.project_id,
            "rts_id": rts_id,
            "training_id": training_id,
            "handler": "Digits",
            "handler_file": str(SCRIPTS / "data.py"),
            "info": info or {"share": 0, "shares": 1},
            **more,
        }
        (folder / "settings.json").write_text(json.dumps(settings))
        self.log = folder / "party.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [str(python), "-W", "ignore", str(SCRIPTS / "party.py"), "settings.json"],
                cwd=folder,
                env=environment_for(service.ca_file),
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def said(self):
        return self.log.read_text()

    def ended(self, seconds=60):
        """Wait for its end; return its exit code."""
        return self.process.wait(seconds)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
