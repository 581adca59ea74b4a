"""The OpenAPI description of what the service serves, made of its operations and request models."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from pydantic.json_schema import models_json_schema

from .._version import __version__
from .http import Operation

__all__ = ["describe"]

_PROBLEM = {
    "type": "object",
    "required": ["trace", "errors"],
    "properties": {
        "trace": {"type": "string"},
        "status_code": {"type": "integer"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
_REFUSALS = {
    "400": "The request is wrong.",
    "401": "There is no valid token.",
    "403": "The user may not do this.",
    "404": "It does not exist in this project or space.",
    "408": "The body came too slowly.",
    "413": "The body is too large.",
    "507": "The service could not write.",
}


def describe(operations: Iterable[Operation]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of `operations`."""
    listed = list(operations)
    bodies = list(dict.fromkeys(item.body for item in listed if item.body is not None))
    _, definitions = models_json_schema(
        [(body, "validation") for body in bodies], ref_template="#/components/schemas/{model}"
    )
    schemas = {**definitions.get("$defs", {}), "Problem": _PROBLEM}
    paths: dict[str, dict[str, Any]] = {}
    for item in listed:
        path = _template(item.path)
        paths.setdefault(path, {})[item.method.lower()] = _operation(item)
        if item.method == "POST" and item.success == 201:
            answer = paths[path]["post"]["responses"]["201"]
            answer["links"] = {
                _identifier(other): {
                    "operationId": _identifier(other),
                    "parameters": {"id": "$response.body#/metadata/id"},
                }
                for other in listed
                if other.path.startswith(f"{item.path}/{{id}}")
            }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Local WML service of pulumi-wmlfl",
            "version": __version__,
            "description": "The part of the Watson Machine Learning v4 API that federated learning needs.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
        "security": [{"bearer": []}],
    }


def _template(path: str) -> str:
    """Return a route's path as OpenAPI writes it: without converters."""
    return re.sub(r"{(\w+):\w+}", r"{\1}", path)


def _identifier(item: Operation) -> str:
    return re.sub(r"\W+", "_", f"{item.method.lower()}{_template(item.path)}").rstrip("_")


def _operation(item: Operation) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", _template(item.path))
    ]
    parameters += [
        {
            "name": query.name,
            "in": "query",
            "required": query.required,
            "description": query.about,
            "schema": {"type": "string"},
        }
        for query in item.query
    ]
    described: dict[str, Any] = {
        "summary": item.summary,
        "operationId": _identifier(item),
        "parameters": parameters,
        "responses": _responses(item),
    }
    if item.public:
        described["security"] = []
    if item.body is not None:
        schema = {"$ref": f"#/components/schemas/{item.body.__name__}"}
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    elif item.raw:
        described["requestBody"] = {"content": {item.raw: {"schema": {}}}}
    return described


def _responses(item: Operation) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": item.summary}
    if item.success != 204:
        answer["content"] = {item.returns: {"schema": {}}}
    problem = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    refusals = {
        status: {"description": text, "content": {} if item.public else problem}
        for status, text in _REFUSALS.items()
    }
    accepted = {"202": {**answer, "description": item.accepted}} if item.accepted else {}
    return {str(item.success): answer, **accepted, **refusals}
