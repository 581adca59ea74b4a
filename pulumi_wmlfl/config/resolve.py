"""From the stack's configuration, the environment and the local service's file to settings that fit."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .._paths import default_ready_file
from .._redaction import register_secret
from ..errors import ConfigurationError
from .checks import api_version, authentication, ca_file, http_url, missing, number
from .settings import IAM_URL, PLATFORMS, PREFIX, REGIONS, Settings
from .values import DEFAULT, Values, choose_between, choose_credentials, collect, keep_keys_at_home

__all__ = ["resolve_settings"]

_NAMES = {"cloud": "IBM Cloud", "cpd": "Cloud Pak for Data", "local": "the local service"}
_NO_VARIABLE = re.compile(r"[^A-Za-z0-9]+")


def resolve_settings(
    stack_config: Mapping[str, Any], environ: Mapping[str, str] | None = None, *, provider: str = ""
) -> Settings:
    """Combine the stack's configuration with the environment.

    `stack_config` has qualified keys (`wmlfl:url`); values may be text, numbers or booleans. For the explicit
    provider `provider` it is what that was given; then only the variables `WMLFL_PROVIDER_<NAME>_*` count.

    Raises:
        ConfigurationError: one error that names every missing or contradictory setting.
    """
    environment = os.environ if environ is None else environ
    prefix = f"{PREFIX}PROVIDER_{_NO_VARIABLE.sub('_', provider).upper()}_" if provider else PREFIX
    found = collect(stack_config, environment, prefix=prefix, provider=provider)
    choose_between(found, "url", "region")
    choose_between(found, "projectId", "spaceId")
    platform = _platform(found)
    keep_keys_at_home(found, platform)
    if platform == "local":
        _from_ready_file(found)
    choose_credentials(found, platform)
    url = _url(found)
    way = authentication(found, platform)
    problems = missing(found, platform)
    if problems:
        whose = f" of the provider {provider}" if provider else ""
        decided = next((key for key in ("platform", "url", "region") if key in found.values), "")
        why = f" for {_NAMES[platform]}, chosen by {found.describe(decided)}," if decided else ""
        raise ConfigurationError(
            f"The configuration{whose}{why} is not complete: {'; '.join(problems).replace(PREFIX, prefix)}.",
            hint="Set it with `wmlfl config set [--secret] wmlfl:KEY VALUE` or the environment variable.",
        )
    return Settings(
        platform=platform,
        url=url,
        apikey=found.get("apikey"),
        username=found.get("username"),
        password=found.get("password"),
        token=found.get("token"),
        authentication=way,
        iam_url=_iam_url(found, platform, url),
        project_id=found.get("projectId"),
        space_id=found.get("spaceId"),
        api_version=api_version(found),
        ca_file=ca_file(found),
        request_timeout=number(found, "requestTimeout", lowest=0.1, highest=86_400),
        retries=int(number(found, "retries", lowest=0, highest=100, whole=True)),
        sources=tuple(sorted(found.sources.items())),
        prefix=prefix,
    )


def _platform(found: Values) -> str:
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
                if found.ranks["region"] > found.ranks["platform"]:
                    found.drop("region")
                    return platform
                raise ConfigurationError(
                    f"wmlfl:region belongs to IBM Cloud, but {found.describe('platform')} is {platform}.",
                    hint="Remove one of the two settings.",
                )
            return platform
        found.drop("platform")
    if "region" in found.values:
        return "cloud"
    if "url" in found.values:
        host = urlsplit(http_url(found, "url")).hostname or ""
        return "cloud" if host.removeprefix("private.") in REGIONS.values() else "cpd"
    raise ConfigurationError(
        "No WML environment is configured.",
        hint="Set wmlfl:region (IBM Cloud), wmlfl:url (Cloud Pak for Data) or wmlfl:platform to local "
        "(a service started with `wmlfl serve`), or WMLFL_REGION, WMLFL_URL, WMLFL_PLATFORM.",
    )


def _from_ready_file(found: Values) -> None:
    """Fill what is not set from the file in which the local service says where it is."""
    path = Path(found.get("readyFile")).expanduser() if found.get("readyFile") else default_ready_file()
    if "url" in found.values and ("apikey" in found.values or "token" in found.values):
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
    # Each stands for something else that may be given instead.
    instead = {"projectId": "spaceId", "apikey": "token"}
    for name, key in names.items():
        value = ready.get(name)
        if isinstance(value, str) and not {key, instead.get(key)} & set(found.values):
            found.put(key, value, f"the local service's {path}", DEFAULT)
    register_secret(found.get("apikey"))


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


def _url(found: Values) -> str:
    region = found.get("region")
    if region:
        if region not in REGIONS:
            raise ConfigurationError(
                f"wmlfl:region is {region!r} ({found.sources['region']}), which is not a region of WML.",
                hint=f"Known regions: {', '.join(REGIONS)}. For other hosts set wmlfl:url.",
            )
        return f"https://{REGIONS[region]}"
    return http_url(found, "url") if found.get("url") else ""


def _iam_url(found: Values, platform: str, url: str) -> str:
    if found.get("iamUrl"):
        return http_url(found, "iamUrl")
    return url if platform == "local" else IAM_URL
