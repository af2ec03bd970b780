"""What `circleci-v1` prints and how it exits. The commands bring their own event loop, so most tests have none."""

import asyncio
import io
import json
import re
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from circleci_v1_async import Build, CircleCISession, __version__
from circleci_v1_async._cli import screen
from circleci_v1_async._cli.commands import cli
from circleci_v1_async._cli.demo import Report
from circleci_v1_async.cli import main

WEB = "github/acme/web"
SCRIPT = Path(sysconfig.get_path("scripts")) / "circleci-v1"
HIDE_CURSOR = "\x1b[?25l"


def run(*args, **options):
    return CliRunner().invoke(cli, args, prog_name="circleci-v1", **options)


def execute(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own script


@pytest.fixture
def service(fake, monkeypatch):
    """A fake that commands take for the real service."""
    monkeypatch.setenv("CIRCLE_TOKEN", fake.token)
    monkeypatch.setenv("CIRCLE_API_URL", fake.base_url)
    return fake


async def run_beside(*args):
    """Run a command in a thread, while the service is served by the test's own loop."""
    return await asyncio.to_thread(run, *args)


def terminal():
    return Console(file=io.StringIO(), force_terminal=True, width=100, height=40)


class NaiveWalk:
    """What everybody writes: add up offsets until a page is short."""

    requests = 0

    def __init__(self, ci, project):
        self.ci, self.project = ci, project

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        pass

    async def pages(self):
        page = [None] * 100
        while len(page) == 100:
            page = await self.ci.list_project_builds(self.project, limit=100, offset=100 * self.requests)
            self.requests += 1
            yield page


# The demo on its own fake.


def test_the_demo_streams_a_history_that_changes_and_says_what_it_can_prove():
    result = run("demo", "--builds", "700")

    assert result.exit_code == 0, result.output
    *_, counts, meanwhile, claim = result.output.splitlines()
    number, requests = re.fullmatch(r"(\d+) builds, (\d+) requests, [\d.]+ s", counts).groups()
    assert int(requests) >= 7
    assert all(int(count) > 0 for count in re.findall(r"\d+", meanwhile))
    assert claim == f"{number} builds, 0 lost, 0 repeated"
    assert "\x1b" not in result.output


def test_the_outcomes_add_up_to_the_builds():
    output = run("demo", "--builds", "700").output

    counts = [int(count) for count in re.findall(r"^[a-z_]+ +(\d+)  ", output, re.MULTILINE)]
    assert sum(counts) == int(re.search(r"(\d+) builds, 0 lost", output)[1])


def test_elsewhere_than_on_a_terminal_there_is_a_line_for_every_500_builds():
    output = run("demo", "--builds", "1300").output

    before, _ = output.split(WEB)
    assert [int(line.split()[0]) // 500 for line in before.splitlines()] == [1, 2]


def test_every_run_of_the_demo_is_like_the_last():
    def run_once():
        return re.sub(r"127.0.0.1:\d+|[\d.]+ s$", "", run("demo", "--builds", "250").output, flags=re.MULTILINE)

    assert run_once() == run_once()


def test_a_walk_that_loses_and_repeats_builds_is_found_out(monkeypatch):
    monkeypatch.setattr(CircleCISession, "iter_project_builds", lambda ci, project, **_: NaiveWalk(ci, project))

    result = run("demo")

    lost, repeated = re.search(r"builds, (\d+) lost, (\d+) repeated", result.output).groups()
    assert int(lost) > 0
    assert int(repeated) > 0
    assert result.exit_code == 1


@pytest.mark.parametrize(("limit", "lost"), [(None, 6), (4, 6), (3, 1)])
def test_a_walk_owes_what_was_always_there_and_with_a_limit_only_down_to_its_last_build(limit, lost):
    report = Report(WEB, "nowhere")
    for num in (9, 8, 6):
        report.add(Build(build_num=num, vcs_url="u"))

    report.count_lost(frozenset(("u", num) for num in range(1, 10)), limit)

    assert report.lost == lost
    assert not report.is_exact


def test_the_demo_reads_no_more_than_its_limit():
    result = run("demo", "--limit", "7", "--prefetch", "4")

    assert result.exit_code == 0
    assert "7 builds, 1 request, " in result.output
    assert "7 builds, 0 lost, 0 repeated" in result.output


def test_pages_may_be_fetched_ahead_while_the_history_changes():
    result = run("demo", "--builds", "900", "--prefetch", "4")

    assert result.exit_code == 0
    assert "builds, 0 lost, 0 repeated" in result.output


def test_a_history_of_one_build_is_told_in_the_singular():
    output = run("demo", "--builds", "1", "--limit", "1").output

    assert "1 build, 1 request, " in output
    assert "1 build, 0 lost, 0 repeated" in output


# What it looks like on a terminal.


def test_on_a_terminal_a_table_moves_and_leaves_the_summary_behind(monkeypatch):
    monkeypatch.setattr(screen, "SECONDS", 0.0)
    console = terminal()

    result = run("demo", "--builds", "250", obj=console)

    assert result.exit_code == 0
    picture, left = console.file.getvalue().split("Slowest builds")
    assert HIDE_CURSOR in picture
    assert picture.count("Latest builds") >= 3
    assert "\x1b[1;32m" in left.splitlines()[-1]
    assert re.search(r"\d+ builds, 0 lost, 0 repeated", left)


def test_a_build_that_is_running_has_taken_no_time_yet(monkeypatch):
    monkeypatch.setattr(screen, "SECONDS", 0.0)
    console = terminal()

    run("demo", "--builds", "5", obj=console)

    row = re.search(r"running.*", console.file.getvalue())[0]
    assert not re.search(r"\dm \d\ds", row)


def test_forced_colours_do_not_make_a_moving_picture_out_of_a_log():
    output = run("demo", "--builds", "250", env={"FORCE_COLOR": "1", "TERM": "xterm"}).output

    assert "\x1b[1;32m" in output
    assert HIDE_CURSOR not in output


# The demo on the real service, in whose place is a service.


async def test_with_a_project_the_service_is_read_and_nothing_is_claimed_that_nobody_can_know(service):
    service.add_project(WEB)
    for _ in range(150):
        service.add_build(WEB)

    result = await run_beside("demo", "https://github.com/acme/web")

    assert result.exit_code == 0, result.output
    assert f"{WEB} from CircleCI" in result.output
    assert result.output.splitlines()[-1] == "150 builds, 0 repeated"
    assert "lost" not in result.output
    assert "meanwhile" not in result.output


async def test_a_project_is_read_up_to_the_limit(service):
    service.add_project(WEB)
    for _ in range(60):
        service.add_build(WEB)

    result = await run_beside("demo", "gh/acme/web", "--limit", "30")

    assert "30 builds, 0 repeated" in result.output
    assert [dict(request.query)["limit"] for request in service.requests] == ["30"]


async def test_a_project_without_builds_has_a_summary_all_the_same(service):
    service.add_project(WEB)

    result = await run_beside("demo", WEB)

    assert result.exit_code == 0
    assert result.output.splitlines()[-1] == "0 builds, 0 repeated"


async def test_what_the_service_says_is_neither_obeyed_by_the_terminal_nor_taken_for_markup(service):
    nasty = "[red]\x1b]0;owned\x07\x1b[2J\x9b\u202eline\nline"
    build = {"subject": nasty, "branch": nasty, "outcome": nasty, "build_time_millis": 61_000}
    service.reply_next(json.dumps([{"build_num": 1, **build}, {"build_num": 2}]).encode())

    result = await run_beside("demo", WEB)

    assert result.exit_code == 0, result.output
    assert "[red]\N{REPLACEMENT CHARACTER}]0;owned" in result.output
    assert all(char.isprintable() for char in result.output.replace("\n", ""))
    assert "unknown" in result.output
    assert "1m 01s" in result.output


# How it fails.


@pytest.mark.parametrize(
    ("status", "exit_code"), [(400, 1), (401, 3), (403, 3), (404, 4), (410, 4), (418, 1), (429, 5)]
)
async def test_a_refusal_is_one_line_and_its_exit_code_says_which_kind(service, status, exit_code):
    # More than any retry would wait for, so that it is told at once.
    service.fail_next(status, retry_after=86_400)

    result = await run_beside("demo", WEB)

    assert result.exit_code == exit_code
    assert re.fullmatch(rf"Error: GET \S+ answered {status}.*\n", result.output)


async def test_an_answer_that_cannot_be_used_has_an_exit_code_of_its_own(service):
    service.reply_next(b'{"a": 1}')

    result = await run_beside("demo", WEB)

    assert result.exit_code == 6
    assert result.output.count("\n") == 1


async def test_without_an_answer_the_exit_code_says_to_try_again(service):
    service.reply_next(status=302, headers={"Location": "gopher://example.test/"})

    result = await run_beside("demo", WEB)

    assert result.exit_code == 5
    assert result.output.count("\n") == 1


async def test_an_error_cannot_send_control_characters_to_the_terminal(service):
    service.reply_next(b'{"message": "no\\u001b[2J\\nno"}', status=400)

    result = await run_beside("demo", WEB)

    assert "no\N{REPLACEMENT CHARACTER}[2J no" in result.output


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("nope",), "No such command 'nope'. Try 'circleci-v1 --help'."),
        (("--nope",), "Try 'circleci-v1 --help'."),
        (("demo", "--nope"), "Try 'circleci-v1 demo --help'."),
        (("demo", "--limit", "0"), "'--limit'"),
        (("demo", "--builds", "5", WEB), "--builds"),
        (("demo", WEB), "CIRCLE_TOKEN, CIRCLECI_TOKEN, CIRCLECI_CLI_TOKEN"),
    ],
)
def test_a_wrong_argument_or_no_token_is_one_line_and_exits_with_2(args, said):
    result = run(*args)

    assert result.exit_code == 2
    assert result.output.startswith("Error: ")
    assert said in result.output
    assert result.output.count("\n") == 1


