"""The control side of a local service: faults, clock, request log, states of trainings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests

__all__ = ["Control"]

_SECONDS = 30.0


class Control:
    """Speaks to `/control/v1` of a running service; `ready` is the content of its ready file."""

    def __init__(self, ready: Mapping[str, Any]) -> None:
        self._url = f"{ready['url']}/control/v1"
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = str(ready["ca_file"])
        self._session.headers["Authorization"] = f"Bearer {ready['control_token']}"
        self.touched = False

    def call(self, method: str, path: str, **options: Any) -> Any:
        """Make a request and return its JSON.

        Raises:
            RuntimeError: the service refused.
        """
        answer = self._session.request(method, self._url + path, timeout=_SECONDS, **options)
        if not answer.ok:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None

    def fault(self, **fault: Any) -> Any:
        """Let requests fail.

        `path` (a regular expression) and `method` choose them; `skip` are spared, `count` are hit (0: all);
        `delay` seconds pass first; then `status` with `body` is answered, the connection is dropped (`drop`)
        or the answer cut (`truncate`); with `after` the service acts first.
        """
        self.touched = True
        return self.call("POST", "/faults", json=fault)

    def change(self, **settings: Any) -> Any:
        """Change settings: `pending_seconds`, `delay_seconds`, `federated_learning` and others."""
        self.touched = True
        return self.call("PATCH", "/settings", json=settings)

    def pass_time(self, seconds: float) -> Any:
        """Let the service's clock run ahead by `seconds`, counted from the true time."""
        return self.change(clock_offset=seconds)

    def restore(self) -> None:
        """Take back faults and settings."""
        self.call("DELETE", "/faults")
        self.call("DELETE", "/settings")
        self.touched = False

    def requests(self, **query: str) -> list[dict[str, Any]]:
        """Return the requests that the service answered, by `path` (a regular expression) and `method`."""
        found: list[dict[str, Any]] = self.call("GET", "/requests", params=query)["requests"]
        return found

    def new_scope(self, kind: str = "project_id", **members: str) -> str:
        """Make a project or a space (`space_id`) of the development user, or of `members` (`{id: role}`)."""
        return str(self.call("POST", "/scopes", json={"kind": kind, "members": members})[kind])

    def new_user(self, username: str) -> dict[str, str]:
        """Make a user with a key: `user_id`, `username`, `apikey`."""
        made: dict[str, str] = self.call("POST", "/users", json={"username": username})
        return made

    def move(self, training_id: str, state: str, **status: Any) -> Any:
        """Move a training to a state, as its aggregator would."""
        body = {"state": state, "status": status}
        return self.call("POST", f"/trainings/{training_id}/state", json=body)
