"""Settings of one WML environment: where they come from, what they default to, whether they fit together.

Precedence, per setting: our environment variable `WMLFL_*`, then the stack's configuration `wmlfl:*`, then
IBM's usual environment variables, then the default. The environment wins because refresh and destroy get the
configuration that was recorded at the last `up`: a rotated key could otherwise never be replaced.

This module imports `errors` only; it makes no request.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ._paths import default_ready_file
from .errors import ConfigurationError, register_secret

__all__ = ["REGIONS", "SETTINGS", "Setting", "Settings", "resolve_settings"]

# Source: IBM's SDK, the table of known hosts. The value is the WML host of the region.
REGIONS: dict[str, str] = {
    "us-south": "us-south.ml.cloud.ibm.com",
    "eu-de": "eu-de.ml.cloud.ibm.com",
    "eu-gb": "eu-gb.ml.cloud.ibm.com",
    "jp-tok": "jp-tok.ml.cloud.ibm.com",
    "au-syd": "au-syd.ml.cloud.ibm.com",
    "ca-tor": "ca-tor.ml.cloud.ibm.com",
}
IAM_URL = "https://iam.cloud.ibm.com"
PLATFORMS = ("cloud", "cpd", "local")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its key in the stack's configuration, its environment variables, default and meaning."""

    key: str
    environment: str
    ibm_environment: tuple[str, ...] = ()
    default: str = ""
    secret: bool = False
    help: str = ""


