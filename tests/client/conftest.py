"""Clients for scripted servers."""

import pytest

from pulumi_wmlfl.client import Scope, WmlClient
from pulumi_wmlfl.client.transport import Transport
from pulumi_wmlfl.config import Settings


@pytest.fixture
def pauses():
    """How long the client would have waited, in seconds; it does not wait."""
    return []


@pytest.fixture
def client_of(pauses):
    """Make a client with a fixed token for a server."""

    def make(server, **settings):
        chosen = Settings(**{"platform": "local", "url": server.url, "token": "head.body.tail", **settings})
        transport = Transport(chosen, sleep=pauses.append, uniform=lambda _low, high: high)
        return WmlClient(chosen, transport=transport)

    return make


@pytest.fixture
def scope():
    return Scope("project_id", "p")
