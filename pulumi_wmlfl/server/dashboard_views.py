"""What the dashboard shows, small enough to be asked for every other second.

Shapes are this page's own, not WML's. Nothing here is secret: no storage keys, no API keys.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from .control import Control, LoggedRequest
from .jobs import TERMINAL
from .services import Services
from .settings import DEVELOPMENT_USER
from .store.contract import Principal, Record, Scope, Selection

__all__ = ["Summaries", "objects_view", "requests_view", "scopes_view", "training_view"]

_TRAININGS = 50
_OBJECTS = 100
_REQUESTS = 100
_CHARTED_PARTIES = 8
_LISTED_PARTIES = 200
_POINTS = 300
_EVENTS = 8
_REMEMBERED = 1000


def scopes_view(services: Services, principal: Principal) -> list[dict[str, str]]:
    """Return the projects and spaces of a user, with the user's role in each."""
    scopes = [
        (Scope(kind, scope_id), name)
        for kind in ("project_id", "space_id")
        for scope_id, name, _ in services.access.scopes_of(principal, kind)
    ]
    return [
        {
            "kind": scope.kind,
            "id": scope.id,
            "name": name,
            "role": services.access.role(principal, scope),
        }
        for scope, name in scopes
    ]


class Summaries:
    """One line per training; those of trainings that have ended are made once."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._ended: dict[str, dict[str, Any]] = {}

    def view(self, scope: Scope) -> dict[str, Any]:
        """Return the newest trainings of a scope."""
        store = self._services.store
        where = "collection = 'trainings' AND scope_kind = ? AND scope_id = ?"
        values = (scope.kind, scope.id)
        rows = store.query(
            f"SELECT id FROM objects WHERE {where} ORDER BY position DESC LIMIT {_TRAININGS}",  # noqa: S608
            values,
        )
        total = store.query(f"SELECT count(*) FROM objects WHERE {where}", values)[0][0]  # noqa: S608
        found = [self._summary(row[0], scope) for row in rows]
        return {"total": total, "trainings": [summary for summary in found if summary is not None]}

    def _summary(self, training_id: str, scope: Scope) -> dict[str, Any] | None:
        known = self._ended.get(training_id)
        if known is not None:
            return known
        record = self._services.store.get("trainings", training_id, scope)
        if record is None:
            return None
        summary = _summary(record)
        if record.state in TERMINAL:
            while len(self._ended) >= _REMEMBERED:
                self._ended.pop(next(iter(self._ended)), None)
            self._ended[training_id] = summary
        return summary


def _summary(record: Record) -> dict[str, Any]:
    learning = record.entity["federated_learning"]
    status = record.status
    return {
        "id": record.id,
        "name": record.name,
        "tags": list(record.tags or ()),
        "state": record.state,
        "message": _message(status),
        "iteration": status.get("iteration"),
        "rounds": status.get("total_iterations") or learning.get("rounds"),
        "fusion_type": learning["fusion_type"],
        "parties": len(learning["remote_training"]["remote_training_systems"]),
        "created_at": record.created_at,
        "running_at": status.get("running_at"),
        "completed_at": status.get("completed_at"),
    }


def _message(status: Mapping[str, Any]) -> str:
    errors = (status.get("failure") or {}).get("errors") or ()
    text = errors[0].get("message") if errors else (status.get("message") or {}).get("text")
    return str(text or "")


def training_view(
    services: Services, record: Record, *, connected: AbstractSet[str], writer: bool
) -> dict[str, Any]:
    """Return one training: what it is, its parties, and the series of its metrics."""
    learning = record.entity["federated_learning"]
    remote = learning["remote_training"]
    spec = (learning.get("model") or {}).get("spec") or {}
    href = spec.get("href")
    model_id = (href if isinstance(href, dict) else spec).get("id")
    model = services.store.get("models", str(model_id), record.scope) if model_id else None
    parties = _parties(record, connected)
    return {
        **_summary(record),
        "description": record.description or "",
        "model": {"id": str(model_id), "name": model.name if model else ""} if model_id else None,
        "quorum": remote.get("quorum"),
        "max_timeout": remote.get("max_timeout"),
        "termination_predicate": learning.get("termination_predicate"),
        "connected": len(connected),
        "party_list": parties[:_LISTED_PARTIES],
        "metrics": _series(record.status.get("metrics", ()), {item["id"]: item["name"] for item in parties}),
        "may_cancel": writer and record.state not in TERMINAL,
    }


def _parties(record: Record, connected: AbstractSet[str]) -> list[dict[str, Any]]:
    learning = record.entity["federated_learning"]
    required = {
        item["id"]: bool(item.get("required"))
        for item in learning["remote_training"]["remote_training_systems"]
    }
    info = record.status.get("federated_learning_info") or {}
    states = (info.get("remote_training_systems") or {}).get("states") or ()
    return [
        {
            "id": state["id"],
            "name": str(state.get("name") or state["id"]),
            "required": required.get(state["id"], False),
            "connected": state["id"] in connected,
            "events": list(state.get("registration_log") or ())[-_EVENTS:],
        }
        for state in states
    ]


def _series(entries: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return, per metric, the points (round, value) of all parties' mean and of the first parties.

    A party's `points` are of the fused model on its data, `own` of its own model before fusion.
    """
    shown = dict.fromkeys(names)
    charted = list(shown)[:_CHARTED_PARTIES]
    series: dict[str, dict[str, Any]] = {}
    for entry in _thinned(entries):
        for name, metric in entry.get("ml_federated_metrics", {}).items():
            found = series.setdefault(name, {"mean": [], "parties": {party: ([], []) for party in charted}})
            number = entry["iteration"]
            _add(found["mean"], number, metric.get("global"))
            for party in metric.get("remote_training_systems", ()):
                if party["id"] in found["parties"]:
                    points, own = found["parties"][party["id"]]
                    _add(points, number, party.get("fused"))
                    _add(own, number, party.get("local"))
    return [
        {
            "name": name,
            "mean": found["mean"],
            "parties": [
                {"name": names[party], "points": points, "own": own}
                for party, (points, own) in found["parties"].items()
            ],
            "parties_left_out": max(0, len(names) - len(charted)),
        }
        for name, found in series.items()
    ]


