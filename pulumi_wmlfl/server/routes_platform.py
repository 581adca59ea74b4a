"""Sign-in and the platform around WML: projects, spaces, specifications, versions."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .http import Context, authenticated, public, read_body, services_of
from .problems import Refusal, cpd_problem, iam_problem, not_found
from .routes_objects import NOUNS
from .specifications import HARDWARE, SOFTWARE, software_name
from .store.contract import Principal, Scope

__all__ = ["routes"]

_GRANTS = frozenset({"urn:ibm:params:oauth:grant-type:apikey"})


def routes() -> list[Route]:
    """Return the routes beside WML's own objects."""
    return [
        Route("/identity/token", public(_iam_token), methods=["POST"]),
        Route("/oidc/token", public(_iam_token), methods=["POST"]),
        Route("/icp4d-api/v1/authorize", public(_cpd_authorize), methods=["POST"]),
        Route("/v1/preauth/validateAuth", public(_cpd_validate), methods=["GET"]),
        Route("/idprovider/v1/auth/identitytoken", public(_identity_token), methods=["POST"]),
        Route("/ml/wml_services/version", public(_version), methods=["GET"]),
        Route("/ml/wml_services/v2/version", public(_version), methods=["GET"]),
        Route("/wml_services/training/heartbeat", public(_heartbeat), methods=["GET"]),
        Route("/v2/{kind}", authenticated(_scopes), methods=["GET"]),
        Route("/v2/projects/{id}", authenticated(lambda c: _scope(c, "project_id")), methods=["GET"]),
        Route("/v2/spaces/{id}", authenticated(lambda c: _scope(c, "space_id")), methods=["GET"]),
        Route("/v2/software_specifications/{id}", authenticated(_software), methods=["GET"]),
        Route("/v2/assets/{id}", authenticated(_delete_asset), methods=["DELETE"]),
        Route("/ml/v4/deployments", authenticated(_deployments), methods=["GET"]),
        Route("/ml/v4/list/software_specifications", authenticated(_lifecycle), methods=["GET"]),
        Route("/ml/v4/instances/{id}", authenticated(_instance), methods=["GET"]),
    ]


def _tokens(request: Request, principal: Principal) -> dict[str, Any]:
    services = services_of(request)
    token, expires = services.access.token(principal)
    return {
        "access_token": token,
        "refresh_token": "not_supported",
        "token_type": "Bearer",
        "expires_in": services.settings.token_seconds,
        "expiration": expires,
        "scope": "ibm openid",
    }


async def _form(request: Request) -> dict[str, str]:
    text = (await read_body(request)).decode("utf-8", errors="replace")
    fields = {key: values[-1] for key, values in parse_qs(text).items()}
    return {**dict(request.query_params), **fields}


async def _iam_token(request: Request) -> Response:
    form = await _form(request)
    if form.get("grant_type") not in _GRANTS:
        return iam_problem(400, "BXNIM0439E", "The grant type is not supported.")
    access = services_of(request).access
    principal = await run_in_threadpool(access.user_of_key, form.get("apikey", ""))
    if principal is None:
        return iam_problem(400, "BXNIM0415E", "Provided API key could not be found.")
    return JSONResponse(_tokens(request, principal))


async def _cpd_authorize(request: Request) -> Response:
    try:
        body = json.loads(await read_body(request))
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        return cpd_problem(400, "The body must be a JSON object.")
    proof = body.get("api_key") or body.get("password") or ""
    access = services_of(request).access
    principal = await run_in_threadpool(access.user_of_login, str(body.get("username", "")), str(proof))
    if principal is None:
        return cpd_problem(401, "Invalid username, password or API key.")
    token, _ = access.token(principal)
    return JSONResponse({"_messageCode_": "200", "message": "Success", "token": token})


