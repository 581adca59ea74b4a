"""How the parties of `crypto_iter_avg` get a common key without the aggregator learning it.

1. REQUEST_CERT to every party: its certificate. 2. GENERATE_KEYS to one party, with the certificates: it
makes the keys, and encrypts the secret one for each other party. 3. SET_KEYS to every other party: its
share. For a party that comes later DISTRIBUTE_KEYS, to any party that has the keys, takes the place of step
2. The aggregator passes on what it cannot read and keeps the public key. Imports `errors`.

Source: IBM's party library, release 1.0.370.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import ProtocolError
from .messages import Request
from .types import MessageType

__all__ = ["GeneratedKeys", "distribute_keys", "generate_keys", "read_certificate", "request_certificate"]

_LARGEST_CERTIFICATE = 2**16
_COMMON = ("gen_cert", "he_pb", "he_pb_sign", "keys_id", "keys_time")
_SECRET = ("he_pr_enc", "he_pr_enc_sign")
_TEXTS = ("keys_id", "keys_time")


def request_certificate(id_request: int, party: str) -> Request:
    """Ask a party for its certificate; `party` is what it is called in the exchange."""
    return Request(id_request=id_request, message_type=MessageType.REQUEST_CERT, payload={"id": party})


def read_certificate(payload: object, party: str) -> bytes:
    """Return the certificate (PEM) of a reply to REQUEST_CERT.

    Raises:
        ProtocolError: the reply has none, or that of another party.
    """
    found = payload if isinstance(payload, Mapping) else {}
    certificate = found.get("cert")
    if found.get("id") != party or not isinstance(certificate, bytes):
        raise ProtocolError("The party's reply to REQUEST_CERT has no certificate of its own.")
    if not 0 < len(certificate) <= _LARGEST_CERTIFICATE:
        raise ProtocolError("The party's certificate has a wrong size.")
    return certificate


def generate_keys(id_request: int, certificates: Mapping[str, bytes]) -> Request:
    """Ask one party to make the keys; `certificates` are those of all parties, its own included."""
    payload = {"party_certs": dict(certificates), "allowed_parties_info": None}
    return Request(id_request=id_request, message_type=MessageType.GENERATE_KEYS, payload=payload)


def distribute_keys(id_request: int, certificates: Mapping[str, bytes]) -> Request:
    """Ask a party that has the keys to encrypt them for parties that have none, by their certificates."""
    payload = {"party_certs": dict(certificates), "allowed_parties_info": None}
    return Request(id_request=id_request, message_type=MessageType.DISTRIBUTE_KEYS, payload=payload)


@dataclass(frozen=True, slots=True)
class GeneratedKeys:
    """What one party made: the public key, and for each other party a share that only it can open."""

    common: Mapping[str, Any] = field(repr=False)
    shares: Mapping[str, tuple[bytes, bytes]] = field(repr=False)

    @classmethod
    def read(cls, payload: object, others: frozenset[str]) -> GeneratedKeys:
        """Read a reply to GENERATE_KEYS or DISTRIBUTE_KEYS that must have a share for each of `others`.

        Raises:
            ProtocolError: something is missing.
        """
        found = payload if isinstance(payload, Mapping) else {}
        # A party that is alone encrypts its secret key for nobody.
        names = (*_COMMON, *_SECRET) if others else _COMMON
        for name in names:
            if not isinstance(found.get(name), str if name in _TEXTS else bytes):
                raise ProtocolError(f"The party's reply to GENERATE_KEYS has no {name}.")
        shares = found.get("party_sym") if others else {}
        if not isinstance(shares, Mapping) or set(shares) != others:
            raise ProtocolError("The party's reply to GENERATE_KEYS has no share for every other party.")
        return cls({name: found[name] for name in names}, {party: _share(shares[party]) for party in shares})

    @property
    def public_key(self) -> bytes:
        """The key with which ciphertexts are added."""
        key: bytes = self.common["he_pb"]
        return key

    def set_keys(self, id_request: int, party: str) -> Request:
        """Return the request that gives a party its keys."""
        share, signature = self.shares[party]
        payload = {**self.common, "sym_enc": share, "sym_enc_sign": signature}
        return Request(id_request=id_request, message_type=MessageType.SET_KEYS, payload=payload)


def _share(value: object) -> tuple[bytes, bytes]:
    if isinstance(value, list) and len(value) == 2:
        share, signature = value
        if isinstance(share, bytes) and isinstance(signature, bytes):
            return share, signature
    raise ProtocolError("The party's reply to GENERATE_KEYS has a share that is not one.")
