"""The programs of the pages that watch builds lose none, whenever they are killed, and stop on a signal."""

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from doc_blocks import BLOCKS

from circleci_v1_async.testing import FakeCircleCI

PROJECT = "gh/acme/web"

# Nobody waits: time passes as soon as a program would wait, and it may be killed there.
KILLER = """
import asyncio, os, runpy, signal, sys
from functools import partial

from circleci_v1_async import CursorFile, session
from circleci_v1_async._core.clock import Clock

program, point, left = sys.argv[1], sys.argv[2], int(sys.argv[3])
save = CursorFile.save


def reach(name):
    global left
    left -= name == point
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)


async def sleep(seconds):
    if seconds > 0:
        reach("waiting")
    await asyncio.sleep(0)


async def save_or_die(file, cursor):
    reach("before saving")
    await save(file, cursor)
    reach("after saving")


session.Clock = partial(Clock, sleep=sleep)
CursorFile.save = save_or_die
runpy.run_path(program, run_name="__main__")
"""


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_circleci: FakeCircleCI) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CIRCLE_TOKEN", fake_circleci.token)
    monkeypatch.setenv("CIRCLE_API_URL", fake_circleci.base_url)
    Path("killer.py").write_text(KILLER)


def write_program(page: str, part: str) -> str:
    """Write down the program of a page that has this in it."""
    (block,) = [block for block in BLOCKS if block.page.name == page and part in block.source and not block.is_test]
    Path("program.py").write_text(block.source)
    return "program.py"


def kill(program: str, point: str, count: int = 1) -> list[str]:
    """Run a program until it reaches a point for the nth time, and return the lines that it has printed."""
    command = [sys.executable, "-u", "killer.py", program, point, str(count)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - our own
    assert done.returncode == -signal.SIGKILL, done.stderr
    return done.stdout.splitlines()


@pytest.mark.fault(64)
def test_the_program_of_the_guide_tells_of_every_failure_whenever_it_is_killed(fake_circleci: FakeCircleCI):
    program = write_program("watching.md", "CursorFile")
    fake_circleci.add_project(PROJECT)
    fake_circleci.add_build(PROJECT, status="running", subject="One")

    assert kill(program, "waiting") == []  # before the first event
    fake_circleci.finish_build(PROJECT, 1, "failed")
    fake_circleci.add_build(PROJECT, status="failed", subject="Two")

    # The cursor of the start is saved first.
    assert kill(program, "after saving", 3) == ["#1 One: failed"]  # between the events of a build
    fake_circleci.add_build(PROJECT, status="failed", subject="Three")

    assert kill(program, "before saving", 2) == ["#2 Two: failed"]  # between the effect and its cursor
    fake_circleci.add_build(PROJECT, status="failed", subject="Four")

    # Of its events only that one is told again.
    assert kill(program, "waiting") == ["#2 Two: failed", "#3 Three: failed", "#4 Four: failed"]
    assert kill(program, "waiting") == []


@pytest.mark.fault(64)
def test_the_bot_keeps_every_failure_once_also_when_it_is_killed_before_its_first_event(fake_circleci: FakeCircleCI):
    program = write_program("bot.md", "sqlite3.connect")
    fake_circleci.add_project(PROJECT)
    for _ in range(3):
        kill(program, "waiting")
        fake_circleci.add_build(PROJECT, status="failed")
    kill(program, "waiting")
    db = sqlite3.connect("bot.db")
    assert db.execute("SELECT num FROM failures").fetchall() == [(1,), (2,), (3,)]
    db.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_the_bot_of_the_guide_saves_its_cursor_and_exits_with_0_on_a_signal(
    fake_circleci: FakeCircleCI, number: signal.Signals
):
    program = write_program("stopping.md", "add_signal_handler")
    fake_circleci.add_project(PROJECT)
    for subject in ("One", "Two"):
        command = [sys.executable, program]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as bot:  # noqa: S603 - our own
            assert bot.stdout is not None
            assert bot.stdout.readline() == f"watching {PROJECT}\n"
            # The second bot reports the build that arrived while none was running.
            if subject == "Two":
                assert [bot.stdout.readline(), bot.stdout.readline()] == ["new 1\n", "finished 1\n"]
            bot.send_signal(number)
            assert bot.communicate(timeout=30) == ("stopped\n", "")
            assert bot.returncode == 0
        fake_circleci.add_build(PROJECT, subject=subject)