SETTINGS: tuple[Setting, ...] = (
    Setting("platform", "WMLFL_PLATFORM", help="`cloud`, `cpd` or `local`; follows from url or region."),
    Setting(
        "url",
        "WMLFL_URL",
        ("WATSONX_URL", "RUNTIME_ENV_APSX_URL"),
        help="Address of WML, such as `https://cpd.example.com`. Instead of `region`.",
    ),
    Setting("region", "WMLFL_REGION", help=f"Region of IBM Cloud: {', '.join(REGIONS)}."),
    Setting(
        "apikey",
        "WMLFL_APIKEY",
        ("WATSONX_APIKEY", "IBMCLOUD_API_KEY", "IBM_CLOUD_API_KEY"),
        secret=True,
        help="API key of IBM Cloud, or of the user of Cloud Pak for Data.",
    ),
    Setting("username", "WMLFL_USERNAME", ("WATSONX_USERNAME",), help="User of Cloud Pak for Data."),
    Setting(
        "password",
        "WMLFL_PASSWORD",
        ("WATSONX_PASSWORD",),
        secret=True,
        help="Password of that user, where there is no API key.",
    ),
    Setting(
        "token",
        "WMLFL_TOKEN",
        ("WATSONX_TOKEN", "USER_ACCESS_TOKEN"),
        secret=True,
        help="A bearer token instead of a key; it is never renewed.",
    ),
    Setting(
        "authentication",
        "WMLFL_AUTHENTICATION",
        default="bearer",
        help="`bearer`, or `zenapikey` to send the CPD key itself without a sign-in.",
    ),
    Setting("iamUrl", "WMLFL_IAM_URL", help="Address of IBM Cloud IAM, where it is not the public one."),
    Setting(
        "projectId",
        "WMLFL_PROJECT_ID",
        ("WATSONX_PROJECT_ID", "PROJECT_ID"),
        help="Project of every resource that names no scope of its own.",
    ),
    Setting(
        "spaceId",
        "WMLFL_SPACE_ID",
        ("WATSONX_SPACE_ID", "SPACE_ID"),
        help="Deployment space instead of a project.",
    ),
    Setting("apiVersion", "WMLFL_API_VERSION", default="2020-08-01", help="WML's `version` parameter."),
    Setting("caFile", "WMLFL_CA_FILE", help="PEM file of certificate authorities to trust, besides none."),
    Setting("requestTimeout", "WMLFL_REQUEST_TIMEOUT", default="60", help="Seconds to wait for an answer."),
    Setting("retries", "WMLFL_RETRIES", default="4", help="How often a failed request is tried again."),
    Setting(
        "readyFile",
        "WMLFL_READY_FILE",
        help="File in which the local service says where it is (`wmlfl serve --ready-file`).",
    ),
)
_BY_KEY = {setting.key: setting for setting in SETTINGS}


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything needed to talk to one WML environment; hashable, its repr shows no secret.

    `request_timeout` is in seconds. `sources` tells for each key where its value came from.
    """

    platform: str
    url: str
    apikey: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    authentication: str = "bearer"
    iam_url: str = IAM_URL
    project_id: str = ""
    space_id: str = ""
    api_version: str = "2020-08-01"
    ca_file: str = ""
    request_timeout: float = 60.0
    retries: int = 4
    sources: tuple[tuple[str, str], ...] = field(default=(), compare=False)

    def source(self, key: str) -> str:
        """Say where the value of `key` came from, such as `environment variable WMLFL_APIKEY`."""
        return dict(self.sources).get(key, "the default")


@dataclass(slots=True)
class _Values:
    """Raw values with their source and rank (the lower the rank, the stronger the source)."""

    values: dict[str, str] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    ranks: dict[str, int] = field(default_factory=dict)

    def put(self, key: str, value: str, source: str, rank: int) -> None:
        self.values[key] = value
        self.sources[key] = source
        self.ranks[key] = rank

    def drop(self, key: str) -> None:
        self.values.pop(key, None)
        self.sources.pop(key, None)
        self.ranks.pop(key, None)

    def get(self, key: str) -> str:
        return self.values.get(key, "")

    def describe(self, key: str) -> str:
        return f"{key} ({self.sources[key]})"


def resolve_settings(stack_config: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> Settings:
    """Combine the stack's configuration with the environment.

    `stack_config` has qualified keys (`wmlfl:url`); values may be text, numbers or booleans.

    Raises:
        ConfigurationError: one error that names every missing or contradictory setting.
    """
    environment = os.environ if environ is None else environ
    found = _collect(stack_config, environment)
    _choose_between(found, "url", "region")
    _choose_between(found, "projectId", "spaceId")
    platform = _platform(found)
    if platform == "local":
        _from_ready_file(found)
    url = _url(found)
    problems = _missing(found, platform)
    if problems:
        raise ConfigurationError(
            f"The configuration is not complete: {'; '.join(problems)}.",
            hint="Set it with `pulumi config set [--secret] wmlfl:KEY VALUE` or the environment variable.",
        )
    for setting in SETTINGS:
        if setting.secret:
            register_secret(found.get(setting.key))
    return Settings(
        platform=platform,
        url=url,
        apikey=found.get("apikey"),
        username=found.get("username"),
        password=found.get("password"),
        token=found.get("token"),
        authentication=_authentication(found),
        iam_url=_http_url(found, "iamUrl")
        if found.get("iamUrl")
        else (url if platform == "local" else IAM_URL),
        project_id=found.get("projectId"),
        space_id=found.get("spaceId"),
        api_version=found.get("apiVersion"),
        ca_file=_ca_file(found),
        request_timeout=_number(found, "requestTimeout", lowest=0.1),
        retries=int(_number(found, "retries", lowest=0)),
        sources=tuple(sorted(found.sources.items())),
    )


def _collect(stack_config: Mapping[str, Any], environ: Mapping[str, str]) -> _Values:
    found = _Values()
    known = {f"wmlfl:{setting.key}" for setting in SETTINGS}
    unknown = sorted(key for key in stack_config if key.startswith("wmlfl:") and key not in known)
    if unknown:
        raise ConfigurationError(
            f"Unknown setting in the stack configuration: {', '.join(unknown)}.",
            hint=f"Known settings: {', '.join(sorted(known))}.",
        )
    for setting in SETTINGS:
        configured = stack_config.get(f"wmlfl:{setting.key}")
        candidates = [(environ.get(setting.environment), f"environment variable {setting.environment}", 0)]
        candidates.append((_text(configured), f"stack configuration wmlfl:{setting.key}", 1))
        candidates += [
            (environ.get(name), f"environment variable {name}", 2) for name in setting.ibm_environment
        ]
        candidates.append((setting.default, "the default", 3))
        for value, source, rank in candidates:
            if value and value.strip():
                found.put(setting.key, value.strip(), source, rank)
                break
    return found


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _choose_between(found: _Values, one: str, other: str) -> None:
    """Keep the setting of the stronger source; two of the same source contradict each other."""
    if one in found.values and other in found.values:
        if found.ranks[one] == found.ranks[other]:
            raise ConfigurationError(
                f"Give either wmlfl:{one} or wmlfl:{other}, not both: "
                f"{found.describe(one)} and {found.describe(other)} are set."
            )
        found.drop(one if found.ranks[one] > found.ranks[other] else other)


def _platform(found: _Values) -> str:
    platform = found.get("platform")
    if platform:
        if platform not in PLATFORMS:
            raise ConfigurationError(
                f"wmlfl:platform is {platform!r} ({found.sources['platform']}).",
                hint=f"Known platforms: {', '.join(PLATFORMS)}.",
            )
        stronger = [key for key in ("url", "region") if key in found.values]
        overruled = stronger and found.ranks[stronger[0]] < found.ranks["platform"]
        if not (platform == "local" and overruled):
            if platform != "cloud" and "region" in found.values:
                raise ConfigurationError(
                    f"wmlfl:region belongs to IBM Cloud, but {found.describe('platform')} is {platform}.",
                    hint="Remove one of the two settings.",
                )
            return platform
        found.drop("platform")
    if "region" in found.values:
        return "cloud"
    if "url" in found.values:
        host = urlsplit(found.get("url")).hostname or ""
        return "cloud" if host.removeprefix("private.") in REGIONS.values() else "cpd"
    raise ConfigurationError(
        "No WML environment is configured.",
        hint="Set wmlfl:region (IBM Cloud), wmlfl:url (Cloud Pak for Data) or wmlfl:platform to local "
        "(a service started with `wmlfl serve`), or WMLFL_REGION, WMLFL_URL, WMLFL_PLATFORM.",
    )


def _from_ready_file(found: _Values) -> None:
    """Fill what is not set from the file in which the local service says where it is."""
    path = Path(found.get("readyFile")).expanduser() if found.get("readyFile") else default_ready_file()
    if "url" in found.values and "apikey" in found.values:
        return
    try:
        ready = json.loads(path.read_text("utf-8"))
        if not isinstance(ready, dict):
            raise ValueError("not an object")
    except FileNotFoundError:
        raise ConfigurationError(
            f"No local WML service is running: {path} does not exist.",
            hint="Start one with `wmlfl serve` (extra `local`), or name its file in WMLFL_READY_FILE.",
        ) from None
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"The local service's file {path} cannot be read: {error}.", hint="Start `wmlfl serve` again."
        ) from None
    if not _is_running(ready.get("pid")):
        raise ConfigurationError(
            f"The local WML service of {path} is not running any more.",
            hint="Start it again with `wmlfl serve`.",
        )
    names = {"url": "url", "apikey": "apikey", "ca_file": "caFile", "project_id": "projectId"}
    for name, key in names.items():
        value = ready.get(name)
        scoped = key == "projectId" and "spaceId" in found.values
        if isinstance(value, str) and key not in found.values and not scoped:
            found.put(key, value, f"the local service's {path}", 3)


def _is_running(pid: object) -> bool:
    if not isinstance(pid, int):
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _url(found: _Values) -> str:
    region = found.get("region")
    if region:
        if region not in REGIONS:
            raise ConfigurationError(
                f"wmlfl:region is {region!r} ({found.sources['region']}), which is not a region of WML.",
                hint=f"Known regions: {', '.join(REGIONS)}. For other hosts set wmlfl:url.",
            )
        return f"https://{REGIONS[region]}"
    return _http_url(found, "url") if found.get("url") else ""


def _http_url(found: _Values, key: str) -> str:
    value = found.get(key).rstrip("/")
    parts = urlsplit(value)
    local = (parts.hostname or "") in {"127.0.0.1", "localhost", "::1"}
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.username:
        raise ConfigurationError(
            f"{found.describe(key)} is not an address such as https://cpd.example.com.",
            hint="Write https://, the host and, where needed, the port; no user and no password.",
        )
    if parts.scheme == "http" and not local:
        raise ConfigurationError(
            f"{found.describe(key)} begins with http://; the key would cross the network in clear.",
            hint="Use https://, and wmlfl:caFile where the certificate is not signed by a public authority.",
        )
    return value


def _iam_url(found: _Values, platform: str, url: str) -> str:
    if found.get("iamUrl"):
        return _http_url(found, "iamUrl")
    return url if platform == "local" else IAM_URL


def _missing(found: _Values, platform: str) -> list[str]:
    missing = []
    if not found.get("url") and not found.get("region"):
        missing.append("wmlfl:url or wmlfl:region (WMLFL_URL, WMLFL_REGION) is missing")
    if not found.get("token"):
        if platform == "cpd":
            if not found.get("username"):
                missing.append("wmlfl:username (WMLFL_USERNAME) is missing")
            if not (found.get("apikey") or found.get("password")):
                missing.append("wmlfl:apikey or wmlfl:password (WMLFL_APIKEY, WMLFL_PASSWORD) is missing")
        elif not found.get("apikey"):
            missing.append("wmlfl:apikey (WMLFL_APIKEY) is missing")
    return missing


def _authentication(found: _Values) -> str:
    value = found.get("authentication")
    if value not in {"bearer", "zenapikey"}:
        raise ConfigurationError(
            f"{found.describe('authentication')} is {value!r}.", hint="Known ways: bearer, zenapikey."
        )
    if value == "zenapikey" and not (found.get("username") and found.get("apikey")):
        raise ConfigurationError("wmlfl:authentication zenapikey needs wmlfl:username and wmlfl:apikey.")
    return value


def _ca_file(found: _Values) -> str:
    value = found.get("caFile")
    if not value:
        return ""
    path = Path(value).expanduser()
    try:
        text = path.read_text("ascii", errors="replace")
    except OSError as error:
        raise ConfigurationError(
            f"{found.describe('caFile')} cannot be read: {error.strerror}: {path}.",
            hint="Name a PEM file of certificate authorities.",
        ) from None
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise ConfigurationError(
            f"{found.describe('caFile')} is not a PEM file of certificates: {path}.",
            hint="A PEM file begins with -----BEGIN CERTIFICATE-----.",
        )
    return str(path.resolve())


def _number(found: _Values, key: str, *, lowest: float) -> float:
    value = found.get(key)
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not number >= lowest or number == float("inf"):
        raise ConfigurationError(
            f"{found.describe(key)} is {value!r}; it must be a number of at least {lowest:g}."
        )
    return number
