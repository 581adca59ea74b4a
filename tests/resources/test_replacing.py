"""A replacement without a change makes a new object, with the embedded engine too, and ends the old one."""

import shlex
import subprocess

import pytest

from tests.support.stacks import Stack

PROGRAM = """
import pulumi
from pulumi_wmlfl import RemoteTrainingSystem

identity = {"id": "IBMid-x", "type": "user"}
pulumi.export("id", RemoteTrainingSystem("clinic", name="clinic", allowed_identities=[identity]).id)
"""


@pytest.fixture
def stack(tmp_path, service):
    notes = {"WMLFL_STATE_DIR": tmp_path / "notes"}
    here = {"WMLFL_PLATFORM": "local", "WMLFL_READY_FILE": service.ready_file}
    return Stack(tmp_path, PROGRAM, engine="embedded", **here, **notes)


def test_no_note_is_left_of_a_deployment_in_the_background_of_a_shell(stack, tmp_path):
    command = shlex.join(stack.command("up", "--yes", "--skip-preview"))
    script = f"{command} & wait $!"  # such a command ignores SIGINT
    subprocess.run(["sh", "-c", script], cwd=stack.folder, env=stack.environment, check=True, timeout=60)
    assert (tmp_path / "notes" / "pending").is_dir()
    assert list((tmp_path / "notes" / "pending").iterdir()) == []


def test_replacing_without_a_change_makes_a_new_object(stack, service):
    stack.up()
    first = stack.outputs()["id"]
    stack.run("up", "--yes", "--skip-preview", "--replace", "**::clinic")
    second = stack.outputs()["id"]
    assert second != first
    found = [entry.id for entry in service.client().list("remote_training_systems", service.scope)]
    assert found == [second]