def _thinned(entries: Sequence[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    """Leave out rounds that no chart has room for; the last one is always there."""
    step = max(1, math.ceil(len(entries) / _POINTS))
    return list(reversed(entries[::-1][::step]))


def _add(points: list[tuple[int, float]], number: int, value: object) -> None:
    # What is not finite is kept as text, which no chart can show.
    if isinstance(value, int | float):
        points.append((number, value))


def objects_view(services: Services, scope: Scope) -> dict[str, Any]:
    """Return the newest models and remote training systems of a scope."""

    def newest(collection: str) -> tuple[Sequence[Record], int]:
        page = services.store.page(collection, scope, Selection(), limit=_OBJECTS, count=True)
        return page.records, page.total or 0

    models, model_total = newest("models")
    systems, system_total = newest("remote_training_systems")
    return {
        "models": {"total": model_total, "items": [_model(services, record) for record in models]},
        "remote_training_systems": {
            "total": system_total,
            "items": [_remote_training_system(record) for record in systems],
        },
    }


def _described(record: Record) -> dict[str, Any]:
    return {
        "id": record.id,
        "name": record.name,
        "description": record.description or "",
        "tags": list(record.tags or ()),
        "modified_at": record.modified_at,
    }


def _model(services: Services, record: Record) -> dict[str, Any]:
    contents = services.store.attachments(record.id)
    return {
        **_described(record),
        "type": record.entity["type"],
        "software": record.entity["software_spec"].get("name", ""),
        "bytes": sum(item.size for item in contents),
    }


def _remote_training_system(record: Record) -> dict[str, Any]:
    organization = record.entity.get("organization") or {}
    place = [str(organization[key]) for key in ("name", "region") if organization.get(key)]
    identities = [str(item["id"]) for item in record.entity["allowed_identities"]]
    return {**_described(record), "organization": ", ".join(place), "identities": identities}


def requests_view(control: Control, principal: Principal, scope: Scope, *, role: str) -> dict[str, Any]:
    """Return the last requests, newest first, that a user may see.

    Those are the user's own; for an `admin` all in this project or space; for the development user also
    those of nobody: sign-ins, and requests without a valid token.
    """

    def visible(entry: LoggedRequest) -> bool:
        if entry.user:
            return entry.user == principal.id or (role == "admin" and entry.scope == scope.id)
        return principal.id == DEVELOPMENT_USER

    found = []
    for entry in reversed(list(control.log)):
        if visible(entry):
            found.append(entry)
            if len(found) == _REQUESTS:
                break
    shown = ("at", "method", "path", "status", "seconds", "user", "problem", "fault")
    return {"requests": [{name: getattr(entry, name) for name in shown} for entry in found]}
