"""`wmlfl orphans`: only what carries the stack's own marker and is not in its state."""

import json

import pytest

from pulumi_wmlfl.core.marker import new_marker
from pulumi_wmlfl.errors import NotFound
from tests.server.samples import made, model_body, party_body
from tests.support.stacks import ENGINES, Stack

PROGRAM = """
from pulumi_wmlfl import RemoteTrainingSystem
RemoteTrainingSystem("r", allowed_identities=[{"id": "IBMid-local", "type": "user"}])
"""
URN = "urn:pulumi:dev::test::pulumi-python:dynamic/wmlfl:Model::m"


@pytest.mark.parametrize("engine", ENGINES)
def test_orphans_of_a_stack_are_listed_and_deleted(tmp_path, service, engine):
    http, client, scope = service.http(), service.client(), service.scope
    stack = Stack(tmp_path, PROGRAM, engine=engine, WMLFL_READY_FILE=service.ready_file)
    stack.up()
    lost = made(http, "models", model_body(service, tags=["a", new_marker(URN)]))["metadata"]["id"]
    foreign = [
        made(http, "models", model_body(service, tags=[new_marker(URN.replace(":dev:", ":prod:"))])),
        made(http, "remote_training_systems", party_body(service, tags=["wmlfl"])),
    ]
    said = stack.run("orphans")
    assert "There are no orphans.\nLeft out: 1 younger than 10 minutes (--older-than)." in said
    [found] = stack.json("orphans", "--older-than", "0", "--json")["data"]
    assert (found["id"], found["collection"], found["deleted"]) == (lost, "models", False)
    assert "Confirm with --yes" in stack.run("orphans", "--older-than", "0", "--delete", code=3)
    export = stack.run("stack", "export")
    said = stack.run("orphans", "--older-than", "0", "--state", "-", "--delete", "--yes", text=export)
    assert f"deleted: model {lost}" in said
    with pytest.raises(NotFound):
        client.get("models", lost, scope)
    assert {entry.id for entry in client.list("models", scope)} == {foreign[0]["metadata"]["id"]}
    assert len(list(client.list("remote_training_systems", scope))) == 2
    assert "There are no orphans." in stack.run("orphans", "--older-than", "0")


def test_what_is_no_state_is_refused(wmlfl):
    assert "is not what `stack export` prints" in wmlfl("orphans", "--state", "-", code=3, text="[]")
    empty = json.dumps({"version": 3, "deployment": {}})
    assert "Name the stack" in wmlfl("orphans", "--state", "-", code=3, text=empty)
