"""Pulumi's passphrase provider: how secrets are encrypted in the state and in `Pulumi.<stack>.yaml`.

A salt string is `v1:<salt>:<the word "pulumi", encrypted>`; the key is PBKDF2-HMAC-SHA256 of the
passphrase with a million iterations, the cipher AES-256-GCM. Source: pkg/secrets/passphrase and
sdk/go/common/resource/config/crypt.go of pulumi/pulumi.
Other providers need their cloud's SDK and are refused.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ..errors import EngineError
from .values import Secret, from_json, to_json

ITERATIONS: Final = 1_000_000
_CHECK: Final = "pulumi"


class Passphrase:
    """Where the passphrase comes from: the environment, or `ask` when a person is there to type it."""

    def __init__(self, ask: Callable[[], str] | None = None) -> None:
        self._ask = ask
        self._known: str | None = None

    def get(self) -> str:
        """Return the passphrase.

        Raises:
            EngineError: nothing names it and nobody can be asked.
        """
        if self._known is None:
            self._known = self._find()
        return self._known

    def _find(self) -> str:
        if "PULUMI_CONFIG_PASSPHRASE" in os.environ:
            return os.environ["PULUMI_CONFIG_PASSPHRASE"]
        if path := os.environ.get("PULUMI_CONFIG_PASSPHRASE_FILE"):
            try:
                return Path(path).read_text().strip()
            except OSError as error:
                raise EngineError(
                    f"PULUMI_CONFIG_PASSPHRASE_FILE names {path}, which cannot be read: {error.strerror}."
                ) from None
        if self._ask is not None:
            return self._ask()
        raise EngineError(
            "The passphrase of the stack's secrets is not known.",
            hint="Set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE.",
        )


_keys: dict[tuple[str, bytes], bytes] = {}
_keys_lock = threading.Lock()


def _derive(passphrase: str, salt: bytes) -> bytes:
    with _keys_lock:
        key = _keys.get((passphrase, salt))
        if key is None:
            key = hashlib.pbkdf2_hmac("sha256", passphrase.encode(), salt, ITERATIONS)
            _keys[passphrase, salt] = key
        return key


class Crypter:
    """Encrypts and decrypts with one passphrase and one salt; derives the key when it is first needed."""

    def __init__(self, salt: str, passphrase: Passphrase) -> None:
        self.salt = salt
        self._passphrase = passphrase
        self._key: bytes | None = None
        self._lock = threading.Lock()

    @classmethod
    def create(cls, passphrase: Passphrase) -> Crypter:
        """Make a crypter with a new salt, for a stack that has none."""
        raw = os.urandom(8)
        crypter = cls("", passphrase)
        crypter._key = _derive(passphrase.get(), raw)
        crypter.salt = f"v1:{base64.b64encode(raw).decode()}:{crypter.encrypt(_CHECK)}"
        return crypter

    def ready(self) -> None:
        """Derive the key and check the passphrase.

        Raises:
            EngineError: the passphrase is not the one the stack was made with.
        """
        with self._lock:
            if self._key is not None:
                return
            version, _, rest = self.salt.partition(":")
            encoded, _, check = rest.partition(":")
            if version != "v1" or not check:
                raise EngineError("The stack's encryption salt is not one of Pulumi's passphrase provider.")
            key = _derive(self._passphrase.get(), base64.b64decode(encoded))
            if _open(key, check) != _CHECK:
                raise EngineError(
                    "incorrect passphrase: the stack's secrets were encrypted with another one.",
                    hint="Correct PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE.",
                )
            self._key = key

    def encrypt(self, text: str) -> str:
        """Return `v1:<nonce>:<ciphertext>` of `text`."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        if self._key is None:
            self.ready()
        assert self._key is not None  # noqa: S101
        nonce = os.urandom(12)
        sealed = AESGCM(self._key).encrypt(nonce, text.encode(), None)
        return f"v1:{base64.b64encode(nonce).decode()}:{base64.b64encode(sealed).decode()}"

    def decrypt(self, ciphertext: str) -> str:
        """Return the text of `v1:<nonce>:<ciphertext>`.

        Raises:
            EngineError: it was not encrypted with this key.
        """
        if self._key is None:
            self.ready()
        assert self._key is not None  # noqa: S101
        text = _open(self._key, ciphertext)
        if text is None:
            raise EngineError("A secret of the stack cannot be decrypted: it was encrypted with another key.")
        return text

    def seal(self, secret: Secret) -> str:
        """Return the ciphertext of a property; an unchanged one keeps the ciphertext it was read with."""
        if secret.sealed is None or secret.sealed[0] != self.salt:
            text = json.dumps(to_json(secret.value, self.seal), separators=(",", ":"), ensure_ascii=False)
            secret.sealed = (self.salt, self.encrypt(text))
        return secret.sealed[1]

    def unseal(self, ciphertext: str) -> Secret:
        """Return the secret property of a ciphertext; it is decrypted when it is first needed."""
        return Secret(
            sealed=(self.salt, ciphertext),
            unseal=lambda: from_json(json.loads(self.decrypt(ciphertext)), self.unseal),
        )


def _open(key: bytes, ciphertext: str) -> str | None:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    parts = ciphertext.split(":")
    if len(parts) != 3 or parts[0] != "v1":
        return None
    try:
        return AESGCM(key).decrypt(base64.b64decode(parts[1]), base64.b64decode(parts[2]), None).decode()
    except (InvalidTag, ValueError):
        return None
