"""One stack, two engines: what the Pulumi CLI made this engine goes on with, and the other way round."""

import json
import shutil

import pytest

pytestmark = [
    pytest.mark.pulumi_cli,
    pytest.mark.skipif(
        not (shutil.which("pulumi") and shutil.which("pulumi-language-python")),
        reason="the Pulumi CLI is not on PATH",
    ),
]
SECRET = "only-for-the-provider"
YES = ("--yes", "--skip-preview")


def wanted(size):
    north = {"objects:region": "north", "objects:token": "${secret.token}"}
    return [
        {"kind": "provider", "name": "north", "props": north},
        {"kind": "group", "name": "g", "props": {"size": 1}},
        {
            "name": "a",
            "props": {"size": size, "secret": "${secret.token}", "flag": True},
            "opts": {"parent": "g"},
        },
        {"name": "b", "props": {"of": "${a.id}", "list": [1, {"x": None}]}, "opts": {"provider": "north"}},
        {
            "name": "c",
            "props": {"fixed": size},
            "opts": {"depends_on": ["b"], "custom_timeouts": {"create": "5m"}},
        },
        {"kind": "export", "name": "token", "value": "${secret.token}"},
    ]


@pytest.mark.parametrize(("first", "second"), [("wmlfl", "pulumi"), ("pulumi", "wmlfl")])
def test_a_stack_crosses_over_and_back(project, first, second):
    project.run("stack", "init", "shared", program=first)
    project.run("config", "set", "--secret", "token", SECRET, program=first)
    project.want(wanted(1))
    project.run("up", *YES, program=first)
    project.run("up", *YES, "--expect-no-changes", program=second)
    project.run("refresh", *YES, "--expect-no-changes", program=second)
    assert project.run("config", "get", "token", program=second).strip() == SECRET

    project.want(wanted(2))
    shown = project.run("up", *YES, program=second)
    assert SECRET not in shown
    project.run("up", *YES, "--expect-no-changes", program=first)
    outputs = ("stack", "output", "--json", "--show-secrets")
    assert json.loads(project.run(*outputs, program=first)) == json.loads(
        project.run(*outputs, program=second)
    )

    exported = project.run("stack", "export", program=first)
    project.run("stack", "import", program=second, stdin=exported)
    exported = project.run("stack", "export", program=second)
    project.run("stack", "import", program=first, stdin=exported)
    project.run("preview", "--expect-no-changes", program=second)
    project.run("destroy", *YES, program=second)
    assert project.objects() == []
    project.run("stack", "rm", "--yes", "shared", program=first)
    everything = "".join(path.read_text() for path in project.state.rglob("*") if path.is_file())
    assert SECRET not in everything


def test_the_cli_refuses_the_state_of_an_interrupted_run_until_this_engine_has_put_it_in_order(project):
    project.want([{"name": "a"}, {"name": "b", "props": {"wait": True, "of": "${a.id}"}}])
    run = project.start("up", *YES)
    project.await_file("began-b")
    run.kill()
    run.communicate(timeout=60)
    assert "wmlfl-open-journal" in project.run("stack", "export", program="pulumi", code=1)
    project.run("stack", "export")
    deployment = project.export(program="pulumi")
    assert any(entry["urn"].endswith("::a") for entry in deployment["resources"])
    assert [entry["type"] for entry in deployment["pending_operations"]] == ["creating"]


def test_the_cli_does_the_work_where_it_is_on_the_path(project):
    del project.environment["WMLFL_ENGINE"]
    project.want([{"name": "a"}])
    shown = project.run("up", *YES, "--engine", "auto", "--color", "never")
    assert "@ updating" in shown or "Updating" in shown
    assert "runtime.executable" in "".join(
        path.read_text() for path in project.state.rglob("*.history.json") if path.is_file()
    )
    project.run("up", *YES, "--expect-no-changes", "--engine=embedded")


def test_both_engines_keep_the_state_in_the_project_when_nothing_names_a_backend(project):
    del project.environment["PULUMI_BACKEND_URL"]
    project.run("stack", "init", "here")
    project.want([{"name": "a"}])
    project.up()
    assert (project.folder / ".pulumi-state/.pulumi/stacks/objects/here.json").exists()
    project.run("up", *YES, "--expect-no-changes", "--engine", "pulumi")
