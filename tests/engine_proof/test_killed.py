"""An engine that is killed loses nothing: the next run ends as an undisturbed one, or names what is open.

The toy cloud kills the engine at the begin or the end of a call; the engine's own process kills itself before
a change of a file. Both with SIGKILL, at every such point of an `up`, a `refresh` and a `destroy`.
"""

import json
import os

import pytest

from .compare import values
from .harness import EMBEDDED, Project, Step, normal_resources, urn
from .killed import changes_of_files, end_at_call, end_at_file, go_on, orphans, without_ids

FIRST = """
a = Toy("a", x=1, s=secret("s"))
b = Toy("b", fixed=1, x=a.x)
c = Toy("c", fixed=b.id, delete_first=True)
Toy("gone", O(depends_on=[c]), x=1)
export("c", c.fixed)
"""
SECOND = """
a = Toy("a", x=2, s=secret("s"))
b = Toy("b", fixed=2, x=a.x)
c = Toy("c", fixed=b.id, delete_first=True)
d = Toy("d", x=c.fixed)
export("c", c.fixed)
"""
# What an undisturbed run does, in its order: each call of the provider that changes something, and its reads.
CALLS = {
    "up": [
        ("update", "a"),
        ("create", "b"),
        ("delete", "c"),
        ("create", "c"),
        ("create", "d"),
        ("delete", "gone"),
        ("delete", "b"),
    ],
    "refresh": [("read", "a"), ("read", "b"), ("read", "c"), ("diff", "gone")],
    "destroy": [("delete", "gone"), ("delete", "c"), ("delete", "b"), ("delete", "a")],
}
# By default every end of a call and some begins, and every fifth change of a file.
ALL = os.environ.get("WMLFL_PROOF") == "all"
STRIDE = 1 if ALL else 5
POINTS = [
    (command, f"{call} {name} {event}")
    for command, calls in CALLS.items()
    for number, (call, name) in enumerate(calls)
    for event in ("begin", "end")
    if ALL or event == ("begin" if command == "refresh" or number % 3 == 1 else "end")
]


@pytest.fixture(scope="session")
def first(tmp_path_factory):
    """A stack after the first `up`, for copies."""
    project = Project(tmp_path_factory.mktemp("first") / "stack")
    project.run(EMBEDDED, Step(program=FIRST))
    return project


def begun(first, folder, command):
    """Return a copy of the stack that is ready for the command that will be killed."""
    project = first.copy(folder)
    if command == "up":
        project.write(SECOND)
    if command == "refresh":
        project.world.change("a-1", x=5)
        project.world.lose("b-1")
    return project


@pytest.fixture(scope="session")
def undisturbed(first, tmp_path_factory):
    """By command: the stack after a run that nobody killed, and the changes of files that it made."""
    ended = {}

    def of(command):
        if command not in ended:
            project = begun(first, tmp_path_factory.mktemp("undisturbed") / "stack", command)
            changes = changes_of_files(project, command)
            assert not orphans(project)
            ended[command] = (project, changes)
        return ended[command]

    return of


def differences(project, expected):
    """Return how a stack and its cloud differ from those of an undisturbed run; ids may."""
    states = [without_ids(normal_resources(p.deployment())) for p in (project, expected)]
    clouds = [sorted(map(canonical, p.world.objects().values())) for p in (project, expected)]
    return [*values("state", *states), *values("objects", *clouds)]


def canonical(object_):
    """Return an object of the cloud as a text, without what depends on how often it was made."""
    return json.dumps(without_ids(object_), sort_keys=True)


def check_the_next_run(project, expected, command):
    code, said = go_on(project, command)
    lost = orphans(project)
    if not lost and code == 0:
        assert differences(project, expected) == []
        return
    # Something was made of which the engine could not know more than that it was begun: it says so.
    for id_ in lost:
        assert urn(id_.rsplit("-", 1)[0]) in said
    assert "interrupted" in said


@pytest.mark.parametrize(("command", "at"), POINTS, ids=lambda value: value.replace(" ", "-"))
def test_killed_at_a_call(command, at, first, undisturbed, tmp_path):
    project = begun(first, tmp_path / "stack", command)
    end_at_call(project, command, at)
    check_the_next_run(project, undisturbed(command)[0], command)


@pytest.mark.parametrize("command", CALLS)
def test_killed_at_a_change_of_a_file(command, first, undisturbed, tmp_path):
    expected, changes = undisturbed(command)
    assert len(changes) > 3
    for number in range(1, len(changes) + 1, STRIDE):
        project = begun(first, tmp_path / f"at-{number}", command)
        end_at_file(project, command, number)
        check_the_next_run(project, expected, command)


@pytest.mark.parametrize(
    ("done", "next_"),
    [("update a", "create b"), ("create b", "delete c"), ("create d", "delete gone")],
    ids=lambda value: value.replace(" ", "-"),
)
def test_killed_between_two_calls(done, next_, first, undisturbed, tmp_path):
    """Between the end of a call and the begin of the next the journal grows; it is cut at each place."""
    before, after = (begun(first, tmp_path / name, "up") for name in ("before", "after"))
    end_at_call(before, "up", f"{done} end")
    end_at_call(after, "up", f"{next_} begin")
    (known,), (journal,) = (list(p.state_file.parent.glob("*journal*")) for p in (before, after))
    lines = journal.read_bytes().splitlines(keepends=True)
    fewest = len(known.read_bytes().splitlines())
    assert fewest < len(lines)
    for count in range(fewest, len(lines)):
        project = after.copy(tmp_path / f"cut-{count}")
        cut = b"".join(lines[:count]) + lines[count][: len(lines[count]) // 2]
        (project.state_file.parent / journal.name).write_bytes(cut)
        code, out, error = project(EMBEDDED, "stack", "export")
        assert code == 0, out + error
        deployment = json.loads(out)["deployment"]
        begun_urns = {
            operation["resource"]["urn"] for operation in deployment.get("pending_operations") or []
        }
        lost = set(project.world.objects()) - {r.get("id") for r in deployment["resources"]}
        assert {urn(id_.rsplit("-", 1)[0]) for id_ in lost} <= begun_urns
    check_the_next_run(project, undisturbed("up")[0], "up")
