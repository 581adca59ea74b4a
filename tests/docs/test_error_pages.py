"""Every error code has a page of its own, and the messages on the pages are real: each is provoked here."""

import contextlib
import json
import os
import pty
import re
import shlex
import signal
import socket
import subprocess
import sys
import tomllib

import certifi
import pytest

from pulumi_wmlfl import errors
from pulumi_wmlfl.core.marker import new_marker
from pulumi_wmlfl.errors import WmlflError
from tests.aggregator.trainings import Experiment, made_model
from tests.cli.commands import Commands
from tests.docs.blocks import ROOT, missing_lines
from tests.party.samples import HANDLER, handler_file
from tests.party.scripted import scripted
from tests.resources.test_cancelling import PROGRAM as WAITING_PROGRAM
from tests.server.samples import made, party_body
from tests.support.service import wait_until
from tests.support.stacks import Stack

ADVICE = tomllib.loads((ROOT / "docs" / "error_advice.toml").read_text("utf-8"))
PAGES = ROOT / "docs" / "errors"
# No error has these alone.
BASES = {"WMLFL000", "WMLFL130", "WMLFL200", "WMLFL400"}
PROVOKED = set()
WRONG_PROGRAM = """
from pulumi_wmlfl import Model
Model("untrained", type="tensorflow_2.12", software_spec={"name": "runtime-23.1-py3.10"}, content="modle.zip")
"""
READING_PROGRAM = """
from pulumi_wmlfl import RemoteTrainingSystem
RemoteTrainingSystem.get("north", "e68d84e7-0981-4606-8797-b9f9d302b6da")
"""
BROKEN_HANDLER = """
class Handler:
    def __init__(self, data_config):
        pass
    def get_data(self):
        return self.rows
"""
BROKEN_PROGRAM = """
from pulumi_wmlfl import Model, RemoteTrainingSystem
Model("untrained", type="tensorflow_2.12", software_spec={"name": "runtime-23.1-py3.10"}, content="model")
RemoteTrainingSystem("north", allowed_identities=[{"id": "IBMid-1", "type": "user"}])
"""


def provokes(*codes):
    """Name the codes whose messages a test checks."""
    PROVOKED.update(codes)
    return lambda test: test


def check(code, printed, *, named=True):
    """Compare what was printed, the code at its end where `named`, with what the code's page shows."""
    _, _, shown = ADVICE[code]["shows"].partition("\n")
    assert f"[{code}]" in printed or not named, printed
    assert not missing_lines(shown, printed), f"{code} shows\n{shown}\nbut there was\n{printed}"


def typed(code):
    """Return the command that the code's page shows."""
    return ADVICE[code]["shows"].partition("\n")[0].removeprefix("$ ")


@pytest.fixture
def wmlfl(service, tmp_path):
    return Commands(service, tmp_path)


@pytest.fixture
def stack(service, tmp_path):
    """A project with its stack `dev`, deployed by the embedded engine."""
    return Stack(tmp_path, BROKEN_PROGRAM, engine="embedded", WMLFL_READY_FILE=service.ready_file)


def test_every_code_has_a_page_and_every_message_is_provoked():
    codes = {kind.code for kind in kinds_of_errors()}
    assert {file.stem for file in PAGES.glob("*.md")} == codes == set(ADVICE)
    assert codes - BASES == PROVOKED == {code for code in codes if "shows" in ADVICE[code]}
    for code in codes:
        page = (PAGES / f"{code}.md").read_text("utf-8")
        for heading in ("When it happens", "What to do", "See also"):
            assert re.search(rf"^## {heading}\n\n\S.{{20,}}", page, re.M), (code, heading)


def kinds_of_errors(kind=WmlflError):
    """Return every kind of error, wherever it is defined."""
    return {kind}.union(*(kinds_of_errors(below) for below in kind.__subclasses__()))


def test_codes_are_given_in_one_place_only():
    own = {kind for kind in kinds_of_errors() if "code" in vars(kind)}
    assert {kind.__module__ for kind in own} == {errors.__name__}
    assert len({kind.code for kind in own}) == len(own)
    code = "\n".join(file.read_text("utf-8") for file in (ROOT / "pulumi_wmlfl").rglob("*.py"))
    assert set(re.findall(r"WMLFL\d{3}", code)) == {kind.code for kind in own}


@provokes("WMLFL100", "WMLFL201", "WMLFL202", "WMLFL204", "WMLFL205", "WMLFL302")
def test_the_environment_is_not_right(wmlfl, service):
    check("WMLFL100", wmlfl("rts", "list", code=3, WMLFL_PLATFORM="", WMLFL_READY_FILE=""))
    check("WMLFL201", wmlfl("rts", "list", code=5, WMLFL_URL="https://127.0.0.1:9"))
    check("WMLFL205", wmlfl("rts", "list", code=5, WMLFL_CA_FILE=certifi.where()))
    check("WMLFL302", wmlfl("rts", "list", code=7, WMLFL_APIKEY="last-years-key"))
    systems = {"method": "GET", "path": "/ml/v4/remote_training_systems"}
    service.control.fault(**systems, delay=2)
    check("WMLFL202", wmlfl("rts", "list", code=5, WMLFL_REQUEST_TIMEOUT="1"))
    service.control.fault(**systems, status=200, body="<html>Please log in</html>")
    check("WMLFL204", wmlfl("rts", "list", code=5))


