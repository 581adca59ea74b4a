"""What clients call around WML: versions, projects, spaces, specifications, assets.

Source: API reference, "What the IBM SDK sends": statuses, and the fields its code reads.
"""

from __future__ import annotations

from typing import Any

from .http import Answer, Context, Operation, Query
from .objects import SCOPE_QUERY, remove
from .problems import Refusal, not_found
from .specifications import HARDWARE, SOFTWARE
from .store.contract import Scope

__all__ = ["OPERATIONS"]

_ASSET_KINDS = ("models", "remote_training_systems", "trainings")


async def _version(context: Context) -> Answer:
    return {"version": context.services.settings.platform_version}


async def _heartbeat(_: Context) -> Answer:
    return {"status": "alive"}


async def _no_deployments(_: Context) -> Answer:
    return {"resources": []}


def _project(context: Context) -> Answer:
    """Answer one project; IBM's SDK reads the type of its storage."""
    return _scope_view(context, Scope("project_id", context.path()))


def _space(context: Context) -> Answer:
    return _scope_view(context, Scope("space_id", context.path()))


def _scope_view(context: Context, scope: Scope) -> dict[str, Any]:
    context.services.access.require(context.principal, scope, write=False)
    name, created_at = context.services.access.scope_row(scope) or ("", "")
    return _scope_item(scope.kind, scope.id, name, created_at)


def _scope_item(kind: str, scope_id: str, name: str, created_at: str) -> dict[str, Any]:
    if kind == "project_id":
        metadata = {"guid": scope_id, "url": f"/v2/projects/{scope_id}", "created_at": created_at}
        storage = {"type": "assetfiles", "guid": scope_id}
        return {"metadata": metadata, "entity": {"name": name, "storage": storage}}
    metadata = {"id": scope_id, "url": f"/v2/spaces/{scope_id}", "created_at": created_at}
    return {"metadata": metadata, "entity": {"name": name, "status": {"state": "active"}}}


def _projects(context: Context) -> Answer:
    found = context.services.access.scopes_of(context.principal, "project_id")
    return {"total_results": len(found), "resources": [_scope_item("project_id", *row) for row in found]}


def _spaces(context: Context) -> Answer:
    found = context.services.access.scopes_of(context.principal, "space_id")
    resources = [_scope_item("space_id", *row) for row in found]
    return {"first": {"href": "/v2/spaces"}, "limit": len(resources), "resources": resources}


def _software(name: str) -> dict[str, Any]:
    specification = SOFTWARE[name]
    return {
        "metadata": {
            "name": name,
            "asset_id": specification.id,
            "asset_type": "software_specification",
            "href": f"/v2/software_specifications/{specification.id}",
            "life_cycle": {specification.state: {}},
        },
        "entity": {"software_specification": {"type": "base", "display_name": name}},
    }


async def _software_list(context: Context) -> Answer:
    wanted = context.query.get("name")
    found = [_software(name) for name in SOFTWARE if wanted in {None, name}]
    return {"total_results": len(found), "resources": found}


async def _software_item(context: Context) -> Answer:
    for name, specification in SOFTWARE.items():
        if context.path() == specification.id:
            return _software(name)
    raise _no_such("software specification", context.path())


async def _software_states(_: Context) -> Answer:
    results = [
        {"id": specification.id, "name": specification.name, "state": specification.state}
        for specification in SOFTWARE.values()
    ]
    return {"total_results": len(results), "results": results}


def _hardware(name: str) -> dict[str, Any]:
    metadata = {"name": name, "asset_id": HARDWARE[name], "asset_type": "hardware_specification"}
    return {"metadata": metadata, "entity": {"hardware_specification": {"nodes": {}}}}


async def _hardware_list(context: Context) -> Answer:
    wanted = context.query.get("name")
    found = [_hardware(name) for name in HARDWARE if wanted in {None, name}]
    return {"total_results": len(found), "resources": found}


async def _hardware_item(context: Context) -> Answer:
    for name, hardware_id in HARDWARE.items():
        if context.path() == hardware_id:
            return _hardware(name)
    raise _no_such("hardware specification", context.path())


async def _instance(context: Context) -> Answer:
    """Answer the WML instance behind a project; IBM's SDK only wants to see that there is one."""
    entity = {"status": "active", "plan": {"name": "local", "version": 2}}
    return {"metadata": {"id": context.path()}, "entity": entity}


def _delete_asset(context: Context) -> Answer:
    """Delete a model, remote training system or training as the platform's asset, as IBM's SDK does."""
    scope = context.scope(write=True)
    for kind in _ASSET_KINDS:
        record = context.services.store.get(kind, context.path(), scope)
        if record is not None:
            remove(context, record)
            return 204, None
    raise not_found("asset", context.path())


def _no_such(noun: str, object_id: str) -> Refusal:
    return Refusal(404, "not_found", f"The {noun} {object_id} does not exist.")


_NAME = (Query("name", "Only the one with this name."),)
_SOFTWARE = "/v2/software_specifications"
_HARDWARE = "/v2/hardware_specifications"
_PURGE = Query("purge_on_delete", "Ignored: there is no trash.")
OPERATIONS = (
    Operation("GET", "/ml/wml_services/version", _version, "Version of the platform", public=True),
    Operation("GET", "/ml/wml_services/v2/version", _version, "Version of the platform", public=True),
    Operation("GET", "/wml_services/training/heartbeat", _heartbeat, "Show a sign of life", public=True),
    Operation("GET", "/ml/v4/deployments", _no_deployments, "List deployments: there are none"),
    Operation("GET", "/ml/v4/list/software_specifications", _software_states, "States of specifications"),
    Operation("GET", "/ml/v4/instances/{id}", _instance, "Read a WML instance"),
    Operation("GET", "/v2/projects", _projects, "List projects"),
    Operation("GET", "/v2/projects/{id}", _project, "Read a project"),
    Operation("GET", "/v2/spaces", _spaces, "List spaces"),
    Operation("GET", "/v2/spaces/{id}", _space, "Read a space"),
    Operation("GET", _SOFTWARE, _software_list, "List software specifications", query=_NAME),
    Operation("GET", f"{_SOFTWARE}/{{id}}", _software_item, "Read a software specification"),
    Operation("GET", _HARDWARE, _hardware_list, "List hardware specifications", query=_NAME),
    Operation("GET", f"{_HARDWARE}/{{id}}", _hardware_item, "Read a hardware specification"),
    Operation(
        "DELETE",
        "/v2/assets/{id}",
        _delete_asset,
        "Delete an object as an asset",
        success=204,
        query=(*SCOPE_QUERY, _PURGE),
    ),
)
