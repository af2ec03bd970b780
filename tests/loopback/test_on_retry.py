"""What a callback is told of each request that is sent again, and what becomes of its errors."""

import logging
from typing import Any

import attrs
import pytest
from fake_clock import FakeClock, use
from script_server import ScriptServer, error, hang_up, reply

from circleci_v1_async import (
    AuthenticationError,
    CircleCISession,
    InvalidInputError,
    RateLimitError,
    Retry,
    ServerError,
    TransportError,
)

ME = reply(200, {"login": "ada"})


async def test_a_retry_is_told_with_what_happened_how_often_and_how_long_it_waits() -> None:
    retries: list[Retry] = []
    script = (error(401), error(429, headers=[("Retry-After", "7")]), error(500), hang_up, ME)
    async with ScriptServer(*script) as server:
        options: Any = {"base_url": server.base_url, "on_retry": retries.append}
        async with use(CircleCISession(lambda: "token", **options), FakeClock()) as ci:
            await ci.with_options(timeout=5).get_current_user()
    assert [(type(retry.error), retry.attempt, retry.delay) for retry in retries] == [
        (AuthenticationError, 1, 0.0),
        (RateLimitError, 2, 7.0),
        (ServerError, 3, 0.5),
        (TransportError, 4, 1.0),
    ]
    assert {str(retry.request) for retry in retries} == {"GET /me"}
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        retries[0].delay = 1.0  # type: ignore[misc]


async def test_what_is_not_sent_again_is_not_told() -> None:
    retries: list[Retry] = []
    async with ScriptServer(error(500)) as server:
        async with use(CircleCISession(base_url=server.base_url, on_retry=retries.append), FakeClock()) as ci:
            with pytest.raises(ServerError):
                await ci.get_current_user()
    assert [retry.attempt for retry in retries] == [1, 2]


async def test_the_request_is_told_without_its_body() -> None:
    retries: list[Retry] = []
    async with ScriptServer(error(429, headers=[("Retry-After", "0")]), reply(201, b"")) as server:
        async with CircleCISession(base_url=server.base_url, on_retry=retries.append) as ci:
            await ci.add_ssh_key("gh/acme/web", hostname="acme.example", private_key="a-private-key")
    assert [retry.request.body for retry in retries] == [None]


@pytest.mark.fault(88)
async def test_an_error_of_the_callback_is_logged_and_breaks_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_retry: Retry) -> None:
        raise LookupError("no such counter")

    async with ScriptServer(error(500), ME) as server:
        async with use(CircleCISession(base_url=server.base_url, on_retry=fail), FakeClock()) as ci:
            assert (await ci.get_current_user()).login == "ada"
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.getMessage() == "on_retry raised an error"
    assert record.exc_info is not None
    traceback = record.exc_info[2]
    # The callback's own frame is first: the one that called it knows the request.
    assert traceback is not None
    assert traceback.tb_frame.f_code.co_name == "fail"


async def asynchronous(_retry: Retry) -> None: ...


@pytest.mark.parametrize("callback", [7, "counter", asynchronous])
def test_what_cannot_be_called_at_once_is_refused(callback: Any) -> None:
    with pytest.raises(InvalidInputError, match="on_retry: expected a plain callable"):
        CircleCISession(on_retry=callback)
