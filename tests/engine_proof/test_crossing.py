"""A stack made by one engine is updated, refreshed, exported, imported and destroyed by the other."""

import json

import pytest
import yaml

from .harness import (
    EMBEDDED,
    HAVE_CLI,
    PROJECT,
    PULUMI,
    STACK,
    Project,
    Secret,
    Step,
    decrypt,
    normal_resources,
)
from .killed import end_at_call

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.pulumi_cli,
    pytest.mark.skipif(not HAVE_CLI, reason="the Pulumi CLI is not on PATH"),
]
DIRECTIONS = pytest.mark.parametrize(
    ("one", "other"), [(EMBEDDED, PULUMI), (PULUMI, EMBEDDED)], ids=["embedded-first", "pulumi-first"]
)
PROGRAM = """
e = Environment("e", region="eu", key=secret("k1"))
g = Group("g", size=1)
n = {{"p": secret("deep"), "q": [1, {{"r": None}}]}}
a = Toy("a", O(parent=g), x={x}, s=secret("s-{x}"), n=n, token=True)
b = Toy("b", O(provider=e, protect={protect}), fixed=a.serial, t=a.token_value, h=config.get_secret("hidden"))
timeouts = CustomTimeouts(create="5m")
c = Toy("c", O(depends_on=[b], custom_timeouts=timeouts, retain_on_delete={protect}), fixed={x})
export("all", {{"label": b.label, "secret": a.s, "plain": [1, "x"]}})
"""
UNCHANGED = ("--expect-no-changes",)


def program(x, *, protect=False):
    return PROGRAM.format(x=x, protect=protect)


def ask(project, engine, *arguments, **environment):
    code, out, error = project(engine, *arguments, "--stack", STACK, **environment)
    assert code == 0, f"{engine.name} {arguments}: {out}{error}"
    return out


@DIRECTIONS
def test_a_life_in_turns(one, other, tmp_path):
    project = Project(tmp_path)
    project.run(one, Step(program=program(1), config={"proof:hidden": Secret("geheim")}))
    made = normal_resources(project.deployment())

    # Nothing to do for the other, neither in the program nor behind its back.
    project.run(other, Step(command="preview", flags=UNCHANGED))
    project.run(other, Step(flags=UNCHANGED))
    project.run(other, Step(command="refresh", flags=UNCHANGED))
    assert normal_resources(project.deployment()) == made

    changed = project.run(other, Step(program=program(2)))
    assert [c["call"] for c in changed.calls if c.get("event") == "begin" and c["urn"].endswith("::c")] == [
        *("check", "diff", "check", "create", "delete"),
    ]
    drifted = Step(command="refresh", prepare=lambda p: p.world.change("a-1", x=9))
    project.run(one, drifted)
    project.run(one, Step())
    project.run(other, Step(command="preview", flags=UNCHANGED))
    project.run(other, Step(command="destroy"))
    assert project.world.objects() == {}
    project.run(one, Step(command="destroy"))
    ask(project, one, "stack", "rm", "--yes")
    assert not project.state_file.exists()


@DIRECTIONS
def test_exported_by_one_imported_by_the_other(one, other, tmp_path):
    project = Project(tmp_path)
    project.run(one, Step(program=program(1, protect=True), config={"proof:hidden": Secret("geheim")}))
    before = normal_resources(project.deployment())
    exports = [json.loads(ask(project, engine, "stack", "export")) for engine in (one, other)]
    assert normal_resources(exports[0]["deployment"]) == normal_resources(exports[1]["deployment"]) == before
    assert exports[0]["version"] == exports[1]["version"] == 3
    for text in ("s-1", "geheim", "token of a", "deep"):
        assert text not in json.dumps(exports)

    plain = json.loads(ask(project, other, "stack", "export", "--show-secrets"))
    assert "token of a" in json.dumps(plain)
    for name, document in (("sealed", exports[0]), ("plain", plain)):
        path = project.base / f"{name}.json"
        path.write_text(json.dumps(document))
        project.state_file.unlink()
        project.write_empty_stack()
        ask(project, other, "stack", "import", "--file", str(path))
        assert normal_resources(project.deployment()) == before
        assert "token of a" not in project.state_file.read_text()
        for engine in (one, other):
            project.run(engine, Step(command="preview", flags=UNCHANGED))


