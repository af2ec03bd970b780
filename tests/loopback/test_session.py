"""The session's life: where its token and address come from, whose connections it uses, how it ends."""

import asyncio
import contextlib
import gc
import inspect
import pickle
import warnings
from collections.abc import Callable

import aiohttp
import pytest
from script_server import ScriptServer, hang, reply
from yarl import URL

from circleci_v1_async import (
    CircleCISession,
    DecodeError,
    InvalidInputError,
    Request,
    SessionClosedError,
    SessionOptions,
    ViewOptions,
    WalkOptions,
    make_converter,
)
from circleci_v1_async.converter._converter import default_converter
from circleci_v1_async.testing import FakeCircleCI

TOKEN = "a-token-nobody-sees"


async def test_all_operations_are_served_by_the_fake_over_a_socket(fake: FakeCircleCI, ci: CircleCISession) -> None:
    fake.add_project("github/acme/web")
    fake.add_build("github/acme/web", branch="main", status="failed")
    fake.add_step("github/acme/web", 1, "Tests", output="1 failed", status="failed")
    fake.add_artifact("github/acme/web", 1, "log.txt", b"1 failed")
    fake.add_test("github/acme/web", 1, name="it adds", result="failure")
    key = fake.add_checkout_key("github/acme/web", sha256="ab/c+d=")

    assert (await ci.get_current_user()).login == fake.user["login"]
    (project,) = await ci.list_projects()
    assert project.slug is not None
    (build,) = await ci.list_project_builds(project.slug, filter="failed")
    assert build.key == ("https://github.com/acme/web", 1)
    assert await ci.list_project_builds(project.slug, branch="main") == [build]
    assert await ci.list_recent_builds() == [build]
    detail = await ci.get_build("gh/acme/web", 1)
    assert [step.name for step in detail.steps][-1] == "Tests"
    assert [artifact.path for artifact in await ci.list_build_artifacts("gh/acme/web", 1)] == ["log.txt"]
    assert [artifact.path for artifact in await ci.list_latest_artifacts("gh/acme/web")] == ["log.txt"]
    assert [test.name for test in await ci.list_build_tests("gh/acme/web", 1)] == ["it adds"]
    assert (await ci.retry_build("gh/acme/web", 1)).retry_of == 1
    assert (await ci.trigger_build("gh/acme/web", branch="main")).build_num == 3
    assert (await ci.trigger_branch_build("gh/acme/web", "feature/x")).branch == "feature/x"
    assert (await ci.cancel_build("gh/acme/web", 4)).is_finished
    await ci.add_ssh_key("gh/acme/web", hostname="", private_key="-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert (await ci.create_checkout_key("gh/acme/web", "deploy-key")).type == "deploy-key"
    assert len(await ci.list_checkout_keys("gh/acme/web", digest="sha256")) == 2
    assert (await ci.get_checkout_key("gh/acme/web", key["fingerprint"])).public_key == key["public_key"]
    assert (await ci.delete_checkout_key("gh/acme/web", "ab/c+d=")).message == "ok"
    assert (await ci.follow_project("gh/acme/web")).following is True


@pytest.mark.fault(45)
@pytest.mark.parametrize(
    ("branch", "segment"),
    [("feature/x", "feature%2Fx"), ("a b#1?x", "a%20b%231%3Fx"), ("ünï", "%C3%BCn%C3%AF"), ("%2e%2e", "%252e%252e")],
)
async def test_a_branch_name_arrives_as_one_segment_byte_for_byte(branch: str, segment: str) -> None:
    async with ScriptServer(reply(200, [])) as server, CircleCISession(base_url=server.base_url) as ci:
        await ci.list_project_builds("gh/acme/web", branch=branch)
    assert server.requests[0].target == f"/api/v1.1/project/github/acme/web/tree/{segment}?limit=30&offset=0"


@pytest.mark.fault(45)
async def test_a_fingerprint_arrives_as_one_segment_byte_for_byte(fake: FakeCircleCI, ci: CircleCISession) -> None:
    fake.add_project("github/acme/web")
    fake.add_checkout_key("github/acme/web", sha256="ab/c+d=")
    await ci.get_checkout_key("gh/acme/web", "ab/c+d=")
    assert fake.requests[-1].path.endswith("/checkout-key/ab%2Fc%2Bd%3D")


@pytest.mark.fault(50)
def test_a_session_can_be_made_without_a_loop() -> None:
    assert not CircleCISession(TOKEN).closed


@pytest.mark.fault(50)
async def test_a_session_closes_at_the_end_of_its_block(fake: FakeCircleCI) -> None:
    async with CircleCISession(fake.token, base_url=fake.base_url) as ci:
        await ci.get_current_user()
    assert ci.closed
    with pytest.raises(SessionClosedError, match="is closed"):
        await ci.get_current_user()


@pytest.mark.fault(50)
async def test_closing_twice_or_before_any_call_is_no_error(ci: CircleCISession) -> None:
    await ci.close()
    await ci.close()
    assert ci.closed


@pytest.mark.fault(50)
def test_a_session_belongs_to_the_loop_that_used_it_first() -> None:
    async def serve_two_loops() -> None:
        async with ScriptServer(reply(200, {})) as server:
            ci = CircleCISession(base_url=server.base_url)
            await ci.get_current_user()
            with pytest.raises(SessionClosedError, match="another event loop"):
                await asyncio.to_thread(asyncio.run, ci.get_current_user())
            await ci.close()

    asyncio.run(serve_two_loops())


@pytest.mark.fault(49)
async def test_closing_ends_the_calls_in_flight_with_an_error_that_says_so() -> None:
    async with ScriptServer(hang) as server:
        ci = CircleCISession(base_url=server.base_url)
        calls = [asyncio.create_task(ci.get_current_user()) for _ in range(3)]
        await server.has_received(3)
        await ci.close()
        for call in calls:
            with pytest.raises(SessionClosedError, match="closed during the call"):
                await call


async def test_closing_from_within_a_call_of_the_same_task_does_not_wait_for_itself() -> None:
    ci = CircleCISession()
    with ci._caller.transport.track():
        await ci.close()
    assert ci.closed


@pytest.mark.fault(46, 49)
async def test_a_call_that_is_cancelled_while_the_session_closes_stays_cancelled() -> None:
    async with ScriptServer(hang) as server:
        ci = CircleCISession(base_url=server.base_url)
        call = asyncio.create_task(ci.get_current_user())
        await server.has_received(1)
        call.cancel()
        await ci.close()
        with pytest.raises(asyncio.CancelledError):
            await call


@pytest.mark.fault(46)
async def test_a_timeout_of_the_caller_passes_through_as_it_is() -> None:
    async with ScriptServer(hang) as server, CircleCISession(base_url=server.base_url) as ci:
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.05):
                await ci.get_current_user()
        assert type(caught.value) is TimeoutError


