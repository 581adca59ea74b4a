"""The commands around a deployment: stacks, configuration, and what a person at a terminal sees."""

import json
import os
import pty
import subprocess


def test_stacks_are_listed_selected_and_removed(project):
    project.run("stack", "init", "second")
    stacks = {entry["name"]: entry for entry in json.loads(project.run("stack", "ls", "--json"))}
    assert {name: entry["current"] for name, entry in stacks.items()} == {"dev": False, "second": True}
    assert "already exists" in project.run("stack", "init", "dev", code=1)
    project.run("stack", "select", "dev")
    project.want([{"name": "a"}, {"kind": "export", "name": "made", "value": "${a.made}"}])
    project.up()
    assert project.run("stack", "output", "made").strip() == "made a"
    assert "Thing  a" in project.run("stack")
    assert "still has resources" in project.run("stack", "rm", "--yes", code=1)
    project.run("stack", "rm", "--yes", "second")
    assert not (project.folder / "Pulumi.second.yaml").exists()
    assert "no stack named 'second' found" in project.run("preview", "--stack", "second", code=6)
    project.run("destroy", "--yes", "--skip-preview", "--remove")
    assert "no stack selected" in project.run("preview", code=6)


def test_configuration_is_edited_in_place(project):
    path = project.folder / "Pulumi.dev.yaml"
    salt = path.read_text()
    path.write_text(f"# kept\n{salt}config:\n  # also kept\n  objects:size: 1.50\n  other:flag: true\n")
    project.run("config", "set", "colour", "red")
    project.run("config", "set", "--secret", "token", "hush-hush")
    project.run("config", "set", "other:flag", "false")
    text = path.read_text()
    assert text.startswith("# kept\n")
    assert "  # also kept\n" in text
    assert project.run("config", "get", "size").strip() == "1.50"
    assert project.run("config", "get", "other:flag").strip() == "false"
    assert json.loads(project.run("config", "--json"))["objects:token"] == {"secret": True}
    project_file = project.folder / "Pulumi.yaml"
    project_file.write_text(f"{project_file.read_text()}config:\n  wmlfl:platform: local\n  wmlfl:url: a\n")
    project.run("config", "set", "wmlfl:url", "b")
    shown = {key: entry.get("value") for key, entry in json.loads(project.run("config", "--json")).items()}
    assert (shown["wmlfl:platform"], shown["wmlfl:url"]) == ("local", "b")
    project.run("config", "rm", "colour")
    assert "not found" in project.run("config", "get", "colour", code=1)
    assert project.run("config", "get", "token").strip() == "hush-hush"


def test_an_import_that_does_not_fit_together_changes_nothing(project):
    project.want([{"name": "a"}])
    project.up()
    exported = json.loads(project.run("stack", "export"))
    exported["deployment"]["resources"] = exported["deployment"]["resources"][-1:]
    assert "does not come before it" in project.run("stack", "import", stdin=json.dumps(exported), code=1)
    assert "not valid JSON" in project.run("stack", "import", stdin="{", code=1)
    assert "a" in project.resources()


def test_a_person_at_a_terminal_sees_what_runs_and_is_asked(project):
    project.want([{"name": "a", "props": {"wait": True}}])
    leader, follower = pty.openpty()
    run = subprocess.Popen(
        ["wmlfl", "up"],
        cwd=project.folder,
        env={**project.environment, "TERM": "xterm", "COLUMNS": "100"},
        stdin=follower,
        stdout=follower,
        stderr=follower,
    )
    os.close(follower)
    shown = ""
    try:
        while "Do you want to perform this update?" not in shown:
            shown += os.read(leader, 4096).decode()
        os.write(leader, b"y\n")
        while "Thing a creating" not in shown:
            shown += os.read(leader, 4096).decode()
        (project.world / "go-a").touch()
        while "2 created" not in shown:
            shown += os.read(leader, 4096).decode()
    finally:
        run.kill() if run.poll() is None and "2 created" not in shown else run.wait(60)
        os.close(leader)
    assert run.returncode == 0


def test_a_resource_is_forgotten_and_its_object_stays(project):
    project.want([{"name": "a"}, {"name": "b", "props": {"of": "${a.id}"}, "opts": {"protect": True}}])
    project.up()
    urns = {name: entry["urn"] for name, entry in project.resources().items()}
    forget = ("state", "delete", "--yes")
    assert "No such resource" in project.run(*forget, urns["a"] + "x", code=1)
    assert f"'{urns['b']}' depends on it" in project.run(*forget, urns["a"], code=1)
    assert "is protected" in project.run(*forget, urns["a"], "--target-dependents", code=1)
    assert "--yes must be passed" in project.run("state", "delete", urns["b"], code=1)
    assert "Give its URN" in project.run(*forget, code=1)
    assert urns["b"] in project.run("stack", "--show-urns")
    assert set(urns) == set(project.resources())
    project.run(*forget, urns["b"], "--force")
    assert set(urns) - {"b"} == set(project.resources())
    project.run("state", "rm", "--yes", urns["a"], "--target-dependents")
    assert not {"a", "b"} & set(project.resources())
    assert project.objects() == ["a", "b"]


def test_grpc_prints_errors_only_unless_more_is_asked_for(project):
    (project.folder / "__main__.py").write_text("import os\nprint('says', os.environ['GRPC_VERBOSITY'])\n")
    assert "says ERROR" in project.run("preview")
    assert "says INFO" in project.run("preview", env={"GRPC_VERBOSITY": "INFO"})


def test_a_whole_stack_is_forgotten(project):
    project.want([{"name": "a"}, {"name": "b", "opts": {"protect": True}}])
    project.up()
    forget = ("state", "delete", "--yes", "--all")
    before = project.resources()
    assert "cannot specify a resource URN" in project.run(*forget, before["a"]["urn"], code=1)
    assert "is protected" in project.run(*forget, code=1)
    assert project.resources() == before
    assert f"{len(before)} resources deleted" in project.run(*forget, "--force")
    assert project.resources() == {}
    assert project.objects() == ["a", "b"]


def test_commands_have_the_other_names_that_the_cli_gives_them(project):
    project.want([{"name": "a"}])
    project.run("update", "--yes", "--skip-preview")
    assert project.objects() == ["a"]
    project.run("config", "set", "key", "value")
    project.run("config", "remove", "key")
    assert "key" not in json.loads(project.run("config", "--json"))
    project.run("down", "--yes", "--skip-preview")
    assert project.objects() == []
    project.run("stack", "new", "other")
    assert "other*" in project.run("stack", "list")
    project.run("stack", "remove", "--yes", "other")
    assert "other" not in project.run("stack", "ls")
    assert "No such command" in project.run("stack", "update", code=2)
