"""Importing the package stays cheap: what only a deployment needs is loaded by the deployment."""

import json
import subprocess
import sys


def loaded(statement):
    """Return the top-level packages that a new interpreter has after a statement."""
    code = f"{statement}; import sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in json.loads(done.stdout)}


def test_the_package_loads_nothing_that_pulumi_does_not():
    assert loaded("import pulumi, pulumi_wmlfl") - loaded("import pulumi") == {"pulumi_wmlfl"}


def test_a_program_with_resources_loads_neither_http_nor_validation():
    used = loaded("from pulumi_wmlfl import Model, RemoteTrainingSystem, Training")
    assert used - loaded("import pulumi, pulumi.dynamic") == {"pulumi_wmlfl"}
    assert not used & {"requests", "pydantic", "starlette", "uvicorn"}
