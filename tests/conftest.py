"""Fixtures for all layers."""

from collections.abc import AsyncIterator

import pytest

from circleci_v1_async import CircleCISession
from circleci_v1_async.testing import FakeCircleCI

pytest_plugins = ["fault_table"]


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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what tests have measured, also those that pass: they say it with `record_property("figures", …)`.

    The canary's tests say with `record_property("searched", …)` how many reports each has searched.
    """
    told = [told for report in terminalreporter.getreports("passed") for told in report.user_properties]
    figures = [value for name, value in told if name == "figures"]
    if searched := sum(int(str(value)) for name, value in told if name == "searched"):
        figures.append(f"canary: {searched} reports were searched, each of a fault, a way in and a reporter")
    if figures:
        terminalreporter.section("figures")
        for value in figures:
            terminalreporter.write_line(str(value))
