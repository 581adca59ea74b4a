"""Results of trainings over HTTP: the stored files of a project or space, and a list of one training's.

Source: `/v2/asset_files` as IBM's SDK asks for it; the list is this service's own.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from starlette.responses import FileResponse, JSONResponse

from ..errors import ServiceError
from .aggregator.storage import LocalStorage
from .http import Answer, Context, Operation
from .objects import SCOPE_QUERY, find
from .routes_trainings import TRAININGS

__all__ = ["OPERATIONS"]


def _file(context: Context) -> Answer:
    """Answer a file of a project or space."""
    scope = context.scope(write=False)
    path = context.path("path")
    try:
        found = LocalStorage(context.services.settings.data_dir, scope).find(path)
    except ServiceError:
        found = None
    if found is None:
        text = f"The file {path[:200]} does not exist in this project or space."
        # `code` is where IBM's SDK looks before it tries another path.
        errors = [{"code": "not_found", "message": text}]
        return JSONResponse({"code": 404, "trace": "0" * 32, "errors": errors, "status_code": 404}, 404)
    return FileResponse(found, media_type="application/octet-stream", filename=found.name)


def _list(context: Context) -> Answer:
    """Answer path, size and href of every file of a training's results that this service keeps."""
    scope = context.scope(write=False)
    record = find(context, TRAININGS, scope)
    folder = str(record.entity["results_reference"]["location"]["training"])
    try:
        files = LocalStorage(context.services.settings.data_dir, scope).listing(folder)
    except ServiceError:
        # Such a training was made before its location was checked, and has stored nothing.
        files = []
    query = urlencode([(scope.kind, scope.id)])
    results: list[dict[str, Any]] = [
        {"path": path, "size": size, "href": f"/v2/asset_files/{quote(path)}?{query}"} for path, size in files
    ]
    return {"total_count": len(results), "results": results}


OPERATIONS = (
    Operation(
        "GET",
        "/v2/asset_files/{path:path}",
        _file,
        "Read a file of a project or space",
        query=SCOPE_QUERY,
        returns="application/octet-stream",
    ),
    Operation(
        "GET", "/ml/v4/trainings/{id}/results", _list, "List a training's stored results", query=SCOPE_QUERY
    ),
)