async def test_a_view_shares_the_connections_and_closing_it_does_nothing(
    fake: FakeCircleCI, ci: CircleCISession
) -> None:
    fake.add_project("github/acme/web")
    view = ci.with_options(timeout=5)
    assert await view.list_projects() == await ci.list_projects()
    await view.close()
    assert not view.closed
    await ci.close()
    assert view.closed


async def test_a_view_may_be_strict_where_its_session_is_not() -> None:
    async with ScriptServer(reply(200, {"login": 1})) as server, CircleCISession(base_url=server.base_url) as ci:
        assert (await ci.get_current_user()).login is None
        with pytest.raises(DecodeError, match=r"\$\.login"):
            await ci.with_options(strict=True).get_current_user()
        assert (await ci.with_options(strict=False).get_current_user()).login is None


@pytest.mark.fault(37)
async def test_a_wrong_value_is_logged_once_for_all_sessions_with_a_converter(caplog: pytest.LogCaptureFixture) -> None:
    default_converter.cache_clear()
    own = make_converter()
    async with ScriptServer(reply(200, {"login": 1})) as server:
        async with CircleCISession(base_url=server.base_url) as ci, CircleCISession(base_url=server.base_url) as other:
            views = (ci.with_options(timeout=1), ci.with_options(strict=True).with_options(strict=False))
            for session in (ci, ci, other, *views, *(ci.with_options(converter=own) for _ in range(2))):
                await session.get_current_user()
    message = "User.login: a JSON number does not fit and is left out: Expected `str`, got `int` (logged once)"
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warnings == [message, message]


