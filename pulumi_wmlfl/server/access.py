"""Who may do what: users, keys (stored hashed), projects and spaces, roles, and the tokens of a sign-in."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import jwt

from .clock import timestamp
from .problems import Refusal
from .settings import ServiceSettings
from .store.contract import Principal, Scope
from .store.sqlite import SqliteStore

__all__ = ["Access"]

_ISSUER = "https://iam.cloud.ibm.com/identity"
_WRITERS = frozenset({"admin", "editor"})


class Access:
    """Users, keys, scopes and tokens of one data folder."""

    def __init__(
        self, store: SqliteStore, settings: ServiceSettings, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._signing_key = store.setting("signing_key") or ""
        if not self._signing_key:
            self._signing_key = secrets.token_hex(32)
            store.put_setting("signing_key", self._signing_key)

    # users, keys, scopes

    def add_user(self, user_id: str, username: str, email: str = "") -> None:
        """Add a user, or change the name of a known one."""
        with self._store.transaction() as db:
            db.execute(
                "INSERT INTO users VALUES (?, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET username = excluded.username",
                (user_id, username, email),
            )

    def add_key(self, user_id: str, name: str, key: str | None = None) -> str:
        """Give a user a key and return it; only its hash is kept."""
        value = key or secrets.token_urlsafe(32)
        with self._store.transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO api_keys VALUES (?, ?, ?, ?, ?)",
                (str(uuid.uuid4()), user_id, self._hash(value), name, timestamp(self._clock())),
            )
        return value

    def add_scope(self, scope: Scope, name: str, members: Mapping[str, str]) -> None:
        """Add a project or space with its members (`{user id: role}`)."""
        with self._store.transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO scopes VALUES (?, ?, ?, ?)",
                (scope.id, scope.kind, name, timestamp(self._clock())),
            )
            for user_id, role in members.items():
                db.execute("INSERT OR REPLACE INTO members VALUES (?, ?, ?)", (scope.id, user_id, role))

    def _hash(self, key: str) -> str:
        """Hash a key; keys are 256 random bits, so one round of a keyed hash is enough."""
        return hashlib.blake2b(key.encode(), key=self._signing_key.encode()[:64]).hexdigest()

    def scope_row(self, scope_id: str, kind: str) -> tuple[str, str] | None:
        """Return name and creation time of a project or space."""
        rows = self._store.query(
            "SELECT name, created_at FROM scopes WHERE id = ? AND kind = ?", (scope_id, kind)
        )
        return (rows[0][0], rows[0][1]) if rows else None

    def scopes_of(self, principal: Principal, kind: str) -> list[tuple[str, str, str]]:
        """Return id, name and creation time of what `principal` is a member of."""
        rows = self._store.query(
            "SELECT s.id, s.name, s.created_at FROM scopes s JOIN members m ON m.scope_id = s.id "
            "WHERE m.user_id = ? AND s.kind = ? ORDER BY s.created_at, s.id",
            (principal.id, kind),
        )
        return [(row[0], row[1], row[2]) for row in rows]

    def role(self, principal: Principal, scope: Scope) -> str:
        """Return the role of a member.

        Raises:
            Refusal: 404 for an unknown scope, 403 for somebody who is no member.
        """
        noun = "project" if scope.kind == "project_id" else "space"
        if self.scope_row(scope.id, scope.kind) is None:
            raise Refusal(
                404,
                "not_found",
                f"The {noun} {scope.id} does not exist.",
                target=scope.kind,
                target_type="parameter",
            )
        rows = self._store.query(
            "SELECT role FROM members WHERE scope_id = ? AND user_id = ?", (scope.id, principal.id)
        )
        if not rows:
            raise Refusal(
                403, "user_authorization_failed", f"The user is no member of the {noun} {scope.id}."
            )
        return str(rows[0][0])

    def require(self, principal: Principal, scope: Scope, *, write: bool) -> None:
        """Refuse with 403 what the user's role does not allow."""
        role = self.role(principal, scope)
        if write and role not in _WRITERS:
            raise Refusal(403, "authorization_rejected", f"The role {role} may not change anything here.")

    # sign-in

    def user_of_key(self, key: str) -> Principal | None:
        """Return the owner of an API key."""
        return self._user("k.hash = ?", (self._hash(key),), " JOIN api_keys k ON k.user_id = u.id")

    def user_of_login(self, username: str, proof: str) -> Principal | None:
        """Return the user of a name and one of this user's keys (which also serve as passwords)."""
        owner = self.user_of_key(proof)
        same = owner is not None and hmac.compare_digest(owner.username.encode(), username.encode())
        return owner if same else None

    def _user(self, condition: str, values: tuple[str, ...], join: str = "") -> Principal | None:
        rows = self._store.query(
            f"SELECT u.id, u.username, u.email FROM users u{join} WHERE {condition}",  # noqa: S608
            values,
        )
        return Principal(*rows[0]) if rows else None

    def token(self, principal: Principal) -> tuple[str, int]:
        """Return a signed token and when it expires (seconds since 1970)."""
        now = int(self._clock())
        expires = now + self._settings.token_seconds
        claims: dict[str, Any] = {
            "iam_id": principal.id,
            "sub": principal.username,
            "uid": principal.id,
            "username": principal.username,
            "email": principal.email,
            "account": {"bss": "local"},
            "iat": now,
            "exp": expires,
            "iss": _ISSUER,
            "grant_type": "urn:ibm:params:oauth:grant-type:apikey",
            "scope": "ibm openid",
            "client_id": "default",
        }
        return jwt.encode(claims, self._signing_key, algorithm="HS256"), expires

    def authenticate(self, authorization: str | None) -> Principal:
        """Return who is behind an `Authorization` header.

        Raises:
            Refusal: 401, with the code that WML gives for it.
        """
        scheme, _, value = (authorization or "").partition(" ")
        value = value.strip()
        if scheme.lower() == "zenapikey":
            found = self._zen_user(value)
        elif scheme.lower() in {"bearer", "basic"} and value:
            found = self._token_user(value)
        else:
            raise Refusal(
                401, "authorization_required", "Failed to authenticate the request: there is no token."
            )
        if found is None:
            raise Refusal(
                401,
                "authentication_token_invalid",
                "Failed to authenticate the request: the token is invalid.",
            )
        return found

    def _token_user(self, value: str) -> Principal | None:
        try:
            claims = jwt.decode(
                value,
                self._signing_key,
                algorithms=["HS256"],
                options={"verify_exp": False, "verify_iat": False, "require": ["exp", "iam_id"]},
                issuer=_ISSUER,
            )
        except jwt.PyJWTError:
            return None
        if float(claims["exp"]) <= self._clock():
            raise Refusal(
                401,
                "authentication_token_expired",
                "Failed to authenticate the request: the token has expired.",
            )
        return self._user("u.id = ?", (str(claims["iam_id"]),))

    def _zen_user(self, value: str) -> Principal | None:
        try:
            username, _, key = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return self.user_of_login(username, key)
