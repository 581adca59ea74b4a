"""Settings: precedence, defaults, where a value came from, and one clear error for what does not fit."""

import dataclasses
import json
import os
import re
from urllib.parse import quote, quote_plus

import pytest
import trustme

from pulumi_wmlfl._redaction import redact
from pulumi_wmlfl.config import SETTINGS, resolve_settings
from pulumi_wmlfl.errors import ConfigurationError

CLOUD = {"wmlfl:region": "us-south", "wmlfl:apikey": "key-123"}
CPD = {"wmlfl:url": "https://cpd.example.com", "wmlfl:username": "ann", "wmlfl:apikey": "key-123"}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Three files of authorities and three ready files, by number."""
    folder = tmp_path_factory.mktemp("files")
    for number in range(3):
        trustme.CA().cert_pem.write_to_path(str(folder / f"ca{number}.pem"))
        ready = {"url": f"https://127.0.0.1:{9000 + number}", "apikey": f"local-{number}", "pid": os.getpid()}
        (folder / f"ready{number}.json").write_text(json.dumps(ready))
    return folder


# For each setting: what else must be set, the attribute it ends in, and three good values.
CASES = {
    "platform": (CPD, "platform", ["cpd", "cpd", "cpd"]),
    "url": (
        {"wmlfl:username": "ann", "wmlfl:apikey": "k"},
        "url",
        [f"https://h{n}.example" for n in range(3)],
    ),
    "region": ({"wmlfl:apikey": "k"}, "url", ["us-south", "eu-de", "jp-tok"]),
    "apikey": ({"wmlfl:region": "us-south"}, "apikey", ["key-0", "key-1", "key-2"]),
    "username": (CPD, "username", ["u0", "u1", "u2"]),
    "password": (
        {"wmlfl:url": "https://cpd.example.com", "wmlfl:username": "ann"},
        "password",
        ["p0-secret", "p1-secret", "p2-secret"],
    ),
    "token": ({"wmlfl:region": "us-south"}, "token", ["a.b0", "a.b1", "a.b2"]),
    "authentication": (CPD, "authentication", ["zenapikey", "zenapikey", "zenapikey"]),
    "iamUrl": (CLOUD, "iam_url", [f"https://iam{n}.example" for n in range(3)]),
    "projectId": (CLOUD, "project_id", ["p0", "p1", "p2"]),
    "spaceId": (CLOUD, "space_id", ["s0", "s1", "s2"]),
    "apiVersion": (CLOUD, "api_version", ["2021-01-01", "2022-01-01", "2023-01-01"]),
    "caFile": (CLOUD, "ca_file", ["ca0.pem", "ca1.pem", "ca2.pem"]),
    "requestTimeout": (CLOUD, "request_timeout", ["1", "2.5", "3"]),
    "retries": (CLOUD, "retries", ["1", "2", "3"]),
    "readyFile": ({"wmlfl:platform": "local"}, "apikey", ["ready0.json", "ready1.json", "ready2.json"]),
}


def expected(key, value):
    hosts = {"us-south": "us-south", "eu-de": "eu-de", "jp-tok": "jp-tok"}
    if key == "region":
        return f"https://{hosts[value]}.ml.cloud.ibm.com"
    if key == "readyFile":
        return f"local-{re.search(r'[0-9]', value.rpartition('/')[2]).group()}"
    return {"requestTimeout": float, "retries": int}.get(key, str)(value)


def test_every_setting_has_a_case():
    assert set(CASES) == {setting.key for setting in SETTINGS}


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.key)
def test_precedence_of_every_setting_and_its_source(setting, files):
    base, attribute, values = CASES[setting.key]
    if setting.key in {"caFile", "readyFile"}:
        values = [str(files / value) for value in values]
    name = f"wmlfl:{setting.key}"
    base = {key: value for key, value in base.items() if key != name}
    theirs = dict.fromkeys(setting.ibm_environment[:1], values[2])

    def found(config, environ):
        settings = resolve_settings({**base, **config}, environ)
        return getattr(settings, attribute), settings.source(setting.key)

    ours = {setting.environment: values[0]}
    assert found({name: values[1]}, {**ours, **theirs}) == (
        expected(setting.key, values[0]),
        f"environment variable {setting.environment}",
    )
    assert found({name: values[1]}, theirs) == (
        expected(setting.key, values[1]),
        f"stack configuration {name}",
    )
    for variable in setting.ibm_environment:
        assert found({}, {variable: values[2]})[1] == f"environment variable {variable}"
    # Blank is not set.
    assert found({name: values[1]}, {setting.environment: "  "})[1] == f"stack configuration {name}"


def test_region_and_key_are_enough():
    settings = resolve_settings(CLOUD, {})
    assert (settings.platform, settings.url) == ("cloud", "https://us-south.ml.cloud.ibm.com")
    assert settings.iam_url == "https://iam.cloud.ibm.com"
    assert settings.source("retries") == "the default"


@pytest.mark.parametrize(
    ("url", "platform"),
    [
        ("https://eu-gb.ml.cloud.ibm.com/", "cloud"),
        ("https://private.us-south.ml.cloud.ibm.com", "cloud"),
        ("https://cpd.example.com:8443", "cpd"),
        ("https://[2001:db8::1]:8443", "cpd"),
    ],
)
def test_the_platform_follows_from_the_address(url, platform):
    settings = resolve_settings({**CPD, "wmlfl:url": url}, {})
    assert (settings.platform, settings.url) == (platform, url.rstrip("/"))


def test_numbers_may_come_as_numbers():
    settings = resolve_settings({**CLOUD, "wmlfl:retries": 2.0, "wmlfl:requestTimeout": 5}, {})
    assert (settings.retries, settings.request_timeout) == (2, 5.0)


@pytest.mark.parametrize(
    ("config", "environ", "words"),
    [
        ({}, {}, "No WML environment is configured"),
        ({"wmlfl:region": "us-south"}, {}, "wmlfl:apikey (WMLFL_APIKEY) is missing"),
        (
            {"wmlfl:url": "https://cpd.example.com"},
            {},
            "wmlfl:username (WMLFL_USERNAME) is missing; "
            "wmlfl:apikey or wmlfl:password (WMLFL_APIKEY, WMLFL_PASSWORD) is missing",
        ),
        (
            {"wmlfl:platform": "local"},
            {"WMLFL_URL": "https://cpd.example.com"},
            "The configuration for Cloud Pak for Data, chosen by url (environment variable WMLFL_URL)",
        ),
        ({"wmlfl:platform": "cpd", "wmlfl:apikey": "k"}, {}, "wmlfl:url or wmlfl:region"),
        (
            {**CLOUD, "wmlfl:region": "mars"},
            {},
            "wmlfl:region is 'mars' (stack configuration wmlfl:region), which is not a region",
        ),
        ({**CLOUD, "wmlfl:url": "https://x.example"}, {}, "Give either wmlfl:url or wmlfl:region, not both"),
        (
            CLOUD,
            {"WMLFL_PROJECT_ID": "p", "WMLFL_SPACE_ID": "s"},
            "projectId (environment variable WMLFL_PROJECT_ID)",
        ),
        ({**CLOUD, "wmlfl:token": "a.b"}, {}, "Give either wmlfl:token or wmlfl:apikey, not both"),
        ({**CPD, "wmlfl:password": "p-1"}, {}, "Give either wmlfl:password or wmlfl:apikey, not both"),
        ({**CPD, "wmlfl:region": "us-south", "wmlfl:url": ""}, {"WMLFL_PLATFORM": "moon"}, "'moon'"),
        ({**CLOUD, "wmlfl:platform": "cpd"}, {}, "wmlfl:region belongs to IBM Cloud, but platform (stack"),
        ({**CLOUD, "wmlfl:authentication": "zenapikey"}, {}, "which IBM Cloud does not know"),
        (
            {**CPD, "wmlfl:authentication": "basic"},
            {},
            "authentication (stack configuration wmlfl:authentication) is",
        ),
        (
            {"wmlfl:url": "https://c.example", "wmlfl:username": "u", "wmlfl:password": "p-1"},
            {"WMLFL_AUTHENTICATION": "zenapikey"},
            "needs a user and a key",
        ),
        ({**CLOUD, "wmlfl:apiVersion": "latest"}, {}, "it must be as 2020-08-01"),
        ({**CLOUD, "wmlfl:retries": "many"}, {}, "retries (stack configuration wmlfl:retries) is 'many'"),
        ({**CLOUD, "wmlfl:retries": "2.5"}, {}, "whole number from 0 to 100"),
        ({**CLOUD, "wmlfl:requestTimeout": "0"}, {}, "a number from 0.1 to 86400"),
        ({**CLOUD, "wmlfl:requestTimeout": "inf"}, {}, "a number from 0.1 to 86400"),
        ({**CLOUD, "wmlfl:caFile": "/nowhere/ca.pem"}, {}, "No such file or directory: /nowhere/ca.pem"),
        ({**CLOUD, "wmlfl:caFile": __file__}, {}, "is not a PEM file of certificates"),
        ({"wmlfl:region": "us-south", "wmlfl:apikey": "ke y"}, {}, "characters that a apikey cannot have"),
        ({**CLOUD, "wmlfl:apiky": "k"}, {}, "Unknown setting in the stack configuration: wmlfl:apiky"),
        ({"wmlfl:platform": "local", "wmlfl:readyFile": "/nowhere/ready.json"}, {}, "wmlfl serve"),
    ],
)
def test_what_does_not_fit_is_one_error_that_names_it(config, environ, words):
    with pytest.raises(ConfigurationError) as caught:
        resolve_settings(config, environ)
    assert words in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "url",
    [
        "cpd.example.com",
        "ftp://cpd.example.com",
        "https://",
        "https://user:pass-word@cpd.example.com",
        "https://:pass-word@cpd.example.com",
        "https://cpd.example.com?token=pass-word",
        "https://cpd.example.com#x",
        "https://cpd.example.com/ml/v4/models",
        "https://cpd.example.com:99999",
        "https://cpd.example.com:x",
        "https://[::1",
    ],
)
@pytest.mark.parametrize("key", ["url", "iamUrl"])
def test_an_address_that_is_none_is_told_without_it(url, key):
    base = CPD if key == "url" else CLOUD
    with pytest.raises(
        ConfigurationError, match=f"{key} .stack configuration wmlfl:{key}. is not an address"
    ) as caught:
        resolve_settings({**base, f"wmlfl:{key}": url}, {})
    assert "pass-word" not in str(caught.value)


@pytest.mark.parametrize("host", ["cpd.example.com", "127.0.0.1.example.com", "10.0.0.1"])
def test_a_key_never_crosses_a_network_in_clear(host):
    with pytest.raises(ConfigurationError, match="in clear"):
        resolve_settings({**CPD, "wmlfl:url": f"http://{host}"}, {})


def test_a_key_of_ibm_cloud_is_shown_to_no_other_host(files):
    environ = {
        "IBMCLOUD_API_KEY": "cloud-key",
        "WATSONX_URL": "https://us-south.ml.cloud.ibm.com",
        "PROJECT_ID": "cloud-project",
        "USER_ACCESS_TOKEN": "a.b",
        "WMLFL_READY_FILE": str(files / "ready1.json"),
    }
    local = resolve_settings({"wmlfl:platform": "local"}, environ)
    assert (local.url, local.apikey, local.token, local.project_id) == (
        "https://127.0.0.1:9001",
        "local-1",
        "",
        "",
    )
    cluster = {"wmlfl:url": "https://cpd.example.com", "wmlfl:username": "ann", "wmlfl:password": "mine"}
    found = resolve_settings(cluster, environ)
    assert (found.apikey, found.token, found.password) == ("", "", "mine")
    with pytest.raises(ConfigurationError, match="apikey or wmlfl:password"):
        resolve_settings(
            {k: v for k, v in CPD.items() if k != "wmlfl:apikey"}, {"IBM_CLOUD_API_KEY": "cloud-key"}
        )


def test_one_variable_runs_a_stack_for_the_cloud_locally(files):
    environ = {"WMLFL_PLATFORM": "local", "WMLFL_READY_FILE": str(files / "ready2.json")}
    found = resolve_settings({**CLOUD, "wmlfl:projectId": "cloud"}, environ)
    assert (found.platform, found.url, found.apikey, found.project_id) == (
        "local",
        "https://127.0.0.1:9002",
        "local-2",
        "",
    )
    assert found.source("apikey") == f"the local service's {files / 'ready2.json'}"


def test_credentials_of_a_stronger_source_win_over_others(files):
    assert resolve_settings(CLOUD, {"WMLFL_TOKEN": "a.b"}).apikey == ""
    assert resolve_settings(CLOUD, {"USER_ACCESS_TOKEN": "a.b"}).token == ""
    both = {"USER_ACCESS_TOKEN": "a.b", "WATSONX_APIKEY": "k-1"}
    found = resolve_settings({"wmlfl:region": "us-south"}, both)
    assert (found.token, found.apikey) == ("", "k-1")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        (
            json.dumps({"url": "https://127.0.0.1:1", "apikey": "k", "pid": 2**22 + 7}),
            "is not running any more",
        ),
        ("{}", "is missing"),
    ],
)
def test_a_ready_file_that_serves_nothing_says_so(tmp_path, content, words):
    path = tmp_path / "ready.json"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=words):
        resolve_settings({"wmlfl:platform": "local"}, {"WMLFL_READY_FILE": str(path)})


def test_no_secret_is_in_a_text():
    secrets = {"apikey": "key-sesame", "password": "pass-sesame", "token": "tok.sesame"}
    for key, value in secrets.items():
        config = {"wmlfl:url": "https://cpd.example.com", "wmlfl:username": "ann", f"wmlfl:{key}": value}
        settings = resolve_settings(config, {})
        assert "sesame" not in repr(settings)
        assert "sesame" not in repr(dataclasses.astuple(settings)[-1])
        assert "sesame" not in redact(f"it said {value} and more")
        assert f"The {key} came from stack configuration wmlfl:{key}" in settings.credentials_hint()
        assert f"WMLFL_{key.upper()}" in settings.credentials_hint()


def test_a_secret_is_masked_in_every_form_that_carries_it():
    key = 'k+/= "ä'
    config = {"wmlfl:url": "https://cpd.example.com", "wmlfl:username": "ann", "wmlfl:password": key}
    resolve_settings(config, {})
    for form in (key, quote_plus(key), quote(key, safe=""), json.dumps(key)):
        assert redact(f"<{form}>").strip('<>"') == "[secret]"
