"""The pytest plugin, run by pytest in a process of its own as its users run it, and what its fixtures are made of."""

import asyncio
import inspect
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest
from yarl import URL

from circleci_v1_async import CircleCISession, SessionClosedError
from circleci_v1_async.testing import FakeCircleCI, ThreadedFakeCircleCI
from circleci_v1_async.testing._plugin_session import open_session

pytest_plugins = ["pytester"]

WEB = "github/acme/web"
BUILDERS = [
    name
    for name, _ in inspect.getmembers(FakeCircleCI, inspect.isfunction)
    if not name.startswith("_") and name not in {"start", "close", "wait_for_requests"}
]

# pytest-asyncio warns those who leave it to its default.
ASYNCIO = ("-o", "asyncio_default_fixture_loop_scope=function")
# A leak shows only when what leaked is collected.
CONFTEST = """
import gc
import pytest

@pytest.fixture(autouse=True)
def nothing_leaks():
    yield
    gc.collect()
"""
BOT = """
import pytest

sessions = []

async def test_a_bot(fake_circleci, circleci):
    fake_circleci.add_project("github/acme/web")
    fake_circleci.add_build("github/acme/web", status="failed")
    async for build in circleci.iter_recent_builds():
        assert (str(build.project), build.build_num, build.status) == ("github/acme/web", 1, "failed")
    assert not circleci.closed
    sessions.append(circleci)

def test_its_session_was_closed_with_its_loop():
    assert sessions.pop().closed
"""


