"""The service's certificate authority, made once and kept in the data folder, and its server certificate."""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme

__all__ = ["Certificates", "is_loopback", "load_certificates"]


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files of one service: the authority to trust, and what the server shows (PEM, key included)."""

    ca_file: Path
    server_file: Path


def load_certificates(folder: Path, host: str) -> Certificates:
    """Return the certificates of `folder`; the authority is made at the first start and then kept.

    The server's certificate is made anew at each start: it costs milliseconds and never expires in use.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    ca_file, ca_key = folder / "ca.pem", folder / "ca.key"
    if not (ca_file.exists() and ca_key.exists()):
        authority = trustme.CA(organization_name="wmlfl local service")
        _write_private(ca_key, authority.private_key_pem.bytes())
        _write(ca_file, authority.cert_pem.bytes(), 0o644)
    else:
        authority = trustme.CA.from_pem(ca_file.read_bytes(), ca_key.read_bytes())
    names = {"localhost", "127.0.0.1", "::1"}
    if host not in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        names.add(host)
    else:
        names.add(os.uname().nodename)
    expires = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=825)
    issued = authority.issue_cert(*sorted(names), not_after=expires)
    server_file = folder / "server.pem"
    _write_private(server_file, issued.private_key_and_cert_chain_pem.bytes())
    # A damaged file must be found at the start, not at the first connection.
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(server_file)
    return Certificates(ca_file, server_file)


def is_loopback(host: str) -> bool:
    """Say whether `host` can only be reached from this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _write_private(path: Path, content: bytes) -> None:
    _write(path, content, 0o600)


def _write(path: Path, content: bytes, mode: int) -> None:
    temporary = path.with_suffix(path.suffix + ".tmp")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        # The process's umask must not hide the authority from those who are to trust it.
        os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
