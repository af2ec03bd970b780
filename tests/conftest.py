"""Fixtures for all layers."""

from collections.abc import AsyncIterator

import pytest

from circleci_v1_async import CircleCISession
from circleci_v1_async.testing import FakeCircleCI


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test depends on a token or an address of whoever runs it."""
    for name in ("CIRCLE_TOKEN", "CIRCLECI_TOKEN", "CIRCLECI_CLI_TOKEN", "CIRCLE_API_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def fake() -> AsyncIterator[FakeCircleCI]:
    async with FakeCircleCI() as fake:
        yield fake


@pytest.fixture
async def ci(fake: FakeCircleCI) -> AsyncIterator[CircleCISession]:
    async with CircleCISession(fake.token, base_url=fake.base_url) as ci:
        yield ci
