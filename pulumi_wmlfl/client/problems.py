"""From an HTTP status and whatever body came with it to one of our errors.

Bodies are read without trust: WML's `{trace, errors[]}`, IAM's and CPD's own shapes, gateways' HTML.
Parsing never raises. Source: wire format of WML's v4 errors, IAM's token errors.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from ..errors import (
    AuthenticationFailed,
    BadRequest,
    Conflict,
    ContentTooLarge,
    FederatedLearningUnavailable,
    NotFound,
    PermissionDenied,
    RateLimited,
    ServerFault,
    WmlResponseError,
)

__all__ = ["Said", "error_for", "read_body"]

_COLLECTION = re.compile(r"/ml/v4/(remote_training_systems|trainings)/?$")
_LONGEST = 400
_BODY_LIMIT = 64 * 1024


@dataclass(frozen=True, slots=True)
class Said:
    """What a body says: the first error's code and message, the trace id and the field it is about."""

    code: str = ""
    message: str = ""
    trace: str = ""
    target: str = ""
    is_html: bool = False


def read_body(body: bytes) -> Said:
    """Read an error body of any shape."""
    text = body[:_BODY_LIMIT].decode("utf-8", errors="replace").strip()
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        html = text[:1000].lower()
        if "<html" in html or "doctype" in html:
            title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
            return Said(message=_short(title.group(1)) if title else "", is_html=True)
        return Said(message=_short(text))
    return _read_json(data)


def _read_json(data: Any) -> Said:
    if not isinstance(data, dict):
        return Said()
    errors = data.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        first = errors[0]
        target = first.get("target")
        return Said(
            code=_short(first.get("code")),
            message=_short(first.get("message")),
            trace=_short(data.get("trace")),
            target=_short(target.get("name")) if isinstance(target, dict) else "",
        )
    context = data.get("context")
    return Said(
        code=_short(data.get("errorCode") or data.get("_messageCode_") or data.get("code")),
        message=_short(data.get("errorMessage") or data.get("message") or data.get("exception")),
        trace=_short(data.get("trace") or (context.get("requestId") if isinstance(context, dict) else "")),
    )


def _short(value: object) -> str:
    text = str(value) if isinstance(value, str | int | float) else ""
    # Nothing that moves the cursor or colours a terminal.
    text = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def error_for(
    status: int,
    body: bytes,
    *,
    doing: str,
    method: str,
    path: str,
    retry_after: float | None = None,
    authentication_hint: str = "",
) -> WmlResponseError:
    """Return the error for `status`; `doing` says what failed ("create the model 'x'")."""
    said = read_body(body)
    text = f"Could not {doing}."
    cls, hint = _class_and_hint(status, said, method=method, path=path)
    if cls is AuthenticationFailed:
        hint = authentication_hint or hint
    return cls(
        text,
        status=status,
        wml_code=said.code,
        wml_message=said.message,
        trace=said.trace,
        hint=hint,
        retry_after=retry_after,
    )


def _class_and_hint(status: int, said: Said, *, method: str, path: str) -> tuple[type[WmlResponseError], str]:
    if status == 404:
        return _not_found(said, method=method, path=path)
    simple: dict[int, tuple[type[WmlResponseError], str]] = {
        401: (AuthenticationFailed, "Check the API key or the password of this environment."),
        403: (
            PermissionDenied,
            "The user needs the role Editor in the project, and the project a runtime instance of WML.",
        ),
        409: (Conflict, "Something else is changing this object; try again."),
        413: (ContentTooLarge, "The content is larger than this deployment accepts."),
        425: (Conflict, "WML is not ready for this request; try again."),
        429: (RateLimited, "A rate limit or quota is used up; try again later."),
    }
    if status in simple:
        return simple[status]
    if status >= 500:
        return ServerFault, "WML failed; try again, and give the trace id to its operator if it stays."
    if 300 <= status < 400:
        return (
            WmlResponseError,
            "The address redirects; check wmlfl:url, it must be the address of WML itself.",
        )
    return BadRequest, ""


def _not_found(said: Said, *, method: str, path: str) -> tuple[type[WmlResponseError], str]:
    if said.target in {"project_id", "space_id"}:
        # Not `NotFound`: a lost membership must not make every object of the project look deleted.
        return (
            WmlResponseError,
            "Check wmlfl:projectId or wmlfl:spaceId, and that the user is a member there. If it was deleted, "
            "remove its resources from the state with `wmlfl state delete`.",
        )
    if method in {"GET", "POST"} and _COLLECTION.search(path):
        return (
            FederatedLearningUnavailable,
            "This deployment serves no federated learning: Cloud Pak for Data has removed it from 5.2 on, "
            "IBM Cloud too. Run the experiment on a local service: `wmlfl serve`.",
        )
    if said.is_html:
        # The front door's page: the component behind it is not there, which says nothing of one object.
        return (
            FederatedLearningUnavailable,
            "This is no answer of WML: it is not installed behind this address, or wmlfl:url is wrong.",
        )
    return NotFound, ""
