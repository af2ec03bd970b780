"""The commands that show, start and change single things, each once."""

import asyncio
import io
import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from cli_runner import WEB, run, run_beside, shown_on, terminal
from rich.console import Console

import circleci_v1_async._cli
from circleci_v1_async import Build, sunset
from circleci_v1_async._cli import command, env, lines, messages, tables
from circleci_v1_async._cli import signals as ending
from circleci_v1_async.testing import FakeCircleCI

URL = "https://circleci.com/gh/acme/web/1"
SCRIPT = Path(sysconfig.get_path("scripts")) / "circleci-v1"


@pytest.fixture
def web(service):
    service.add_project(WEB)
    service.add_build(WEB, status="failed", subject="Add a \x1b[2Jcart", job="test", messages=[{"message": "Slow"}])
    service.add_step(WEB, 1, "pytest", output="1 failed\n", status="failed")
    service.add_test(WEB, 1, name="test_cart", classname="TestCart", result="failure", message="3 != 2", run_time=0.25)
    service.add_test(WEB, 1, name="test_pay")
    service.clear_requests()
    return service


def requests(service: FakeCircleCI) -> list[str]:
    return [f"{request.method} {request.path.partition('/v1.1')[2]}" for request in service.requests]


def sit_at_a_terminal(monkeypatch):
    monkeypatch.setattr(messages, "can_ask", lambda: True)
    monkeypatch.setattr(command, "can_ask", lambda: True)
    monkeypatch.setattr(env, "can_ask", lambda: True)


@pytest.mark.usefixtures("web")
class TestShowing:
    @pytest.mark.parametrize("build", [(WEB, "1"), (URL,)])
    async def test_a_build_is_shown_with_its_steps(self, web, build):
        result = await run_beside("view", *build)
        assert result.exit_code == 0, result.output
        lines = result.stdout.splitlines()
        assert "build\t1" in lines
        assert "subject\tAdd a \\x1b[2Jcart" in lines
        assert "message\tSlow" in lines
        assert any(line.startswith("step\tpytest\tfailed\t") for line in lines)
        assert requests(web) == ["GET /project/github/acme/web/1"]

    async def test_on_a_terminal_it_is_a_table(self):
        console = terminal()
        await run_beside("view", WEB, "1", obj=console)
        assert "pytest" in shown_on(console)
        assert "\t" not in shown_on(console)

    async def test_a_build_is_json_without_nulls(self):
        result = await run_beside("view", WEB, "1", "--json")
        build = json.loads(result.stdout)
        assert build["build_num"] == 1
        assert None not in build.values()

    async def test_tests_are_listed_and_failed_ones_with_their_messages(self):
        result = await run_beside("tests", WEB, "1")
        assert "failure\t0.25\tTestCart\ttest_cart" in result.stdout.splitlines()
        assert len(result.stdout.splitlines()) == 2
        failed = await run_beside("tests", WEB, "1", "--failed")
        assert failed.stdout == "failure\t0.25\tTestCart\ttest_cart\t3 != 2\n"
        as_json = await run_beside("tests", WEB, "1", "--failed", "--json")
        assert json.loads(as_json.stdout)["name"] == "test_cart"

    @pytest.mark.parametrize(
        ("args", "said"), [((), "has stored no test results."), (("--failed",), "has no failed tests.")]
    )
    async def test_no_tests_are_said_to_be_none(self, web, args, said):
        web.add_build(WEB)
        result = await run_beside("tests", WEB, "2", *args)
        assert result.output == f"Build 2 {said}\n"

    async def test_the_page_of_a_build_is_opened_or_printed(self, monkeypatch):
        opened = []
        monkeypatch.setattr(click, "launch", lambda url: opened.append(url) or 0)
        page = (await run_beside("open", WEB, "1", "--print")).stdout.strip()
        assert (await run_beside("open", WEB, "1")).exit_code == 0
        assert opened == [page]
        monkeypatch.setattr(click, "launch", lambda _url: 1)
        assert (await run_beside("open", WEB, "1")).output == f"Error: No browser could be started: open {page}\n"

    async def test_what_is_no_page_is_not_opened(self, web):
        web.add_build(WEB, build_url="file:///etc/passwd")
        result = await run_beside("open", WEB, "2")
        assert (result.exit_code, result.output) == (1, "Error: Build 2 has no page.\n")

    async def test_an_empty_list_says_so(self):
        result = await run_beside("builds", WEB, "--branch", "none")
        assert (result.exit_code, result.output) == (0, "No builds found on branch 'none'.\n")
        console = terminal()
        result = await run_beside("builds", WEB, "--branch", "none", obj=console)
        assert (result.output, shown_on(console)) == ("No builds found on branch 'none'.\n", "")

    async def test_artifacts_are_listed(self, web):
        assert (await run_beside("artifacts", WEB, "1", "--list")).output == "Build 1 has no artifacts.\n"
        web.add_artifact(WEB, 1, "a/b.xml", b"x")
        assert (await run_beside("artifacts", WEB, "1", "--list")).output == "a/b.xml\n"
        as_json = await run_beside("artifacts", WEB, "1", "--list", "--json")
        assert json.loads(as_json.stdout)["path"] == "a/b.xml"
        none = await run_beside("artifacts", WEB, "1", "--list", "--match", "*.txt")
        assert (none.exit_code, none.output) == (1, "Error: Build 1 has 1 artifact, but none matches '*.txt'.\n")


