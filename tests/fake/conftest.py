"""Fixtures for tests of the fake by itself."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from browser import Browser

from circleci_v1_async.testing import FakeCircleCI

WEB = "github/acme/web"


@pytest.fixture
def fake_options() -> dict[str, Any]:
    return {}


@pytest.fixture
async def fake(fake_options: dict[str, Any]) -> AsyncIterator[FakeCircleCI]:
    async with FakeCircleCI(**fake_options) as fake:
        fake.add_project(WEB)
        yield fake


@pytest.fixture
async def browser(fake: FakeCircleCI) -> AsyncIterator[Browser]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield Browser(fake, session)