@provokes("WMLFL140")
def test_an_object_of_another_stack_is_not_imported(stack, service):
    tags = [new_marker("urn:pulumi:prod::test::pulumi-python:dynamic/wmlfl:RemoteTrainingSystem::a")]
    body = party_body(service, name="Hospital A", tags=tags)
    made_id = made(service.http(), "remote_training_systems", body)["metadata"]["id"]
    check("WMLFL140", stack.run("import", "--rts", made_id, code=4))


@provokes("WMLFL300", "WMLFL301", "WMLFL305", "WMLFL306", "WMLFL308", "WMLFL309")
def test_wml_refuses(wmlfl, service):
    answers = {
        "WMLFL301": (400, "invalid_request_entity", "The limit is not valid."),
        "WMLFL306": (409, "conflict", "The resource is being changed."),
        "WMLFL308": (429, "rate_limit_reached", "The number of requests is exceeded."),
        "WMLFL309": (500, "internal_error", "An unexpected error occurred."),
    }
    for code, (status, name, message) in answers.items():
        body = {"trace": "3b5f…", "errors": [{"code": name, "message": message}]}
        service.control.fault(method="GET", path="/ml/v4/remote_training_systems", status=status, body=body)
        check(code, wmlfl("rts", "list", code=6))
    check("WMLFL300", wmlfl("rts", "list", "--project-id", "c0ffee", code=6))
    service.control.change(federated_learning=False)
    check("WMLFL305", wmlfl("rts", "list", code=8))


@provokes("WMLFL131", "WMLFL132", "WMLFL303", "WMLFL401", "WMLFL402")
def test_objects_and_trainings(wmlfl, service):
    check("WMLFL131", wmlfl("model", "show", "Digits", code=6))
    for _ in range(2):
        made_model(service, name="Digits")
    check("WMLFL132", wmlfl("model", "show", "Digits", code=6))
    training = Experiment(service, name="FL Aggregator")
    training.reaches("accepting_parties")
    check("WMLFL401", wmlfl("training", "watch", "FL Aggregator", "--timeout", "1", code=9))
    viewer = service.control.new_user("viewer-of-docs")
    member = {"user_id": viewer["user_id"], "role": "viewer", "project_id": service.project_id}
    service.control.call("POST", "/members", json=member)
    cancel = ("training", "cancel", "FL Aggregator", "--yes")
    check("WMLFL303", wmlfl(*cancel, code=7, WMLFL_APIKEY=viewer["apikey"]))
    service.control.pass_time(86400)
    training.http = service.http()  # the old token has expired since
    training.reaches("failed")
    check("WMLFL402", wmlfl("training", "watch", "FL Aggregator", code=9))


@provokes("WMLFL120", "WMLFL500", "WMLFL700", "WMLFL810")
def test_what_is_missing_or_does_not_fit(wmlfl, tmp_path):
    (tmp_path / "model.zip").write_text("<html>404</html>")
    made = ("model", "materialize", "--trained", "model.zip", "--output", "digits.pickle")
    check("WMLFL120", wmlfl(*made, "--run-package-code", code=4))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        check("WMLFL700", wmlfl("serve", "--port", port, "--data-dir", tmp_path / "data", code=11))
    without_click = "import sys; sys.modules['click'] = None; from pulumi_wmlfl.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", without_click], capture_output=True, text=True, check=False)
    assert done.returncode == 10
    check("WMLFL500", done.stderr)
    _, *rest = shlex.split(typed("WMLFL810"))
    done = subprocess.run([sys.executable, *rest], capture_output=True, text=True, check=False)
    check("WMLFL810", done.stderr, named=False)


