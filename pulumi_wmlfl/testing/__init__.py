"""Helpers for the tests of your own infrastructure repository: offline, in seconds, without an IBM account.

`pip install 'pulumi-wmlfl[testing]'` brings a pytest plugin with these fixtures:

- `wml_service`: a local WML service with a project of the test's own, its faults and its clock
- `wml_client`: a client of it
- `wmlfl_stack`: deploys a Pulumi program against it with the embedded engine

    def test_our_experiment(wmlfl_stack, wml_client, wml_service):
        stack = wmlfl_stack("infra")
        assert stack.up().succeeded
        assert len(list(wml_client.list("trainings", wml_service.scope))) == 1

Only tests may import this package.
"""

from __future__ import annotations

from .control import Control
from .service import LocalService, start_service

__all__ = ["Control", "LocalService", "start_service"]
