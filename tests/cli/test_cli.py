"""Failures, ends and starts of `circleci-v1`, whatever the command."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import sysconfig
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path

import pytest
from cli_runner import HIDE_CURSOR, WEB, run, run_beside, run_without_a_reader
from rich.console import Console

from circleci_v1_async import __version__
from circleci_v1_async._cli import main
from circleci_v1_async._cli.group import COMMANDS

URL = "https://circleci.com/gh/acme/web/7"
SCRIPT = Path(sysconfig.get_path("scripts")) / "circleci-v1"


@pytest.fixture(autouse=True)
def kept_handler():
    """The handler of Ctrl-C, which `main` sets."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


def heed_signals():
    """Let a process heed signals, even if the tests were started in the background or by nohup."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def execute(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own script


# How it fails.


@pytest.mark.parametrize(
    ("status", "exit_code"), [(400, 1), (401, 3), (403, 3), (404, 4), (410, 4), (418, 1), (429, 5)]
)
async def test_a_refusal_is_one_line_and_its_exit_code_says_which_kind(service, status, exit_code):
    # More than any retry would wait for, so that it is told at once.
    service.fail_next(status, retry_after=86_400)

    result = await run_beside("demo", WEB)

    assert result.exit_code == exit_code
    assert re.fullmatch(rf"Error: GET \S+ \(127\.0\.0\.1:\d+\) answered {status}.*\n", result.output)


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

    assert r"no\x1b[2J\nno" in result.output


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("nope",), "No such command 'nope'. Did you mean 'open'? Try 'circleci-v1 --help'."),
        (("--nope",), "Try 'circleci-v1 --help'."),
        (("demo", "--nope"), "Try 'circleci-v1 demo --help'."),
        (("demo", "--limit", "0"), "'--limit'"),
        (("demo", "--builds", "5", WEB), "--builds"),
        (("watch", "--branch", "main"), "--branch"),
        (("wait", WEB, "0"), "BUILD"),
        (("artifacts", WEB, "1"), "--output"),
        (("whoami",), "CIRCLE_TOKEN, CIRCLECI_TOKEN, CIRCLECI_CLI_TOKEN"),
        (("view",), "PROJECT"),
        (("cancel", WEB), "Missing argument 'BUILD'"),
        (("view", WEB, "abc"), "'abc' is not a build number"),
        (("view", URL, "8"), "the URL of build 7, but BUILD is 8"),
        (("builds", URL), "one build: expected a project"),
        (("cancel", URL), "repeat it with --yes"),
        (("artifacts", WEB, "1", "--json"), "--list"),
        (("api", "/me", "-f", "nothing"), "KEY=VALUE"),
        (("api", "/me", "--input", "/dev/null"), "not JSON"),
        (("trigger", WEB, "--param", "nothing"), "Invalid value for '--param': expected KEY=VALUE"),
    ],
)
def test_a_wrong_argument_or_no_token_is_one_line_and_exits_with_2(args, said, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    result = run(*args)

    assert result.exit_code == 2
    assert result.output.startswith("Error: ")
    assert said in result.output
    assert result.output.count("\n") == 1


def test_a_project_that_cannot_be_one_exits_with_2(monkeypatch):
    monkeypatch.setenv("CIRCLE_TOKEN", "t")

    result = run("demo", "acme")

    assert result.exit_code == 2
    assert "Expected a project" in result.output


def test_an_interrupted_command_says_nothing_and_exits_with_130():
    class Interrupted(Console):
        def print(self, *_args, **_options):
            raise KeyboardInterrupt

    result = run("demo", "--builds", "1", obj=Interrupted())

    assert result.exit_code == 130
    assert result.output == ""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send")
@pytest.mark.parametrize("command", ["demo", "watch"])
async def test_ctrl_c_in_the_middle_of_a_request_ends_the_process_without_a_word(service, command):
    service.add_project(WEB)
    service.delay = 60.0
    arrived = asyncio.Event()
    service.before_reply(lambda _: arrived.set())
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(SCRIPT, command, WEB),
        stdout=pipe,
        stderr=pipe,
        # A shell that runs the tests in the background makes its children ignore Ctrl-C.
        preexec_fn=heed_signals,
    )

    async with asyncio.timeout(60):
        await arrived.wait()
        process.send_signal(signal.SIGINT)
        output = await process.communicate()

    assert output == (b"", b"")
    assert process.returncode == 130


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has pipes of another kind")
@pytest.mark.parametrize("command", [("builds", WEB, "--limit", "3"), ("builds", WEB, "--json"), ("demo", WEB)])
async def test_when_nobody_reads_the_output_any_more_it_ends_without_a_word(service, command):
    service.add_project(WEB)
    for _ in range(3):
        service.add_build(WEB)

    exit_code, said = await run_without_a_reader(SCRIPT, *command)

    assert (exit_code, said) == (1, b"")


# The entry point.


def test_the_installed_script_runs_the_demo_and_keeps_errors_apart():
    done = execute(SCRIPT, "demo", "--builds", "150")
    failed = execute(SCRIPT, "whoami")

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


def test_what_the_terminal_has_no_character_for_is_escaped(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["anything", "--version"])
    monkeypatch.setattr(sys, "stdout", TextIOWrapper(BytesIO(), "ascii"))

    with pytest.raises(SystemExit):
        main()
    sys.stdout.write("\u2026")
    sys.stdout.flush()

    assert sys.stdout.buffer.getvalue().endswith(b"\\u2026")


def test_an_output_that_is_no_file_will_do(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["anything", "--version"])
    monkeypatch.setattr(sys, "stdout", StringIO())

    with pytest.raises(SystemExit):
        main()

    assert sys.stdout.getvalue() == f"circleci-v1 {__version__}\n"


@pytest.mark.parametrize("args", [(), ("--help",), ("-h",)])
def test_without_a_command_or_when_asked_it_shows_commands_and_exit_codes(args):
    result = run(*args)

    assert result.exit_code == 0
    names = re.findall(r"^  ([a-z]+)  +[A-Z]", result.output, re.MULTILINE)
    assert names == sorted(COMMANDS)
    assert re.search(r"^ +130 +interrupted", result.output, re.MULTILINE)


@pytest.mark.parametrize(("module", "library"), [("click", "click"), ("rich", "rich"), ("yaml", "pyyaml")])
def test_without_the_extra_it_says_in_one_line_how_to_install_it(module, library):
    # In a process of its own: a module that is imported already would not be missed.
    code = f"import sys; sys.modules[{module!r}] = None; from circleci_v1_async._cli import main; main()"
    done = execute(sys.executable, "-c", code, "whoami")

    assert done.returncode == 1
    assert done.stderr == f"circleci-v1 needs {library}: pip install 'circleci-v1-async[cli]'\n"


class Raising:
    """A stand-in for a module, of which importing anything raises."""

    def __init__(self, error):
        self.error = error

    def __getattr__(self, name):
        raise self.error


def test_a_missing_library_of_the_extra_is_no_traceback(monkeypatch):
    monkeypatch.setitem(sys.modules, "circleci_v1_async._cli.group", Raising(ModuleNotFoundError(name="rich")))

    with pytest.raises(SystemExit, match=r"needs rich: pip install 'circleci-v1-async\[cli\]'"):
        main()


def test_any_other_missing_module_is_told_as_it_is(monkeypatch):
    monkeypatch.setitem(sys.modules, "circleci_v1_async._cli.group", Raising(ModuleNotFoundError(name="attrs")))

    with pytest.raises(ModuleNotFoundError):
        main()


def test_ctrl_c_while_it_starts_is_quiet_too(monkeypatch):
    monkeypatch.setitem(sys.modules, "circleci_v1_async._cli.group", Raising(KeyboardInterrupt()))

    with pytest.raises(SystemExit) as exit_:
        main()

    assert exit_.value.code == 130


INTERRUPTED_AT = """
import os, signal, sys