@DIRECTIONS
def test_settings_and_outputs_of_the_other(one, other, tmp_path):
    project = Project(tmp_path)
    (project.folder / f"Pulumi.{STACK}.yaml").unlink()
    project.state_file.unlink()
    code, out, error = project(one, "stack", "init", STACK)
    assert code == 0, out + error
    ask(project, one, "config", "set", "plain", "text")
    ask(project, one, "config", "set", "--secret", "hidden", "geheim")
    ask(project, other, "config", "set", "--secret", "other:key", "auch")
    ask(project, PULUMI, "config", "set", "--path", "deep.list[0]", "7")
    file = yaml.safe_load((project.folder / f"Pulumi.{STACK}.yaml").read_text())
    assert file["config"][f"{PROJECT}:plain"] == "text"
    assert "geheim" not in str(file)
    shown = [
        json.loads(ask(project, engine, "config", "--json", "--show-secrets")) for engine in (one, other)
    ]
    assert shown[0] == shown[1]
    assert shown[0][f"{PROJECT}:hidden"]["value"] == "geheim"
    hidden = [json.loads(ask(project, engine, "config", "--json")) for engine in (one, other)]
    assert hidden[0] == hidden[1]
    for engine in (one, other):
        assert ask(project, engine, "config", "get", "hidden").strip() == "geheim"
        assert ask(project, engine, "config", "get", "other:key").strip() == "auch"
        assert ask(project, engine, "config", "get", "--path", "deep.list[0]").strip() == "7"
    ask(project, other, "config", "rm", "plain")

    project.write(program(1))
    ask(project, one, "up", "--yes", "--skip-preview")
    for flags in ((), ("--show-secrets",)):
        outputs = [json.loads(ask(project, e, "stack", "output", "--json", *flags)) for e in (one, other)]
        assert outputs[0] == outputs[1]
        assert ("s-1" in json.dumps(outputs)) == bool(flags)
    single = [ask(project, e, "stack", "output", "all", "--json", "--show-secrets") for e in (one, other)]
    assert json.loads(single[0]) == json.loads(single[1])
    lists = [json.loads(ask_all(project, engine)) for engine in (one, other)]
    assert [s["name"] for s in lists[0]] == [s["name"] for s in lists[1]] == [STACK]
    assert lists[0][0]["resourceCount"] == lists[1][0]["resourceCount"]
    ask(project, other, "destroy", "--yes", "--skip-preview")


def ask_all(project, engine):
    code, out, error = project(engine, "stack", "ls", "--json")
    assert code == 0, out + error
    return out


@DIRECTIONS
def test_a_failure_of_one_is_mended_by_the_other(one, other, tmp_path):
    project = Project(tmp_path)
    text = (
        'a = Toy("a", O(delete_before_replace=True), fixed={0})\nb = Toy("b", fixed=a.id)\nToy("c", x=b.id)'
    )
    project.run(one, Step(program=text.format(1), faults=(("create", "c", "partial"),), fails=True))
    project.run(other, Step())
    project.run(other, Step(program=text.format(2), faults=(("create", "b", "before"),), fails=True))
    project.run(one, Step())
    replaced = text.format(3).replace("O(delete_before_replace=True), ", "")
    project.run(one, Step(program=replaced, faults=(("delete", "a", "before"),), fails=True))
    project.run(other, Step())
    assert sorted(project.world.objects()) == ["a-3", "b-3", "c-1"]
    project.run(other, Step(command="preview", flags=UNCHANGED))
    project.run(one, Step(command="preview", flags=UNCHANGED))


def test_the_cli_does_not_work_on_the_state_of_a_run_that_was_killed(tmp_path):
    project = Project(tmp_path)
    project.write(program(1))
    end_at_call(project, "up", "create b begin")
    code, out, error = project(PULUMI, "preview", "--stack", STACK)
    assert code != 0, out + error
    exported = json.loads(ask(project, EMBEDDED, "stack", "export"))
    assert "a-1" in {resource.get("id") for resource in exported["deployment"]["resources"]}


def test_a_wrong_passphrase_is_one_clear_line(tmp_path):
    project = Project(tmp_path)
    project.run(PULUMI, Step(program='export("s", secret("geheim"))'))
    project.environment["PULUMI_CONFIG_PASSPHRASE"] = "wrong"
    for engine in (PULUMI, EMBEDDED):
        code, out, error = project(engine, "stack", "output", "--show-secrets", "--stack", STACK)
        assert code != 0
        assert "incorrect passphrase" in out + error
        assert "Traceback" not in out + error


def test_a_secret_of_either_is_opened_by_this_test(tmp_path):
    for engine in (PULUMI, EMBEDDED):
        project = Project(tmp_path / engine.name)
        ask(project, engine, "config", "set", "--secret", "hidden", "geheim")
        file = yaml.safe_load((project.folder / f"Pulumi.{STACK}.yaml").read_text())
        assert decrypt(file["config"][f"{PROJECT}:hidden"]["secure"]) == "geheim"
