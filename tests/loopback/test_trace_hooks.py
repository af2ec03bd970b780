"""Trace hooks of a borrowed aiohttp session that raise: the error leaves the call once, as the hook raised it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from script_server import Action, ScriptServer, hang, hang_up, reply

from circleci_v1_async import CircleCISession, RetryPolicy, TransportError

Call = Callable[[CircleCISession], Awaitable[Any]]

ME = reply(200, {"login": "ada"})
BUILD = reply(201, {"build_num": 7})


async def get(ci: CircleCISession) -> Any:
    return await ci.get_current_user()


async def get_twice(ci: CircleCISession) -> Any:
    await get(ci)
    return await get(ci)


async def get_together(ci: CircleCISession) -> Any:
    return await asyncio.gather(get(ci), get(ci))


async def post(ci: CircleCISession) -> Any:
    return await ci.trigger_build("gh/acme/web", tag="v1")


# A call that reaches the signal, and whether aiohttp wraps an OSError that a hook raises there.
SIGNALS: dict[str, tuple[Call, bytes | Action, bool]] = {
    "on_request_start": (get, ME, False),
    "on_connection_create_start": (get, ME, True),
    "on_connection_create_end": (get, ME, True),
    "on_connection_queued_start": (get_together, ME, True),
    "on_connection_queued_end": (get_together, ME, True),
    "on_connection_reuseconn": (get_twice, ME, True),
    "on_dns_resolvehost_start": (get, ME, True),
    "on_dns_resolvehost_end": (get, ME, True),
    "on_dns_cache_miss": (get, ME, True),
    "on_request_headers_sent": (get, ME, True),
    "on_request_chunk_sent": (post, BUILD, True),
    "on_request_end": (get, ME, False),
    "on_request_exception": (get, hang_up, False),
}


class Hook:
    """A hook that raises, and counts how often it was called."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.calls = 0

    async def __call__(self, *_: object) -> None:
        self.calls += 1
        raise self.error


async def failure_of(signal: str, error: Exception, attempts: int = 3) -> tuple[BaseException, Hook]:
    """Make a call while a hook of this signal raises the error, and return what the call raised."""
    call, answer, _ = SIGNALS[signal]
    hook, config = Hook(error), aiohttp.TraceConfig()
    getattr(config, signal).append(hook)
    connector = aiohttp.TCPConnector(limit=1)
    async with ScriptServer(answer) as server:
        async with aiohttp.ClientSession(connector=connector, trace_configs=[config]) as borrowed:
            address = f"http://localhost:{server.port}"
            ci = CircleCISession("token", base_url=address, session=borrowed, retry=RetryPolicy(attempts=attempts))
            with pytest.raises(Exception) as caught:  # noqa: PT011 - which one is the question
                await call(ci)
            await ci.close()
    return caught.value, hook


@pytest.mark.fault(104)
@pytest.mark.parametrize("kind", [ValueError, RuntimeError, KeyError])
@pytest.mark.parametrize("signal", SIGNALS)
async def test_an_error_of_a_hook_leaves_the_call_as_it_is_and_once(signal: str, kind: type[Exception]) -> None:
    error = kind("my bug")
    raised, hook = await failure_of(signal, error)
    if signal == "on_request_chunk_sent":
        # aiohttp sends bodies in a task of its own, and wraps whatever fails there.
        assert type(raised) is TransportError
        assert str(raised).partition(": the connection broke: ")[2].startswith(f"{kind.__name__}: ")
        assert raised.__cause__ is error
    else:
        assert raised is error
    assert hook.calls == 1


@pytest.mark.fault(104)
@pytest.mark.parametrize("signal", SIGNALS)
async def test_an_os_error_of_a_hook_leaves_as_it_is_or_is_named_where_aiohttp_wraps_it(signal: str) -> None:
    error = OSError("my bug")
    raised, hook = await failure_of(signal, error, attempts=1)
    if SIGNALS[signal][2]:
        assert isinstance(raised, TransportError)
        assert "OSError: my bug" in str(raised)
        assert raised.__cause__ is not None
        assert raised.__cause__.__traceback__ is None
    else:
        assert raised is error
        assert hook.calls == 1


@pytest.mark.fault(104)
async def test_a_timeout_error_of_a_hook_is_named() -> None:
    raised, _ = await failure_of("on_request_headers_sent", TimeoutError("my bug"), attempts=1)
    assert isinstance(raised, TransportError)
    assert "TimeoutError: my bug" in str(raised)


@pytest.mark.fault(104)
async def test_an_error_of_a_hook_is_logged_by_its_class(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "circleci_v1_async")
    await failure_of("on_request_start", LookupError("my bug"))
    assert any(": LookupError in " in record.getMessage() for record in caplog.records)


@pytest.mark.fault(50, 51)
async def test_a_borrowed_session_of_another_loop_is_said_to_be() -> None:
    async def make() -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    other = asyncio.new_event_loop()
    borrowed = await asyncio.to_thread(other.run_until_complete, make())
    try:
        with pytest.raises(RuntimeError, match="cannot be used: it belongs to another event loop"):
            await CircleCISession(session=borrowed).get_current_user()
    finally:
        await asyncio.to_thread(other.run_until_complete, borrowed.close())
        other.close()


@pytest.mark.fault(49)
async def test_a_session_that_its_limiter_closes_sends_nothing() -> None:
    class Closing:
        async def __aenter__(self) -> None:
            await ci.close()

        async def __aexit__(self, *_: object) -> None: ...

    async with ScriptServer(hang) as server:
        ci = CircleCISession(base_url=server.base_url, limiter=Closing())
        with pytest.raises(RuntimeError, match="closed during the call"):
            await ci.get_current_user()
        assert server.requests == []
