"""A token that is asked for: when, how often, and what becomes of what it is."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from fake_clock import FakeClock, use
from script_server import Action, ScriptServer, error, hang, reply

from circleci_v1_async import (
    AuthenticationError,
    CircleCISession,
    InvalidInputError,
    NotFoundError,
    Request,
    RequestTimeoutError,
    UsageError,
)

ME = reply(200, {"login": "ada"})
EXPIRED = error(401, "You must log in first.")


class Vault:
    """Gives one token after the other."""

    def __init__(self, *tokens: object) -> None:
        self.tokens = list(tokens)
        self.asked = 0

    def __call__(self) -> Any:
        self.asked += 1
        token = self.tokens[min(self.asked, len(self.tokens)) - 1]
        if isinstance(token, Exception):
            raise token
        return token

    async def slowly(self) -> Any:
        await asyncio.sleep(0)
        return self()


def sent(server: ScriptServer) -> list[str | None]:
    return [request.headers.get("Circle-Token") for request in server.requests]


@pytest.mark.parametrize("way", [lambda vault: vault, lambda vault: vault.slowly], ids=["plain", "async"])
async def test_a_callable_is_asked_at_the_first_request_and_no_more(way: Callable[[Vault], Any]) -> None:
    vault = Vault("token-1")
    async with ScriptServer(ME) as server, CircleCISession(way(vault), base_url=server.base_url) as ci:
        assert vault.asked == 0
        assert "token=***" in repr(ci)
        await asyncio.gather(*(ci.with_options(timeout=9).get_current_user() for _ in range(5)))
        assert vault.asked == 1
        assert sent(server) == ["token-1"] * 5


@pytest.mark.fault(87)
async def test_after_a_401_it_is_asked_once_more_and_the_request_sent_again() -> None:
    vault = Vault("token-1", "token-2")
    async with ScriptServer(EXPIRED, ME) as server, CircleCISession(vault, base_url=server.base_url) as ci:
        assert (await ci.get_current_user()).login == "ada"
        assert sent(server) == ["token-1", "token-2"]
        assert (await ci.get_current_user()).login == "ada"
        assert sent(server)[2:] == ["token-2"]


@pytest.mark.fault(87)
async def test_a_post_is_sent_again_too_because_a_401_has_done_nothing() -> None:
    vault = Vault("token-1", "token-2")
    async with ScriptServer(EXPIRED, reply(201, {"build_num": 7})) as server:
        async with CircleCISession(vault, base_url=server.base_url) as ci:
            assert (await ci.trigger_build("gh/acme/web")).build_num == 7


@pytest.mark.fault(87)
async def test_a_second_401_is_an_error_and_neither_is_one_of_the_attempts() -> None:
    vault = Vault("token-1", "token-2", "token-3")
    script = (EXPIRED, error(500), error(500), EXPIRED)
    async with ScriptServer(*script) as server:
        async with use(CircleCISession(vault, base_url=server.base_url), FakeClock()) as ci:
            with pytest.raises(AuthenticationError, match="after 4 attempts"):
                await ci.get_current_user()
    assert vault.asked == 2


@pytest.mark.fault(87)
async def test_calls_that_are_refused_at_the_same_time_share_one_new_token() -> None:
    vault = Vault("token-1", "token-2")

    def answer(received: Any, writer: asyncio.StreamWriter) -> Any:
        async def write() -> None:
            writer.write(EXPIRED if received.headers["Circle-Token"] == "token-1" else ME)

        return write()

    action: Action = answer
    async with ScriptServer(action) as server, CircleCISession(vault.slowly, base_url=server.base_url) as ci:
        await asyncio.gather(*(ci.get_current_user() for _ in range(16)))
    assert vault.asked == 2
    assert sorted(map(str, sent(server))) == ["token-1"] * 16 + ["token-2"] * 16


async def test_a_token_that_was_given_is_not_renewed() -> None:
    async with ScriptServer(EXPIRED, ME) as server, CircleCISession("token-1", base_url=server.base_url) as ci:
        with pytest.raises(AuthenticationError):
            await ci.get_current_user()
        assert len(server.requests) == 1


@pytest.mark.fault(87)
@pytest.mark.parametrize("given", [None, "", "a b", b"token", 7, "tökén"])
async def test_what_it_returns_is_checked_before_anything_is_sent_and_not_shown(given: object) -> None:
    async with ScriptServer(ME) as server, CircleCISession(Vault(given), base_url=server.base_url) as ci:
        with pytest.raises(InvalidInputError, match="token: expected a non-empty string of visible ASCII") as caught:
            await ci.get_current_user()
        assert server.requests == []
    assert given in {None, "", 7, b"token"} or str(given) not in str(caught.value)


@pytest.mark.fault(87)
@pytest.mark.parametrize("before", [[], ["token-1"]], ids=["at first", "after a 401"])
async def test_an_error_of_the_callable_leaves_as_it_is_and_the_next_call_asks_again(before: list[object]) -> None:
    failure = LookupError("the vault is sealed")
    vault = Vault(*before, failure, "token-2")
    script = (EXPIRED, ME) if before else (ME,)
    async with ScriptServer(*script) as server, CircleCISession(vault, base_url=server.base_url) as ci:
        with pytest.raises(LookupError) as caught:
            await ci.get_current_user()
        assert caught.value is failure
        with contextlib.suppress(AuthenticationError):
            await ci.get_current_user()
        assert sent(server)[-1] == ("token-1" if before else "token-2")


@pytest.mark.fault(87)
async def test_who_is_cancelled_while_it_asks_leaves_the_asking_to_the_next() -> None:
    began = asyncio.Event()

    async def slowly() -> str:
        if not began.is_set():
            began.set()
            await asyncio.Event().wait()
        return "token-1"

    async with ScriptServer(ME) as server, CircleCISession(slowly, base_url=server.base_url) as ci:
        first = asyncio.create_task(ci.get_current_user())
        await began.wait()
        second = asyncio.create_task(ci.get_current_user())
        await asyncio.sleep(0)
        first.cancel()
        assert (await second).login == "ada"


async def test_an_error_is_redacted_of_the_token_that_was_sent_also_when_it_was_renewed_meanwhile() -> None:
    vault = Vault("token-1-canary", "token-2-canary")
    script = (EXPIRED, error(404, "not with token-2-canary"))
    async with ScriptServer(*script) as server, CircleCISession(vault, base_url=server.base_url) as ci:
        with pytest.raises(NotFoundError) as caught:
            await ci.get_current_user()
    assert "canary" not in str(caught.value)
    assert "canary" not in repr(vars(ci)["_caller"])


def test_a_callable_is_not_used_over_plain_http() -> None:
    with pytest.raises(InvalidInputError, match="expected https"):
        CircleCISession(Vault("token-1"), base_url="http://circleci.acme.example/api/v1.1")


@pytest.mark.fault(87)
async def test_a_callable_that_hangs_is_waited_for_as_long_as_an_exchange_may_take() -> None:
    asked = 0

    async def never() -> str:
        nonlocal asked
        asked += 1
        await asyncio.Event().wait()
        return "token-1"

    async with ScriptServer(ME) as server, CircleCISession(never, base_url=server.base_url, timeout=0.05) as ci:
        calls = [ci.get_current_user() for _ in range(3)]
        errors = await asyncio.gather(*calls, return_exceptions=True)
        address = f"(127.0.0.1:{server.port})"
    assert server.requests == []
    for late in errors:
        assert isinstance(late, RequestTimeoutError)
        assert (late.phase, late.maybe_sent, late.attempts) == ("token", False, 0)
        assert str(late) == f"GET /me {address}: no token from the callable within 0.05 s"
    assert 1 <= asked <= 3


@pytest.mark.fault(87)
async def test_a_time_out_of_the_callable_itself_leaves_as_it_is() -> None:
    failure = TimeoutError("the vault is slow")
    async with ScriptServer(ME) as server, CircleCISession(Vault(failure), base_url=server.base_url) as ci:
        with pytest.raises(TimeoutError) as caught:
            await ci.get_current_user()
    assert caught.value is failure


@pytest.mark.fault(87)
async def test_a_time_out_of_another_session_that_the_callable_uses_names_the_request_of_that_one() -> None:
    async with ScriptServer(hang) as vault, CircleCISession(base_url=vault.base_url, timeout=0.05) as other:

        async def ask() -> str:
            await other.send(Request("GET", "/token", idempotent=False))
            return "token-1"

        async with CircleCISession(ask) as ci:
            with pytest.raises(RequestTimeoutError, match=r"^GET /token ") as caught:
                await ci.get_current_user()
    assert caught.value.phase == "read"


@pytest.mark.fault(87)
@pytest.mark.parametrize("in_a_task", [False, True])
@pytest.mark.parametrize("before", [[], ["token-1"]], ids=["at first", "after a 401"])
async def test_a_callable_that_uses_its_own_session_is_an_error_and_no_deadlock(
    in_a_task: bool,  # noqa: FBT001 - a row
    before: list[str],
) -> None:
    async def ask() -> str:
        if before:
            return before.pop()
        call = ci.get_current_user()
        await (asyncio.create_task(call) if in_a_task else call)
        raise AssertionError

    async with ScriptServer(EXPIRED) as server, CircleCISession(ask, base_url=server.base_url) as ci:
        with pytest.raises(UsageError, match="the callable uses the session that calls it"):
            await asyncio.wait_for(ci.get_current_user(), 5)


@pytest.mark.fault(87)
async def test_two_sessions_whose_callables_use_each_other_are_an_error_and_no_deadlock() -> None:
    async def ask_one() -> str:
        return str((await two.get_current_user()).login)

    async def ask_two() -> str:
        return str((await one.get_current_user()).login)

    async with ScriptServer(ME) as server:
        async with (
            CircleCISession(ask_one, base_url=server.base_url) as one,
            CircleCISession(ask_two, base_url=server.base_url) as two,
        ):
            with pytest.raises(UsageError, match="the callable uses the session that calls it"):
                await asyncio.wait_for(one.get_current_user(), 5)


async def test_a_task_that_the_callable_started_may_use_the_session_later() -> None:
    tasks: list[asyncio.Task[Any]] = []
    done = asyncio.Event()

    async def later() -> Any:
        await done.wait()
        return await ci.get_current_user()

    async def ask() -> str:
        if not tasks:
            tasks.append(asyncio.create_task(later()))
        await asyncio.sleep(0)
        return "token-1"

    async with ScriptServer(EXPIRED, ME) as server, CircleCISession(ask, base_url=server.base_url) as ci:
        await ci.get_current_user()
        server.script[:] = [EXPIRED, ME]
        done.set()
        assert (await tasks[0]).login == "ada"


@pytest.mark.fault(87)
@pytest.mark.parametrize("kind", [StopIteration, StopAsyncIteration])
@pytest.mark.parametrize("is_async", [False, True])
async def test_the_end_of_an_iteration_is_the_cause_of_a_runtime_error(
    kind: type[Exception],
    is_async: bool,  # noqa: FBT001 - a row
) -> None:
    def fail() -> str:
        raise kind("no more")

    async def fail_later() -> str:
        if kind is StopAsyncIteration:
            raise StopAsyncIteration("no more")
        return fail()

    async with ScriptServer(ME) as server:
        async with CircleCISession(fail_later if is_async else fail, base_url=server.base_url) as ci:
            with pytest.raises(RuntimeError, match=kind.__name__) as caught:
                await ci.get_current_user()
    assert caught.value.__cause__ is not None


@pytest.mark.fault(87)
@pytest.mark.parametrize(
    "kind", [LookupError, AssertionError, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError]
)
async def test_every_other_exception_of_the_callable_leaves_as_it_is(kind: type[BaseException]) -> None:
    failure = kind("no more")

    async def fail() -> str:
        raise failure

    async with ScriptServer(ME) as server:
        ci = CircleCISession(fail, base_url=server.base_url)
        call = ci.get_current_user()
        with pytest.raises(kind) as caught:
            call.send(None)
        await ci.close()
    assert caught.value is failure


def test_a_program_without_asyncio_gets_a_sentence() -> None:
    ci = CircleCISession()
    text = r"needs a running asyncio event loop: .* on trio, use trio-asyncio"
    with pytest.raises(UsageError, match=text):
        ci.get_current_user().send(None)
    with pytest.raises(UsageError, match=text):
        aiter(ci.iter_recent_builds())
