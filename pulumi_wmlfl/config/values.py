"""Raw values of settings and how strong their source is.

Per setting: our environment variable `WMLFL_*`, then the stack's configuration `wmlfl:*`, then IBM's usual
environment variables, then the default. The environment wins because refresh and destroy get the
configuration that was recorded at the last `up`: a rotated key could otherwise never be replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .._redaction import register_secret
from ..errors import ConfigurationError
from .settings import PREFIX, SETTINGS

__all__ = ["DEFAULT", "Values", "choose_between", "choose_credentials", "collect", "keep_keys_at_home"]

OURS, STACK, IBM, DEFAULT = range(4)
_OF_ONE_ENVIRONMENT = (
    *("url", "iamUrl", "caFile", "apikey", "token", "username", "password", "authentication"),
    *("projectId", "spaceId"),
)
# These keys are good for IBM Cloud alone; another host must not get to see them.
_CLOUD_ONLY = ("environment variable IBMCLOUD_API_KEY", "environment variable IBM_CLOUD_API_KEY")


@dataclass(slots=True)
class Values:
    """Raw values with their source and rank (the lower the rank, the stronger the source)."""

    values: dict[str, str] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    ranks: dict[str, int] = field(default_factory=dict)

    def put(self, key: str, value: str, source: str, rank: int) -> None:
        """Set a value."""
        self.values[key] = value
        self.sources[key] = source
        self.ranks[key] = rank

    def drop(self, key: str) -> None:
        """Forget a value, if there is one."""
        self.values.pop(key, None)
        self.sources.pop(key, None)
        self.ranks.pop(key, None)

    def get(self, key: str) -> str:
        """Return a value, empty if there is none."""
        return self.values.get(key, "")

    def describe(self, key: str) -> str:
        """Name a setting and where its value came from, without the value."""
        return f"{key} ({self.sources[key]})"


def collect(
    stack_config: Mapping[str, Any], environ: Mapping[str, str], *, prefix: str = PREFIX, provider: str = ""
) -> Values:
    """Take each setting's value from the strongest source that has one.

    For the explicit provider `provider`, `stack_config` is what it was given, only variables with its
    `prefix` count, and none of IBM's: it says itself which environment it is for.

    Raises:
        ConfigurationError: the stack has a setting that there is not.
    """
    found = Values()
    known = {f"wmlfl:{setting.key}" for setting in SETTINGS}
    unknown = sorted(key for key in stack_config if key.startswith("wmlfl:") and key not in known)
    if unknown:
        raise ConfigurationError(
            f"Unknown setting in the stack configuration: {', '.join(unknown)}.",
            hint=f"Known settings: {', '.join(sorted(known))}.",
        )
    for setting in SETTINGS:
        configured = stack_config.get(f"wmlfl:{setting.key}")
        theirs_too = () if provider else setting.ibm_environment
        variables = (setting.environment.replace(PREFIX, prefix, 1), *theirs_too)
        given = f"provider {provider}" if provider else f"stack configuration wmlfl:{setting.key}"
        ours, *theirs = [(environ.get(name), f"environment variable {name}") for name in variables]
        candidates = [
            (*ours, OURS),
            (_text(configured), given, STACK),
            *((*their, IBM) for their in theirs),
            (setting.default, "the default", DEFAULT),
        ]
        for value, source, rank in candidates:
            if value and value.strip():
                found.put(setting.key, value.strip(), source, rank)
                if setting.secret:
                    register_secret(value.strip())
                break
    return found


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def keep_keys_at_home(found: Values, platform: str) -> None:
    """Leave out what weaker sources say of another environment than the one that was chosen.

    So `WMLFL_PLATFORM=local` runs a stack against the local service whatever else it is made for, and neither
    that service nor a cluster ever gets to see a key of IBM Cloud.
    """
    if platform == "local" and "platform" in found.ranks:
        for key in _OF_ONE_ENVIRONMENT:
            if found.ranks["platform"] < found.ranks.get(key, OURS) < DEFAULT:
                found.drop(key)
    if platform == "cpd" and found.sources.get("apikey") in _CLOUD_ONLY:
        found.drop("apikey")


def choose_credentials(found: Values, platform: str) -> None:
    """Keep one kind of credentials, that of the stronger source; of IBM's variables the one that renews."""
    if platform != "cpd":
        found.drop("password")
    for weaker, stronger in (("token", "apikey"), ("token", "password"), ("password", "apikey")):
        if found.ranks.get(weaker) == found.ranks.get(stronger) == IBM:
            found.drop(weaker)
        choose_between(found, weaker, stronger)


def choose_between(found: Values, one: str, other: str) -> None:
    """Keep the setting of the stronger source; two of the same source contradict each other."""
    if one in found.values and other in found.values:
        if found.ranks[one] == found.ranks[other]:
            raise ConfigurationError(
                f"Give either wmlfl:{one} or wmlfl:{other}, not both: "
                f"{found.describe(one)} and {found.describe(other)} are set.",
                hint="Remove one of the two.",
            )
        found.drop(one if found.ranks[one] > found.ranks[other] else other)
