"""Output on terminals of any width, as JSON, and in error lines."""

import json
import re

import pytest
from cli_runner import WEB, play, run, run_beside, shown_on, terminal

from circleci_v1_async import Action
from circleci_v1_async._cli import lines, messages
from circleci_v1_async._cli.group import COMMANDS

WIDTHS = [120, 80, 60]
PAGE = f"https://circleci.com/gh/acme/web/1#tests/containers/{'0' * 40}"
SHA = "0fec7c80" * 5


@pytest.fixture
def web(service):
    """The service, with a failed build of long names."""
    service.add_project(WEB)
    service.add_build(WEB, status="failed", revision=SHA, build_url=PAGE, subject="Let the importer skip rows " * 5)
    service.add_step(
        WEB, 1, "pytest --junitxml=reports/junit.xml --dist loadfile tests/unit tests/loopback", status="failed"
    )
    service.add_test(WEB, 1, name="test_cart", classname="tests.unit." * 5, result="failure", message="3 != 2 " * 20)
    service.add_env_var(WEB, "DEPLOY_KEY", "s3cret-4321")
    return service


async def show(*args, width):
    console = terminal(width)
    result = await run_beside(*args, obj=console)
    assert result.exit_code == 0, result.output
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown_on(console))


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize("width", WIDTHS)
async def test_urls_and_hashes_are_on_one_line_at_any_width(width):
    shown = (await show("view", WEB, "1", width=width)).splitlines()

    assert f"page      {PAGE}" in shown
    assert f"commit    {SHA}" in shown


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("args", [("view", WEB, "1"), ("tests", WEB, "1", "--failed")])
async def test_long_text_is_wrapped_and_never_cut(args, width):
    shown = await show(*args, width=width)

    assert "\u2026" not in shown
    assert all(len(line) <= width for line in shown.splitlines() if PAGE not in line)


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    ("args", "headings"),
    [
        (("view", WEB, "1"), r"^Step +Status +Took$"),
        (("tests", WEB, "1"), r"^Result +Seconds +Class +Name *$"),
        (("tests", WEB, "1", "--failed"), r"^Result +Seconds +Class +Name +Message *$"),
        (("env", "list", WEB), r"^Name +Value *$"),
        (("builds", WEB), r"^Build +Outcome +Job "),
        (("retry", WEB, "1"), r"^Build +Outcome +Job "),
        (("trigger", WEB, "--job", "test"), r"^Build +Outcome +Job "),
    ],
)
async def test_every_table_has_headings(args, headings, width):
    assert re.search(headings, await show(*args, width=width), re.MULTILINE)


async def test_a_build_without_steps_has_no_table_of_steps(web):
    web.add_build(WEB)

    assert "Step" not in await show("view", WEB, "2", width=80)


@pytest.mark.usefixtures("web")
async def test_of_an_empty_list_no_headings_are_shown(web):
    web.add_build(WEB)

    assert await show("tests", WEB, "2", width=80) == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"),
        (3, "3s"),
        (59, "59s"),
        (60, "1m 00s"),
        (65, "1m 05s"),
        (3600, "1h 00m"),
        (86_399, "23h 59m"),
        (86_400, "1d 00h"),
        (10**17, "1157407407407d 09h"),
    ],
)
def test_durations_have_their_two_largest_units(seconds, text):
    assert lines.format_seconds(seconds) == text


@pytest.mark.parametrize(("millis", "text"), [(None, ""), (2_499, "2s"), (2_500, "3s"), (10**20, "1157407407407d 09h")])
def test_the_time_of_a_step_is_rounded_to_seconds(millis, text):
    assert lines.format_run_time(Action(run_time_millis=millis)) == text


# JSON.


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize("args", [("builds", WEB), ("view", WEB, "1"), ("wait", WEB, "1")])
async def test_json_has_what_tables_show(args):
    data = json.loads((await run_beside(*args, "--json")).stdout)

    assert (data["project"], data["job"], data["is_failure"]) == (WEB, "build", True)
    assert data["duration"] == data["build_time_millis"] / 1000


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("builds", WEB, "--fields", "build_num,job"), {"build_num": 1, "job": "build"}),
        (("builds", WEB, "--json", "--fields", " is_failure , vcs_tag ,"), {"is_failure": True, "vcs_tag": None}),
        (("builds", WEB, "--fields", "project", "--json"), {"project": WEB}),
        (("tests", WEB, "1", "--fields", "name"), {"name": "test_cart"}),
        (("env", "list", WEB, "--fields", "value,name"), {"value": "xxxx4321", "name": "DEPLOY_KEY"}),
        (("env", "list", WEB, "--json"), {"name": "DEPLOY_KEY", "value": "xxxx4321"}),
        (("whoami", "--fields", "login"), {"login": "ada"}),
        (("watch", WEB, "--limit", "1", "--fields", "kind,build_num"), {"kind": "new", "build_num": 2}),
    ],
)
async def test_fields_select_what_is_printed(args, expected, web):
    if args[0] == "watch":
        play(web, lambda: web.add_build(WEB))
        args = (*args, "--interval", "0.01")
    result = await run_beside(*args)

    assert json.loads(result.stdout) == expected, result.output
    assert list(json.loads(result.stdout)) == list(expected)


@pytest.mark.parametrize("fields", ["", ",", "build_num,nope", "build_parameters"])
def test_unknown_fields_and_secret_ones_are_refused_with_a_list(fields):
    result = run("builds", WEB, "--fields", fields)

    assert (result.exit_code, result.output.count("\n")) == (2, 1)
    assert "Invalid value for '--fields': expected some of " in result.output
    assert "build_num, build_time_millis, build_url" in result.output


