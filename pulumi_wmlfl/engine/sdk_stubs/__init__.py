"""Pulumi's generated gRPC stubs, without importing the whole SDK around them.

`import pulumi` costs half a second and the engine process needs nothing of it but these modules, so
this package takes them from the installed SDK's own folder. The engine needs only their messages.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

_sdk = find_spec("pulumi")
if _sdk is None or not _sdk.submodule_search_locations:
    raise ModuleNotFoundError("No module named 'pulumi'", name="pulumi")

__path__ = [str(Path(next(iter(_sdk.submodule_search_locations))) / "runtime" / "proto")]
