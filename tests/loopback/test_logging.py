"""What the package says of its requests under its logger: a line for each exchange, and one for each retry."""

import asyncio
import logging
import re
from collections.abc import Iterator

import attrs
import pytest
from fake_clock import FakeClock, use
from script_server import ScriptServer, error, hang, reply, reset

from circleci_v1_async import (
    CircleCIError,
    CircleCISession,
    NotFoundError,
    RateLimitError,
    RetryPolicy,
    ServerError,
    TransportError,
)

TOKEN = "a-token-nobody-sees"
PROJECT = "gh/acme/web"
BUILD = "/project/github/acme/web/7"


@pytest.fixture(autouse=True)
def everything_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.DEBUG):
        yield


class TickingClock(FakeClock):
    """Goes on by 12 ms each time it is looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = attrs.evolve(self.clock, monotonic=self._tick)

    def _tick(self) -> float:
        self.monotonic += 0.012
        return self.monotonic


def lines(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    """What was logged by us at that level."""
    return [
        record.getMessage()
        for record in caplog.records
        if (record.name, record.levelno) == ("circleci_v1_async", level)
    ]


async def test_an_exchange_is_one_debug_line_with_method_path_status_time_and_attempt(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with ScriptServer(reply(200, {"build_num": 7})) as server, CircleCISession(base_url=server.base_url) as ci:
        await use(ci, TickingClock()).get_build(PROJECT, 7)
    assert lines(caplog, logging.DEBUG) == [f"GET {BUILD}: 200 in 12 ms (attempt 1)"]
    assert lines(caplog, logging.WARNING) == []


@pytest.mark.fault(89, 90)
@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ([("X-Request-Id", "b-2"), ("X-CircleCI-Request-Id", "a-1")], ", request id a-1"),
        ([("X-Request-Id", "b-2")], ", request id b-2"),
        ([("X-Request-Id", f"{TOKEN}-\x9b1m")], r", request id ***-\udc9b1m"),
        ([("X-Request-Id", "")], ""),
    ],
)
async def test_an_exchange_is_logged_with_the_id_that_the_service_gave_it(
    caplog: pytest.LogCaptureFixture, headers: list[tuple[str, str]], told: str
) -> None:
    async with ScriptServer(reply(200, {"build_num": 7}, headers)) as server:
        async with CircleCISession(TOKEN, base_url=server.base_url) as ci:
            await use(ci, TickingClock()).get_build(PROJECT, 7)
    assert lines(caplog, logging.DEBUG) == [f"GET {BUILD}: 200 in 12 ms (attempt 1{told})"]


async def test_a_retry_is_one_warning_with_what_happened_and_how_long_it_waits_and_each_attempt_a_debug_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with ScriptServer(error(500), reset, reply(200, {"build_num": 7})) as server:
        async with CircleCISession(base_url=server.base_url) as ci:
            await use(ci, TickingClock()).get_build(PROJECT, 7)
    assert lines(caplog, logging.DEBUG) == [
        f"GET {BUILD}: 500 in 12 ms (attempt 1)",
        f"GET {BUILD}: TransportError in 12 ms (attempt 2)",
        f"GET {BUILD}: 200 in 12 ms (attempt 3)",
    ]
    assert lines(caplog, logging.WARNING) == [
        f"GET {BUILD}: 500; trying again in 0.5 s",
        f"GET {BUILD}: TransportError; trying again in 1.0 s",
    ]


@pytest.mark.parametrize(
    ("answer", "outcome", "raised"),
    [
        (error(404), "404", NotFoundError),
        (error(500), "500", ServerError),
        (reset, "TransportError", TransportError),
        (reply(200, b'{"build_num": '), "200", CircleCIError),
    ],
    ids=["404", "500", "reset", "truncated"],
)
async def test_an_error_that_is_raised_at_once_is_one_debug_line_and_no_warning(
    caplog: pytest.LogCaptureFixture, answer: bytes, outcome: str, raised: type[CircleCIError]
) -> None:
    async with ScriptServer(answer) as server, CircleCISession(base_url=server.base_url) as ci:
        with pytest.raises(raised):
            await use(ci, TickingClock()).add_ssh_users(PROJECT, 7)
    assert lines(caplog, logging.DEBUG) == [f"POST {BUILD}/ssh-users: {outcome} in 12 ms (attempt 1)"]
    assert lines(caplog, logging.WARNING) == []


async def test_a_429_is_two_debug_lines_of_which_one_has_the_hold_and_the_pace(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with ScriptServer(error(429, headers=[("Retry-After", "86400")])) as server:
        async with CircleCISession(base_url=server.base_url) as ci:
            use(ci, FakeClock())
            with pytest.raises(RateLimitError):
                await ci.get_current_user()
    assert lines(caplog, logging.DEBUG) == [
        "GET /me: 429 in 0 ms (attempt 1)",
        "The service limits the rate: calls are held for 86400.0 s, paced at 1/s",
    ]
    assert lines(caplog, logging.WARNING) == []


async def test_a_reply_that_does_not_come_in_time_is_logged_as_such(caplog: pytest.LogCaptureFixture) -> None:
    async with ScriptServer(hang) as server:
        async with CircleCISession(base_url=server.base_url, timeout=0.05, retry=RetryPolicy(attempts=1)) as ci:
            with pytest.raises(TimeoutError):
                await ci.get_current_user()
    (line,) = lines(caplog, logging.DEBUG)
    assert line.startswith("GET /me: RequestTimeoutError in ")


async def test_a_call_that_is_cancelled_is_logged_as_such(caplog: pytest.LogCaptureFixture) -> None:
    async with ScriptServer(hang) as server, CircleCISession(base_url=server.base_url) as ci:
        call = asyncio.create_task(ci.get_current_user())
        await server.has_received(1)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
    (line,) = lines(caplog, logging.DEBUG)
    assert line.startswith("GET /me: cancelled in ")


async def test_the_time_that_is_logged_is_the_exchange_not_the_wait_for_its_turn(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with ScriptServer(error(429, headers=[("Retry-After", "60")]), reply(200, {})) as server:
        async with CircleCISession(base_url=server.base_url, concurrency=1) as ci:
            use(ci, TickingClock())
            await asyncio.gather(ci.get_current_user(), ci.get_current_user())
    assert len(server.requests) == 3
    exchanges = [line for line in lines(caplog, logging.DEBUG) if line.startswith("GET ")]
    assert len(exchanges) == 3
    # The clock ticks whenever anybody looks at it.
    assert all(re.search(r" in [0-9]{2} ms ", line) for line in exchanges)


async def test_calls_at_the_same_time_log_a_line_for_each_request_on_the_wire(caplog: pytest.LogCaptureFixture) -> None:
    script = [error(503), error(503), error(429, headers=[("Retry-After", "0")]), reply(200, {})]
    async with ScriptServer(*script) as server:
        async with CircleCISession(base_url=server.base_url, retry=RetryPolicy(base=0, attempts=9)) as ci:
            await asyncio.gather(*[ci.get_current_user() for _ in range(8)])
    assert len(server.requests) == 8 + 3
    assert len([line for line in lines(caplog, logging.DEBUG) if line.startswith("GET ")]) == 8 + 3
    assert len(lines(caplog, logging.WARNING)) == 3


async def test_no_log_has_the_token_a_host_a_query_or_a_body_in_it(caplog: pytest.LogCaptureFixture) -> None:
    echo = {"message": f"{TOKEN}, a-private-key for acme"}
    async with ScriptServer(error(429, **echo), reply(200, b""), error(500, **echo), reply(200, [])) as server:
        async with CircleCISession(TOKEN, base_url=server.base_url) as ci:
            use(ci, TickingClock())
            await ci.add_ssh_key(PROJECT, hostname="deploy.acme.example", private_key="a-private-key")
            await ci.list_project_builds(PROJECT, branch="feature/secret", limit=77)
    assert len(server.requests) == 4
    messages = [record.getMessage() for record in caplog.records]
    for secret in (TOKEN, "a-private-key", "deploy.acme.example", "127.0.0.1", "77"):
        assert secret not in str(messages)
    # Handlers may show the arguments of a message, which know which call it was.
    assert TOKEN not in str([vars(record) for record in caplog.records])
    assert "a-private-key" not in str([vars(record) for record in caplog.records])