async def test_the_whole_value_of_a_variable_is_never_shown(service):
    service.add_project(WEB)
    service.reply_next(b'[{"name": "A", "value": "whole-secret"}, {"name": "B"}]')

    assert (await run_beside("env", "list", WEB)).output == "A\txxxx\nB\txxxx\n"


# Errors.


@pytest.mark.parametrize(
    ("args", "suggestion"),
    [
        (("build",), "builds"),
        (("runs",), "builds"),
        (("list",), "builds"),
        (("help",), "--help"),
        (("version",), "--version"),
        (("rerun",), "retry"),
        (("artefacts",), "artifacts"),
        (("env", "ls"), "list"),
        (("env", "sets"), "set"),
    ],
)
def test_a_command_that_does_not_exist_suggests_another(args, suggestion):
    result = run(*args)

    assert result.exit_code == 2
    assert f"No such command {args[-1]!r}. Did you mean {suggestion!r}? Try 'circleci-v1" in result.output


@pytest.mark.parametrize("args", [("zzzz",), ("env", "download"), ("\x1b[2J",)])
def test_a_command_that_is_like_no_other_suggests_none(args):
    result = run(*args)

    assert (result.exit_code, "Did you mean" in result.output) == (2, False)


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("build 7 of gh/a/b did not finish within 1 s", "Error: Build 7 of gh/a/b did not finish within 1 s."),
        ("expected a project; got 'x'", "Error: Expected a project; got 'x'."),
        ("base_url: expected https", "Error: base_url: expected https."),
        ("GET /me (circleci.com) answered 401", "Error: GET /me (circleci.com) answered 401."),
        ("No such option '--nope'.", "Error: No such option '--nope'."),
        ("Which one?", "Error: Which one?"),
        ("open https://circleci.com/gh/a/b/7", "Error: Open https://circleci.com/gh/a/b/7"),
        ("Permission denied: a.json", "Error: Permission denied: a.json"),
        ("", "Error:"),
    ],
)
def test_all_errors_are_sentences(message, shown, capsys):
    messages.print_error(message)

    assert capsys.readouterr().err == f"{shown}\n"


@pytest.mark.parametrize("name", ["reports/junit.xml", "a.txt"])
async def test_an_error_names_its_file_once(name, web, tmp_path):
    web.add_artifact(WEB, 1, name, b"x")
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")

    result = await run_beside("artifacts", WEB, "1", "-o", tmp_path)

    error, hint, _summary = result.stderr.splitlines()
    assert (error.startswith(f"Error: {name}: "), error.count(name)) == (True, 1)
    assert hint == "Use --on-exists skip to keep existing files, or --on-exists overwrite to replace them."


@pytest.mark.usefixtures("web")
async def test_a_misspelt_branch_is_named():
    result = await run_beside("builds", WEB, "-b", "nope", "-s", "failed")

    assert result.output == "No failed builds found on branch 'nope'.\n"


async def test_a_step_that_does_not_exist_is_an_error_that_lists_the_steps(web):
    web.add_step(WEB, 1, "checkout")

    for form in ((), ("--follow",), ("--output", "log")):
        result = await run_beside("logs", WEB, "1", "--step", "nope", *form)
        assert result.exit_code == 1, result.output
        assert result.stderr.startswith("Error: ")
        assert "nope" in result.stderr
        assert "checkout" in result.stderr


async def test_a_path_that_cannot_be_written_is_a_wrong_argument_with_a_step_as_well(web, tmp_path):
    web.add_step(WEB, 1, "checkout", output="ok")

    for form in ((), ("--step", "checkout")):
        result = await run_beside("logs", WEB, "1", "--output", str(tmp_path), *form)
        assert result.exit_code == 2, result.output


# Options that all commands have.


async def test_retries_and_the_time_of_a_request_are_options_of_all_commands(service):
    service.fail_next(500, count=1)
    never = await run_beside("whoami", "--retries", "0")
    once = await run_beside("whoami", "--retries", "1", "--request-timeout", "5")

    assert (never.exit_code, once.exit_code) == (5, 0)
    service.delay = 60
    assert (await run_beside("whoami", "--retries", "0", "--request-timeout", "0.05")).exit_code == 5


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_the_common_options(name):
    path = (name, "list") if name == "env" else (name,)

    shown = run(*path, "--help").output

    assert all(option in shown for option in ("--retries", "--request-timeout", "--base-url", "--verbose"))


# Artifacts.


async def test_the_latest_artifacts_are_those_that_circleci_chooses(service):
    service.add_project(WEB)
    service.add_build(WEB, branch="dev")
    service.add_artifact(WEB, 1, "a.txt", b"a")
    service.add_build(WEB, status="failed", branch="dev")
    options = ("--latest", "--list", "--branch", "dev")

    chosen = await run_beside("artifacts", WEB, *options, "--status", "successful")
    none = await run_beside("artifacts", WEB, *options)
    unlike = await run_beside("artifacts", WEB, *options, "-s", "successful", "--match", "*.x")

    assert (chosen.output, none.output) == ("a.txt\n", "The latest build has no artifacts.\n")
    assert unlike.output == "Error: The latest build has 1 artifact, but none matches '*.x'.\n"
    assert [request.operation for request in service.requests] == ["list_latest_artifacts"] * 3


@pytest.mark.parametrize("more", [("7",), ("--job", "test"), ("--workflow", "w")])
def test_latest_artifacts_are_not_of_a_chosen_build(more):
    result = run("artifacts", WEB, "--latest", "--list", *more)

    assert (result.exit_code, "--latest cannot be used with BUILD, --job or --workflow." in result.output) == (2, True)
