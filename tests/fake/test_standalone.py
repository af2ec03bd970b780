"""The fake as a program: what it prints, what it serves, how it ends."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from importlib import import_module
from pathlib import Path
from textwrap import indent

import aiohttp
import pytest
from yarl import URL

from circleci_v1_async.testing import FakeCircleCI

MODULE = "circleci_v1_async.testing"


def run(monkeypatch: pytest.MonkeyPatch, *args: str) -> None:
    """The program, within this process."""
    monkeypatch.setattr(sys, "argv", [MODULE, *args])
    import_module(f"{MODULE}.__main__").main()


def read(base_url: str, token: str, target: str):
    url = URL(base_url)
    connection = HTTPConnection(url.authority, timeout=30)
    try:
        connection.request(
            "GET", url.path.rstrip("/") + target, headers={"Accept": "application/json", "Circle-Token": token}
        )
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


def test_with_run_seconds_the_running_build_gets_its_steps_by_itself(monkeypatch: pytest.MonkeyPatch):
    fakes: list[FakeCircleCI] = []

    async def serve(fake: FakeCircleCI, _options: object) -> None:
        fakes.append(fake)

    monkeypatch.setattr("circleci_v1_async.testing._program._serve", serve)
    run(monkeypatch, "--project=gh/acme/web", "--builds=2", "--run-seconds=1000")
    (fake,) = fakes
    assert fake.update_build("gh/acme/web", 2)["status"] == "running"
    fake.advance(1000)
    assert fake.update_build("gh/acme/web", 2)["status"] == "success"


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (["--project", "acme"], "'acme' is not a slug such as 'github/acme/web'"),
        (["--port", "web"], "argument --port: invalid int value"),
        (["--port", "99999"], "port must be 0-65535"),
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


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104 - for this test
def test_one_that_listens_everywhere_prints_an_address_that_a_client_can_use(host: str):
    if host == "::" and not socket.has_dualstack_ipv6():
        pytest.skip("needs IPv6")
    with program("--host", host, "--project", "gh/acme/web", "--builds", "2", "--public") as process:
        assert process.stdout is not None
        base_url = process.stdout.readline().rstrip("\n")
        assert URL(base_url).host in {"127.0.0.1", "::1"}
        (artifact,) = read(base_url, "", "/project/gh/acme/web/1/artifacts")
        assert URL(artifact["url"]).origin() == URL(base_url).origin()


@pytest.mark.parametrize(
    ("host", "artifacts", "storage"),
    [
        ("fake:8711", "http://fake:8711", "fake"),
        ("127.0.0.1:9000", "http://127.0.0.1:9000", "localhost"),
        ("", None, "localhost"),
        ("a b:c", None, "localhost"),
    ],
)
async def test_one_that_listens_everywhere_names_its_files_as_the_client_names_it(
    host: str, artifacts: str | None, storage: str
):
    async with FakeCircleCI(host="0.0.0.0") as fake, aiohttp.ClientSession() as session:  # noqa: S104 - for this test
        fake.add_project("gh/acme/web", public=True)
        fake.add_build("gh/acme/web", steps=["checkout"])
        fake.add_output("gh/acme/web", 1, "out")
        fake.add_artifact("gh/acme/web", 1, "a.txt", b"a")
        headers = {"Accept": "application/json", "Host": host}
        async with session.get(f"{fake.base_url}/project/gh/acme/web/1/artifacts", headers=headers) as reply:
            (artifact,) = await reply.json()
        async with session.get(f"{fake.base_url}/project/gh/acme/web/1", headers=headers) as reply:
            url = URL((await reply.json())["steps"][0]["actions"][0]["output_url"])
        assert artifact["url"].startswith(artifacts or fake.base_url.removesuffix("/api/v1.1"))
        assert (url.host, url.port) == (storage, URL(fake.storage_origin).port)


def read_readme() -> str:
    """The README's program that starts a workflow and waits for it, in a hurry."""
    text = (Path(__file__).parents[2] / "README.md").read_text()
    (block,) = (block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "wait_for_commit" in block)
    hurried = block.replace("timeout=1800", "timeout=60, interval=0.1, settle=0.1")
    assert hurried != block
    return f"""
import asyncio
from circleci_v1_async import CircleCISession

async def main():
    async with CircleCISession.from_env() as ci:
{indent(hurried, " " * 8)}
        print(verdict.is_success, [build.build_num for build in verdict.builds])

asyncio.run(main())
"""


def test_builds_run_for_programs_that_wait_for_them(tmp_path: Path):
    """The README's own, and the commands that wait: all of them in processes of their own, at once."""
    head = {"status": "success", "revision": f"c0ffee7{'0' * 33}"}
    builds = [{"count": 8, **head}, {"status": "running", "revision": "1" * 40, "branch": "cart"}]
    seed = {"projects": [{"slug": "gh/acme/web", "builds": builds}]}
    (tmp_path / "seed.json").write_text(json.dumps(seed))
    command = f"{Path(sys.executable).parent}/circleci-v1"
    programs = {
        "watch": [command, "watch", "gh/acme/web", "--interval", "0.1"],
        "readme": [sys.executable, "-W", "ignore", "-c", read_readme()],
        "wait": [command, "wait", "gh/acme/web", "9", "--interval", "0.1"],
        "logs": [command, "logs", "gh/acme/web", "9", "--follow"],
    }
    with program("--seed", str(tmp_path / "seed.json"), "--run-seconds", "3") as fake, ExitStack() as stack:
        assert fake.stdout is not None
        base_url, token = (fake.stdout.readline().rstrip("\n") for _ in range(2))
        env = {**os.environ, "CIRCLE_API_URL": base_url, "CIRCLE_TOKEN": token}
        running: dict[str, subprocess.Popen[str]] = {}
        for name, arguments in programs.items():
            running[name] = stack.enter_context(
                subprocess.Popen(arguments, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603 - our own
            )
            # No failure makes the test wait forever.
            guard = threading.Timer(60, running[name].kill)
            guard.start()
            stack.callback(running[name].kill)
            stack.callback(guard.cancel)
            # The watch reports builds that finish after its first request.
            while name == "watch" and not read(base_url.removesuffix("/api/v1.1"), token, "/__fake/requests"):
                assert running[name].poll() is None
        watch = running.pop("watch")
        finished = next(line for line in watch.stdout if re.match("finished\t.*\t10\t", line))
        watch.send_signal(signal.SIGTERM)
        printed = {name: process.communicate() for name, process in running.items()}
        assert {name: process.returncode for name, process in running.items()} == dict.fromkeys(running, 0), printed
    assert "success" in finished
    assert printed["readme"][0] == "True []\nTrue [10]\n"
    assert printed["wait"][0].splitlines()[-1].split("\t")[1] == "success"
    assert printed["logs"][0].count("run tests: line") == 40