def test_a_project_that_cannot_be_one_exits_with_2(monkeypatch):
    monkeypatch.setenv("CIRCLE_TOKEN", "t")

    result = run("demo", "acme")

    assert result.exit_code == 2
    assert "expected a project" in result.output


def test_an_interrupted_command_says_nothing_and_exits_with_130():
    class Interrupted(Console):
        def print(self, *_args, **_options):
            raise KeyboardInterrupt

    result = run("demo", "--builds", "1", obj=Interrupted())

    assert result.exit_code == 130
    assert result.output == ""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send")
async def test_ctrl_c_in_the_middle_of_a_request_ends_the_process_without_a_word(service):
    service.add_project(WEB)
    service.delay = 60.0
    arrived = asyncio.Event()
    service.before_reply(lambda _: arrived.set())
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(SCRIPT, "demo", WEB),
        stdout=pipe,
        stderr=pipe,
        # A shell that runs the tests in the background makes its children ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )

    async with asyncio.timeout(60):
        await arrived.wait()
        process.send_signal(signal.SIGINT)
        output = await process.communicate()

    assert output == (b"", b"")
    assert process.returncode == 130


# The entry point.


def test_the_installed_script_runs_the_demo_and_keeps_errors_apart():
    done = execute(SCRIPT, "demo", "--builds", "150")
    failed = execute(SCRIPT, "demo", WEB)

    assert (done.returncode, done.stderr) == (0, "")
    assert "builds, 0 lost, 0 repeated" in done.stdout
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr.startswith("Error: ")


