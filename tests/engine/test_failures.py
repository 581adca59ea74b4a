"""What goes wrong: failures of resources and programs, interruptions, locks, what is refused."""

import contextlib
import json
import re
import signal
import socket
import time
from pathlib import Path

import pytest


def processes_of(project):
    """Return the pids of the processes that work in the project's folder."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and (entry / "cwd").readlink() == project.folder:
                found.append(int(entry.name))
    return found


def test_a_failed_create_is_one_line_under_its_resource_and_the_rest_is_kept(project):
    project.want([{"name": "a"}, {"name": "b", "props": {"fail": "create", "of": "${a.id}"}}])
    shown = project.up(code=1)
    lines = shown.splitlines()
    at = next(i for i, line in enumerate(lines) if "Thing b" in line)
    assert "error: RuntimeError: no room for b" in lines[at + 1]
    assert "Traceback" not in shown
    assert "Traceback" in project.up("--debug", code=1)
    assert "a" in project.resources()
    assert "b" not in project.resources()
    assert not project.export().get("pending_operations")
    project.want([{"name": "a"}, {"name": "b", "props": {"of": "${a.id}"}}])
    assert "+ 1 created" in project.up()


def test_going_on_after_an_error_does_what_does_not_depend_on_it(project):
    project.want([{"name": "z"}])
    project.up()
    things = [
        {"name": "a", "props": {"fail": "create"}},
        {"name": "b", "props": {"of": "${a.id}"}},
        {"name": "c"},
    ]
    project.want(things)
    project.up("--continue-on-error", code=1)
    assert project.objects() == ["c"]


def test_a_long_error_of_several_resources_is_said_once_in_full(project):
    project.want([{"name": name, "props": {"fail": "create", "secret": "x" * 80}} for name in "abc"])
    shown = project.up("--continue-on-error", code=1)
    assert shown.count("x" * 80) == 1
    first = re.search(r"Thing (\w) create failed", shown)[1]
    assert shown.count(f"error: the same as of {first}, above") == 2
    assert shown.count("create failed") == 3


def test_a_failed_update_and_a_failed_delete_keep_the_old_state(project):
    project.want([{"name": "a", "props": {"size": 1}}])
    project.up()
    project.want([{"name": "a", "props": {"size": 2, "fail": "update"}}])
    assert "cannot change" in project.up(code=1)
    assert project.resources()["a"]["outputs"]["size"] == 1
    (project.world / "no-delete").touch()
    assert "cannot delete" in project.run("destroy", "-y", "-f", code=1)
    assert project.resources()["a"]["id"]
    (project.world / "no-delete").unlink()
    project.run("destroy", "-y", "-f")


def test_a_replaced_original_that_cannot_be_deleted_is_deleted_later(project):
    project.want([{"name": "a", "props": {"fixed": 1}}])
    project.up()
    (project.world / "no-delete").touch()
    project.want([{"name": "a", "props": {"fixed": 2}}])
    project.up(code=1)
    assert [entry.get("delete", False) for entry in project.export()["resources"]] == [
        False,
        False,
        False,
        True,
    ]
    (project.world / "no-delete").unlink()
    project.up()
    assert project.objects() == ["a"]


def test_bad_inputs_are_told_before_anything_is_made(project):
    project.want([{"name": "a", "props": {"bad": 1}}])
    assert "property bad: this is bad" in project.run("preview", code=1)
    assert "property bad: this is bad" in project.up(code=1)
    assert project.objects() == []


def test_a_program_that_fails_says_where(project):
    project.want([{"name": "a"}, {"kind": "raise", "name": "this program is wrong"}])
    shown = project.up(code=1)
    assert "this program is wrong" in shown
    assert "__main__.py" in shown


def test_a_provider_that_dies_is_an_error_of_its_resource(project):
    project.want([{"name": "a", "props": {"fail": "die"}}])
    assert "the provider process ended during the operation" in project.up(code=1)


def test_ctrl_c_lets_what_runs_end_and_begins_nothing_new(project):
    project.want([{"name": "a", "props": {"wait": True}}, {"name": "b", "props": {"of": "${a.id}"}}])
    run = project.start("up", "--yes", "--skip-preview")
    project.await_file("began-a")
    run.send_signal(signal.SIGINT)
    (project.world / "go-a").touch()
    shown, _ = run.communicate(timeout=60)
    assert run.returncode == 1
    assert "cancel" in shown
    assert set(project.resources()) == {"objects-dev", "default", "a"}
    assert not project.export().get("pending_operations")
    project.up()
    assert project.objects() == ["a", "b"]


def test_ctrl_c_twice_ends_at_once_and_tells_what_is_pending(project):
    project.want([{"name": "a", "props": {"wait": True}}])
    run = project.start("up", "--yes", "--skip-preview")
    project.await_file("began-a")
    run.send_signal(signal.SIGINT)
    run.send_signal(signal.SIGTERM)
    run.communicate(timeout=60)
    assert run.returncode == 8
    assert processes_of(project) == []
    pending = project.export()["pending_operations"]
    assert [entry["type"] for entry in pending] == ["creating"]
    (project.world / "go-a").touch()
    assert "interrupted" in project.up()
    assert not project.export().get("pending_operations")


@pytest.mark.parametrize("reader", ["export", "up"])
def test_a_killed_run_loses_nothing_and_leaves_no_process(project, reader):
    project.want([{"name": "a"}, {"name": "b", "props": {"wait": True, "of": "${a.id}"}}])
    run = project.start("up", "--yes", "--skip-preview")
    project.await_file("began-b")
    run.kill()
    run.communicate(timeout=60)
    deadline = time.monotonic() + 30
    while processes_of(project):
        assert time.monotonic() < deadline, "a process of the killed run lives on"
        time.sleep(0.01)
    if reader == "export":
        export = project.export()
        assert [entry["resource"]["urn"][-1] for entry in export["pending_operations"]] == ["b"]
        assert any(entry["urn"].endswith("::a") and entry["id"] for entry in export["resources"])
        content = json.loads((project.state / ".pulumi/stacks/objects/dev.json").read_text())
        assert content["version"] == 3
    (project.world / "go-b").touch()
    assert "creating urn:pulumi:dev::objects::" in project.up()
    assert project.objects() == ["a", "b"]


def test_a_lock_of_someone_else_is_respected_until_it_is_cancelled(project):
    project.want([{"name": "a"}])
    folder = project.state / ".pulumi/locks/organization/objects/dev"
    folder.mkdir(parents=True, exist_ok=True)
    lock = {
        "pid": 1,
        "username": "eve",
        "hostname": socket.gethostname(),
        "timestamp": "2026-01-01T00:00:00Z",
    }
    (folder / "x.json").write_text(json.dumps(lock))
    assert "locked by 1 lock(s): eve@" in project.up(code=1)
    project.run("cancel", "--yes")
    project.up()


REFUSED = {
    "the provider plugin 'aws'": "pulumi.CustomResource('aws:s3:Bucket', 'b', {})",
    "remote components": "pulumi.ComponentResource('a:b:C', 'c', {}, remote=True)",
    "the option import_": "Thing('a', {}, pulumi.ResourceOptions(import_='x'))",
    "the function 'aws:f:g'": "pulumi.runtime.invoke('aws:f:g', {})",
    "Assets and archives": "Thing('a', {'x': pulumi.StringAsset('x')})",
    "engine does not support transforms": (
        "t = lambda args: None; Thing('a', {}, pulumi.ResourceOptions(transforms=[t]))"
    ),
    "the provider plugin 'random'": "pulumi.ProviderResource('random', 'r', {})",
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_supported_is_refused_by_name(deployed, what):
    deployed.want([{"kind": "python", "name": "x", "code": REFUSED[what]}])
    deployed.run("preview", fails=True)
    assert what in deployed.said()


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("runtime: nodejs", "'nodejs'"),
        ("runtime: {name: python, options: {toolchain: poetry}}", "toolchain: poetry"),
        ("runtime: python\nplugins: {providers: [{name: x, path: .}]}", "'plugins' section"),
        ("runtime: python\nconfig: {size: {type: integer}}", "objects:size"),
        ("runtime: python\nbackend: {url: 's3://bucket'}", "file://"),
    ],
)
def test_a_project_that_asks_for_more_is_refused_by_name(project, line, what):
    (project.folder / "Pulumi.yaml").write_text(f"name: objects\n{line}\n")
    if "s3" in line:
        del project.environment["PULUMI_BACKEND_URL"]
    assert what in project.run("preview", code=1)


def test_refused_inputs_are_named_one_by_one_and_nothing_is_said_beside(project):
    project.want([{"name": "a", "props": {"bad": 1}}, {"name": "b"}])
    for command in (("preview",), ("up", "--yes", "--skip-preview")):
        errors = [line for line in project.run(*command, code=1).splitlines() if "error: a" in line]
        assert [line.strip() for line in errors] == ["error: a: property bad: this is bad"]
    told = json.loads(project.run("preview", "--json", code=1).partition("\nerror:")[0])
    assert [entry["message"] for entry in told["diagnostics"]] == ["property bad: this is bad"]