@pytest.fixture(autouse=True)
def conftest(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(CONFTEST)


def run(pytester: pytest.Pytester, *args: str, **passed: int) -> None:
    result = pytester.runpytest_subprocess(
        "-W", "error", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:randomly", *args, timeout=60
    )
    result.assert_outcomes(**passed)
    assert result.ret == 0


class TestUnderPytest:
    @pytest.mark.parametrize(
        "args",
        [
            [*ASYNCIO, "--asyncio-mode=auto", "-p", "no:anyio"],
            ["-p", "no:asyncio", "--anyio-mode=auto"],
            [*ASYNCIO, "--asyncio-mode=auto"],
            [*ASYNCIO, "--asyncio-mode=auto", "-o", "asyncio_default_test_loop_scope=session"],
        ],
        ids=["pytest-asyncio", "anyio", "both", "a loop for all tests"],
    )
    def test_the_fixtures_serve_a_test_of_a_bot_and_leave_nothing_open(
        self, pytester: pytest.Pytester, args: list[str]
    ):
        pytester.makepyfile(BOT)
        run(pytester, *args, passed=2)

    @pytest.mark.parametrize(
        ("mark", "args"),
        [("asyncio", [*ASYNCIO, "--asyncio-mode=strict"]), ("anyio", ["-p", "no:asyncio"])],
        ids=["pytest-asyncio", "anyio"],
    )
    def test_they_serve_marked_tests_in_strict_mode(self, pytester: pytest.Pytester, mark: str, args: list[str]):
        pytester.makepyfile(BOT.replace("async def test", f"@pytest.mark.{mark}\nasync def test"))
        run(pytester, *args, passed=2)

    def test_they_serve_synchronous_tests_without_any_plugin_for_asyncio(self, pytester: pytest.Pytester):
        pytester.makepyfile("""
            import asyncio
            import requests

            def test_requests(fake_circleci):
                fake_circleci.add_project("github/acme/web", public=True)
                fake_circleci.add_build("github/acme/web")
                reply = requests.get(
                    f"{fake_circleci.base_url}/project/github/acme/web", headers={"Accept": "application/json"}
                )
                assert [build["build_num"] for build in reply.json()] == [1]

            def test_a_loop_of_its_own(circleci):
                async def name():
                    user = await circleci.get_current_user()
                    return user.name
                assert asyncio.run(name()) == "Ada Adams"

            def test_a_session_that_is_not_used(circleci):
                pass
        """)
        run(pytester, "-p", "no:asyncio", "-p", "no:anyio", passed=3)

    def test_they_serve_fixtures_of_the_users_until_the_last_line(self, pytester: pytest.Pytester):
        pytester.makepyfile("""
            import pytest

            @pytest.fixture
            async def key(fake_circleci, circleci):
                fake_circleci.add_project("github/acme/web")
                key = await circleci.create_checkout_key("github/acme/web", "deploy-key")
                yield key
                await circleci.delete_checkout_key("github/acme/web", key.fingerprint)
                assert await circleci.list_checkout_keys("github/acme/web") == []

            async def test_a_key(circleci, key):
                assert await circleci.list_checkout_keys("github/acme/web") == [key]
        """)
        run(pytester, *ASYNCIO, "--asyncio-mode=auto", passed=1)

    MOCKED = """
        from circleci_v1_async import CircleCISession

        async def test_a_reply(circleci_aioresponses):
            circleci_aioresponses.get("https://circleci.com/api/v1.1/me", payload={"login": "ada"})
            async with CircleCISession() as ci:
                assert (await ci.get_current_user()).login == "ada"
    """

    def test_aioresponses_answers_with_the_aiohttp_that_the_package_needs(self, pytester: pytest.Pytester):
        pytester.makepyfile(self.MOCKED)
        run(pytester, *ASYNCIO, "--asyncio-mode=auto", passed=1)

    def test_without_aioresponses_a_test_of_it_is_skipped_with_a_sentence(self, pytester: pytest.Pytester):
        pytester.makeconftest(f"{CONFTEST}\nimport sys\nsys.modules['aioresponses'] = None")
        pytester.makepyfile(self.MOCKED)
        args = ("-rs", "-W", "error", "-p", "no:cacheprovider", "-p", "no:xdist", *ASYNCIO, "--asyncio-mode=auto")
        result = pytester.runpytest_subprocess(*args, timeout=60)
        result.assert_outcomes(skipped=1)
        result.stdout.fnmatch_lines(["*circleci_aioresponses needs aioresponses, which is not installed"])

    def test_a_fault_that_meets_no_request_is_an_error_of_a_test_that_passed(self, pytester: pytest.Pytester):
        pytester.makepyfile("""
            def test_one_that_passes(fake_circleci):
                fake_circleci.fail_next(503, method="POST")

            def test_one_that_fails_anyway(fake_circleci):
                fake_circleci.fail_next(503)
                raise ValueError("for another reason")

            def test_one_that_does_not_care(fake_circleci):
                fake_circleci.fail_next(503)
                fake_circleci.allow_unused_faults = True
        """)
        args = ("-W", "error", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:asyncio", "-p", "no:anyio")
        result = pytester.runpytest_subprocess(*args, timeout=60)
        result.assert_outcomes(passed=2, failed=1, errors=1)
        result.stdout.fnmatch_lines(
            ["*1 scripted faults were not triggered by a request: a reply with 503 for POST and any path"]
        )

    def test_a_marked_test_is_recorded_when_that_is_asked_for_and_replayed_ever_after(
        self, pytester: pytest.Pytester, fake_circleci: FakeCircleCI, monkeypatch: pytest.MonkeyPatch
    ):
        fake_circleci.add_project("github/acme/web")
        fake_circleci.add_build("github/acme/web", status="failed")
        monkeypatch.setenv("CIRCLE_API_URL", fake_circleci.base_url)
        monkeypatch.setenv("CIRCLE_TOKEN", fake_circleci.token)
        pytester.makepyfile("""
            import pytest

            @pytest.mark.circleci_recording("web.jsonl")
            async def test_a_bot(circleci):
                (build,) = await circleci.list_project_builds("github/acme/web")
                assert (build.outcome, (await circleci.get_current_user()).login) == ("failed", "ada")
        """)
        args = ("-W", "error", "-p", "no:cacheprovider", "-p", "no:xdist", *ASYNCIO, "--asyncio-mode=auto")
        missing = pytester.runpytest_subprocess(*args, timeout=60)
        missing.assert_outcomes(errors=1)
        missing.stdout.fnmatch_lines(["*there is no recording *web.jsonl: make it with pytest --circleci-record"])
        recorded = pytester.runpytest_subprocess(*args, "--circleci-record", timeout=60)
        recorded.assert_outcomes(passed=1)
        recorded.stdout.fnmatch_lines(["*replaced in recordings*", "email-1@example.invalid: e-mail address, *"])
        asked = len(fake_circleci.requests)
        monkeypatch.delenv("CIRCLE_TOKEN")
        pytester.runpytest_subprocess(*args, timeout=60).assert_outcomes(passed=1)
        assert len(fake_circleci.requests) == asked == 2
        assert fake_circleci.token not in (pytester.path / "web.jsonl").read_text()

    def test_the_fixtures_are_documented(self, pytester: pytest.Pytester):
        lines = pytester.runpytest_subprocess("--fixtures", timeout=60).stdout
        lines.fnmatch_lines(["fake_circleci -- *", "*A fake CircleCI on loopback*", "circleci -- *"])


def test_whoever_does_not_use_the_plugin_does_not_wait_for_the_package():
    code = """
import sys, pytest
before = {*sys.modules}
import circleci_v1_async.testing.pytest_plugin
ours = {name for name in sys.modules if name.startswith("circleci_v1_async")}
assert ours == {f"circleci_v1_async{rest}" for rest in ("", "._version", ".testing", ".testing.pytest_plugin")}
assert not {"aiohttp", "asyncio"} & (sys.modules.keys() - before)
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)  # noqa: S603 - our own


class TestTheSession:
    def test_it_ends_with_the_loop_that_first_used_it(self, circleci: CircleCISession):
        async def several_at_once() -> None:
            await asyncio.gather(*(circleci.get_current_user() for _ in range(3)))
            assert not circleci.closed

        asyncio.run(several_at_once())
        assert circleci.closed
        with pytest.raises(SessionClosedError):
            asyncio.run(circleci.get_current_user())

    def test_it_is_closed_at_the_end_of_the_test_in_a_loop_that_others_go_on_with(self, fake_circleci: FakeCircleCI):
        with asyncio.Runner() as runner:
            with open_session(fake_circleci) as ci:
                runner.run(ci.get_current_user())
                assert not ci.closed
            assert ci.closed

    def test_it_is_closed_at_the_end_of_the_test_in_a_loop_that_a_thread_runs(self, fake_circleci: FakeCircleCI):
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        with open_session(fake_circleci) as ci:
            asyncio.run_coroutine_threadsafe(ci.get_current_user(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        assert ci.closed

    def test_one_that_no_loop_has_used_has_nothing_to_close(self, fake_circleci: FakeCircleCI):
        with open_session(fake_circleci) as ci:
            pass
        assert not ci.closed
        assert not fake_circleci.requests


def read(base_url: str, target: str) -> tuple[int, bytes]:
    connection = HTTPConnection(URL(base_url).authority, timeout=30)
    try:
        connection.request("GET", f"/api/v1.1{target}", headers={"Accept": "application/json"})
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


class TestTheThread:
    def test_every_method_that_builds_or_scripts_runs_where_the_replies_are_made(self):
        assert set(BUILDERS) <= vars(ThreadedFakeCircleCI).keys()

    def test_builders_and_hooks_run_in_one_thread_which_is_not_the_tests(self, fake_circleci: FakeCircleCI):
        threads: set[int] = set()

        def steps() -> Iterator[str]:
            threads.add(threading.get_ident())
            yield "checkout"

        @fake_circleci.before_reply
        def build_another(_request: object) -> None:
            fake_circleci.add_build(WEB, steps=steps())

        fake_circleci.add_project(WEB, public=True)
        fake_circleci.add_build(WEB, steps=steps())
        status, body = read(fake_circleci.base_url, f"/project/{WEB}")

        assert (status, len(json.loads(body))) == (200, 2)
        assert len(threads) == 1
        assert threading.get_ident() not in threads

    def test_no_reply_shows_a_list_half_changed(self, request: pytest.FixtureRequest, fake_circleci: FakeCircleCI):
        fake_circleci.add_project(WEB, public=True)
        for _ in range(50):
            fake_circleci.add_build(WEB)
        replies: list[tuple[int, bytes]] = []
        interval = sys.getswitchinterval()
        request.addfinalizer(lambda: sys.setswitchinterval(interval))
        # Threads take turns within every method.
        sys.setswitchinterval(1e-6)

        def watch() -> None:
            replies.extend(read(fake_circleci.base_url, f"/project/{WEB}?limit=100") for _ in range(40))

        watcher = threading.Thread(target=watch)
        watcher.start()
        while watcher.is_alive():
            num = fake_circleci.add_build(WEB)["build_num"]
            fake_circleci.remove_build(WEB, num - 50)
        watcher.join()

        assert {status for status, _ in replies} == {200}
        assert {len(json.loads(body)) for _, body in replies} <= {50, 51}

    def test_an_error_is_raised_where_the_method_was_called(self, fake_circleci: FakeCircleCI):
        with pytest.raises(KeyError, match="no project github/acme/web"):
            fake_circleci.add_build(WEB)

    def test_an_address_that_cannot_be_had_is_an_error_and_leaves_no_thread(self, fake_circleci: FakeCircleCI):
        before = threading.active_count()
        taken = URL(fake_circleci.base_url).port
        assert taken is not None
        with pytest.raises(OSError, match="address already in use"):
            ThreadedFakeCircleCI(port=taken).__enter__()
        assert threading.active_count() == before

    def test_the_state_may_be_built_before_and_looked_at_after_and_the_fake_be_served_again(self):
        fake = ThreadedFakeCircleCI()
        fake.add_project(WEB, public=True)
        for number in (1, 2):
            with fake:
                fake.add_build(WEB)
                assert len(json.loads(read(fake.base_url, f"/project/{WEB}")[1])) == number
            assert len(fake.requests) == number
        assert fake.add_build(WEB)["build_num"] == 3
