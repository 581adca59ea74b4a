"""Who may do what: users, keys (stored hashed), projects and spaces, roles, and the tokens of a sign-in.

A token names the key it was made with, so that removing a key ends its tokens at once.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import logging
import secrets
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import jwt
from starlette.requests import HTTPConnection

from .clock import timestamp
from .problems import Refusal
from .settings import DEVELOPMENT_KEY_NAME
from .store.contract import Principal, Record, Scope
from .store.database import Database
from .tls import is_loopback

__all__ = ["Access", "KeyInfo", "Role", "split_basic"]

_ISSUER = "https://iam.cloud.ibm.com/identity"
_PARTY_ISSUER = "aggregator"
_WRITERS = frozenset({"admin", "editor"})
_NO_TOKEN = "Failed to authenticate the request: there is no token."  # noqa: S105
_BAD_TOKEN = "Failed to authenticate the request: the token is invalid."  # noqa: S105
_OLD_TOKEN = "Failed to authenticate the request: the token has expired."  # noqa: S105
_audit = logging.getLogger("pulumi_wmlfl.server.audit")

Role = Literal["admin", "editor", "viewer"]


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """A key as it is listed; its value is known to nobody but its owner."""

    id: str
    name: str
    user_id: str
    username: str
    created_at: str


class Access:
    """Users, keys, scopes and tokens of one data folder; safe for many threads and processes."""

    def __init__(
        self, database: Database, *, token_seconds: float = 3600, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._clock = clock
        self.token_seconds = token_seconds
        with database.transaction() as db:
            db.execute("INSERT OR IGNORE INTO settings VALUES ('signing_key', ?)", (secrets.token_hex(32),))
        self._signing_key = database.setting("signing_key") or ""

    # users and keys

    def add_user(self, user_id: str, username: str, email: str = "") -> Principal:
        """Add a user, or change the name of a known one."""
        with self._database.transaction() as db:
            db.execute(
                "INSERT INTO users VALUES (?, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET username = excluded.username, email = excluded.email",
                (user_id, username, email),
            )
        return Principal(user_id, username, email)

    def user_named(self, username: str) -> Principal | None:
        """Return the user with this name."""
        return self._user("u.username = ?", (username,))

    def has_user(self, user_id: str) -> bool:
        """Say whether there is a user with this id."""
        return self._user("u.id = ?", (user_id,)) is not None

    def add_key(self, user_id: str, name: str, key: str | None = None) -> str:
        """Give a user a key and return it; only its hash is kept."""
        value = key or secrets.token_urlsafe(32)
        with self._database.transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO api_keys VALUES (?, ?, ?, ?, ?)",
                (str(uuid.uuid4()), user_id, self._hash(value), name, timestamp(self._clock())),
            )
        if key is None:
            # One that was given is the folder's own, made at its first start.
            _audit.info("key %s added for user %s", name, user_id)
        return value

    def keys(self) -> list[KeyInfo]:
        """Return every key, oldest first."""
        rows = self._database.query(
            "SELECT k.id, k.name, u.id, u.username, k.created_at FROM api_keys k "
            "JOIN users u ON u.id = k.user_id ORDER BY k.created_at, k.id"
        )
        return [KeyInfo(*row) for row in rows]

    def remove_key(self, key_id: str) -> bool:
        """Remove a key; its tokens end with it. Returns False if there is none with this id."""
        with self._database.transaction() as db:
            removed = db.execute("DELETE FROM api_keys WHERE id = ?", (key_id,)).rowcount
        if removed:
            _audit.info("key %s removed", key_id)
        return bool(removed)

    def _hash(self, key: str) -> str:
        """Hash a key; keys are 256 random bits, so one round of a keyed hash is enough."""
        return hashlib.blake2b(key.encode("utf-8", "replace"), key=self._signing_key.encode()).hexdigest()

    # projects and spaces

    def add_scope(self, scope: Scope, name: str, members: Mapping[str, Role]) -> None:
        """Add a project or space, or members to a known one (`{user id: role}`)."""
        with self._database.transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO scopes VALUES (?, ?, ?, ?)",
                (scope.id, scope.kind, name, timestamp(self._clock())),
            )
            for user_id, role in members.items():
                db.execute("INSERT OR REPLACE INTO members VALUES (?, ?, ?)", (scope.id, user_id, role))

    def scope_row(self, scope: Scope) -> tuple[str, str] | None:
        """Return name and creation time of a project or space."""
        rows = self._database.query(
            "SELECT name, created_at FROM scopes WHERE id = ? AND kind = ?", (scope.id, scope.kind)
        )
        return (rows[0][0], rows[0][1]) if rows else None

    def scopes_of(self, principal: Principal, kind: str) -> list[tuple[str, str, str]]:
        """Return id, name and creation time of what `principal` is a member of."""
        rows = self._database.query(
            "SELECT s.id, s.name, s.created_at FROM scopes s JOIN members m ON m.scope_id = s.id "
            "WHERE m.user_id = ? AND s.kind = ? ORDER BY s.created_at, s.id",
            (principal.id, kind),
        )
        return [(row[0], row[1], row[2]) for row in rows]

    def is_member(self, user_id: str, scope: Scope) -> bool:
        """Say whether a user has a role in a project or space."""
        sql = "SELECT 1 FROM members WHERE scope_id = ? AND user_id = ?"
        return bool(self._database.query(sql, (scope.id, user_id)))

    def role(self, principal: Principal, scope: Scope) -> str:
        """Return the role of a member.

        Raises:
            Refusal: 404 for an unknown scope, 403 for somebody who is no member.
        """
        noun = "project" if scope.kind == "project_id" else "space"
        rows = self._database.query(
            "SELECT m.role FROM scopes s LEFT JOIN members m ON m.scope_id = s.id AND m.user_id = ? "
            "WHERE s.id = ? AND s.kind = ?",
            (principal.id, scope.id, scope.kind),
        )
        if not rows:
            text = f"The {noun} {scope.id} does not exist."
            raise Refusal(404, "not_found", text, target=scope.kind, target_type="parameter")
        if rows[0][0] is None:
            text = f"The user is no member of the {noun} {scope.id}."
            raise Refusal(403, "user_authorization_failed", text)
        return str(rows[0][0])

    def require(self, principal: Principal, scope: Scope, *, write: bool) -> None:
        """Refuse with 403 what the user's role does not allow."""
        role = self.role(principal, scope)
        if write and role not in _WRITERS:
            raise Refusal(403, "authorization_rejected", f"The role {role} may not change anything here.")

    def may_write(self, principal: Principal, scope: Scope) -> bool:
        """Say whether a member's role allows changes."""
        return self.role(principal, scope) in _WRITERS

    def may_use_rts(self, principal: Principal, rts: Record, *, client_ip: str | None = None) -> bool:
        """Say whether a remote training system's `allowed_identities` admit this user from this address.

        Source: API reference, `allowed_identities[].id` and `.allowed_ips`.
        """
        for identity in rts.entity.get("allowed_identities", ()):
            if str(identity.get("id")) != principal.id:
                continue
            allowed = identity.get("allowed_ips")
            if not allowed or (client_ip is not None and _inside(client_ip, allowed)):
                return True
        return False

    # sign-in

    def sign_in(self, key: str, *, client: str | None, username: str | None = None) -> Principal | None:
        """Return the owner of an API key; with `username` only if it is that user's.

        `client` is the address the key came from: the development key is good on this machine only.
        """
        found = self._user("k.hash = ?", (self._hash(key),))
        if found is not None and found.key_name == DEVELOPMENT_KEY_NAME and not is_loopback(client or ""):
            found = None
        if found is not None and username is not None:
            same = hmac.compare_digest(found.username.encode(), username.encode("utf-8", "replace"))
            found = found if same else None
        if found is None:
            _audit.warning("sign-in refused for a client at %s", client)
        return found

    def user_with_key(self, user_id: str, key_id: str) -> Principal | None:
        """Return a user as long as this key of theirs exists."""
        return self._user("u.id = ? AND k.id = ?", (user_id, key_id))

    def _user(self, condition: str, values: tuple[str, ...]) -> Principal | None:
        rows = self._database.query(
            "SELECT u.id, u.username, u.email, k.id, k.name FROM users u "  # noqa: S608 - condition is constant
            f"LEFT JOIN api_keys k ON k.user_id = u.id WHERE {condition} LIMIT 1",
            values,
        )
        return Principal(*(value or "" for value in rows[0])) if rows else None

    def token(self, principal: Principal) -> tuple[str, int]:
        """Return a signed token and when it expires (seconds since 1970)."""
        now = int(self._clock())
        expires = now + int(self.token_seconds)
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
            "key": principal.key_id,
        }
        return jwt.encode(claims, self._signing_key, algorithm="HS256"), expires

    def authenticate(self, connection: HTTPConnection) -> Principal:
        """Return who is behind a request or a WebSocket, by its `Authorization` header.

        Raises:
            Refusal: 401, with the code that WML gives for it.
        """
        scheme, _, value = connection.headers.get("authorization", "").partition(" ")
        value = value.strip()
        found: Principal | None = None
        if scheme.lower() == "zenapikey":
            username, key = split_basic(value)
            client = connection.client.host if connection.client else None
            found = self.sign_in(key, client=client, username=username)
        elif scheme.lower() == "bearer" and value:
            found = self.user_of_token(value)
        else:
            raise Refusal(401, "authorization_required", _NO_TOKEN)
        if found is None:
            raise Refusal(401, "authentication_token_invalid", _BAD_TOKEN)
        return found

    def user_of_token(self, token: str) -> Principal | None:
        """Return the user of a token that this service signed and whose key still exists.

        Raises:
            Refusal: 401, the token has expired.
        """
        try:
            claims = jwt.decode(
                token,
                self._signing_key,
                algorithms=["HS256"],
                options={"verify_exp": False, "verify_iat": False, "require": ["exp", "iam_id", "key"]},
                issuer=_ISSUER,
            )
        except (jwt.PyJWTError, ValueError):
            return None
        if float(claims["exp"]) <= self._clock():
            raise Refusal(401, "authentication_token_expired", _OLD_TOKEN)
        return self.user_with_key(str(claims["iam_id"]), str(claims["key"]))

    # parties

    def party_key(self, principal: Principal, training_id: str, rts_id: str) -> str:
        """Return what a party signs in with when it reconnects to this training; good for nothing else.

        It does not expire, since a training may last longer than a token; it ends with the user's key.
        """
        claims = {
            "iss": _PARTY_ISSUER,
            "iam_id": principal.id,
            "key": principal.key_id,
            "training": training_id,
            "rts": rts_id,
        }
        return jwt.encode(claims, self._signing_key, algorithm="HS256")

    def user_of_party_key(self, key: str, training_id: str, rts_id: str) -> Principal | None:
        """Return the user of a key that :meth:`party_key` made for this training and party."""
        try:
            claims = jwt.decode(key, self._signing_key, algorithms=["HS256"], issuer=_PARTY_ISSUER)
        except (jwt.PyJWTError, ValueError):
            return None
        if (claims.get("training"), claims.get("rts")) != (training_id, rts_id):
            return None
        return self.user_with_key(str(claims["iam_id"]), str(claims["key"]))


def split_basic(value: str) -> tuple[str, str]:
    """Return name and secret of `base64(name:secret)`; empty strings if it is not that."""
    try:
        name, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return name, secret


def _inside(address: str, networks: object) -> bool:
    listed = networks if isinstance(networks, list) else [networks]
    try:
        client = ipaddress.ip_address(address)
        ranges = [ipaddress.ip_network(str(network), strict=False) for network in listed]
    except ValueError:
        return False
    return any(client.version == network.version and client in network for network in ranges)