@pytest.mark.usefixtures("web")
class TestActing:
    async def test_a_build_is_run_again_or_cancelled(self, web):
        assert (await run_beside("retry", WEB, "1")).stdout.startswith("2\t")
        assert (await run_beside("retry", URL, "--ssh")).stdout.startswith("3\t")
        assert (await run_beside("cancel", WEB, "2", "--yes")).stdout.startswith("2\t")
        assert requests(web) == [
            "POST /project/github/acme/web/1/retry",
            "POST /project/github/acme/web/1/ssh",
            "POST /project/github/acme/web/2/cancel",
        ]

    @pytest.mark.parametrize(
        ("args", "question", "said"),
        [
            (("cancel", WEB, "1"), "Cancel build 1 of gh/acme/web?", "Not canceled."),
            (("env", "delete", WEB, "KEY"), "Delete KEY of gh/acme/web?", "Not deleted."),
        ],
    )
    async def test_after_a_no_nothing_is_sent_and_the_exit_code_is_1(self, web, monkeypatch, args, question, said):
        sit_at_a_terminal(monkeypatch)
        result = await run_beside(*args, input="n\n")
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr == f"{question} [y/N]: n\n{said}\n"
        assert web.requests == []

    async def test_after_a_yes_a_build_is_canceled(self, web, monkeypatch):
        sit_at_a_terminal(monkeypatch)
        result = await run_beside("cancel", WEB, "1", input="y\n")
        assert (result.exit_code, requests(web)) == (0, ["POST /project/github/acme/web/1/cancel"])

    async def test_a_pipeline_or_a_job_is_started(self, web):
        pipeline = await run_beside("trigger", WEB, "--branch", "main")
        assert pipeline.exit_code == 0, pipeline.output
        assert json.loads((await run_beside("trigger", WEB, "--json")).stdout.splitlines()[-1])
        one = await run_beside("trigger", WEB, "--job", "test", "--param", "KEY=a=b")
        assert one.stdout.startswith("4\t")
        assert web.requests[-1].json["build_parameters"] == {"KEY": "a=b"}

    async def test_variables_are_set_listed_and_deleted_without_showing_their_values(self):
        assert (await run_beside("env", "list", WEB)).output == "The project has no environment variables.\n"
        done = await run_beside("env", "set", WEB, "DEPLOY_KEY", input="s3cret-value\n")
        assert (done.exit_code, done.output) == (0, "DEPLOY_KEY is set.\n")
        assert (await run_beside("env", "list", WEB)).output == "DEPLOY_KEY\txxxxalue\n"
        assert "s3cret" not in (await run_beside("env", "list", WEB, "--json")).output
        done = await run_beside("env", "delete", WEB, "DEPLOY_KEY", "--yes")
        assert done.output == "DEPLOY_KEY is deleted.\n"

    async def test_on_a_terminal_a_value_is_asked_for_unseen(self, web, monkeypatch):
        sit_at_a_terminal(monkeypatch)
        asked = []
        monkeypatch.setattr(click, "prompt", lambda text, **options: asked.append((text, options)) or "s3cret")
        assert (await run_beside("env", "set", WEB, "KEY")).output == "KEY is set.\n"
        assert asked == [("Value of KEY in gh/acme/web", {"hide_input": True, "err": True})]
        assert web.requests[-1].json == {"name": "KEY", "value": "s3cret"}

    async def test_any_request_is_sent_and_its_json_printed(self, web, tmp_path):
        result = await run_beside("api", "/project/github/acme/web?limit=1")
        assert json.loads(result.stdout)[0]["build_num"] == 1
        console = terminal()
        await run_beside("api", "me", obj=console)
        await run_beside("api", "/project/github/acme/web", "-X", "GET", "-f", "limit=1")
        assert requests(web)[1:] == ["GET /me", "GET /project/github/acme/web"]
        assert web.requests[-1].query == (("limit", "1"),)
        await run_beside("api", "/project/github/acme/web/envvar", "-f", "name=KEY", "-f", "value=v")
        body = tmp_path / "body.json"
        body.write_text('{"name": "OTHER", "value": "w"}')
        await run_beside("api", "/project/github/acme/web/envvar", "--input", str(body))
        assert [request.json for request in web.requests[-2:]] == [
            {"name": "KEY", "value": "v"},
            {"name": "OTHER", "value": "w"},
        ]
        both = await run_beside("api", "/me", "-f", "a=b", "--input", str(body))
        assert (both.exit_code, "cannot be used together" in both.output) == (2, True)


