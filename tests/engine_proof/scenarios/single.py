"""Scenarios that need a stack of their own: failures, targets, refreshes, states from before.

Most steps of a scenario build on what the step before left behind, as in life.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from ..harness import Project, Scenario, Secret, Step, urn

PAIR = 'a = Toy("a", x={a})\nb = Toy("b", x=a.label, y={b})'
REPLACED = 'a = Toy("a", fixed={a})\nb = Toy("b", fixed=a.label)\nToy("c", x=b.label)'
FIRST = """
a = Toy("a", O(delete_before_replace=True), fixed={a})
b = Toy("b", fixed=a.label)
Toy("c", x=a.label, y=b.serial)
"""
SEVERAL = """
a = Toy("a", x={x})
b = Toy("b", a=a.label, x={x})
c = Toy("c", O(depends_on=[b]), x={x})
d = Toy("d", x={x})
"""


def lose(id_: str) -> Callable[[Project], None]:
    """Remove an object behind the engine's back."""
    return lambda project: project.world.lose(id_)


def change(id_: str, **properties: object) -> Callable[[Project], None]:
    """Change an object behind the engine's back."""
    return lambda project: project.world.change(id_, **properties)


def both(*steps: Callable[[Project], None]) -> Callable[[Project], None]:
    """Do several things behind the engine's back."""

    def prepare(project: Project) -> None:
        for step in steps:
            step(project)

    return prepare


def pending(type_: str, name: str) -> Callable[[Project], None]:
    """Leave an operation pending, as an engine does that was killed."""

    def prepare(project: Project) -> None:
        document = json.loads(project.state_file.read_text())
        latest = document["checkpoint"]["latest"]
        known = [r for r in latest["resources"] if r["urn"] == urn(name)]
        resource = known[0] if known else {**_toy(latest), "urn": urn(name), "id": ""}
        latest["pending_operations"] = [{"resource": resource, "type": type_}]
        project.state_file.write_text(json.dumps(document))

    return prepare


def _toy(latest: dict) -> dict:
    return dict(next(r for r in latest["resources"] if r["urn"].startswith(urn(""))))


def _other_stack(project: Project) -> None:
    """Put a second stack with outputs beside the first."""
    document = json.loads(project.state_file.read_text())
    document["checkpoint"]["stack"] = document["checkpoint"]["stack"].replace("/dev", "/network")
    stack = {
        "urn": "urn:pulumi:network::proof::pulumi:pulumi:Stack::proof-network",
        "custom": False,
        "type": "pulumi:pulumi:Stack",
        "outputs": {"subnet": "10.0.0.0/8", "deep": {"n": [1, 2]}, "key": project.sealed("of the network")},
    }
    document["checkpoint"]["latest"]["resources"] = [stack]
    project.state_file.with_name("network.json").write_text(json.dumps(document))


PROTECTED = """
a = Toy("a", O(protect=True), fixed={a})
b = Toy("b", x=a.label)
Toy("c", x={c}, y=b.label)
"""

REFERENCE = """
other = pulumi.StackReference("organization/proof/network")
Toy("a", subnet=other.get_output("subnet"), deep=other.require_output("deep"), key=other.get_output("key"),
    none=other.get_output("none"))
export("subnet", other.get_output("subnet"))
export("key", other.get_output("key"))
"""

