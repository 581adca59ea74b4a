"""What a party needs to know before it starts: where the training is, who it is, its data and its model.

The file has the keys of IBM's party library (`aggregator`, `connection`, `data`, `local_training`,
`hyperparams`, `model`) and one of ours, `wml`, for what IBM's library gets from its client. Credentials are
never in it: they come from the environment. Imports `errors`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from .._redaction import register_secret
from ..errors import ConfigurationError

__all__ = ["CONFIG_FILE", "Credentials", "HandlerSource", "PartySettings", "platform_of", "read_settings"]

CONFIG_FILE = "party.yml"
IAM_URL = "https://iam.cloud.ibm.com"
Platform = Literal["cloud", "cpd", "local"]
_AGGREGATOR = re.compile(r"^(?:https?://)?(?P<host>[^/]+)(?:/ml/v4/trainings/(?P<training>[^/]+))?")
# `protocol_handler` and `metrics_recorder` only name classes of IBM's library.
_KEYS = frozenset(
    {
        "wml",
        "aggregator",
        "connection",
        "data",
        "local_training",
        "hyperparams",
        "model",
        "protocol_handler",
        "metrics_recorder",
    }
)
_WML_KEYS = frozenset(
    {"url", "platform", "iam_url", "ca_file", "project_id", "space_id", "training_id", "party", "api_version"}
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """How a party signs in: a token, or an API key, on Cloud Pak for Data with a user name."""

    apikey: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        for secret in (self.apikey, self.password, self.token):
            register_secret(secret)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Credentials:
        """Read `WMLFL_APIKEY`, `WMLFL_USERNAME`, `WMLFL_PASSWORD` and `WMLFL_TOKEN`."""
        found = os.environ if environment is None else environment
        names = ("apikey", "username", "password", "token")
        return cls(**{name: found.get(f"WMLFL_{name.upper()}", "").strip() for name in names})


@dataclass(frozen=True, slots=True)
class HandlerSource:
    """A data handler: the file, the class in it (empty: the only one), and its `data_config`."""

    path: Path
    class_name: str = ""
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartySettings:
    """Everything that one party is started with.

    `scope` is `{"project_id": id}` or `{"space_id": id}`. `model` is None where the training's own
    description is to be used. `private` keeps the metrics at home. `reconnect_seconds` is how long a lost
    aggregator is sought.
    """

    url: str
    training_id: str
    rts_id: str
    scope: Mapping[str, str]
    data: HandlerSource
    name: str = ""
    platform: Platform = "cloud"
    iam_url: str = IAM_URL
    ca_file: Path | None = None
    api_version: str = "2020-08-01"
    model: Mapping[str, Any] | None = None
    hyperparams: Mapping[str, Any] = field(default_factory=dict)
    private: bool = False
    trust_model: bool = False
    reconnect_seconds: float = 300.0
    folder: Path = field(default_factory=Path.cwd)
    credentials: Credentials = field(default_factory=Credentials)

    @property
    def host(self) -> str:
        """`host[:port]` of the service."""
        return urlsplit(self.url).netloc

    @property
    def display_name(self) -> str:
        """What the party is called in messages."""
        return self.name or self.rts_id


def read_settings(
    source: Path | None,
    *,
    overrides: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> PartySettings:
    """Read a kit folder or a YAML or JSON file; `overrides` (keys of `wml`, and more) win.

    Without `source` a `party.yml` here is read, or everything comes from `overrides`: `url`, `training_id`,
    `rts_id`, `project_id` or `space_id`, `data_handler` (`file.py[:Class]`), `model`, `trust_model`,
    `reconnect_seconds`.

    Raises:
        ConfigurationError: the file cannot be read, or something is missing or contradictory.
    """
    given = {key: value for key, value in (overrides or {}).items() if value is not None}
    file = _config_file(source)
    folder = file.parent if file else Path.cwd()
    declared = _load(file) if file else {}
    wml = _wml(declared, given, environment)
    connection = _mapping(_mapping(declared, "connection"), "info")
    url = wml.get("url", "")
    platform = wml.get("platform") or platform_of(url)
    missing = [
        option
        for option, value in (
            ("wml.url (--url)", url),
            ("wml.training_id (--training-id)", wml.get("training_id")),
            ("connection.info.id (--rts-id)", given.get("rts_id") or connection.get("id")),
            ("wml.project_id or wml.space_id (--project-id, --space-id)", _scope(wml)),
            ("data.path (--data-handler)", given.get("data_handler") or declared.get("data")),
        )
        if not value
    ]
    if missing:
        where = str(file) if file else "the options"
        raise ConfigurationError(
            f"The party's configuration lacks {'; '.join(missing)}.", hint=f"See {where}."
        )
    ca_file = wml.get("ca_file")
    return PartySettings(
        url=url,
        training_id=str(wml["training_id"]),
        rts_id=str(given.get("rts_id") or connection["id"]),
        scope=_scope(wml),
        data=_handler_source(declared, given, folder),
        name=str(wml.get("party") or ""),
        platform=platform,
        iam_url=str(wml.get("iam_url") or (url if platform == "local" else IAM_URL)).rstrip("/"),
        ca_file=_existing(folder / ca_file, "wml.ca_file") if ca_file else None,
        api_version=str(wml.get("api_version") or "2020-08-01"),
        model=given.get("model") or _mapping(declared, "model") or None,
        hyperparams=_mapping(declared, "hyperparams"),
        private=connection.get("private") is True,
        trust_model=bool(given.get("trust_model", False)),
        reconnect_seconds=float(given.get("reconnect_seconds", 300.0)),
        folder=folder,
        credentials=Credentials.from_environment(environment),
    )


def platform_of(url: str) -> Platform:
    """Return which service answers at an address: IBM Cloud, this machine, else Cloud Pak for Data."""
    host = urlsplit(url).hostname or ""
    if host.endswith(".ml.cloud.ibm.com"):
        return "cloud"
    return "local" if host in {"127.0.0.1", "localhost", "::1"} else "cpd"


def _config_file(source: Path | None) -> Path | None:
    if source is None:
        # Started inside a kit.
        return Path(CONFIG_FILE).resolve() if Path(CONFIG_FILE).is_file() else None
    file = source / CONFIG_FILE if source.is_dir() else source
    if not file.is_file():
        raise ConfigurationError(
            f"{file} does not exist.",
            hint="Name a kit's folder or a configuration file; see `wmlfl party kit`.",
        )
    return file.resolve()


def _load(file: Path) -> Mapping[str, Any]:
    text = file.read_text(encoding="utf-8")
    try:
        if file.suffix == ".json":
            found = json.loads(text)
        else:
            import yaml

            found = yaml.safe_load(text)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{file} is not valid JSON: {error}.") from None
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{file} is not valid YAML: {error}.") from None
    if not isinstance(found, dict):
        raise ConfigurationError(f"{file} is not a party's configuration: it is no map of keys.")
    unknown = sorted(str(key) for key in found if key not in _KEYS)
    if unknown:
        known = ", ".join(sorted(_KEYS))
        raise ConfigurationError(f"{file}: unknown key {', '.join(unknown)}.", hint=f"Known: {known}.")
    return found


def _mapping(parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = parent.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ConfigurationError(f"The party's configuration: `{key}` must be a map of keys.")
    return value


def _wml(
    declared: Mapping[str, Any], given: Mapping[str, Any], environment: Mapping[str, str] | None
) -> dict[str, Any]:
    """Merge address and training from `aggregator.ip`, from `wml` and from the options, the last winning."""
    found: dict[str, Any] = {}
    address = _AGGREGATOR.match(str(_mapping(declared, "aggregator").get("ip") or ""))
    if address:
        found["url"] = f"https://{address['host']}"
        if address["training"]:
            found["training_id"] = address["training"]
    own = _mapping(declared, "wml")
    unknown = sorted(set(own) - _WML_KEYS)
    if unknown:
        raise ConfigurationError(
            f"The party's configuration: unknown key wml.{unknown[0]}.",
            hint=f"Known: {', '.join(sorted(_WML_KEYS))}.",
        )
    found.update({key: value for key, value in own.items() if value not in (None, "")})
    variables = os.environ if environment is None else environment
    if variables.get("WMLFL_CA_FILE"):
        found["ca_file"] = str(Path(variables["WMLFL_CA_FILE"]).expanduser().resolve())
    if "project_id" in given or "space_id" in given:
        found.pop("project_id", None)
        found.pop("space_id", None)
    found.update({key: value for key, value in given.items() if key in _WML_KEYS})
    if "ca_file" in given:
        found["ca_file"] = str(Path(given["ca_file"]).resolve())
    url = str(found.get("url", "")).rstrip("/")
    parts = urlsplit(url)
    if url and (parts.scheme != "https" or not parts.netloc):
        raise ConfigurationError(f"{url!r} is no address of WML.", hint="It begins with https://.")
    if found.get("platform") not in (None, "cloud", "cpd", "local"):
        raise ConfigurationError(f"wml.platform {found['platform']!r} is not one of cloud, cpd, local.")
    return {**found, "url": url}


def _scope(wml: Mapping[str, Any]) -> Mapping[str, str]:
    scopes = {key: str(wml[key]) for key in ("project_id", "space_id") if wml.get(key)}
    if len(scopes) > 1:
        raise ConfigurationError("Give project_id or space_id, not both.")
    return scopes


def _handler_source(declared: Mapping[str, Any], given: Mapping[str, Any], folder: Path) -> HandlerSource:
    data = _mapping(declared, "data")
    info = dict(_mapping(data, "info"))
    option = given.get("data_handler")
    if option:
        path, _, class_name = str(option).rpartition(":") if ":" in str(option)[2:] else (str(option), "", "")
        return HandlerSource(_existing(Path(path).resolve(), "--data-handler"), class_name, info)
    if not data.get("path"):
        raise ConfigurationError("The party's configuration lacks data.path, the file of the data handler.")
    path = str(data["path"])
    # IBM's library also takes the name of a module.
    file = folder / (path if path.endswith(".py") else f"{path.replace('.', '/')}.py")
    return HandlerSource(_existing(file, "data.path"), str(data.get("name") or ""), info)


def _existing(path: Path, key: str) -> Path:
    if not path.is_file():
        raise ConfigurationError(f"{key}: the file {path} does not exist.")
    return path