module = sys.argv.pop(1)

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Finder())
from circleci_v1_async._cli import main
main()
"""


@pytest.mark.parametrize(
    "module", ["circleci_v1_async._cli.group", "click.core", "circleci_v1_async.session", "aiohttp", "rich.console"]
)
def test_ctrl_c_during_any_import_ends_the_process_without_a_word(module):
    done = execute(sys.executable, "-c", INTERRUPTED_AT, module, "whoami")

    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.parametrize("args", [("--help",), ("demo", "--builds", "1")])
def test_a_full_disk_is_one_line(args):
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        done = subprocess.run([SCRIPT, *args], stdout=full, stderr=subprocess.PIPE, text=True, check=False)  # noqa: S603 - as above

    assert (done.returncode, done.stderr) == (1, "Error: No space left on device.\n")


def test_a_closed_standard_output_is_one_line():
    done = execute("sh", "-c", 'exec "$0" --help >&-', SCRIPT)

    assert (done.returncode, done.stderr) == (1, "Error: standard output is closed\n")


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
async def test_a_signal_in_a_download_leaves_no_part_behind(service, tmp_path, number, exit_code):
    service.add_project(WEB)
    service.add_build(WEB)
    service.add_artifact(WEB, 1, "a.bin", bytes(2**20))
    service.trickle_next(1, pause=0.5, piece=2**12, path="/artifacts")
    process = await asyncio.create_subprocess_exec(
        *(SCRIPT, "artifacts", WEB, "1", "-o", tmp_path),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=heed_signals,
    )

    async with asyncio.timeout(60):
        # The list, the artifact, and where it redirects to.
        await service.wait_for_requests(3, timeout=60)
        process.send_signal(number)
        output = await process.communicate()

    assert (process.returncode, *output) == (exit_code, b"", b"")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
async def test_a_signal_in_a_live_display_shows_the_cursor_again(service, number, exit_code):
    service.add_project(WEB)
    reader, writer = os.openpty()
    process = await asyncio.create_subprocess_exec(
        *(SCRIPT, "watch", WEB, "--interval", "0.01"),
        stdout=writer,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "TERM": "xterm"},
        preexec_fn=heed_signals,
    )
    os.close(writer)

    async with asyncio.timeout(60):
        # Where it starts, what runs already, and a poll.
        await service.wait_for_requests(3, timeout=60)
        process.send_signal(number)
        said = await process.stderr.read()
        shown = await asyncio.to_thread(os.read, reader, 2**16)
        await process.wait()
    os.close(reader)

    assert (process.returncode, said) == (exit_code, b"")
    assert HIDE_CURSOR.encode() in shown
    assert shown.rindex(b"\x1b[?25h") > shown.rindex(HIDE_CURSOR.encode())


def test_python_runs_it_without_its_script():
    done = execute(sys.executable, "-m", "circleci_v1_async", "--version")

    assert (done.returncode, done.stdout, done.stderr) == (0, execute(SCRIPT, "--version").stdout, "")
