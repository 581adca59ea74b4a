"""Whom the client trusts, and what of the environment it lets in: no other authority, user or proxy."""

import ssl

import pytest
import trustme

from pulumi_wmlfl.client import WmlClient
from pulumi_wmlfl.config import Settings
from pulumi_wmlfl.errors import CertificateRejected
from tests.support.scripted import answer, scripted


def settings(service, **more):
    chosen = {"platform": "local", "url": service.url, "iam_url": service.url, "ca_file": service.ca_file}
    return Settings(**{**chosen, "apikey": service.apikey, **more})


@pytest.fixture
def other_ca(tmp_path):
    authority = trustme.CA()
    path = tmp_path / "other.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.mark.parametrize("named", [True, False])
def test_a_certificate_of_another_authority_is_one_clear_sentence(service, other_ca, named):
    client = WmlClient(settings(service, ca_file=other_ca if named else ""))
    with pytest.raises(CertificateRejected) as caught:
        client.get("models", "m", service.scope)
    assert str(caught.value) == (
        f"Could not sign in: the certificate of {service.url} is not accepted (unable to get local issuer "
        "certificate). Name the file of its certificate authority in wmlfl:caFile or WMLFL_CA_FILE."
    )


def test_a_certificate_of_another_host_says_so(tmp_path, scope):
    authority = trustme.CA()
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("wml.example.com").configure_cert(context)
    with scripted(answer(200)) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        url = server.url.replace("http:", "https:")
        client = WmlClient(Settings(platform="local", url=url, token="a.b", ca_file=str(path)))
        with pytest.raises(CertificateRejected, match=r"IP address mismatch.*made for"):
            list(client.list("models", scope))


def test_the_environment_replaces_neither_authority_nor_token_nor_way(
    service, other_ca, tmp_path, monkeypatch
):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    for name, value in {
        "NETRC": str(netrc),
        "REQUESTS_CA_BUNDLE": other_ca,
        "CURL_CA_BUNDLE": other_ca,
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
        "ALL_PROXY": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    assert list(WmlClient(settings(service)).list("models", service.scope)) == []


def test_a_bundle_of_the_environment_counts_where_no_authority_is_named(service, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", service.ca_file)
    assert list(WmlClient(settings(service, ca_file="")).list("models", service.scope)) == []


def test_other_hosts_are_asked_through_the_proxy_whatever_authority_is_named(monkeypatch, service):
    with scripted(answer(502)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "")
        chosen = settings(service, url="https://wml.example.com", token="a.b", retries=0)
        with pytest.raises(Exception, match=r"cannot be reached through the proxy"):
            WmlClient(chosen).get("models", "m", service.scope)
