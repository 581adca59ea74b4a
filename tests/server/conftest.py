"""Fixtures of the service's own tests."""

import pytest


@pytest.fixture
def http(service):
    """Plain requests as the development user."""
    return service.http()