class TestWatching:
    async def test_a_watch_goes_on_where_the_one_before_has_ended(self, web, tmp_path):
        cursor = tmp_path / "cursor.json"
        watching = asyncio.create_task(
            run_beside("watch", WEB, "--cursor", str(cursor), "--interval", "0.01", "--json")
        )
        await web.wait_for_requests(1)
        web.add_build(WEB)
        await web.wait_for_requests(20)
        web.fail_next(401, count=100)
        result = await watching
        assert json.loads(result.stdout.splitlines()[0])["build"]["build_num"] == 2
        assert (result.exit_code, cursor.exists()) == (3, True)


def receive(number):
    """Call the handler of a signal. A real one could raise within coverage, which then sees nothing more."""
    signal.getsignal(number)(number, None)


@pytest.fixture
def signals():
    """Handlers as of a program in the foreground: one in the background may ignore Ctrl-C."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, lambda *_: None) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("signals")
class TestEnding:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_a_signal_cancels_the_coroutine_and_names_its_exit_code(self, number):
        ended = []

        async def work():
            try:
                receive(number)
                await asyncio.Event().wait()
            finally:
                ended.append(True)

        before = signal.getsignal(number)
        with pytest.raises(ending.Signalled) as caught:
            ending.run(work())
        assert (caught.value.exit_code, ended) == (128 + number, [True])
        assert signal.getsignal(number) is before

    def test_a_second_signal_does_not_wait(self):
        async def work():
            receive(signal.SIGTERM)
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                receive(signal.SIGHUP)
                raise

        with pytest.raises(ending.Signalled):
            ending.run(work())

    def test_a_cancellation_of_its_own_is_no_signal(self):
        async def work():
            raise asyncio.CancelledError

        with pytest.raises(asyncio.CancelledError):
            ending.run(work())

    @pytest.mark.parametrize(
        ("error", "exit_code", "output"),
        [
            (ending.Signalled(signal.SIGTERM), 143, ""),
            (BrokenPipeError(32, "Broken pipe"), 1, ""),
            (OSError(28, "No space left on device"), 1, "Error: No space left on device.\n"),
            (OSError(13, "Permission denied", "a.json"), 1, "Error: Permission denied: a.json\n"),
        ],
    )
    def test_a_command_that_is_ended_exits_with_a_code_and_at_most_a_line(self, error, exit_code, output, monkeypatch):
        def run_nothing(coroutine):
            coroutine.close()
            raise error

        monkeypatch.setattr(ending, "run", run_nothing)
        result = run("whoami")
        assert (result.exit_code, result.output) == (exit_code, output)


class TestTheEntry:
    def test_without_standard_output_it_is_one_line(self, monkeypatch):
        monkeypatch.setattr(sys, "stdout", None)
        with pytest.raises(SystemExit) as caught:
            circleci_v1_async._cli.main()
        assert caught.value.code == "Error: standard output is closed"

    def test_what_cannot_be_written_at_the_end_is_dropped(self, monkeypatch, tmp_path):
        with (tmp_path / "out").open("w") as file:

            class Full:
                def flush(self):
                    raise OSError

            monkeypatch.setattr(sys, "stdout", Full())
            monkeypatch.setattr(sys, "__stdout__", file)
            circleci_v1_async._cli._flush()
            file.write("dropped")
        assert (tmp_path / "out").read_text() == ""

    def test_ctrl_c_ends_the_process_at_once(self, monkeypatch):
        set_handlers, exits = {}, []
        monkeypatch.setattr(signal, "getsignal", lambda _number: signal.default_int_handler)
        monkeypatch.setattr(signal, "signal", set_handlers.__setitem__)
        monkeypatch.setattr(os, "_exit", exits.append)
        circleci_v1_async._cli._exit_on_ctrl_c()
        set_handlers[signal.SIGINT](signal.SIGINT, None)
        assert exits == [130]

    def test_ctrl_c_is_left_alone_where_it_is_ignored(self, monkeypatch):
        monkeypatch.setattr(signal, "getsignal", lambda _number: signal.SIG_IGN)
        monkeypatch.setattr(signal, "signal", lambda *_: pytest.fail("it sets a handler"))
        circleci_v1_async._cli._exit_on_ctrl_c()


async def test_without_a_token_what_is_public_is_asked_for_without_one(service, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("CIRCLE_TOKEN")
    await run_beside("builds", WEB)
    assert "Circle-Token" not in service.requests[0].headers


@pytest.mark.usefixtures("web")
async def test_the_announced_end_of_an_operation_is_told_in_a_line():
    sunset.warn_once.cache_clear()
    result = await run_beside("retry", WEB, "1")
    assert result.stdout.startswith("2\t")
    (line,) = result.stderr.splitlines()
    assert line.startswith("Warning: CircleCI removes POST /project/{project}/{build_num}/retry on 2027-02-01. ")


async def test_requests_that_are_sent_again_are_told_if_that_is_wanted(service):
    service.fail_next(500)
    result = await run_beside("whoami", "--verbose")
    assert "GET /me: 500; trying again in " in result.stderr


def test_of_a_narrow_table_the_columns_that_matter_most_stay():
    builds = [Build(build_num=7, status="success", branch="main", subject="Add a cart")]
    shown = {}
    for width in (40, 60, 100, 120):
        console = Console(file=io.StringIO(), force_terminal=True, width=width)
        console.print(tables.BuildsTable(builds))
        shown[width] = shown_on(console)
        assert all(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) <= width for line in shown[width].splitlines())
    assert "7" in shown[40]
    assert "Add a cart" in shown[100]


@pytest.mark.parametrize(
    ("seconds", "age"), [(-5, "0s"), (59, "59s"), (60, "1m"), (7200, "2h"), (3 * 86400 + 5, "3d"), (None, "")]
)
def test_ages_are_told_in_one_unit(seconds, age):
    now = datetime(2026, 3, 2, 12, tzinfo=UTC)
    created = None if seconds is None else now - timedelta(seconds=seconds)
    assert lines.format_age(Build(build_num=1, queued_at=created), now) == age


@pytest.mark.usefixtures("service")
async def test_no_projects_are_said_to_be_none():
    assert "no project" in (await run_beside("projects")).output


@pytest.mark.usefixtures("web")
async def test_a_value_that_is_no_text_is_refused():
    result = await run_beside("env", "set", WEB, "KEY", input=b"\xff")
    assert (result.exit_code, result.output.count("\n")) == (2, 1)
    assert "The value on standard input is not text in UTF-8." in result.output


@pytest.mark.parametrize("args", [("cancel", WEB, "1"), ("env", "set", WEB, "KEY")])
def test_without_standard_input_nothing_is_asked_or_read(args, monkeypatch):
    monkeypatch.setattr(messages.sys, "stdin", None)
    assert not messages.can_ask()
    done = subprocess.run(  # noqa: S603 - our own
        ["sh", "-c", 'exec "$0" "$@" <&-', SCRIPT, *args],  # noqa: S607 - of every system
        capture_output=True,
        text=True,
        env={**os.environ, "CIRCLE_TOKEN": "t", "CIRCLE_API_URL": "http://127.0.0.1:1"},
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
