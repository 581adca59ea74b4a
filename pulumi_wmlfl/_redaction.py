"""Secrets are masked wherever they stand in a text. This module imports nothing of ours."""

from __future__ import annotations

import json
import re
import threading
from urllib.parse import quote, quote_plus

__all__ = ["forget_secrets", "redact", "register_secret"]

_MASK = "[secret]"
_PATTERNS = (
    re.compile(r"(?i)\b(bearer|basic|zenapikey)\s+[A-Za-z0-9+/._~=-]{8,}"),
    re.compile(
        r"(?i)(?P<key>[\"']?(?:api[_-]?key|password|secret_access_key|access_key_id|access_token|refresh_token"
        r"|token|client_secret)[\"']?\s*[:=]\s*)(?P<value>\"[^\"]*\"|'[^']*'|[^\s,;&})\]]+)"
    ),
    re.compile(r"\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)?"),
)
_MINIMUM_SECRET_LENGTH = 4
_secrets: set[str] = set()
_lock = threading.Lock()


def register_secret(value: str | None) -> None:
    """Make :func:`redact` mask `value` wherever it stands, for the life of the process.

    It is masked as a form, an address or JSON would carry it, too. Values shorter than four characters are
    not registered: masking them would mask ordinary words.
    """
    if value and len(value) >= _MINIMUM_SECRET_LENGTH:
        with _lock:
            _secrets.update((value, quote(value, safe=""), quote_plus(value), json.dumps(value)[1:-1]))


def forget_secrets() -> None:
    """Forget every registered secret; for tests."""
    with _lock:
        _secrets.clear()


def redact(text: str) -> str:
    """Return `text` with registered secrets, tokens and values of secret-like keys masked."""
    with _lock:
        known = sorted(_secrets, key=len, reverse=True)
    for secret in known:
        text = text.replace(secret, _MASK)
    text = _PATTERNS[0].sub(lambda match: f"{match.group(1)} {_MASK}", text)
    text = _PATTERNS[1].sub(lambda match: f"{match.group('key')}{_MASK}", text)
    return _PATTERNS[2].sub(_MASK, text)
