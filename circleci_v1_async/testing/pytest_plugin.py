"""The pytest plugin of circleci_v1_async. pytest finds it through an entry point.

pytest imports it in every run, so it imports the fake and the session only when a test uses a fixture.
"""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from aioresponses import aioresponses

    from circleci_v1_async import CircleCISession
    from circleci_v1_async.testing import FakeCircleCI, ThreadedFakeCircleCI


_MARKER = "circleci_recording(file): answer requests from a recording in the test's folder; see --circleci-record"
_REPLACED = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that makes recordings."""
    parser.getgroup("circleci_v1_async").addoption(
        "--circleci-record",
        action="store_true",
        help="record the tests with the marker circleci_recording: send their requests to the API at CIRCLE_API_URL, "
        "by default CircleCI's cloud, with the token in CIRCLE_TOKEN",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", _MARKER)
    config.stash[_REPLACED] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """List the placeholders in recordings. Workers of pytest-xdist cannot print to the terminal."""
    if lines := config.stash[_REPLACED]:
        terminalreporter.section("replaced in recordings")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture
def fake_circleci(request: pytest.FixtureRequest) -> "Iterator[FakeCircleCI]":
    """A fake CircleCI on loopback, without projects: a `circleci_v1_async.testing.FakeCircleCI`.

    A thread serves it, so that asynchronous and synchronous tests can use it. If a test passes without triggering all
    of its scripted faults, pytest reports an error. Set `fake_circleci.allow_unused_faults = True` to allow this.

    Under `@pytest.mark.circleci_recording("file.jsonl")`, the fake replays the recording, a file in the test's folder.
    `pytest --circleci-record` creates the recording: the test's requests are then forwarded to the service.
    """
    failed_before = request.session.testsfailed
    with _make_server(request) as fake:
        yield fake
    request.config.stash[_REPLACED].extend(fake.list_replaced_secrets())
    if request.session.testsfailed == failed_before and not fake.allow_unused_faults:
        fake.assert_faults_used()


def _make_server(request: pytest.FixtureRequest) -> "ThreadedFakeCircleCI":
    from circleci_v1_async.testing import ThreadedFakeCircleCI  # noqa: PLC0415 - imported only when the fixture is used

    marker = request.node.get_closest_marker("circleci_recording")
    if marker is None:
        return ThreadedFakeCircleCI()
    (name,) = marker.args
    path = request.path.parent / name
    if request.config.getoption("--circleci-record"):
        tokens = (os.environ.get(name) for name in ("CIRCLE_TOKEN", "CIRCLECI_TOKEN", "CIRCLECI_CLI_TOKEN"))
        upstream = os.environ.get("CIRCLE_API_URL") or "https://circleci.com/api/v1.1"
        return ThreadedFakeCircleCI.record(path, upstream=upstream, token=next(filter(None, tokens), ""))
    if not path.exists():
        pytest.fail(f"there is no recording {path}: make it with pytest --circleci-record", pytrace=False)
    return ThreadedFakeCircleCI.replay(path)


@pytest.fixture
def circleci(fake_circleci: "FakeCircleCI") -> "Iterator[CircleCISession]":
    """A `circleci_v1_async.CircleCISession` with the fake, for one event loop; closed after the test."""
    from ._plugin_session import open_session  # noqa: PLC0415 - as above

    with open_session(fake_circleci) as ci:
        yield ci


@pytest.fixture
def circleci_aioresponses() -> "Iterator[aioresponses]":
    """An `aioresponses.aioresponses`, which answers the requests of all aiohttp sessions.

    It works with the aiohttp version that this package needs, which aioresponses alone does not support
    ([#289](https://github.com/pnuckowski/aioresponses/issues/289)). The test is skipped if aioresponses is not
    installed.
    """
    try:
        from ._mocks import Responses  # noqa: PLC0415 - as above
    except ImportError:
        pytest.skip("circleci_aioresponses needs aioresponses, which is not installed")
    with Responses() as mocked:
        yield mocked
