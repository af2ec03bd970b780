"""Fixtures for tests on real sockets."""

import pytest


@pytest.fixture
def service(fake, monkeypatch):
    """A fake that commands take for the real service."""
    monkeypatch.setenv("CIRCLE_TOKEN", fake.token)
    monkeypatch.setenv("CIRCLE_API_URL", fake.base_url)
    return fake
