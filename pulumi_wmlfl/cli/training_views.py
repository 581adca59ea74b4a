"""What commands tell of a training, read without trust from what WML answers.

Releases differ in shape: a part that is missing or of another kind is left out. Source: the v4 API's training
status and the statuses of recorded trainings.
"""

from __future__ import annotations

from typing import Any

from ..core.lookup import name_of, tags_of
from ..schema.api import TrainingState, WmlObject

__all__ = ["details", "metrics_of", "outcome", "parties_of", "summary", "timeline"]

Json = dict[str, Any]


def summary(found: WmlObject) -> Json:
    """Return the line of a training in a list."""
    learning, status = _object(found.entity.get("federated_learning")), _status(found)
    return {
        "id": found.id,
        "name": name_of(found),
        "state": found.state,
        "round": _whole(status.get("iteration")),
        "rounds": _whole(status.get("total_iterations")) or _whole(learning.get("rounds")),
        "fusion_type": _text(learning.get("fusion_type")),
        "created_at": found.metadata.created_at,
    }


def details(found: WmlObject) -> Json:
    """Return all that is known of a training: the line of a list, and what stands behind it."""
    learning, status = _object(found.entity.get("federated_learning")), _status(found)
    remote = _object(learning.get("remote_training"))
    results = _object(found.entity.get("results_reference"))
    return {
        **summary(found),
        "message": message_of(found),
        "failure": failure_of(found),
        "ended": TrainingState.is_terminal(found.state),
        "quorum": remote.get("quorum"),
        "max_timeout": remote.get("max_timeout"),
        "running_at": _text(status.get("running_at")),
        "completed_at": _text(status.get("completed_at")),
        "model_id": _text(_object(_object(learning.get("model")).get("spec")).get("id")),
        "tags": list(tags_of(found)),
        "parties": parties_of(found),
        "results": {"type": _text(results.get("type")), "location": _object(results.get("location"))},
    }


def parties_of(found: WmlObject) -> list[Json]:
    """Return the parties: who was declared, and what was last heard of each."""
    learning = _object(found.entity.get("federated_learning"))
    remote = _object(learning.get("remote_training"))
    parties: dict[str, Json] = {}
    for entry in _objects(remote.get("remote_training_systems")):
        required = bool(entry.get("required"))
        parties[str(entry.get("id"))] = {"id": str(entry.get("id")), "name": "", "required": required}
    for entry in _reported(found):
        party = parties.setdefault(str(entry.get("id")), {"id": str(entry.get("id")), "required": False})
        party["name"] = _text(entry.get("name"))
        log = _objects(entry.get("registration_log"))
        if log:
            party |= {
                "event": _text(log[-1].get("event")),
                "at": _text(log[-1].get("timestamp")),
                "reason": _text(log[-1].get("reason")),
            }
    empty = {"name": "", "event": "", "at": "", "reason": ""}
    return [{**empty, **party} for party in parties.values()]


def metrics_of(found: WmlObject) -> list[Json]:
    """Return a row for each round and metric: the mean, and what each party measured."""
    names = {party["id"]: party["name"] for party in parties_of(found)}
    rows = []
    for entry in _objects(_status(found).get("metrics")):
        for metric, measured in _object(entry.get("ml_federated_metrics")).items():
            parties = {}
            for party in _objects(_object(measured).get("remote_training_systems")):
                party_id = str(party.get("id"))
                values = {key: party[key] for key in ("fused", "local") if key in party}
                parties[names.get(party_id) or party_id] = values
            fused = [values["fused"] for values in parties.values() if _is_number(values.get("fused"))]
            mean = _object(measured).get("global", sum(fused) / len(fused) if fused else None)
            rows.append(
                {
                    "round": _whole(entry.get("iteration")),
                    "metric": str(metric),
                    "global": mean,
                    "parties": parties,
                    "timestamp": _text(entry.get("timestamp")),
                }
            )
    return rows


def timeline(found: WmlObject) -> list[Json]:
    """Return what happened, in the order of time: `at`, `what`, and `party` where one is meant."""
    status = _status(found)
    events = [{"at": found.metadata.created_at or "", "party": "", "what": "created"}]
    for key, what in (
        ("wait_for_quorum_at", "waiting for the quorum"),
        ("running_at", "running"),
        ("completed_at", found.state),
    ):
        if status.get(key):
            events.append({"at": _text(status[key]), "party": "", "what": what})
    for party in _reported(found):
        name = _text(party.get("name")) or str(party.get("id"))
        for entry in _objects(party.get("registration_log")):
            what = ": ".join(text for text in (_text(entry.get("event")), _text(entry.get("reason"))) if text)
            events.append({"at": _text(entry.get("timestamp")), "party": name, "what": what})
    for row in metrics_of(found):
        what = f"round {row['round']}: {row['metric']} {_shown(row['global'])}"
        events.append({"at": row["timestamp"], "party": "", "what": what})
    events.sort(key=lambda event: event["at"])
    said = failure_of(found) or message_of(found)
    if said:
        events.append({"at": found.metadata.modified_at or "", "party": "", "what": f"{found.state}: {said}"})
    return events


def outcome(found: WmlObject) -> str:
    """Return one sentence about how a training stands."""
    view = summary(found)
    rounds = f", round {view['round']} of {view['rounds']}" if view["round"] and view["rounds"] else ""
    said = failure_of(found) or message_of(found)
    return f"{found.state}{rounds}{f': {said}' if said else ''}"


def message_of(found: WmlObject) -> str:
    """Return what WML says about the state."""
    message = _status(found).get("message")
    return _text(message.get("text") if isinstance(message, dict) else message)


def failure_of(found: WmlObject) -> str:
    """Return why a training failed, in WML's words; empty if it did not."""
    errors = _objects(_object(_status(found).get("failure")).get("errors"))
    return "; ".join(text for text in (_text(entry.get("message")) for entry in errors) if text)


def _reported(found: WmlObject) -> list[Json]:
    """Return the parties' states: an object with `states` in what WML answers, a list in its schema."""
    info = _object(_status(found).get("federated_learning_info")).get("remote_training_systems")
    if isinstance(info, dict):
        return _objects(info.get("states"))
    return [{**entry, **_object(entry.get("states"))} for entry in _objects(info)]


def _status(found: WmlObject) -> Json:
    return _object(found.entity.get("status"))


def _object(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[Json]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: Any) -> int | None:
    return int(value) if _is_number(value) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    return f"{value:.4f}" if _is_number(value) else str(value)