def test_a_view_has_no_options_of_the_connections() -> None:
    with pytest.raises(TypeError, match=r"CircleCISession\.with_options\(\) got an unexpected keyword .* 'base_url'"):
        CircleCISession().with_options(base_url="https://elsewhere.example")


@pytest.mark.parametrize("option", ["timeout", "max_body"])
@pytest.mark.parametrize("value", [0, -1, None, "1", True, float("nan")])
def test_an_option_that_is_no_positive_number_is_refused(option: str, value: object) -> None:
    with pytest.raises(InvalidInputError, match=f"{option}: expected a positive number"):
        CircleCISession(**{option: value})
    with pytest.raises(InvalidInputError, match=f"{option}: expected a positive number"):
        CircleCISession().with_options(**{option: value})


def test_the_options_are_the_same_wherever_they_are_taken() -> None:
    def keywords(function: Callable[..., object]) -> set[str]:
        parameters = inspect.signature(function).parameters.values()
        return {each.name for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY}

    assert keywords(CircleCISession) == SessionOptions.__annotations__.keys()
    assert keywords(CircleCISession.from_env) - {"anonymous"} == SessionOptions.__annotations__.keys()
    assert keywords(CircleCISession.with_options) == ViewOptions.__annotations__.keys()
    for walk in (CircleCISession.iter_project_builds, CircleCISession.iter_recent_builds):
        assert keywords(walk) - {"model", "branch", "filter", "shallow"} == WalkOptions.__annotations__.keys()