@provokes("WMLFL110", "WMLFL203", "WMLFL307", "WMLFL600", "WMLFL601", "WMLFL602", "WMLFL603")
@provokes("WMLFL304", "WMLFL604", "WMLFL605")
def test_a_deployment_fails(stack, service, tmp_path):
    (stack.folder / "__main__.py").write_text(WRONG_PROGRAM)
    check("WMLFL110", stack.run("preview", code=1), named=False)
    (stack.folder / "__main__.py").write_text(READING_PROGRAM)
    check("WMLFL304", stack.run("preview", code=1))
    (stack.folder / "__main__.py").write_text(BROKEN_PROGRAM)
    (stack.folder / "model").mkdir()
    (stack.folder / "model" / "weights.bin").write_bytes(bytes(1000))
    check("WMLFL604", stack.run("preview", "--expect-no-changes", code=7))
    check("WMLFL600", stack.run("preview", "--cwd", tmp_path, code=1))
    check("WMLFL601", stack.run("preview", "--stack", "prod", code=6))
    systems = "/ml/v4/remote_training_systems"
    service.control.fault(method="PUT", path="/ml/v4/models/.*/content", status=413, body="")
    service.control.fault(method="POST", path=systems, drop=True, after=True)
    service.control.fault(method="GET", path=systems, drop=True, count=0)
    failed = stack.run(
        *("up", "--yes", "--skip-preview", "--non-interactive", "--continue-on-error"),
        code=1,
        WMLFL_RETRIES="0",
    )
    for code in ("WMLFL203", "WMLFL307", "WMLFL603"):
        check(code, failed)
    check("WMLFL605", asked(stack, "destroy", answer="n"))
    locks = tmp_path / "state" / ".pulumi" / "locks" / "organization" / "test" / "dev"
    locks.mkdir(parents=True, exist_ok=True)
    lock = {"pid": 4711, "username": "maria", "hostname": "build-7", "timestamp": "2026-11-27T09:30:00Z"}
    (locks / "one.json").write_text(json.dumps(lock))
    check("WMLFL602", stack.run("destroy", "--yes", "--skip-preview", code=1))


@provokes("WMLFL405")
def test_a_deployment_is_cancelled(service, tmp_path):
    service.control.change(pending_seconds=600)
    stack = Stack(tmp_path, WAITING_PROGRAM, engine="embedded", WMLFL_READY_FILE=service.ready_file)
    run = stack.start(*shlex.split(typed("WMLFL405"))[1:], "--non-interactive")
    [made] = wait_until(lambda: list(service.client().list("trainings", service.scope)), 60)
    wait_until(lambda: service.control.requests(path=f"/ml/v4/trainings/{made.id}$", method="GET"), 60)
    run.send_signal(signal.SIGINT)
    check("WMLFL405", run.communicate(timeout=60)[0])


def asked(stack, *arguments, answer):
    """Run a command at a terminal and answer its question; return what the terminal showed."""
    leader, follower = pty.openpty()
    run = subprocess.Popen(
        [sys.executable, "-c", "from pulumi_wmlfl.cli import main; main()", *arguments],
        cwd=stack.folder,
        env={**stack.environment, "TERM": "dumb", "COLUMNS": "100"},
        **dict.fromkeys(("stdin", "stdout", "stderr"), follower),
    )
    os.close(follower)
    shown, answered = "", False
    with contextlib.suppress(OSError):  # what a terminal says when the last program has left it
        while part := os.read(leader, 4096).decode():
            shown += part
            if not answered and "[y/N]" in shown:
                os.write(leader, f"{answer}\n".encode())
                answered = True
    os.close(leader)
    assert run.wait(60) != 0
    return shown


@provokes("WMLFL800", "WMLFL820", "WMLFL821", "WMLFL822", "WMLFL823")
def test_a_party_cannot_take_part(tmp_path, service):
    async def talk_nonsense(party, _):
        await party.receive()
        aggregator.state = "failed"
        await party.send(b"no message at all")

    async def admit(party, _):
        await party.admit()

    async def hang_up(party, _):
        await party.receive()

    handler = handler_file(tmp_path, HANDLER)
    model, briefly = ("--model", "SGDClassifier"), ("--reconnect-seconds", "0")
    with scripted(tmp_path, talk_nonsense) as aggregator:
        check("WMLFL800", party_run(aggregator, handler, *model, code=9), named=False)
    with scripted(tmp_path, admit) as aggregator:
        check("WMLFL820", party_run(aggregator, handler, code=13))
    with scripted(tmp_path, hang_up) as aggregator:
        check("WMLFL823", party_run(aggregator, handler, *model, *briefly, code=5))
        handler_file(tmp_path, BROKEN_HANDLER)
        check("WMLFL822", party_run(aggregator, handler, *model, code=14))
    # Admission is the real service's.
    handler_file(tmp_path, HANDLER)
    identities = [{"id": "IBMid-of-another", "type": "user"}]
    training = Experiment(service, identities=identities)
    training.reaches("accepting_parties")
    ids = {"training_id": training.id, "rts_id": training.rts[0], "project_id": service.project_id}
    check("WMLFL821", party_run(service, handler, *model, key=service.apikey, code=13, **ids))


def party_run(aggregator, handler, *options, code, key="a-party-key", **ids):
    """Take part in a training as a party would; return its errors."""
    named = {"training_id": "t", "rts_id": "clinic", "project_id": "p", **ids}
    for name, value in named.items():
        options += (f"--{name.replace('_', '-')}", value)
    options += ("--url", aggregator.url, "--ca-file", aggregator.ca_file, "--data-handler", handler)
    done = subprocess.run(
        [sys.executable, "-c", "from pulumi_wmlfl.cli import main; main()", "party", "run", *options],
        cwd=handler.parent,
        env={"WMLFL_APIKEY": key, "HOME": str(handler.parent)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stderr