SINGLE = [
    Scenario(
        "create-fails",
        [
            Step(
                program='Toy("gone", x=1)\nToy("last", x=1)',
            ),
            Step(
                program=PAIR.format(a=1, b=1) + '\nToy("last", O(depends_on=[b]), x=2)\nexport("l", b.label)',
                faults=(("create", "b", "before"),),
                fails=True,
            ),
            Step(command="preview"),
            Step(),
            Step(command="destroy"),
        ],
    ),
    Scenario(
        "update-and-delete-fail",
        [
            Step(program=PAIR.format(a=1, b=1) + '\nToy("c", x=b.label)'),
            Step(program=PAIR.format(a=2, b=2), faults=(("update", "b", "before"),), fails=True),
            Step(faults=(("delete", "c", "before"),), fails=True),
            Step(),
            Step(command="destroy", faults=(("delete", "b", "before"),), fails=True),
            Step(command="destroy"),
        ],
    ),
    Scenario(
        "replacement-fails",
        [
            Step(program=REPLACED.format(a=1)),
            Step(program=REPLACED.format(a=2), faults=(("create", "b", "before"),), fails=True),
            Step(faults=(("delete", "a", "before"),), fails=True),
            Step(program=REPLACED.format(a=3), faults=(("delete", "b", "before"),), fails=True),
            Step(program=REPLACED.format(a=3)),
            Step(command="destroy"),
        ],
    ),
    Scenario(
        "destroy-with-deletes-pending",
        [
            Step(program=REPLACED.format(a=1)),
            Step(program=REPLACED.format(a=2), faults=(("delete", "a", "before"),), fails=True),
            Step(command="refresh"),
            Step(command="destroy"),
        ],
    ),
    Scenario(
        "delete-before-replace-fails-and-goes-on",
        [
            Step(program=FIRST.format(a=1)),
            Step(program=FIRST.format(a=2), faults=(("create", "a", "before"),), fails=True),
            Step(command="preview"),
            Step(),
            Step(program=FIRST.format(a=3), faults=(("delete", "b", "before"),), fails=True),
            Step(command="destroy"),
        ],
    ),
    Scenario(
        "delete-before-replace-fails-and-is-removed",
        [
            Step(program=FIRST.format(a=1)),
            Step(program=FIRST.format(a=2), faults=(("create", "b", "before"),), fails=True),
            Step(program='Toy("z", x=1)'),
            Step(command="destroy"),
        ],
    ),
    Scenario(
        "created-but-not-ready",
        [
            Step(program=PAIR.format(a=1, b=1), faults=(("create", "a", "partial"),), fails=True),
            Step(faults=(("update", "a", "partial"),), fails=True),
            Step(),
            Step(program=PAIR.format(a=2, b=1), faults=(("update", "a", "partial"),), fails=True),
            Step(command="refresh"),
            Step(command="destroy"),
        ],
    ),
    Scenario(
        "check-refuses",
        [
            Step(program='Toy("a", x=1)'),
            Step(command="preview", program='a = Toy("a", x=1, bad=1)\nToy("b", x=a.label)', fails=True),
            Step(program='a = Toy("a", x=1, bad="x", bad_too=2)\nToy("b", x=a.label)', fails=True),
        ],
    ),
    Scenario(
        "diff-fails",
        [
            Step(program=PAIR.format(a=1, b=1)),
            Step(program=PAIR.format(a=2, b=2), faults=(("diff", "a", "before"),), fails=True),
            Step(command="preview", faults=(("diff", "b", "before"),), fails=True),
        ],
    ),
    Scenario(
        "the-program-fails",
        [
            Step(program='Toy("a", x=1)\nraise ValueError("of the program")', fails=True),
            Step(program='Toy("b", x=1)\nexport("b", 1)'),
            Step(program='Toy("b", x=2)\nexport("b", 2)\nimport sys\nsys.exit(3)', fails=True),
            Step(program="this is not Python", fails=True),
            Step(program='raise pulumi.RunError("as wished")', fails=True),
            Step(command="preview", program='Toy("b", x=3)\n1 / 0', fails=True),
        ],
    ),
    Scenario(
        "the-same-name-twice",
        [
            Step(program='a = Toy("a", x=1)\nToy("a", O(depends_on=[a]), x=2)', fails=True),
            Step(program='Toy("a", x=1)'),
        ],
    ),
    Scenario(
        "targets",
        [
            Step(program=SEVERAL.format(x=1)),
            Step(program=SEVERAL.format(x=2), flags=("--target", "{b}")),
            Step(flags=("--target", "{a}", "--target-dependents")),
            Step(program=SEVERAL.format(x=3), flags=("--target", "{a}", "--target", "**::d")),
            Step(command="preview", flags=("--target", "{c}")),
            Step(program=SEVERAL.format(x=4).replace('d = Toy("d", x=4)', ""), flags=("--target", "{d}")),
            Step(command="destroy", flags=("--target", "{a}"), fails=True),
            Step(command="destroy", flags=("--target", "{a}", "--target-dependents")),
        ],
    ),
    Scenario(
        "targets-of-new-resources",
        [
            Step(program=SEVERAL.format(x=1), flags=("--target", "{a}")),
            Step(flags=("--target", "{c}"), fails=True),
            Step(flags=("--target", "{nobody}"), fails=True),
            Step(flags=("--target", "{d}", "--target", "{b}")),
            Step(
                command="refresh",
                flags=("--target", "{a}"),
                prepare=both(change("a-1", x=7), change("d-1", x=7)),
            ),
        ],
    ),
    Scenario(
        "replace-on-demand",
        [
            Step(program=REPLACED.format(a=1)),
            Step(flags=("--replace", "{a}")),
            Step(flags=("--target-replace", "{b}")),
            Step(command="preview", flags=("--replace", "{c}", "--replace", "{a}")),
        ],
    ),
    Scenario(
        "drift",
        [
            Step(program=SEVERAL.format(x=1) + 'Toy("e", x=1, read_without_inputs=True)'),
            Step(
                command="refresh",
                prepare=both(change("a-1", x=5, serial=1), change("e-1", x=5), lose("b-1")),
            ),
            Step(command="preview"),
            Step(),
            Step(flags=("--refresh",), prepare=both(change("a-1", label="drifted"), lose("d-1"))),
            Step(command="preview", flags=("--refresh",), prepare=change("c-1", x=8)),
            Step(command="destroy", flags=("--refresh",), prepare=lose("a-1")),
        ],
    ),
    Scenario(
        "drift-of-secrets-and-replaced-ones",
        [
            Step(
                program='a = Toy("a", s=secret("s"), fixed=1, token=True)\nToy("b", s=a.s)\nexport("s", a.s)'
            ),
            Step(
                command="refresh", prepare=both(change("a-1", s="drifted", fixed=2), change("b-1", added=[1]))
            ),
            Step(),
        ],
    ),
    Scenario(
        "reading-fails",
        [
            Step(program=SEVERAL.format(x=1)),
            Step(
                command="refresh", faults=(("read", "b", "before"),), prepare=change("d-1", x=3), fails=True
            ),
            Step(flags=("--refresh",), faults=(("read", "b", "before"),), fails=True),
            Step(command="refresh", flags=("--expect-no-changes",), faults=(("read", "b", "partial"),)),
        ],
    ),
    Scenario(
        "no-changes-expected",
        [
            Step(program=PAIR.format(a=1, b=1), flags=("--expect-no-changes",), fails=True),
            Step(flags=("--expect-no-changes",)),
            Step(command="preview", flags=("--expect-no-changes",)),
            Step(
                command="preview", program=PAIR.format(a=1, b=2), flags=("--expect-no-changes",), fails=True
            ),
            Step(command="refresh", flags=("--expect-no-changes",), program=PAIR.format(a=1, b=1)),
            Step(command="refresh", flags=("--expect-no-changes",), prepare=change("a-1", x=3), fails=True),
        ],
    ),
    Scenario(
        "go-on-after-errors",
        [
            Step(program=SEVERAL.format(x=1) + 'Toy("gone", x=1)\nToy("gone-too", x=a.label)'),
            Step(
                program=SEVERAL.format(x=2) + 'Toy("new", x=b.label)\nToy("new-too", x=d.label)',
                flags=("--continue-on-error",),
                faults=(("update", "b", "before"), ("delete", "gone", "before")),
                fails=True,
            ),
            Step(
                command="destroy",
                flags=("--continue-on-error",),
                faults=(("delete", "b", "before"),),
                fails=True,
            ),
        ],
    ),
    Scenario(
        "protected",
        [
            Step(program=PROTECTED.format(a=1, c=1)),
            Step(program=PROTECTED.format(a=2, c=2), fails=True),
            Step(program='b = Toy("b", x=1)\nToy("c", x=3, y=b.label)', fails=True),
            Step(command="destroy", flags=("--exclude-protected",)),
            Step(command="destroy", fails=True),
        ],
    ),
    Scenario(
        "another-stack",
        [
            Step(program=REFERENCE, prepare=_other_stack),
            Step(command="preview"),
            Step(command="refresh"),
            Step(program=REFERENCE.replace("/network", "/nowhere"), fails=True),
            Step(command="destroy"),
        ],
    ),
    Scenario(
        "import-and-get-of-what-is-not-there",
        [
            Step(program='Toy("a", O(import_="outside"), x=1)', fails=True),
            Step(program='g = Toy("g", O(id="nowhere-1"), x=1)\nToy("b", x=g.x)', fails=True),
        ],
    ),
    Scenario(
        "settings-from-the-state",
        [
            Step(program='Toy("a", x=1)', config={"proof:key": Secret("one"), "proof:plain": "one"}),
            Step(command="refresh", config={"proof:key": Secret("two"), "proof:plain": "two"}),
            Step(flags=("--refresh",)),
            Step(command="destroy", config={}),
        ],
    ),
    Scenario(
        "operations-pending-from-before",
        [
            Step(program=PAIR.format(a=1, b=1)),
            Step(command="preview", prepare=pending("creating", "c")),
            Step(prepare=pending("updating", "a")),
            Step(command="refresh", prepare=pending("deleting", "b")),
            Step(command="refresh", prepare=pending("creating", "c")),
            Step(command="refresh", flags=("--clear-pending-creates",)),
        ],
    ),
    Scenario(
        "everything-removed-and-back",
        [
            Step(program=SEVERAL.format(x=1)),
            Step(program=""),
            Step(program=SEVERAL.format(x=1)),
            Step(command="destroy"),
            Step(command="destroy"),
            Step(),
        ],
    ),
    Scenario(
        "one-at-a-time",
        [
            Step(program=SEVERAL.format(x=1), flags=("--parallel", "1")),
            Step(command="destroy", flags=("--parallel", "1")),
        ],
    ),
]
