"""Encryption of what users entrust to the service: storage keys in a training's results, the development key.

The key lies in a file of its own in the data folder, so that a copy of the database gives nothing away.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken

from ..errors import ServiceError

__all__ = ["Sealer"]


class Sealer:
    """Encrypts JSON values with the key of one data folder; the file is made at the first use."""

    def __init__(self, key_file: Path) -> None:
        if not key_file.exists():
            descriptor = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(Fernet.generate_key())
                file.flush()
                os.fsync(file.fileno())
        self._file = key_file
        try:
            self._fernet = Fernet(key_file.read_bytes())
        except ValueError:
            raise self._unreadable() from None

    def seal(self, value: Any) -> str:
        """Encrypt a JSON value."""
        return self._fernet.encrypt(json.dumps(value).encode()).decode()

    def unseal(self, sealed: str) -> Any:
        """Return what was sealed.

        Raises:
            ServiceError: it was sealed with another key.
        """
        try:
            return json.loads(self._fernet.decrypt(sealed.encode()))
        except InvalidToken:
            raise self._unreadable() from None

    def _unreadable(self) -> ServiceError:
        return ServiceError(
            f"The key file {self._file} does not fit this data folder.",
            hint="Put the right file back, or begin with an empty folder (--data-dir).",
        )