@pytest.mark.parametrize(
    ("environment", "token"),
    [
        ({"CIRCLE_TOKEN": "a", "CIRCLECI_TOKEN": "b", "CIRCLECI_CLI_TOKEN": "c"}, "a"),
        ({"CIRCLE_TOKEN": "", "CIRCLECI_TOKEN": "b", "CIRCLECI_CLI_TOKEN": "c"}, "b"),
        ({"CIRCLECI_CLI_TOKEN": "c", "CIRCLE_CLI_TOKEN": "d"}, "c"),
        ({"CIRCLE_CLI_TOKEN": "d"}, "d"),
    ],
)
async def test_from_env_takes_the_first_token_that_is_set(
    environment: dict[str, str], token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    async with ScriptServer(reply(200, {})) as server, CircleCISession.from_env(base_url=server.base_url) as ci:
        await ci.get_current_user()
    assert server.requests[0].headers["Circle-Token"] == token


def test_from_env_without_a_token_names_the_variables_and_the_way_without_a_token() -> None:
    with pytest.raises(InvalidInputError, match="CIRCLE_TOKEN, CIRCLECI_TOKEN, CIRCLECI_CLI_TOKEN, CIRCLE_CLI_TOKEN"):
        CircleCISession.from_env()
    with pytest.raises(InvalidInputError, match=r"all are unset\. Public projects .* use from_env\(anonymous=True\)$"):
        CircleCISession.from_env()


@pytest.mark.parametrize("token", ["", TOKEN, "no token\n"])
async def test_from_env_sends_no_token_when_it_is_to_be_anonymous_and_takes_the_address(
    token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CIRCLE_TOKEN", token)
    async with ScriptServer(reply(200, {})) as server:
        monkeypatch.setenv("CIRCLE_API_URL", server.base_url)
        async with CircleCISession.from_env(anonymous=True) as ci:
            assert "anonymous" in repr(ci)
            await ci.get_current_user()
    assert "Circle-Token" not in server.requests[0].headers


@pytest.mark.fault(43)
@pytest.mark.parametrize(
    ("token", "problem"),
    [
        (f"{TOKEN}\n", "got one that ends in a newline, as files do: strip it"),
        (f"{TOKEN}\r\n", "got one that ends in a newline, as files do: strip it"),
        (f" {TOKEN}", "got one with whitespace around it"),
        (f"{TOKEN}é", "got one with other characters"),
        (" \n", "got one of whitespace"),
    ],
)
def test_a_token_that_cannot_be_sent_is_refused_with_the_reason_and_the_variable(
    token: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidInputError, match=rf"^token: expected .*; {problem}$"):
        CircleCISession(token)
    monkeypatch.setenv("CIRCLECI_TOKEN", token)
    with pytest.raises(InvalidInputError, match=rf"^CIRCLECI_TOKEN: expected .*; {problem}$") as caught:
        CircleCISession.from_env()
    assert TOKEN not in str(caught.value)


LOOPBACK = [
    "localhost",
    "127.0.0.1",
    "127.0.0.2",
    "127.255.255.254",
    "[::1]",
    "fake.localhost",
    "LOCALHOST.",
    "a.b.localhost",
]
ELSEWHERE = [
    "fake",
    "128.0.0.1",
    "10.0.0.1",
    "[::2]",
    "localhost.example",
    "notlocalhost",
    "host.docker.internal",
    "0.0.0.0",  # noqa: S104 - nothing listens there
]


@pytest.mark.fault(44)
@pytest.mark.parametrize("host", LOOPBACK)
def test_a_token_may_go_over_http_to_loopback(host: str) -> None:
    assert "token=***" in repr(CircleCISession(TOKEN, base_url=f"http://{host}:8711"))


@pytest.mark.fault(44)
@pytest.mark.parametrize("host", ELSEWHERE)
def test_a_token_goes_over_http_to_another_host_only_if_that_is_allowed(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"http://{host}:8711"
    with pytest.raises(InvalidInputError, match=r"^base_url: expected https, .* allow_http=True allows this"):
        CircleCISession(TOKEN, base_url=address)
    assert f" http://{host}:8711/api/v1.1 " in repr(CircleCISession(TOKEN, base_url=address, allow_http=True))
    monkeypatch.setenv("CIRCLE_TOKEN", TOKEN)
    monkeypatch.setenv("CIRCLE_API_URL", address)
    assert f" http://{host}:8711/api/v1.1 " in repr(CircleCISession.from_env(allow_http=True))
    for create in (CircleCISession, CircleCISession.from_env):
        with pytest.raises(InvalidInputError, match=r"^allow_http: expected True or False, got 'no'"):
            create(base_url=address, allow_http="no")  # type: ignore[arg-type]
    for value in ("", "0"):
        monkeypatch.setenv("CIRCLE_ALLOW_HTTP", value)
        with pytest.raises(InvalidInputError, match="base_url: expected https"):
            CircleCISession.from_env()
    monkeypatch.setenv("CIRCLE_ALLOW_HTTP", "1")
    assert f" http://{host}:8711/api/v1.1 " in repr(CircleCISession.from_env())
    with pytest.raises(InvalidInputError, match="base_url: expected https"):
        CircleCISession.from_env(allow_http=False)
    monkeypatch.setenv("CIRCLE_ALLOW_HTTP", "yes")
    with pytest.raises(
        InvalidInputError, match="CIRCLE_ALLOW_HTTP: expected 1 to allow a token over http, or 0, got 'yes'"
    ):
        CircleCISession.from_env()


@pytest.mark.fault(39, 44)
async def test_a_session_that_allows_http_keeps_the_rules_of_redirects() -> None:
    async with ScriptServer(reply(200, {})) as other:
        location = [("Location", f"{other.origin}/elsewhere")]
        async with ScriptServer(reply(302, b"", location)) as server:
            async with CircleCISession(TOKEN, base_url=server.base_url, allow_http=True) as ci:
                await ci.get_current_user()
        assert "Circle-Token" in server.requests[0].headers
        assert ["Circle-Token" in request.headers for request in other.requests] == [False]


@pytest.mark.parametrize(
    ("address", "base_url"),
    [
        ("", "https://circleci.com/api/v1.1"),
        ("https://ci.acme.example/api/v1.1/", "https://ci.acme.example/api/v1.1"),
        ("https://ci.acme.example/api", "https://ci.acme.example/api/v1.1"),
    ],
)
def test_from_env_takes_the_address_also_as_other_clients_write_it(
    address: str, base_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CIRCLE_TOKEN", TOKEN)
    monkeypatch.setenv("CIRCLE_API_URL", address)
    assert CircleCISession.from_env()._caller.transport.base_url == URL(base_url)


@pytest.mark.parametrize("name", ["CIRCLE_HOST", "CIRCLECI_BASE_URL"])
@pytest.mark.parametrize(
    ("address", "base_url"),
    [
        ("", "https://circleci.com/api/v1.1"),
        ("https://circleci.com", "https://circleci.com/api/v1.1"),
        ("https://circleci.com/", "https://circleci.com/api/v1.1"),
        ("ci.acme.example", "https://ci.acme.example/api/v1.1"),
        ("http://localhost:8080", "http://localhost:8080/api/v1.1"),
        ("https://ci.acme.example/api", "https://ci.acme.example/api/v1.1"),
        ("https://ci.acme.example/api/v2/", "https://ci.acme.example/api/v1.1"),
        ("https://acme.example/circleci", "https://acme.example/circleci/api/v1.1"),
    ],
)
def test_from_env_takes_the_address_of_a_service(
    name: str, address: str, base_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CIRCLE_TOKEN", TOKEN)
    monkeypatch.setenv(name, address)
    assert CircleCISession.from_env()._caller.transport.base_url == URL(base_url)


def test_from_env_takes_the_first_address_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIRCLE_TOKEN", TOKEN)
    for name in ("CIRCLECI_BASE_URL", "CIRCLE_HOST", "CIRCLE_API_URL"):
        monkeypatch.setenv(name, f"https://{name.replace('_', '-').lower()}.example/api/v1.1")
        assert CircleCISession.from_env()._caller.transport.base_url.host == f"{name.replace('_', '-').lower()}.example"


async def test_a_session_that_is_dropped_unclosed_warns_by_its_own_name() -> None:
    ci = CircleCISession().with_options(strict=True)
    # As by its first request, and without a connection, which the loop would hold.
    ci._caller.transport._session()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        del ci
        gc.collect()
        said = [str(warning.message) for warning in warned]
        # They hold the session, of which aiohttp then says the same.
        warned.clear()
        gc.collect()
    text = "Unclosed CircleCISession with https://circleci.com/api/v1.1: use `async with`, or await its close()"
    assert said == [text]


async def test_a_session_that_was_closed_or_never_used_is_dropped_without_a_warning() -> None:
    async with ScriptServer(reply(200, {})) as server:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            async with CircleCISession(base_url=server.base_url) as ci:
                await ci.send_raw(Request("GET", "/me"))
            del ci
            CircleCISession()
            gc.collect()


@pytest.mark.fault(43)
@pytest.mark.parametrize("token", ["", " s3cret", "s3cret\n", "s3 cret", "s3\x00", "s3crét", "s3\u2028", 53, b"s3"])
def test_a_token_that_is_none_is_refused_without_showing_it(token: object) -> None:
    with pytest.raises(InvalidInputError, match=r"^token: expected a non-empty string of visible ASCII") as caught:
        CircleCISession(token)
    assert "s3" not in str(caught.value)


@pytest.mark.parametrize(
    "base_url",
    [
        "circleci.com/api/v1.1",
        "/api/v1.1",
        "ftp://circleci.com",
        "https://",
        "https://circleci.com/api?x=1",
        "https://circleci.com/api#x",
        "https://user@circleci.com/api",
        "https://:password@circleci.com/api",
        "https://circleci.com:port/",
        "http://[]@",
        URL("https://circleci.com"),
        None,
    ],
)
def test_a_base_url_that_is_none_is_refused(base_url: object) -> None:
    with pytest.raises(InvalidInputError, match="base_url: expected an absolute http or https URL"):
        CircleCISession(base_url=base_url)


@pytest.mark.fault(44)
def test_a_token_is_sent_in_clear_to_loopback_only() -> None:
    with pytest.raises(InvalidInputError, match="expected https"):
        CircleCISession(TOKEN, base_url="http://ci.acme.example/api/v1.1")
    for host in ("localhost", "127.0.0.1:8080", "[::1]", "LOCALHOST."):
        CircleCISession(TOKEN, base_url=f"http://{host}/api/v1.1")
    CircleCISession(base_url="http://ci.acme.example/api/v1.1")


@pytest.mark.fault(42)
def test_the_token_is_in_no_repr_and_a_session_is_not_pickled() -> None:
    ci = CircleCISession(TOKEN)
    assert repr(ci) == "<CircleCISession https://circleci.com/api/v1.1 token=***>"
    assert repr(CircleCISession()) == "<CircleCISession https://circleci.com/api/v1.1 anonymous>"
    assert TOKEN not in repr(vars(ci))
    assert TOKEN not in repr(ci._caller.transport)
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(ci)
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(ci._caller.transport.token)


@pytest.mark.fault(51)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # aiohttp's, of BasicAuth
@pytest.mark.parametrize(
    "options",
    [
        lambda: {"headers": {"authorization": "Bearer x"}},
        lambda: {"headers": {"Circle-Token": "x"}},
        lambda: {"auth": aiohttp.BasicAuth("x")},
    ],
    ids=["Authorization", "Circle-Token", "auth"],
)
async def test_a_borrowed_session_with_credentials_of_its_own_is_refused(options: Callable[[], dict]) -> None:
    async with aiohttp.ClientSession(**options()) as borrowed:
        with pytest.raises(InvalidInputError, match="without default credentials"):
            CircleCISession(session=borrowed)


def test_what_is_no_aiohttp_session_is_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"expected an aiohttp\.ClientSession, got str"):
        CircleCISession(session="session")


@pytest.mark.fault(51)
async def test_options_of_a_borrowed_session_that_would_change_calls_do_not(fake: FakeCircleCI) -> None:
    options = {"base_url": "https://elsewhere.example/", "raise_for_status": True, "requote_redirect_url": True}
    async with aiohttp.ClientSession(**options) as borrowed:
        ci = CircleCISession(fake.token, base_url=fake.base_url, session=borrowed)
        assert (await ci.get_current_user()).login == fake.user["login"]
        fake.fail_next(404)
        with contextlib.suppress(Exception):
            await ci.get_current_user()
        await ci.close()
        assert not borrowed.closed


@pytest.mark.fault(50, 51)
async def test_a_borrowed_session_that_is_closed_is_said_to_be() -> None:
    borrowed = aiohttp.ClientSession()
    await borrowed.close()
    with pytest.raises(SessionClosedError, match="Session is closed"):
        await CircleCISession(session=borrowed).get_current_user()


async def test_our_own_session_keeps_no_cookies() -> None:
    cookie = [("Set-Cookie", "ring-session=abc; Path=/")]
    async with ScriptServer(reply(200, {}, cookie)) as server, CircleCISession(base_url=server.base_url) as ci:
        await ci.get_current_user()
        await ci.get_current_user()
    assert "Cookie" not in server.requests[1].headers


@pytest.mark.fault(6)
async def test_a_void_operation_ignores_the_body_and_a_raw_one_refuses_none() -> None:
    async with ScriptServer(reply(204)) as server, CircleCISession(base_url=server.base_url) as ci:
        assert await ci.send(Request("PUT", "/x", returns=None)) is None
        with pytest.raises(DecodeError, match="The body is empty"):
            await ci.send(Request("PUT", "/x"))
