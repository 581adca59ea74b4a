"""The messages and services of Pulumi's contracts that the engine uses.

One place names them, because they are generated at runtime and carry no types.
"""

from __future__ import annotations

import importlib
from typing import Any

_PACKAGE = f"{__package__}.sdk_stubs"


def _stub(name: str) -> Any:
    return importlib.import_module(f"{_PACKAGE}.{name}")


provider_pb2: Any = _stub("provider_pb2")
resource_pb2: Any = _stub("resource_pb2")
engine_pb2: Any = _stub("engine_pb2")
status_pb2: Any = _stub("status_pb2")
provider_services: Any = _stub("provider_pb2_grpc")
resource_services: Any = _stub("resource_pb2_grpc")
engine_services: Any = _stub("engine_pb2_grpc")
