"""The fake as a program: what it prints, what it serves, how it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from importlib import import_module

import pytest
from yarl import URL

MODULE = "circleci_v1_async.testing"


def run(monkeypatch: pytest.MonkeyPatch, *args: str) -> None:
    """The program, within this process."""
    monkeypatch.setattr(sys, "argv", [MODULE, *args])
    import_module(f"{MODULE}.__main__").main()


def read(base_url: str, token: str, target: str):
    url = URL(base_url)
    connection = HTTPConnection(url.authority, timeout=30)
    try:
        connection.request("GET", url.path + target, headers={"Accept": "application/json", "Circle-Token": token})
        return json.load(connection.getresponse())
    finally:
        connection.close()


@contextmanager
def program(*args: str) -> Iterator["subprocess.Popen[str]"]:
    command = (sys.executable, "-W", "error", "-m", MODULE, *args)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_it_prints_its_address_and_its_token_serves_and_ends_without_a_word_when_told_to(number: signal.Signals):
    with program("--token", "s3cret") as process:
        assert process.stdout is not None
        base_url, token = (process.stdout.readline().rstrip("\n") for _ in range(2))
        assert (token, read(base_url, token, "/me")["login"]) == ("s3cret", "ada")
        process.send_signal(number)
        assert process.communicate(timeout=30) == ("", "")
        assert process.returncode == 0


def test_it_has_the_projects_and_builds_that_are_asked_for(monkeypatch: pytest.MonkeyPatch):
    receiver, sender = os.pipe()
    lists: list[object] = []

    def use() -> None:
        with open(receiver, encoding="utf-8") as output:  # noqa: PTH123 - a pipe has no path
            base_url, token = (output.readline().rstrip("\n") for _ in range(2))
            lists.extend(
                read(base_url, token, f"/project/{slug}?limit=100") for slug in ("gh/acme/web", "bb/acme/site")
            )
            lists.append(read(base_url, token, "/project/gh/acme/web/3"))
        # Handled from before the first line on.
        os.kill(os.getpid(), signal.SIGTERM)

    user = threading.Thread(target=use)
    user.start()
    with open(sender, "w", encoding="utf-8") as output:  # noqa: PTH123 - as above
        monkeypatch.setattr(sys, "stdout", output)
        run(monkeypatch, "--project=gh/acme/web", "--project=bb/acme/site", "--builds=40")
    user.join()

    web, site, build = lists
    assert [build["build_num"] for build in web] == list(range(40, 0, -1)) == [build["build_num"] for build in site]
    assert web[0]["status"] == "running"
    assert {"success", "failed", "canceled"} < {build["status"] for build in web}
    assert [step["name"] for step in build["steps"]] == ["Spin up environment", "checkout", "pytest"]


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (["--project", "acme"], "'acme' is no slug such as 'github/acme/web'"),
        (["--port", "web"], "argument --port: invalid int value"),
    ],
)
def test_arguments_that_make_no_sense_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], args: list[str], complaint: str
):
    with pytest.raises(SystemExit, match="2"):
        run(monkeypatch, *args)
    assert complaint in capsys.readouterr().err


def test_an_address_that_cannot_be_had_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SystemExit, match="2"):
        run(monkeypatch, "--port", str(taken.getsockname()[1]))
    assert "address already in use" in capsys.readouterr().err