async def _cpd_validate(request: Request) -> Response:
    access = services_of(request).access
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    principal: Principal | None = None
    if scheme.lower() == "basic":
        try:
            username, _, proof = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return cpd_problem(401, "The Authorization header is not valid.")
        principal = await run_in_threadpool(access.user_of_login, username, proof)
    elif "iam-token" in request.headers:
        try:
            principal = await run_in_threadpool(access.authenticate, f"Bearer {request.headers['iam-token']}")
        except Refusal:
            principal = None
    if principal is None:
        return cpd_problem(401, "Invalid username or password.")
    token, _ = access.token(principal)
    return JSONResponse({"username": principal.username, "accessToken": token, "message": "Success"})


async def _identity_token(request: Request) -> Response:
    form = await _form(request)
    access = services_of(request).access
    login = (form.get("username", ""), form.get("password", ""))
    principal = await run_in_threadpool(access.user_of_login, *login)
    if principal is None:
        return iam_problem(401, "CWOAU0061E", "The user name or the password is not valid.")
    return JSONResponse(_tokens(request, principal))


async def _version(request: Request) -> Response:
    return JSONResponse({"version": services_of(request).settings.platform_version})


async def _heartbeat(request: Request) -> Response:  # noqa: ARG001
    return JSONResponse({"status": "ok"})


def _scopes(context: Context) -> Any:
    kind = context.path["kind"]
    if kind in {"projects", "spaces"}:
        scope_kind = "project_id" if kind == "projects" else "space_id"
        found = context.services.access.scopes_of(context.principal, scope_kind)
        return {
            "total_results": len(found),
            "limit": len(found),
            "resources": [_shown_scope(kind, *row) for row in found],
        }
    if kind in {"software_specifications", "hardware_specifications"}:
        known = SOFTWARE if kind == "software_specifications" else HARDWARE
        wanted = context.query.get("name")
        rows = [(name, spec) for name, spec in known.items() if wanted in (None, name)]
        return {"total_results": len(rows), "resources": [_specification(*row) for row in rows]}
    raise not_found("path", f"/v2/{kind[:40]}")


def _shown_scope(kind: str, scope_id: str, name: str, created_at: str) -> dict[str, Any]:
    key = "guid" if kind == "projects" else "id"
    return {
        "metadata": {key: scope_id, "id": scope_id, "created_at": created_at},
        "entity": {"name": name, "description": "", "storage": {"type": "assetfiles"}, "compute": []},
    }


def _scope(context: Context, kind: str) -> Any:
    scope = Scope("project_id" if kind == "project_id" else "space_id", context.path["id"])
    context.services.access.role(context.principal, scope)
    row = context.services.access.scope_row(scope.id, scope.kind)
    assert row is not None  # noqa: S101 - role() has found it
    return _shown_scope("projects" if kind == "project_id" else "spaces", scope.id, *row)


def _specification(name: str, spec_id: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "asset_id": spec_id, "asset_type": "software_specification"},
        "entity": {"software_specification": {"type": "base", "display_name": name}},
    }


def _software(context: Context) -> Any:
    name = software_name(context.path["id"])
    if name is None:
        raise not_found("software specification", context.path["id"])
    return _specification(name, context.path["id"])


def _lifecycle(context: Context) -> Any:  # noqa: ARG001
    return {"results": [{"id": spec, "name": name, "state": "supported"} for name, spec in SOFTWARE.items()]}


def _deployments(context: Context) -> Any:
    context.scope(write=False)
    return {"resources": []}


def _instance(context: Context) -> Any:
    return {"metadata": {"id": context.path["id"]}, "entity": {"plan": {"name": "local", "version": 2}}}


def _delete_asset(context: Context) -> Any:
    scope = context.scope(write=True)
    store = context.services.store
    for collection in NOUNS:
        if collection != "trainings" and store.get(collection, context.path["id"], scope):
            for sha256 in store.delete(context.path["id"]):
                context.services.blobs.discard(sha256)
            return 204, None
    raise not_found("asset", context.path["id"])
