"""Ctrl-C while a training is waited for: the deployment ends soon, and the next one waits on."""

import signal

import pytest

from tests.support.service import wait_until
from tests.support.stacks import ENGINES, Stack

PROGRAM = """
from pulumi_wmlfl import RemoteTrainingSystem, Training
r = RemoteTrainingSystem("r", allowed_identities=[{"id": "IBMid-local", "type": "user"}])
Training("t", federated_learning={"model": {"type": "tensorflow"}, "fusion_type": "iter_avg", "rounds": 3,
         "remote_training": {"remote_training_systems": [{"id": r.id, "required": True}]}},
         results_reference={"type": "container", "location": {"path": "."}})
"""
# Without the cancel it would wait for half an hour.
SECONDS = 60


@pytest.mark.parametrize("engine", ENGINES)
def test_ctrl_c_ends_a_wait_and_keeps_what_was_made(tmp_path, service, engine):
    service.control.change(pending_seconds=600)
    stack = Stack(tmp_path, PROGRAM, engine=engine, WMLFL_READY_FILE=service.ready_file)
    run = stack.start("up", "--yes", "--skip-preview", "--non-interactive")
    [made] = wait_until(lambda: list(service.client().list("trainings", service.scope)), SECONDS)
    read = f"/ml/v4/trainings/{made.id}$"
    wait_until(lambda: service.control.requests(path=read, method="GET"), SECONDS)
    run.send_signal(signal.SIGINT)
    said, _ = run.communicate(timeout=SECONDS)
    assert run.returncode != 0
    assert "cancelled before this was done" in said
    state = stack.json("stack", "export")["deployment"]
    assert made.id in [entry.get("id") for entry in state["resources"]]
    assert not state.get("pending_operations")
    service.control.move(made.id, "accepting_parties")
    stack.up()
    assert [entry.id for entry in service.client().list("trainings", service.scope)] == [made.id]