def test_main_runs_the_command_line_of_the_process(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["anything", "--version"])

    with pytest.raises(SystemExit) as exit_:
        main()

    assert exit_.value.code == 0
    assert capsys.readouterr().out == f"circleci-v1 {__version__}\n"


@pytest.mark.parametrize("args", [(), ("--help",), ("-h",)])
def test_without_a_command_or_when_asked_it_shows_commands_and_exit_codes(args):
    result = run(*args)

    assert result.exit_code == 0
    assert re.search(r"^  demo ", result.output, re.MULTILINE)
    assert re.search(r"^ +130 +interrupted", result.output, re.MULTILINE)


@pytest.mark.parametrize("library", ["click", "rich"])
def test_without_the_extra_it_says_in_one_line_how_to_install_it(library):
    # In a process of its own: a module that is imported already would not be missed.
    code = f"import sys; sys.modules[{library!r}] = None; from circleci_v1_async.cli import main; main()"
    done = execute(sys.executable, "-c", code)

    assert done.returncode == 1
    assert done.stderr == f"circleci-v1 needs {library}: pip install 'circleci-v1-async[cli]'\n"


class Raising:
    """A stand-in for a module, of which importing anything raises."""

    def __init__(self, error):
        self.error = error

    def __getattr__(self, name):
        raise self.error


def test_a_missing_library_of_the_extra_is_no_traceback(monkeypatch):
    monkeypatch.setitem(sys.modules, "circleci_v1_async._cli.commands", Raising(ModuleNotFoundError(name="rich")))

    with pytest.raises(SystemExit, match=r"needs rich: pip install 'circleci-v1-async\[cli\]'"):
        main()


def test_any_other_missing_module_is_told_as_it_is(monkeypatch):
    monkeypatch.setitem(sys.modules, "circleci_v1_async._cli.commands", Raising(ModuleNotFoundError(name="attrs")))

    with pytest.raises(ModuleNotFoundError):
        main()


def test_ctrl_c_while_it_starts_is_quiet_too(monkeypatch):
    monkeypatch.setitem(sys.modules, "circleci_v1_async._cli.commands", Raising(KeyboardInterrupt()))

    with pytest.raises(SystemExit) as exit_:
        main()

    assert exit_.value.code == 130
