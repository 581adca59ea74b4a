"""`wmlfl model | rts`: what people see of the objects, and what programs get."""

import contextlib
import hashlib
import os
import pty
import subprocess
import sys

import pytest

from tests.aggregator.trainings import made_model, package
from tests.server.samples import made, party_body


def test_models_are_listed_shown_and_downloaded(wmlfl, service):
    assert wmlfl("model", "list") == "There are no models.\n"
    model_id = made_model(service, name="First", tags=["a"])
    other = made_model(service, name="Second \x1b[31mred")
    rows = wmlfl.json("model", "list", kind="models")
    assert {row["id"]: row["name"] for row in rows} == {model_id: "First", other: "Second \x1b[31mred"}
    said = wmlfl("model", "list")
    assert "First" in said
    assert "\x1b" not in said
    assert [row["id"] for row in wmlfl.json("model", "list", "--tag", "a", kind="models")] == [model_id]
    assert wmlfl("model", "list", "--tag", "b") == "There are no models with the tag 'b'.\n"

    view = wmlfl.json("model", "show", "First", kind="model")
    assert (view["id"], view["type"], view["tags"]) == (model_id, "scikit-learn_1.1", ["a"])
    assert [entry["content_format"] for entry in view["content"]] == ["native"]
    assert "content:       native" in wmlfl("model", "show", model_id)

    said = wmlfl("model", "download", "First", "--output", "first.zip")
    file = wmlfl.folder / "first.zip"
    assert file.read_bytes() == package()
    assert hashlib.sha256(package()).hexdigest() in said
    assert "is there already" in wmlfl("model", "download", "First", "--output", "first.zip", code=3)
    assert "Did you mean 'First'?" in wmlfl("model", "download", "Frist", "--output", "x.zip", code=6)
    made_model(service, name="First")
    said = wmlfl("model", "show", "First", code=6)
    assert "2 models of the project" in said
    assert model_id in said


def test_a_download_that_breaks_leaves_no_file(wmlfl, service):
    model_id = made_model(service)
    service.control.fault(method="GET", path="/ml/v4/models/.*/download", drop=True)
    error = wmlfl.json("model", "download", model_id, "--output", "model.zip", kind="error", code=5)
    assert error["code"].startswith("WMLFL2")
    assert list(wmlfl.folder.iterdir()) == []


def test_remote_training_systems_are_listed_and_shown(wmlfl, service):
    body = party_body(service, name="North", organization={"name": "Hospital", "region": "EU"}, tags=["x"])
    found = made(service.http(), "remote_training_systems", body)["metadata"]["id"]
    [row] = wmlfl.json("rts", "list", kind="remote-training-systems")
    assert (row["id"], row["organization"], row["region"]) == (found, "Hospital", "EU")
    assert row["allowed_identities"] == [{"id": service.user_id, "type": "user"}]
    assert f"{found}  North  Hospital      EU      {service.user_id}" in wmlfl("rts", "list")
    assert wmlfl.json("rts", "show", "North", kind="remote-training-system") == row
    assert "organization:       Hospital" in wmlfl("rts", "show", found)


def test_another_project_or_space_can_be_named(wmlfl, service):
    made(service.http(), "remote_training_systems", party_body(service))
    assert wmlfl.json("rts", "list", "--space-id", service.space_id, kind="remote-training-systems") == []
    assert "The project nowhere does not exist" in wmlfl("rts", "list", "--project-id", "nowhere", code=6)
    assert "not both" in wmlfl("rts", "list", "--project-id", "a", "--space-id", "b", code=3)


def test_a_narrow_terminal_gets_whole_values_line_by_line(wmlfl, service):
    body = party_body(service, name="Hospital North", organization={"name": "North", "region": "EU"})
    system = made(service.http(), "remote_training_systems", body)["metadata"]["id"]
    shown = on_terminal(wmlfl, "60", "rts", "list").split("\r\n")
    assert {f"id:           {system}", "name:         Hospital North", "region:       EU"} <= set(shown)
    wide = on_terminal(wmlfl, "200", "rts", "list").split("\r\n")
    assert wide[1].split()[:4] == [system, "Hospital", "North", "North"]
    assert all(line == line.rstrip() for line in wmlfl("rts", "list").splitlines())


def on_terminal(wmlfl, columns, *arguments):
    """Run a command on a terminal of so many columns; return what it showed."""
    above, below = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-c", "from pulumi_wmlfl.cli import main; main()", *arguments],
        env={**wmlfl.environment, "COLUMNS": columns, "TERM": "xterm"},
        cwd=wmlfl.folder,
        stdout=below,
        check=False,
    )
    os.close(below)
    shown = b""
    with contextlib.suppress(OSError):
        while part := os.read(above, 65536):
            shown += part
    os.close(above)
    assert done.returncode == 0
    return shown.decode()


def test_the_list_of_commands_is_not_cut(wmlfl):
    said = " ".join(wmlfl("training", "--help").split())
    assert "Show what happened: states, parties that came and went, rounds, the reason of a failure." in said


def test_a_command_that_is_none_gets_the_nearest(wmlfl):
    assert "No such command 'trainings'. Did you mean 'training'?" in wmlfl("trainings", code=2)


@pytest.mark.parametrize("command", [("stack",), ("up", "--yes"), ("party", "kit"), ("training", "list")])
def test_a_folder_that_is_not_there_is_a_wrong_command_line(wmlfl, tmp_path, command):
    said = wmlfl(*command, "--cwd", tmp_path / "nowhere", code=2, WMLFL_ENGINE="embedded")
    assert "does not exist" in said
