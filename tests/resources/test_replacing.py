"""A replacement without a change makes a new object, with the embedded engine too, and ends the old one."""

from tests.support.stacks import Stack

PROGRAM = """
import pulumi
from pulumi_wmlfl import RemoteTrainingSystem

identity = {"id": "IBMid-x", "type": "user"}
pulumi.export("id", RemoteTrainingSystem("clinic", name="clinic", allowed_identities=[identity]).id)
"""


def test_replacing_without_a_change_makes_a_new_object(tmp_path, service):
    stack = Stack(
        tmp_path, PROGRAM, engine="embedded", WMLFL_PLATFORM="local", WMLFL_READY_FILE=service.ready_file
    )
    stack.up()
    first = stack.outputs()["id"]
    stack.run("up", "--yes", "--skip-preview", "--replace", "**::clinic")
    second = stack.outputs()["id"]
    assert second != first
    found = [entry.id for entry in service.client().list("remote_training_systems", service.scope)]
    assert found == [second]
