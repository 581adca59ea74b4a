"""Error answers: WML's body (`trace`, `errors`), IAM's and CPD's; one exception for all refusals.

Source: section "Errors" of the v4 API, and the error bodies of IAM and of CPD's sign-in.
"""

from __future__ import annotations

import secrets
from typing import Any

from starlette.responses import JSONResponse, Response

__all__ = ["Refusal", "bad_request", "cpd_problem", "iam_problem", "not_found", "wml_problem"]

# The rest of such a request is not waited for.
_UNREAD = frozenset({408, 413})


class Refusal(Exception):
    """A request that the service does not carry out; becomes WML's error body."""

    def __init__(
        self, status: int, code: str, message: str, *, target: str = "", target_type: str = "field"
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.target = target
        self.target_type = target_type

    def response(self) -> Response:
        """Return the answer for this refusal."""
        return wml_problem(
            self.status, self.code, self.message, target=self.target, target_type=self.target_type
        )


def bad_request(message: str, *, target: str = "", code: str = "invalid_request_entity") -> Refusal:
    """Refuse a wrong request (400)."""
    return Refusal(400, code, message, target=target)


def not_found(noun: str, object_id: str) -> Refusal:
    """Say that an object does not exist in this scope (404)."""
    return Refusal(404, "not_found", f"The {noun} {object_id} does not exist in this project or space.")


def wml_problem(
    status: int, code: str, message: str, *, target: str = "", target_type: str = "field"
) -> Response:
    """Build WML's error body: 32 hex digits of trace and one error."""
    error: dict[str, Any] = {"code": code, "message": message}
    if target:
        error["target"] = {"type": target_type, "name": target}
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    if status in _UNREAD:
        headers["Connection"] = "close"
    return JSONResponse(
        {"trace": secrets.token_hex(16), "errors": [error], "status_code": status}, status, headers=headers
    )


def iam_problem(status: int, code: str, message: str) -> Response:
    """Build the error body of IBM Cloud IAM."""
    context = {"requestId": secrets.token_hex(16)}
    return JSONResponse({"errorCode": code, "errorMessage": message, "context": context}, status)


def cpd_problem(status: int, message: str) -> Response:
    """Build the error body of the CPD sign-in."""
    return JSONResponse(
        {"_statusCode_": status, "exception": "User unauthorized", "message": message}, status
    )
