"""A token that is asked for: when, how often, and what becomes of what it is."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from fake_clock import FakeClock, use
from script_server import Action, ScriptServer, error, reply

from circleci_v1_async import AuthenticationError, CircleCISession, InvalidInputError, NotFoundError

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
