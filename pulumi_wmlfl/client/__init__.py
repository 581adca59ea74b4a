"""The WML REST API over `requests`. Imports `schema`, `config` and `errors`."""

from .contract import Scope, WmlApi
from .wml import WmlClient, connect

__all__ = ["Scope", "WmlApi", "WmlClient", "connect"]
