"""Whatever a command is given, it prints no traceback and no control character, and exits with a documented code."""

import json
import os
import re
import unicodedata
from pathlib import Path

import click
import pytest
from cli_runner import run, shown_on, terminal
from hostile_server import serve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from circleci_v1_async._cli.group import EXIT_CODES_HELP, cli

# A command's standard error must not have warnings about what other tests have left to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

NASTY = "\x1b]0;owned\x07\x1b[2J\x9b2J\u202e\ud800\u2028x\r\ny"
HUGE = 10**17
EXIT_CODES = {int(code) for code in re.findall(r"^  (\d+) ", EXIT_CODES_HELP, re.MULTILINE)}
# Colors, and the movements of live displays.
STYLES = re.compile(r"\x1b\[(?:[0-9;]*m|\?25[hl]|2K|1A)")

# Arguments with which each command sends something.
COMMANDS = {
    "api": ("/me",),
    "artifacts": ("gh/a/b", "1", "--list"),
    "artifacts newest": ("gh/a/b", "--job", "docs", "--list"),
    "artifacts latest": ("gh/a/b", "--latest", "-o", "files"),
    "builds": ("gh/a/b",),
    "cancel": ("gh/a/b", "1", "--yes"),
    "demo": ("gh/a/b",),
    "env delete": ("gh/a/b", "KEY", "--yes"),
    "env list": ("gh/a/b",),
    "env set": ("gh/a/b", "KEY"),
    "export": ("gh/a/b", "--to", "history.db", "--with", "steps,tests,artifacts"),
    "logs": ("gh/a/b", "1"),
    "logs follow": ("gh/a/b", "1", "--follow"),
    "open": ("gh/a/b", "1"),
    "projects": (),
    "retry": ("gh/a/b", "1"),
    "tests": ("gh/a/b", "1"),
    "tests failed": ("gh/a/b", "1", "--failed"),
    "trigger": ("gh/a/b",),
    "trigger job": ("gh/a/b", "--job", "test", "--wait", "--interval", "0.01"),
    "view": ("gh/a/b", "1"),
    "view newest": ("gh/a/b", "--failed"),
    "wait": ("gh/a/b", "1", "--interval", "0.01"),
    "wait commit": ("gh/a/b", "--commit", "c0ffee7", "--interval", "0.01"),
    "watch": ("gh/a/b", "--interval", "0.01"),
    "watch all": ("--interval", "0.01"),
    "whoami": (),
}
WITH_JSON = sorted(COMMANDS.keys() - {"api", "demo", "env delete", "env set", "export", "logs", "logs follow", "open"})


def spell(name):
    """The words of a command that is in the table."""
    words = name.split(" ")
    return words[: 2 if words[0] == "env" else 1]


@pytest.fixture(scope="module")
def place():
    with serve() as (base_url, reply):
        yield base_url, reply


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setattr(click, "launch", lambda _url: 1)


def is_control(char):
    """Control characters, line separators, lone surrogates, and characters that change the direction of text."""
    is_bidi = unicodedata.bidirectional(char) in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    return is_bidi or (unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} and char not in "\n\t")


def execute(*args, env=None, **options):
    result = run(*args, env=env, input="a value", **options)
    told = repr((args, env, result.output))
    assert result.exception is None or isinstance(result.exception, SystemExit), told
    assert result.exit_code in EXIT_CODES, told
    console = options.get("obj")
    shown = result.output if console is None else result.output + shown_on(console).replace("\r", "")
    shown = STYLES.sub("", shown)
    assert [char for char in shown if is_control(char)] == [], told
    assert "Traceback" not in shown, told
    return result


# Replies.

