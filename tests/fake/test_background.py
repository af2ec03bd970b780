"""The stand-alone fake in the background of a shell: one line starts it, and it ends by itself."""

import asyncio
import os
import socket
import subprocess
import sys
from contextlib import suppress
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from circleci_v1_async.testing import _background
from circleci_v1_async.testing._background import find_shell, start_in_background, wait_for_end
from circleci_v1_async.testing._program import main

COMMAND = f"{sys.executable} -W error -m circleci_v1_async.testing --project gh/acme/web"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")


def connect(base_url: str) -> socket.socket:
    return socket.create_connection((urlsplit(base_url).hostname, urlsplit(base_url).port), timeout=30)


def ask(connection: socket.socket, token: str) -> bytes:
    target = b"GET /api/v1.1/project/gh/acme/web HTTP/1.1"
    connection.sendall(target + f"\r\nHost: fake\r\nCircle-Token: {token}\r\n\r\n".encode())
    return connection.recv(15)


def wait_until_closed(connection: socket.socket) -> None:
    """Wait for the end of the process that serves the connection."""
    with connection, suppress(ConnectionResetError):
        while connection.recv(2**16):
            pass


@pytest.mark.parametrize("shell", ["bash", "sh"])
@pytest.mark.parametrize(
    ("started", "ends"),
    [
        (f'eval "$({COMMAND} --export)"', "exit"),
        (f'eval "$(cd /; {COMMAND} --export; true)"', "exit"),
        (f'eval "$({COMMAND} --export)"', "kill $CIRCLE_FAKE_PID; read -r line"),
    ],
    ids=["ends with the shell", "started by a copy of the shell", "killed"],
)
def test_one_line_starts_it(shell: str, started: str, ends: str):
    script = f"{started}\nenv | grep ^CIRCLE_\necho over\nread -r line\n{ends}"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([shell, "-c", script], **pipes) as process:  # noqa: S603 - our own
        lines = list(iter(process.stdout.readline, "over\n"))
        variables = dict(line.strip().split("=", 1) for line in lines)
        assert variables.keys() == {"CIRCLE_API_URL", "CIRCLE_TOKEN", "CIRCLE_FAKE_PID"}
        connection = connect(variables["CIRCLE_API_URL"])
        assert ask(connection, variables["CIRCLE_TOKEN"]) == b"HTTP/1.1 200 OK"
        os.kill(int(variables["CIRCLE_FAKE_PID"]), 0)
        process.stdin.write("\n")
        process.stdin.flush()
        wait_until_closed(connection)
        assert process.communicate("\n", timeout=30) == ("", "")


def test_the_lines_quote_what_a_shell_would_change(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(sys, "argv", ["testing", "--export", "--token=it's $HOME", "--end-idle=60"])
    main()
    url, pid, token = (line.partition("=")[2] for line in capsys.readouterr().out.splitlines())
    connection = connect(url)
    os.kill(int(pid), 15)
    wait_until_closed(connection)
    assert token == """'it'"'"'s $HOME'"""


def test_a_recorder_leaves_the_token_of_its_clients_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    main(["--export", "record", "--to", str(tmp_path / "web.jsonl")])
    lines = dict(line.removeprefix("export ").split("=", 1) for line in capsys.readouterr().out.splitlines())
    connection = connect(lines["CIRCLE_API_URL"])
    os.kill(int(lines["CIRCLE_FAKE_PID"]), 15)
    wait_until_closed(connection)
    assert lines.keys() == {"CIRCLE_API_URL", "CIRCLE_FAKE_PID"}


def test_a_process_that_cannot_serve_says_why():
    with pytest.raises(ValueError, match="argument --port: invalid int value"):
        start_in_background(["--port=web"], token=None)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SystemExit, match="2"):
        main([f"--port={taken.getsockname()[1]}", "--export"])


class TestTheEnd:
    async def test_it_comes_when_the_process_has_ended(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(_background, "_LOOK_EVERY", 0)
        process = await asyncio.create_subprocess_exec("cat", stdin=subprocess.PIPE)
        waiting = asyncio.create_task(wait_for_end(process.pid, None, lambda: 0))
        assert not waiting.done()
        process.stdin.close()
        await process.wait()
        await waiting

    async def test_it_comes_when_no_request_has_come_for_some_time(self):
        await wait_for_end(None, 0, lambda: 0)

    async def test_a_request_puts_it_off(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(_background, "_LOOK_EVERY", 0)
        clock = count()
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: next(clock))
        requests = iter([0, 0, 1, 1, 2, 2, *[2] * 99])
        await wait_for_end(None, 6, lambda: next(requests))
        assert next(requests, None) is not None

    async def test_a_process_of_somebody_else_is_alive(self, monkeypatch: pytest.MonkeyPatch):
        def kill(pid: int, _signal: int) -> None:
            raise PermissionError if pid == 1 else ProcessLookupError

        monkeypatch.setattr(os, "kill", kill)
        assert _background._is_alive(1)
        assert not _background._is_alive(2)


def test_a_process_whose_parents_cannot_be_seen_is_its_own_shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(_background, "_PROC", tmp_path)
    assert find_shell(7) == 7


@pytest.mark.parametrize(("parent", "shell"), [("bash", 6), ("make", 7)])
def test_a_copy_of_a_shell_is_told_from_a_shell(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, parent: str, shell: int
):
    monkeypatch.setattr(_background, "_PROC", tmp_path)
    for pid, above, name in ((7, 6, "bash"), (6, 1, parent), (1, 0, "init")):
        (tmp_path / f"{pid}").mkdir()
        (tmp_path / f"{pid}" / "stat").write_text(f"{pid} (a ) name) S {above} 0")
        (tmp_path / f"{pid}" / "cmdline").write_text(name)
    assert find_shell(7) == shell
