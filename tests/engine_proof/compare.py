"""Compares what two engines did in one step.

Calls of resources that do not depend on each other may come in any order. So what is compared is the sequence
of calls of each resource, and the interleaving of the calls of each two resources of which one depends on the
other (of their deletes alone, if only the state before knows of the dependency). A refresh reads everything
at once: there only the sequences count.
"""

from __future__ import annotations

import json
from itertools import combinations, groupby
from typing import Any

from .harness import Outcome
from .known import unexplained

CHANGES = {"create", "update", "delete"}


def report(scenario: str, expected: list[Outcome], found: list[Outcome]) -> str:
    """Return what differs between two engines in a scenario and is not known, by step: expected | found."""
    lines = []
    before: list[dict[str, Any]] = []
    for number, (left, right) in enumerate(zip(expected, found, strict=True), 1):
        new, absent = unexplained(scenario, number, differences(left, right, before))
        where = f"step {number} ({left.command}): "
        lines += [where + line for line in new]
        lines += [f"{where}no longer differs: {known.line}" for known in absent]
        before = left.resources
    return "\n".join(lines)


def differences(left: Outcome, right: Outcome, before: list[dict[str, Any]]) -> list[str]:
    """Return each difference between two outcomes of one step as a line; `before`: the state at its begin."""
    found = []
    if left.code != right.code:
        found.append(f"exit code: {left.code} | {right.code}")
    found += _sequences(left, right)
    found += _order(left, right, before)
    found += values("state", _by_urn(left.resources), _by_urn(right.resources))
    found += values("pending", _plain(left.pending), _plain(right.pending))
    found += values("objects", left.objects, right.objects)
    if left.plan or right.plan:
        found += values("plan", left.plan, right.plan)
    return found


def _sequences(left: Outcome, right: Outcome) -> list[str]:
    found = []
    one, other = ({urn: _in_order(c) for urn, c in _calls_by_urn(side).items()} for side in (left, right))
    for urn in sorted(one.keys() | other.keys()):
        a, b = one.get(urn, []), other.get(urn, [])
        names = [[c["call"] for c in calls] for calls in (a, b)]
        if names[0] != names[1]:
            found.append(f"calls of {short(urn)}: {' '.join(names[0])} | {' '.join(names[1])}")
            continue
        for x, y in zip(a, b, strict=True):
            found += values(f"{x['call']} of {short(urn)}", x, y)
    configured = [
        {json.dumps(c, sort_keys=True) for c in side.calls if c["call"] == "configure"}
        for side in (left, right)
    ]
    if configured[0] != configured[1]:
        found.append(f"configure: {sorted(configured[0])} | {sorted(configured[1])}")
    return found


def _in_order(calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sort what has no order: old objects of one resource are refreshed, and deleted, at the same time."""
    result: list[dict[str, Any]] = []
    for free, group in groupby(calls, lambda call: _free(call, calls)):
        together = list(group)
        result += sorted(together, key=lambda c: (c["id"], c["call"] == "diff")) if free else together
    return result


def _free(call: dict[str, Any], calls: list[dict[str, Any]]) -> str | None:
    if call["call"] == "delete":
        return "delete"
    if "read" not in {other["call"] for other in calls}:
        return None
    first = next((i for i, other in enumerate(calls) if other["call"] == "check"), len(calls))
    return "refresh" if call["call"] in {"read", "diff"} and calls.index(call) < first else None


def _calls_by_urn(outcome: Outcome) -> dict[str, list[dict[str, Any]]]:
    calls: dict[str, list[dict[str, Any]]] = {}
    ends: dict[str, list[bool]] = {}
    for call in outcome.calls:
        if call.get("event") == "begin":
            calls.setdefault(call["urn"], []).append({"call": call["call"], **call["sent"]})
        elif call.get("event") == "end":
            ends.setdefault(call["urn"], []).append(call["failed"])
    for urn, failed in ends.items():
        calls[urn].append({"call": "ends", "failed": failed})
    return calls


def _order(left: Outcome, right: Outcome, before: list[dict[str, Any]]) -> list[str]:
    counted = CHANGES if "refresh" in left.command else CHANGES | {"check", "diff"}
    failed = {call["urn"] for call in left.calls if call.get("failed")}
    # A resource that failed keeps its old dependencies in the state: they say nothing about this program.
    registered = [resource for resource in left.resources if resource["urn"] not in failed]
    now, ever = _dependent_pairs(registered), _dependent_pairs([*before, *left.resources])
    found = []
    for pair in sorted(now | ever):
        calls = counted if pair in now else {"delete"}
        one, other = (
            [
                (c["call"], c["event"], short(c["urn"]))
                for c in side.calls
                if c["call"] in calls and c["urn"] in pair
            ]
            for side in (left, right)
        )
        # Of one URN there may be two objects, the current one and one that waits for its deletion: theirs is
        # no order that a dependency asks for.
        doubled = len(one) != len(set(one))
        if one != other and sorted(one) == sorted(other) and not doubled:
            found.append(f"order of {' and '.join(map(short, pair))}: {one} | {other}")
    return found


def _dependent_pairs(resources: list[dict[str, Any]]) -> set[tuple[str, ...]]:
    direct: dict[str, set[str]] = {}
    for resource in resources:
        edges = direct.setdefault(resource["urn"], set())
        edges |= {*resource.get("dependencies", ()), resource.get("parent"), resource.get("deletedWith")}
        edges -= {None}
    pairs = set()
    for first, second in combinations(direct, 2):
        if _reaches(direct, first, second) or _reaches(direct, second, first):
            pairs.add(tuple(sorted((first, second))))
    return pairs


def _reaches(direct: dict[str, set[str]], start: str, goal: str) -> bool:
    seen, todo = set(), [start]
    while todo:
        for following in direct.get(todo.pop(), ()):
            if following == goal:
                return True
            if following not in seen:
                seen.add(following)
                todo.append(following)
    return False


def _by_urn(resources: list[dict[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for resource in resources:
        key = short(resource["urn"])
        while key in result:
            key += "'"
        result[key] = resource
    return result


def _plain(pending: list[Any]) -> list[Any]:
    return [[p["resource"]["urn"], p["type"]] for p in pending]


def values(where: str, left: Any, right: Any) -> list[str]:
    """Return the places at which two values differ, each as a line."""
    if left == right:
        return []
    if isinstance(left, dict) and isinstance(right, dict):
        found = []
        for key in sorted(left.keys() | right.keys()):
            found += values(f"{where}.{key}", left.get(key, _NOTHING), right.get(key, _NOTHING))
        return found
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        pairs = enumerate(zip(left, right, strict=True))
        return [line for i, (a, b) in pairs for line in values(f"{where}[{i}]", a, b)]
    if isinstance(left, int | float) and isinstance(right, int | float) and float(left) == float(right):
        # The same number, written otherwise.
        return [] if isinstance(left, bool) == isinstance(right, bool) else [f"{where}: {left!r} | {right!r}"]
    return [f"{where}: {left!r} | {right!r}"]


class _Nothing:
    def __repr__(self) -> str:
        return "(nothing)"


_NOTHING = _Nothing()


def short(urn: str) -> str:
    """Return type and name of a URN, without stack and project."""
    return "::".join(urn.split("::")[2:])
