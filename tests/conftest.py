"""Fixtures for all layers."""

import gc
import os
from collections.abc import AsyncIterator, Iterator

import pytest
from blockbuster import BlockBuster, blockbuster_ctx
from effort import describe_effort, register_profiles
from processes import adopt_orphans, end_processes, find_children

from circleci_v1_async import CircleCISession
from circleci_v1_async.testing import FakeCircleCI

pytest_plugins = ["fault_table", "circleci_v1_async.testing.pytest_plugin"]
register_profiles()
adopt_orphans()


@pytest.fixture(autouse=True)
def no_process_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a process behind. End the process, even if the test has failed or was interrupted."""
    before = find_children()
    yield
    left = end_processes(find_children() - before)
    assert not left or request.session.exitstatus == pytest.ExitCode.INTERRUPTED, f"left behind: {left}"


@pytest.fixture(autouse=True, scope="session")
def no_blocking_call() -> Iterator[BlockBuster]:
    """Raise where the package, or a library that it calls, blocks the event loop. Tests may look at files."""
    with blockbuster_ctx("circleci_v1_async") as blockbuster:
        # Its output: blockbuster lets standard output block, but not what a test puts in its place.
        blockbuster.functions["io.BufferedWriter.write"].can_block_in("testing/_program.py", "_serve")
        # Recordings and seeds, which are read before the server starts.
        for module, function in (("_record/recording", "read"), ("_script/seed", "load_seed")):
            blockbuster.functions["io.TextIOWrapper.read"].can_block_in(f"testing/{module}.py", function)
        yield blockbuster


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test depends on a token or an address of whoever runs it."""
    tokens = ("CIRCLE_TOKEN", "CIRCLECI_TOKEN", "CIRCLECI_CLI_TOKEN", "CIRCLE_CLI_TOKEN")
    for name in (*tokens, "CIRCLE_API_URL", "CIRCLE_HOST", "CIRCLECI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def fake() -> AsyncIterator[FakeCircleCI]:
    async with FakeCircleCI() as fake:
        yield fake


@pytest.fixture
async def ci(fake: FakeCircleCI) -> AsyncIterator[CircleCISession]:
    async with CircleCISession(fake.token, base_url=fake.base_url) as ci:
        yield ci


@pytest.fixture
def service(fake, monkeypatch):
    """A fake that commands take for the real service."""
    monkeypatch.setenv("CIRCLE_TOKEN", fake.token)
    monkeypatch.setenv("CIRCLE_API_URL", fake.base_url)
    return fake


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Use a worker more than there are cores: tests of time limits wait."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_finish() -> None:
    """Leave out of each later collection what was imported: many tests collect, and it took half of their time."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what tests have measured, also those that pass: they say it with `record_property("figures", …)`.

    The canary's tests say with `record_property("searched", …)` how many reports each has searched.
    """
    told = [told for report in terminalreporter.getreports("passed") for told in report.user_properties]
    figures = [value for name, value in told if name == "figures"]
    if searched := sum(int(str(value)) for name, value in told if name == "searched"):
        figures.append(f"canary: {searched} reports were searched, each of a fault, a way in and a reporter")
    if effort := describe_effort(terminalreporter):
        figures.append(effort)
    if figures:
        terminalreporter.section("figures")
        for value in figures:
            terminalreporter.write_line(str(value))
