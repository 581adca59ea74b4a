"""Hooks of schemathesis: most requests name a project that exists, to get beyond the first check."""

import os

import schemathesis

PROJECT = os.environ["WMLFL_TEST_PROJECT"]
_SPECIFICATION = {"name": "runtime-23.1-py3.10"}


@schemathesis.hook
def map_query(context, query):
    """Name the project where the query names any scope, or none."""
    if query is not None and ("project_id" in query or "space_id" in query):
        return {**{name: value for name, value in query.items() if name != "space_id"}, "project_id": PROJECT}
    return query


@schemathesis.hook
def map_body(context, body):
    """Name the project, and what else must exist."""
    if not isinstance(body, dict) or "name" not in body:
        return body
    known = {name: value for name, value in body.items() if name != "space_id"}
    if "software_spec" in known:
        known["software_spec"] = _SPECIFICATION
    return {**known, "project_id": PROJECT}
