"""Settings: precedence, defaults, and one clear error for what is missing."""

import pytest

from pulumi_wmlfl.config import resolve_settings
from pulumi_wmlfl.errors import ConfigurationError


def test_region_and_key_are_enough():
    settings = resolve_settings({"wmlfl:region": "us-south", "wmlfl:apikey": "key-123"}, {})
    assert (settings.platform, settings.url) == ("cloud", "https://us-south.ml.cloud.ibm.com")
    assert "key-123" not in repr(settings)


def test_our_environment_wins_over_the_stack_and_the_stack_over_ibm_s():
    config = {"wmlfl:region": "us-south", "wmlfl:apikey": "from-stack"}
    assert resolve_settings(config, {"WATSONX_APIKEY": "from-ibm"}).apikey == "from-stack"
    found = resolve_settings(config, {"WMLFL_APIKEY": "from-us"})
    assert found.apikey == "from-us"
    assert found.source("apikey") == "environment variable WMLFL_APIKEY"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "No WML environment is configured"),
        ({"wmlfl:region": "us-south"}, "wmlfl:apikey"),
        ({"wmlfl:url": "https://cpd.example.com", "wmlfl:apikey": "k"}, "wmlfl:username"),
        ({"wmlfl:region": "mars", "wmlfl:apikey": "k"}, "not a region"),
        ({"wmlfl:region": "us-south", "wmlfl:url": "https://x.example", "wmlfl:apikey": "k"}, "not both"),
        ({"wmlfl:url": "http://cpd.example.com", "wmlfl:apikey": "k", "wmlfl:username": "u"}, "in clear"),
        ({"wmlfl:apiky": "k"}, "Unknown setting"),
        ({"wmlfl:platform": "local", "wmlfl:readyFile": "/nowhere/ready.json"}, "wmlfl serve"),
    ],
)
def test_what_does_not_fit_is_one_error_that_names_the_key(config, message):
    with pytest.raises(ConfigurationError, match=message):
        resolve_settings(config, {})
