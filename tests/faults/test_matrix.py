"""Every harm to the requests of a deployment ends with one object per resource.

One chain of each engine is run here. `python -m tests.faults.table` runs every request and every harm, and
writes what became of them into the documentation.
"""

import shutil

import pytest

from tests.faults.chain import Chain
from tests.faults.proxy import Proxy

ENGINES = [
    "embedded",
    pytest.param(
        "pulumi",
        marks=[
            pytest.mark.pulumi_cli,
            pytest.mark.thorough,
            pytest.mark.skipif(not shutil.which("pulumi"), reason="the Pulumi CLI is not on PATH"),
        ],
    ),
]
HARMS = {"embedded": ("provider killed after", 3), "pulumi": ("reset after the server acted", 2)}


@pytest.fixture
def proxy(service, tmp_path):
    made = Proxy(service.url, service.ca_file, tmp_path)
    yield made
    made.close()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("engine", ENGINES)
def test_one_object_each_whatever_happens(service, proxy, tmp_path, engine):
    kind, number = HARMS[engine]
    chain = Chain(tmp_path / "stack", engine, proxy, service)
    cases = list(chain.cases(kind, number))
    assert {case.step for case in cases} >= {"create", "update", "replace"}
    assert [case for case in cases if case.outcome not in {"at once", "at the next run"}] == []
