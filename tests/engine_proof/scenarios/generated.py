"""Programs made at random: graphs of a few resources, and edits of them.

`Choose` says where the choices come from: a seed for the recorded ones, hypothesis for the live ones.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..harness import Scenario, Step

Choose = Callable[[Sequence[Any]], Any]
NAMES = "abcdefg"
LINKS = (
    "x_{0}={0}.label",
    "fixed_{0}={0}.serial",
    "fixed_{0}={0}.id",
    "list_{0}=[{0}.x, {{'k': {0}.label}}]",
)
OPTIONS = (
    "delete_before_replace=True",
    "retain_on_delete=True",
    'ignore_changes=["x"]',
    'additional_secret_outputs=["label"]',
    "delete_before_replace=False",
)


@dataclass(frozen=True)
class Node:
    """One resource: its own inputs, and what it takes from resources before it."""

    name: str
    x: int = 1
    fixed: int = 1
    delete_first: bool = False
    secret: bool = False
    options: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = field(default=())
    after: tuple[str, ...] = ()
    parent: str | None = None
    deleted_with: str | None = None

    def text(self) -> str:
        """Return the line of the program."""
        options = [*self.options]
        if self.after:
            options.append(f"depends_on=[{', '.join(self.after)}]")
        if self.parent:
            options.append(f"parent={self.parent}")
        if self.deleted_with:
            options.append(f"deleted_with={self.deleted_with}")
        x = f"secret({self.x})" if self.secret else self.x
        inputs = [f"x={x}", f"fixed={self.fixed}", *(link.format(other) for other, link in self.links)]
        if self.delete_first:
            inputs.append("delete_first=True")
        return f"{self.name} = Toy({self.name!r}, O({', '.join(options)}), {', '.join(inputs)})"


def versions(choose: Choose, count: int) -> list[str]:
    """Return `count` versions of a program."""
    names = NAMES[: choose(range(2, len(NAMES) + 1))]
    nodes: list[Node] = []
    for name in names:
        nodes.append(_new(choose, name, nodes))
    texts = [_text(nodes)]
    while len(texts) < count:
        for _ in range(choose((1, 1, 2, 3))):
            nodes = _edit(choose, nodes)
        texts.append(_text(nodes))
    return texts


def _text(nodes: list[Node]) -> str:
    exports = [f"export({node.name!r}, {node.name}.label)" for node in nodes[-2:]]
    return "\n".join([*(node.text() for node in nodes), *exports])


def _new(choose: Choose, name: str, before: list[Node]) -> Node:
    node = Node(name, x=choose((1, 2)), secret=choose((False, False, False, True)))
    if choose((0, 0, 0, 1)):
        node = replace(node, options=(choose(OPTIONS),))
    for _ in range(choose((0, 1, 1, 2)) if before else 0):
        node = _linked(choose, node, before)
    return node


def _linked(choose: Choose, node: Node, before: list[Node]) -> Node:
    other = choose(before).name
    kind = choose(("link", "link", "link", "link", "after", "parent", "deleted_with"))
    if kind == "link" and other not in dict(node.links):
        return replace(node, links=(*node.links, (other, choose(LINKS))))
    if kind == "after":
        return replace(node, after=(other,))
    if kind == "parent":
        return replace(node, parent=other)
    if kind == "deleted_with":
        return replace(node, deleted_with=other)
    return node


def _edit(choose: Choose, nodes: list[Node]) -> list[Node]:
    at = choose(range(len(nodes)))
    node = nodes[at]
    kind = choose(("x", "fixed", "fixed", "remove", "add", "link", "unlink", "first", "secret", "option"))
    if kind == "remove" and len(nodes) > 1:
        return [_without(other, node.name) for other in nodes if other is not node]
    if kind == "add":
        unused = [name for name in NAMES if name not in {n.name for n in nodes}]
        return [*nodes[:at], _new(choose, unused[0], nodes[:at]), *nodes[at:]] if unused else nodes
    changed = {
        "x": lambda: replace(node, x=node.x + 1),
        "fixed": lambda: replace(node, fixed=node.fixed + 1),
        "link": lambda: _linked(choose, node, nodes[:at]) if at else node,
        "unlink": lambda: replace(node, links=(), after=(), deleted_with=None),
        "first": lambda: replace(node, delete_first=not node.delete_first),
        "secret": lambda: replace(node, secret=not node.secret),
        "option": lambda: replace(node, options=() if node.options else (choose(OPTIONS),)),
    }.get(kind, lambda: node)()
    return [*nodes[:at], changed, *nodes[at + 1 :]]


def _without(node: Node, name: str) -> Node:
    return replace(
        node,
        links=tuple(link for link in node.links if link[0] != name),
        after=tuple(other for other in node.after if other != name),
        parent=None if node.parent == name else node.parent,
        deleted_with=None if node.deleted_with == name else node.deleted_with,
    )


def scenario(name: str, choose: Choose, *, pieces: int, count: int) -> Scenario:
    """Return a scenario of several random programs side by side, one step of it with random faults."""
    programs = {f"p{number}-": versions(choose, count) for number in range(pieces)}
    at = [{prefix: texts[version] for prefix, texts in programs.items()} for version in range(count)]
    faults = {
        (choose(("create", "update", "delete")), choose(list(programs)) + choose(NAMES), choose(KINDS))
        for _ in range(pieces)
    }
    going_on = ("--continue-on-error",)
    return Scenario(
        name,
        [
            Step(program=at[0]),
            *(Step(program=program) for program in at[1:-1]),
            Step(program=at[-1], flags=going_on, faults=tuple(sorted(faults)), fails=None),
            Step(),
            Step(command="destroy"),
        ],
    )


KINDS = ("before", "before", "partial")

GENERATED = [scenario(f"generated-{seed}", random.Random(seed).choice, pieces=12, count=4) for seed in (1, 2)]
