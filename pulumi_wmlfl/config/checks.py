"""Whether a value of a setting is one, and what is missing; every message says where the value came from."""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from ..errors import ConfigurationError
from .values import Values

__all__ = ["api_version", "authentication", "ca_file", "http_url", "missing", "number"]


def http_url(found: Values, key: str) -> str:
    """Return an address without a slash at its end; a key never crosses a network in clear."""
    value = found.get(key).rstrip("/")
    try:
        parts = urlsplit(value)
        # Reading the port checks it.
        good = parts.scheme in {"https", "http"} and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good or "@" in parts.netloc or parts.query or parts.fragment or "/ml/v4" in parts.path:
        raise ConfigurationError(
            f"{found.describe(key)} is not an address such as https://cpd.example.com.",
            hint="Write https://, the host and, where needed, the port; no user, no password, no parameters.",
        )
    if parts.scheme == "http" and parts.hostname not in {"127.0.0.1", "localhost", "::1"}:
        raise ConfigurationError(
            f"{found.describe(key)} begins with http://; the key would cross the network in clear.",
            hint="Use https://, and wmlfl:caFile where the certificate is not signed by a public authority.",
        )
    return value


def missing(found: Values, platform: str) -> list[str]:
    """Name everything that is missing, with its setting and its variable."""
    gaps = []
    if not found.get("url") and not found.get("region"):
        gaps.append("wmlfl:url or wmlfl:region (WMLFL_URL, WMLFL_REGION) is missing")
    if found.get("token"):
        return gaps
    if platform == "cpd":
        if not found.get("username"):
            gaps.append("wmlfl:username (WMLFL_USERNAME) is missing")
        if not (found.get("apikey") or found.get("password")):
            gaps.append("wmlfl:apikey or wmlfl:password (WMLFL_APIKEY, WMLFL_PASSWORD) is missing")
    elif not found.get("apikey"):
        gaps.append("wmlfl:apikey (WMLFL_APIKEY) is missing")
    return gaps


def authentication(found: Values, platform: str) -> str:
    """Return the way to sign in; the credentials must fit it."""
    value = found.get("authentication")
    if value not in {"bearer", "zenapikey"}:
        raise ConfigurationError(
            f"{found.describe('authentication')} is {value!r}.", hint="Known ways: bearer, zenapikey."
        )
    if value == "zenapikey" and platform == "cloud":
        raise ConfigurationError(
            f"{found.describe('authentication')} is zenapikey, which IBM Cloud does not know.",
            hint="Remove it; it is for Cloud Pak for Data.",
        )
    if value == "zenapikey" and not (found.get("username") and found.get("apikey")):
        raise ConfigurationError(
            f"{found.describe('authentication')} is zenapikey, which needs a user and a key.",
            hint="Set wmlfl:username and wmlfl:apikey (WMLFL_USERNAME, WMLFL_APIKEY).",
        )
    for key in ("token", "apikey"):
        if not found.get(key).isascii() or not found.get(key).isprintable() or " " in found.get(key):
            raise ConfigurationError(
                f"{found.describe(key)} has characters that a {key} cannot have.", hint="Copy it again."
            )
    return value


def api_version(found: Values) -> str:
    """Return the date that WML calls its version."""
    value = found.get("apiVersion")
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        raise ConfigurationError(f"{found.describe('apiVersion')} is {value!r}; it must be as 2020-08-01.")
    return value


def ca_file(found: Values) -> str:
    """Return the path of a readable file of authorities, empty if none is named."""
    value = found.get("caFile")
    if not value:
        return ""
    path = Path(value).expanduser()
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except ssl.SSLError:
        raise ConfigurationError(
            f"{found.describe('caFile')} is not a PEM file of certificates: {path}.",
            hint="A PEM file has lines -----BEGIN CERTIFICATE-----.",
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"{found.describe('caFile')} cannot be read: {error.strerror}: {path}.",
            hint="Name a PEM file of certificate authorities.",
        ) from None
    return str(path.resolve())


def number(found: Values, key: str, *, lowest: float, highest: float, whole: bool = False) -> float:
    """Return a number within its bounds."""
    value = found.get(key)
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not lowest <= number <= highest or (whole and not number.is_integer()):
        kind = "whole number" if whole else "number"
        raise ConfigurationError(
            f"{found.describe(key)} is {value!r}; it must be a {kind} from {lowest:g} to {highest:g}."
        )
    return number
