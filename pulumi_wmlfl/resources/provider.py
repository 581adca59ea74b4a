"""`Provider`: one WML environment of several in a program, given to resources as `opts.provider`.

Dynamic resources are served by the package `pulumi-python`. An explicit provider of it is a process of its
own, which is configured with exactly the properties given here and nothing of the stack's configuration.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, TypedDict, Unpack

import pulumi

from ..errors import ConfigurationError
from ._adapter import PROVIDER_NAME
from ._errors import ProgramError
from .args import Number, Text, Whole

__all__ = ["Provider", "ProviderInputs"]

_KEYS = {
    "platform": "platform",
    "url": "url",
    "region": "region",
    "apikey": "apikey",
    "username": "username",
    "password": "password",
    "token": "token",
    "authentication": "authentication",
    "iam_url": "iamUrl",
    "project_id": "projectId",
    "space_id": "spaceId",
    "api_version": "apiVersion",
    "ca_file": "caFile",
    "request_timeout": "requestTimeout",
    "retries": "retries",
    "ready_file": "readyFile",
}
_SECRET = frozenset({"apikey", "password", "token"})


class ProviderInputs(TypedDict, total=False):
    """Keywords of `Provider`: the settings of an environment, as in the stack's configuration."""

    platform: Text
    url: Text
    region: Text
    apikey: Text
    username: Text
    password: Text
    token: Text
    authentication: Text
    iam_url: Text
    project_id: Text
    space_id: Text
    api_version: Text
    ca_file: Text
    request_timeout: Number
    retries: Whole
    ready_file: Text


class _UnknownSetting(ProgramError, ConfigurationError, TypeError):
    """A provider was given a keyword that it does not have."""


class Provider(pulumi.ProviderResource):
    """One WML environment: resources that are given it as `provider` live there.

    Keywords are those of :class:`ProviderInputs`; keys, passwords and tokens are kept encrypted. Neither the
    stack's configuration nor the variables `WMLFL_*` count here, but `WMLFL_PROVIDER_<NAME>_*` do, and win:
    refresh and destroy use what was recorded, so a rotated key is given as `WMLFL_PROVIDER_<NAME>_APIKEY`.
    Give values that are known at preview; while one is not, the resources of the provider are not previewed.
    """

    def __init__(
        self,
        resource_name: str,
        opts: pulumi.ResourceOptions | None = None,
        **settings: Unpack[ProviderInputs],
    ) -> None:
        unknown = sorted(settings.keys() - _KEYS.keys())
        if unknown:
            near = difflib.get_close_matches(unknown[0], _KEYS, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"It has {', '.join(_KEYS)}."
            raise _UnknownSetting(f"Provider {resource_name!r} has no {', '.join(unknown)}.", hint=hint)
        given: dict[str, Any] = {key: value for key, value in settings.items() if value is not None}
        self._wmlfl_name = resource_name
        self._wmlfl_settings = {f"wmlfl:{_KEYS[key]}": value for key, value in given.items()}
        properties: dict[str, Any] = {
            f"wmlfl:{_KEYS[key]}": pulumi.Output.secret(value) if key in _SECRET else value
            for key, value in given.items()
        }
        super().__init__("pulumi-python", resource_name, {**properties, PROVIDER_NAME: resource_name}, opts)

    def known_settings(self) -> tuple[str, Mapping[str, Any]]:
        """Return the provider's name and its settings by qualified key, for a lookup.

        Raises:
            ValueError: a setting is an `Output`.
        """
        outputs = [key for key, value in self._wmlfl_settings.items() if isinstance(value, pulumi.Output)]
        if outputs:
            raise ValueError(", ".join(outputs))
        return self._wmlfl_name, self._wmlfl_settings
