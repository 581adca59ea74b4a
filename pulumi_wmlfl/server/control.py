"""The control side's knobs: faults, a delay, page sizes, "federated learning removed", a request log.

:class:`ControlLayer` wraps the application. While nothing is asked of it, it costs a log entry per request.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .clock import Clock, timestamp
from .problems import wml_problem

__all__ = [
    "DASHBOARD_PATH",
    "PROBLEM_KEY",
    "SCOPE_KEY",
    "USER_KEY",
    "Control",
    "ControlLayer",
    "Fault",
    "LoggedRequest",
]

CONTROL_PATH = "/control/"
DASHBOARD_PATH = "/dashboard"
# Where a handler leaves, in the ASGI scope of its request, what the log tells of it.
USER_KEY, SCOPE_KEY, PROBLEM_KEY = "wmlfl.user", "wmlfl.scope", "wmlfl.problem"
_REMOVED = re.compile(r"/ml/v4/(remote_training_systems|trainings)(/|$)")
_REMOVED_PAGE = "<!DOCTYPE html><html><head><title>404 Not Found</title></head><body>Not Found</body></html>"
_SECRET_PARAMETERS = frozenset({"apikey", "api_key", "password", "token", "access_token", "iam-token"})
_LONGEST_LOG = 5000
_CODES = {401: "authentication_token_expired", 403: "authorization_rejected", 429: "token_quota_reached"}


@dataclass(slots=True)
class Fault:
    """What goes wrong with the requests that match `method` (any, if empty) and `path` (searched for).

    The first `skip` matches are spared, then `count` are hit (0: all). A fault first waits `delay` seconds.
    With `after` the service acts before the answer is lost, replaced or cut. `drop` breaks the connection;
    `truncate` sends half of the true body; otherwise `status` is answered with `body`, as JSON if it is no
    text, and `headers`. A fault of a delay alone answers truly.
    """

    id: str
    path: re.Pattern[str]
    method: str = ""
    skip: int = 0
    count: int = 1
    delay: float = 0.0
    after: bool = False
    drop: bool = False
    truncate: bool = False
    status: int = 0
    body: Any = None
    content_type: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    seen: int = 0
    hits: int = 0

    def takes(self, method: str, path: str) -> bool:
        """Count a request; say whether this fault is for it."""
        if self.method not in {"", method} or not self.path.search(path):
            return False
        self.seen += 1
        if self.seen <= self.skip or (self.count and self.hits >= self.count):
            return False
        self.hits += 1
        return True

    def response(self) -> Response:
        """Return the answer that takes the place of the true one."""
        if self.body is None:
            code = _CODES.get(self.status, "injected_fault")
            answer = wml_problem(self.status, code, "This fault was injected by the control side.")
        elif isinstance(self.body, str):
            answer = Response(self.body, self.status, media_type=self.content_type or "text/html")
        else:
            answer = JSONResponse(self.body, self.status)
        answer.headers.update(self.headers)
        return answer


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One answered request; `status` 0: the connection was dropped. `seconds` is the time it took.

    `user` and `scope` are the ids of who asked and of the project or space; empty where not known. `problem`
    is what a refusal said.
    """

    at: str
    method: str
    path: str
    query: str
    status: int
    seconds: float
    fault: str = ""
    user: str = ""
    scope: str = ""
    problem: str = ""


@dataclass(slots=True)
class Control:
    """What the control side can change while the service runs."""

    clock: Clock
    page_size: int = 100
    largest_page: int = 200
    delay_seconds: float = 0.0
    federated_learning: bool = True
    token: str = ""
    faults: list[Fault] = field(default_factory=list)
    log: deque[LoggedRequest] = field(default_factory=lambda: deque(maxlen=_LONGEST_LOG))
    answered: int = 0
    drop_connection: Callable[[Scope], None] = lambda _: None

    def fault_for(self, method: str, path: str) -> Fault | None:
        """Return the first fault that is for this request."""
        return next((fault for fault in self.faults if fault.takes(method, path)), None)

    def record(self, scope: Scope, status: int, began: float, fault: str = "") -> None:
        """Log a request, its secrets masked."""
        query = scope["query_string"].decode("latin-1")
        if query:
            pairs = parse_qsl(query, keep_blank_values=True)
            query = urlencode(
                [(name, "***" if name.lower() in _SECRET_PARAMETERS else value) for name, value in pairs]
            )
        took = time.perf_counter() - began
        now = timestamp(self.clock())
        told = [str(scope.get(key, "")) for key in (USER_KEY, SCOPE_KEY, PROBLEM_KEY)]
        self.log.append(
            LoggedRequest(now, scope["method"], scope["path"], query, status, round(took, 6), fault, *told)
        )
        self.answered += 1


class ControlLayer:
    """The outermost ASGI layer: tidies the path, applies the control side's wishes, logs."""

    def __init__(self, app: ASGIApp, control: Control) -> None:
        self._app = app
        self._control = control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        if scope["path"].startswith("//"):
            # IBM's SDK joins its base URL and a relative href with one slash too many.
            scope["path"] = "/" + scope["path"].lstrip("/")
        apart = scope["path"].startswith((CONTROL_PATH, DASHBOARD_PATH))
        if scope["type"] == "websocket" or apart:
            await self._app(scope, receive, send)
            return
        await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        control = self._control
        began = time.perf_counter()
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        fault = control.fault_for(scope["method"], scope["path"]) if control.faults else None
        try:
            if control.delay_seconds:
                await asyncio.sleep(control.delay_seconds)
            if fault is not None:
                await self._fail(fault, scope, receive, watched)
            elif not control.federated_learning and _REMOVED.match(scope["path"]):
                await Response(_REMOVED_PAGE, 404, media_type="text/html")(scope, receive, watched)
            else:
                await self._app(scope, receive, watched)
        finally:
            control.record(scope, status, began, fault.id if fault else "")

    async def _fail(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.delay:
            await asyncio.sleep(fault.delay)
        answer: list[Message] = []
        if fault.after or fault.truncate:
            await self._app(scope, receive, _collector(answer))
        if fault.drop:
            self._control.drop_connection(scope)
        elif fault.truncate:
            await self._truncate(answer, scope, send)
        elif fault.status:
            await fault.response()(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _truncate(self, answer: list[Message], scope: Scope, send: Send) -> None:
        """Send the true head and half of the true body, then break the connection."""
        body = b"".join(message.get("body", b"") for message in answer[1:])
        await send(answer[0])
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        self._control.drop_connection(scope)


def _collector(answer: list[Message]) -> Send:
    async def collect(message: MutableMapping[str, Any]) -> None:
        answer.append(message)

    return collect
