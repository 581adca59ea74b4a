"""Who may import whom: the rooms of the package and the direction of their dependencies."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "pulumi_wmlfl"

# room -> (rooms of ours it may import, third-party packages it must not import)
LEAVES = {"errors", "_backend", "_paths", "_redaction", "_version"}
RULES: dict[str, tuple[set[str], set[str]]] = {
    "_redaction": (set(), {"pulumi", "requests", "pydantic"}),
    "errors": (set(), {"pulumi", "requests", "pydantic"}),
    "_paths": (set(), {"pulumi", "requests", "pydantic"}),
    "_backend": (set(), {"pulumi", "requests", "pydantic"}),
    "_version": (set(), set()),
    "schema": (set(), {"pulumi", "requests"}),
    "config": (set(), {"pulumi", "requests"}),
    "protocol": (set(), {"pulumi", "requests"}),
    "fusion": (set(), {"pulumi", "requests"}),
    "client": ({"schema", "config"}, {"pulumi"}),
    "core": ({"schema", "client.contract"}, {"pulumi", "requests"}),
    "resources": ({"core", "client", "config", "schema"}, {"requests"}),
    "plugin": ({"core", "client", "config", "schema"}, {"requests"}),
    "engine": (set(), {"requests", "pydantic"}),
    "server": ({"protocol", "fusion"}, {"pulumi", "requests"}),
    "party": ({"protocol"}, {"pulumi"}),
    "cli": ({"*"}, set()),
    "testing": ({"*"}, set()),
    "__init__": ({"resources"}, {"requests", "pydantic"}),
    "__main__": ({"cli"}, set()),
}


def imports_of(path: Path) -> set[str]:
    """Absolute dotted names of everything that a module imports, ours as `pulumi_wmlfl.room...`."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    package = parts[:-1]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                base = package[: len(package) - node.level + 1]
                stem = ".".join([*base, *([node.module] if node.module else [])])
            else:
                stem = node.module or ""
            if node.module is None or stem == "pulumi_wmlfl":
                found |= {f"{stem}.{alias.name}" for alias in node.names}
            else:
                found.add(stem)
    return found


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_imports_only_what_its_room_may_know(path):
    room = room_of(path)
    allowed, forbidden = RULES[room]
    for name in imports_of(path):
        top, *rest = name.split(".")
        if top != "pulumi_wmlfl":
            assert top not in forbidden, f"{room} must not import {top}"
            continue
        target = rest[0] if rest else ""
        if target in {"", room} or target in LEAVES or "*" in allowed:
            continue
        dotted = ".".join(rest[:2])
        assert target in allowed or dotted in allowed, f"{room} must not import {'.'.join(rest)}"


def test_only_tests_import_the_testing_room():
    for path in MODULES:
        if room_of(path) != "testing":
            assert not any(name.startswith("pulumi_wmlfl.testing") for name in imports_of(path)), path


def test_every_room_has_a_rule():
    rooms = {room_of(path) for path in MODULES}
    assert rooms <= set(RULES)
