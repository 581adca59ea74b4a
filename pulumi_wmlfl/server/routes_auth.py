"""Sign-in as IBM Cloud IAM and as Cloud Pak for Data. These paths need no token; they give one.

Source: API reference, "Authentication".
"""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from .access import split_basic
from .bodies import read_form, read_json
from .http import Answer, Context, Operation, Query
from .problems import Refusal, cpd_problem, iam_problem
from .store.contract import Principal

__all__ = ["OPERATIONS"]

_GRANT = "urn:ibm:params:oauth:grant-type:apikey"
_NO_CREDENTIALS = "Username and password, or username and api_key, are required."
_WRONG = "The user name, password or API key is wrong."


def _client(context: Context) -> str | None:
    return context.request.client.host if context.request.client else None


async def _iam_token(context: Context) -> Answer:
    """Give a token for an API key, as IAM does."""
    form = await read_form(context.request, context.services.settings)
    grant, key = form.get("grant_type"), form.get("apikey")
    if not grant:
        return iam_problem(400, "BXNIM0109E", "Property missing or empty: grant_type")
    if grant != _GRANT:
        return iam_problem(400, "BXNIM0106E", "The provided grant_type is not supported.")
    if not key:
        return iam_problem(400, "BXNIM0109E", "Property missing or empty: apikey")
    user = await run_in_threadpool(context.services.access.sign_in, key, client=_client(context))
    if user is None:
        return iam_problem(400, "BXNIM0415E", "Provided API key could not be found.")
    token, expires = context.services.access.token(user)
    return {
        "access_token": token,
        "refresh_token": "not_supported",
        "token_type": "Bearer",
        "expires_in": int(context.services.access.token_seconds),
        "expiration": expires,
        "scope": "ibm openid",
    }


async def _login(context: Context, username: object, proof: object) -> Principal | None:
    if not (isinstance(username, str) and isinstance(proof, str)):
        return None
    access = context.services.access
    return await run_in_threadpool(access.sign_in, proof, client=_client(context), username=username)


async def _authorize(context: Context) -> Answer:
    """Give a token for a user's name and API key (or password), as Cloud Pak for Data does."""
    try:
        body = await read_json(context.request, context.services.settings)
    except Refusal as refusal:
        return cpd_problem(refusal.status, refusal.message)
    fields: dict[str, Any] = body if isinstance(body, dict) else {}
    proof = fields.get("api_key") or fields.get("password")
    if not fields.get("username") or not proof:
        return cpd_problem(400, _NO_CREDENTIALS)
    user = await _login(context, fields["username"], proof)
    if user is None:
        return cpd_problem(401, _WRONG)
    return {"_messageCode_": "200", "message": "Success", "token": context.services.access.token(user)[0]}


async def _validate_auth(context: Context) -> Answer:
    """Give a token for HTTP Basic credentials, or for a user's name and IAM token."""
    headers = context.request.headers
    user: Principal | None = None
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        user = await _login(context, *split_basic(value.strip()))
    elif "iam-token" in headers:
        found = context.services.access.user_of_token(headers["iam-token"])
        user = found if found and found.username == headers.get("username") else None
    if user is None:
        return cpd_problem(401, _WRONG)
    token, _ = context.services.access.token(user)
    return {
        "_messageCode_": "success",
        "message": "Success",
        "username": user.username,
        "uid": user.id,
        "accessToken": token,
    }


async def _identity_token(context: Context) -> Answer:
    """Give a token for a user's name and password, as clusters with IAM do."""
    form = await read_form(context.request, context.services.settings)
    user = None
    if form.get("grant_type") == "password":
        user = await _login(context, form.get("username"), form.get("password"))
    if user is None:
        text = {"error": "invalid_grant", "error_description": _WRONG}
        return JSONResponse(text, 400)
    token, _ = context.services.access.token(user)
    lifetime = int(context.services.access.token_seconds)
    return {"access_token": token, "token_type": "Bearer", "expires_in": lifetime, "scope": "openid"}


_FORM = "application/x-www-form-urlencoded"
_IAM_QUERY = (
    Query("grant_type", f"`{_GRANT}`; usually in the form."),
    Query("apikey", "Usually in the form."),
)
OPERATIONS = (
    *(
        Operation(
            "POST", path, _iam_token, "Sign in as at IBM Cloud", raw=_FORM, public=True, query=_IAM_QUERY
        )
        for path in ("/identity/token", "/oidc/token")
    ),
    Operation(
        "POST",
        "/icp4d-api/v1/authorize",
        _authorize,
        "Sign in as at Cloud Pak for Data",
        raw="application/json",
        public=True,
    ),
    Operation(
        "GET", "/v1/preauth/validateAuth", _validate_auth, "Sign in with HTTP Basic credentials", public=True
    ),
    Operation(
        "POST",
        "/idprovider/v1/auth/identitytoken",
        _identity_token,
        "Sign in as at a cluster with IAM",
        raw=_FORM,
        public=True,
    ),
)
