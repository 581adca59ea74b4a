"""Settings of one WML environment: where they come from, what they default to, whether they fit together.

Imports `errors` only, and makes no request.
"""

from .resolve import resolve_settings
from .settings import REGIONS, SETTINGS, Setting, Settings

__all__ = ["REGIONS", "SETTINGS", "Setting", "Settings", "resolve_settings"]