BUILD = {
    "build_num": 1,
    "status": NASTY,
    "outcome": NASTY,
    "branch": NASTY,
    "subject": NASTY,
    "vcs_revision": f"c0ffee7{NASTY}",
    "build_url": f"javascript:{NASTY}",
    "why": NASTY,
    "build_time_millis": HUGE,
    "start_time": "0001-01-01T00:00:00Z",
    "stop_time": "9999-12-31T23:59:59Z",
    "queued_at": "9999-12-31T23:59:59-23:59",
    "messages": [{"message": NASTY}],
    "workflows": {"job_name": NASTY, "workflow_name": NASTY, "workflow_id": NASTY},
    "steps": [{"name": NASTY, "actions": [{"name": NASTY, "status": "failed", "run_time_millis": -HUGE}]}],
    # Of tests, artifacts, variables, users and projects.
    "result": NASTY,
    "run_time": 1e308,
    "message": NASTY,
    "classname": NASTY,
    "name": NASTY,
    "value": NASTY,
    "login": NASTY,
    "path": f"../{NASTY}",
    "url": f"http://{NASTY}",
    "vcs_url": f"https://github.com/{NASTY}/b",
    "username": NASTY,
    "reponame": NASTY,
    "tests": [],
}
OTHER = {**BUILD, "build_num": 10**17, "build_time_millis": 10**400, "start_time": None, "lifecycle": "finished"}
REPLIES = {
    "a nasty build": BUILD,
    "nasty builds": [BUILD, OTHER],
    "nasty tests": {"tests": [BUILD, {}]},
    "a nasty error": {"message": NASTY},
    "null": None,
    "a string": NASTY,
    "a number": 1e308,
    "an empty object": {},
    "an empty list": [],
    "a list of lists": [[[]]],
    "a list of nulls": [None, None],
    "wrong types": {key: [{"a": 1}] for key in BUILD} | {"build_num": 1, "lifecycle": "finished"},
    "a wrong number": {"build_num": "1"},
}
BODIES = {
    **{name: json.dumps(reply).encode() for name, reply in REPLIES.items()},
    "nothing": b"",
    "no JSON": b"<html>\x1b[2J",
    "no UTF-8": b'{"message": "\xff"}',
    "a deep list": b"[" * 20_000 + b"]" * 20_000,
    "an infinite number": b'[{"build_num": 1, "run_time": 1e999}]',
    "a long number": b'{"build_num": ' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("name", COMMANDS)
def test_no_reply_is_a_traceback(name, body, place):
    base_url, reply = place
    env = {"CIRCLE_TOKEN": "t", "CIRCLE_API_URL": base_url}
    for form, console in (((), None), (("--json",) if name in WITH_JSON else (), None), ((), terminal())):
        reply.body, reply.status, reply.left = BODIES[body], 200, 4
        execute(*spell(name), *COMMANDS[name], *form, "--retries", "0", env=env, obj=console)


PATIENT = {"logs follow", "trigger job", "wait", "wait commit", "watch", "watch all"}


@pytest.mark.parametrize("status", [301, 400, 403, 404, 410, 418, 429, 503, 599])
def test_no_status_is_a_traceback(status, place):
    base_url, reply = place
    # Patient commands wait until a transient error is over.
    names = COMMANDS.keys() - (PATIENT if status > 418 else set())
    for name in sorted(names):
        reply.body, reply.status, reply.left = BODIES["a nasty error"], status, 4
        env = {"CIRCLE_TOKEN": "t", "CIRCLE_API_URL": base_url}
        execute(*spell(name), *COMMANDS[name], "--retries", "0", env=env)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([NASTY, HUGE, -HUGE, ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(BUILD)), inner, max_size=5),
    max_leaves=10,
)
objects = st.fixed_dictionaries(
    {"build_num": st.integers(1, 9)}, optional=dict.fromkeys(sorted(BUILD.keys() - {"build_num"}), values)
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    # It polls every few seconds, as long as the build has not finished.
    name=st.sampled_from(sorted(COMMANDS.keys() - {"logs follow"})),
    sent=objects | st.lists(objects, max_size=3) | values,
    is_shown=st.booleans(),
)
def test_no_json_is_a_traceback(name, sent, is_shown, place):
    base_url, reply = place
    reply.body, reply.status, reply.left = json.dumps(sent).encode(), 200, 4
    env = {"CIRCLE_TOKEN": "t", "CIRCLE_API_URL": base_url}
    execute(*spell(name), *COMMANDS[name], "--retries", "0", env=env, obj=terminal() if is_shown else None)


# Arguments.


def list_options():
    found = {}
    for name in COMMANDS:
        command = cli
        for word in spell(name):
            command = command.get_command(click.Context(command), word)
        found[name] = sorted({option for parameter in command.params for option in parameter.opts if option[0] == "-"})
    return found


OPTIONS = list_options()
ODD = [
    *(
        "",
        " ",
        NASTY,
        "\x1b[2J",
        "\ud800",
        "\udcff",
        "gh/a/\x1b",
        "\u00e9/\u202e/\x07",
        "-",
        "--",
        "---",
        "=",
        "a=b",
        ",",
        "%s",
    ),
    *(
        "{0}",
        "*",
        "@",
        ".",
        "..",
        "/",
        "//",
        "//[",
        "a/b",
        "/dev/null",
        "~",
        "#1",
        "0",
        "-1",
        "1",
        "nan",
        "inf",
        "1e999",
    ),
    *("true", "failed", "kind,branch", "9" * 400, "gh/a/b", "gh/a/b/1", "http://[bad", "git@github.com:a/b.git"),
    *("https://circleci.com/gh/a/b/1", "c0ffee7", "0e408287-4b0a-4c5e-8a3e-0a1b2c3d4e5f"),
]
words = st.sampled_from(ODD) | st.text(max_size=20).filter(lambda text: "\0" not in text)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_no_argument_is_a_traceback(data, place):
    base_url, reply = place
    name = data.draw(st.sampled_from(sorted(COMMANDS.keys() - {"demo"})))
    # Files would be written where they are.
    options = st.sampled_from(
        [option for option in OPTIONS[name] if option not in {"-o", "--output", "--to", "--cursor"}]
    )
    args = data.draw(st.lists(words | options | st.sampled_from(COMMANDS[name] or ("a",)), max_size=7))
    reply.left = 0
    execute(*spell(name), *args, env={"CIRCLE_TOKEN": "t", "CIRCLE_API_URL": base_url})


