"""How `circleci-v1` fails, ends and starts, whatever the command. What the commands do is in the files beside this."""

import asyncio
import re
import signal
import subprocess
import sys
import sysconfig
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path

import pytest
from cli_runner import WEB, run, run_beside, run_without_a_reader
from rich.console import Console

from circleci_v1_async import __version__
from circleci_v1_async.cli import main

SCRIPT = Path(sysconfig.get_path("scripts")) / "circleci-v1"


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
        (("nope",), "No such command 'nope'. Try 'circleci-v1 --help'."),
        (("--nope",), "Try 'circleci-v1 --help'."),
        (("demo", "--nope"), "Try 'circleci-v1 demo --help'."),
        (("demo", "--limit", "0"), "'--limit'"),
        (("demo", "--builds", "5", WEB), "--builds"),
        (("watch", "--branch", "main"), "--branch"),
        (("wait", WEB, "0"), "BUILD"),
        (("artifacts", WEB, "1"), "--output"),
        (("demo", WEB), "CIRCLE_TOKEN, CIRCLECI_TOKEN, CIRCLECI_CLI_TOKEN"),
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
    assert "expected a project" in result.output


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
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
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
    assert names == ["artifacts", "builds", "demo", "export", "logs", "projects", "wait", "watch", "whoami"]
    assert re.search(r"^ +130 +interrupted", result.output, re.MULTILINE)


@pytest.mark.parametrize(("module", "library"), [("click", "click"), ("rich", "rich"), ("yaml", "pyyaml")])
def test_without_the_extra_it_says_in_one_line_how_to_install_it(module, library):
    # In a process of its own: a module that is imported already would not be missed.
    code = f"import sys; sys.modules[{module!r}] = None; from circleci_v1_async.cli import main; main()"
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