@pytest.mark.parametrize("word", ODD, ids=ascii)
@pytest.mark.parametrize("path", [(), ("env",)])
def test_no_name_of_a_command_is_a_traceback(path, word):
    execute(*path, word)


@pytest.mark.parametrize("option", ["--base-url", "--retries", "--request-timeout"])
def test_no_option_of_the_session_is_a_traceback(option, place):
    base_url, reply = place
    reply.left = 0
    for value in (*ODD, "ftp://127.0.0.1", "https://127.0.0.1:99999", "http://127.0.0.1/api/v2"):
        if "circleci.com" not in value:
            result = execute("whoami", option, value, env={"CIRCLE_TOKEN": "t", "CIRCLE_API_URL": base_url})
            assert result.exit_code in {0, 2, 3}


# Environments.

COUNTED = "a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n" for i in range(1, 9))
SETTINGS = {
    "a bad date": "x: 2001-99-99",
    "a bad integer": "x: !!int abc",
    "an empty integer": "x: !!int ''",
    "a bad float": "x: !!float abc",
    "a bad boolean": "x: !!bool maybe",
    "a bad time": "x: !!timestamp abc",
    "bad bytes": "x: !!binary '\u00e9'",
    "a bad offset": "x: 2001-01-01T00:00:00+99:99",
    "5,000 digits": f"x: {'9' * 5000}",
    "sixties": f"x: 1:{'59:' * 400}1",
    "open brackets": f"x: {'[' * 1500}",
    "brackets": f"x: {'[' * 1200}{']' * 1200}",
    "a bomb": COUNTED,
    "code": "x: !!python/object/apply:os.system ['exit 1']",
    "itself": "x: &x [*x]",
    "an unknown name": "x: *x",
    "a list as a key": "? [a]\n: b",
    "a NUL": "x: a\0b",
    "a tab": "\tx: 1",
    "lists": "host: [1]\ntoken: {a: 1}",
    "a bad host": "host: 'http://[::1'\ntoken: abc",
    "a host with a space": "host: 'ht tp://x'\ntoken: abc",
    "a token with a line": 'host: https://127.0.0.1:1\ntoken: "ab\\ncd"',
    "a token with an umlaut": "host: https://127.0.0.1:1\ntoken: t\u00f6ken",
    "too much": "x: " + "a" * 2**17,
}


@pytest.fixture
def settings_file(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".circleci").mkdir()
    return tmp_path / ".circleci" / "cli.yml"


@pytest.mark.parametrize("text", SETTINGS.values(), ids=SETTINGS)
def test_no_settings_file_is_a_traceback(text, settings_file):
    settings_file.write_text(text)

    assert execute("whoami").exit_code == 2


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1"])
def test_a_settings_file_in_another_encoding_is_as_good_as_none(encoding, settings_file):
    settings_file.write_text("host: 127.0.0.1:1\ntoken: \u00e9", encoding=encoding)

    assert execute("whoami").exit_code == 2


@pytest.mark.parametrize(
    "make", [os.mkfifo, os.mkdir, lambda path: Path(path).symlink_to("/dev/zero"), lambda _path: None]
)
def test_a_settings_file_that_is_no_file_is_as_good_as_none(make, settings_file):
    make(settings_file)

    assert execute("whoami").exit_code == 2


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.binary(max_size=60) | st.text(alphabet="host: tken&*!<>[]{}'\"\n\t-?|%@`#,", max_size=60).map(str.encode)
)
def test_no_bytes_in_a_settings_file_are_a_traceback(data, settings_file):
    settings_file.write_bytes(data)

    assert execute("whoami").exit_code == 2


def test_without_a_home_there_are_no_settings(monkeypatch, place):
    def fail():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", fail)
    base_url, reply = place
    reply.left = 0

    assert execute("whoami").exit_code == 2
    assert execute("whoami", env={"CIRCLE_TOKEN": "t", "CIRCLE_API_URL": base_url}).exit_code == 3


VALUES = ["", " ", "\x1b[2J", "\udcff", "\u202e", "http://[bad", "0", "-1", "a/b", "99999999999", "C", "dumb"]
VARIABLES = [
    *("CIRCLE_TOKEN", "CIRCLE_API_URL", "CIRCLE_HOST", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "HOME"),
    *("COLUMNS", "LINES", "TERM", "NO_COLOR", "FORCE_COLOR", "COLORTERM", "LANG", "PATH", "GIT_DIR", "BROWSER"),
    *("CIRCLE_PROJECT_USERNAME", "CIRCLE_PROJECT_REPONAME"),
]


@pytest.mark.parametrize("variable", VARIABLES)
def test_no_environment_is_a_traceback(variable, place, monkeypatch):
    base_url, reply = place
    monkeypatch.setenv("CIRCLE_PROJECT_USERNAME", "acme")
    monkeypatch.setenv("CIRCLE_PROJECT_REPONAME", "web")
    for value in VALUES:
        reply.body, reply.status, reply.left = BODIES["nasty builds"], 200, 1
        env = {"CIRCLE_TOKEN": "t", "CIRCLE_API_URL": base_url, variable: value}
        execute("builds", "--retries", "0", env=env)
