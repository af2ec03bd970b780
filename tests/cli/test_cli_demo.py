"""What `circleci-v1 demo` reads, fetches and shows."""

import json
import re
import runpy
import sys
from pathlib import Path

import pytest
from cli_runner import HIDE_CURSOR, WEB, run, run_beside, shown_on, terminal

from circleci_v1_async import Build, CircleCISession
from circleci_v1_async._cli.demo import command as demo
from circleci_v1_async._cli.demo.report import Report

ROOT = Path(__file__).parents[2]


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


def words_of(picture):
    """The words in a picture: where exactly they are is up to the version of rich, and so are rules and bars."""
    texts = re.findall(r">([^<>]+)</text>", picture)
    return [word for word in re.split(r"(?:&#160;|\s)+", " ".join(texts)) if word.strip("─━╸╺")]


# On its own fake.


def test_the_demo_streams_a_history_that_changes_and_says_what_it_can_prove():
    result = run("demo", "--builds", "700")

    assert result.exit_code == 0, result.output
    *_, counts, meanwhile, claim, next_step = result.output.splitlines()
    number, requests = re.fullmatch(r"(\d+) builds, (\d+) requests, [\d.]+ s", counts).groups()
    assert int(requests) >= 7
    assert all(int(count) > 0 for count in re.findall(r"\d+", meanwhile))
    assert claim == f"{number} builds, 0 lost, 0 repeated"
    assert next_step == "Your own project: circleci-v1 demo gh/ORG/REPO"
    assert "\x1b" not in result.output


def test_the_outcomes_add_up_to_the_builds():
    output = run("demo", "--builds", "700").output

    outcomes, _ = output.split("Slowest builds")
    counts = [int(count) for count in re.findall(r"^[a-z_]+ +(\d+)  ", outcomes, re.MULTILINE)]
    assert sum(counts) == int(re.search(r"(\d+) builds, 0 lost", output)[1])


def test_the_demo_ends_by_fetching_the_log_and_the_artifacts_of_the_latest_failure():
    output = run("demo", "--builds", "100").output

    _, failure = output.split("Latest failure: the log and the artifacts of build ")
    assert re.search(r"^  === Test \(failed, exit code 1\)$", failure, re.MULTILINE)
    assert "E   AssertionError: assert 1 == 31" in failure
    assert "reports/junit.xml              182.3 kB" in failure
    assert "4 files, 4.9 MB, in a temporary folder" in failure


def test_a_history_without_a_failure_leaves_nothing_to_look_into():
    result = run("demo", "--builds", "1")

    assert result.exit_code == 0
    assert "Latest failure" not in result.output


def test_elsewhere_than_on_a_terminal_there_is_a_line_for_every_500_builds():
    output = run("demo", "--builds", "1300").output

    before, _ = output.split(WEB)
    assert [int(line.split()[0]) // 500 for line in before.splitlines()] == [1, 2]


def test_every_run_of_the_demo_is_like_the_last():
    def run_once():
        return re.sub(r"[\d.]+ s$", "", run("demo", "--builds", "250").output, flags=re.MULTILINE)

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


def test_on_a_terminal_a_table_and_bars_move_and_leave_the_summary_behind(monkeypatch):
    monkeypatch.setattr(demo, "SECONDS", 0.0)
    console = terminal()

    result = run("demo", "--builds", "250", obj=console)

    assert result.exit_code == 0
    picture, left = shown_on(console).split("Slowest builds")
    assert HIDE_CURSOR in picture
    assert picture.count("Read last") >= 3
    assert re.search(r"4/4.+files", picture)
    assert "\x1b[1;32m" in left.splitlines()[-2]
    assert re.search(r"\d+ builds, 0 lost, 0 repeated", left)


def test_a_build_that_is_running_has_taken_no_time_yet(monkeypatch):
    monkeypatch.setattr(demo, "SECONDS", 0.0)
    console = terminal()

    run("demo", "--builds", "5", obj=console)

    row = re.search(r"running.*", shown_on(console))[0]
    assert not re.search(r"\dm \d\ds", row)


def test_forced_colours_do_not_make_a_moving_picture_out_of_a_log():
    output = run("demo", "--builds", "250", env={"FORCE_COLOR": "1", "TERM": "xterm"}).output

    assert "\x1b[1;32m" in output
    assert HIDE_CURSOR not in output


def test_the_picture_in_the_docs_is_what_the_demo_leaves(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["demo_picture.py", str(tmp_path / "demo.svg")])

    runpy.run_path(str(ROOT / "tools" / "demo_picture.py"), run_name="__main__")

    drawn, kept = (words_of((folder / "demo.svg").read_text()) for folder in (tmp_path, ROOT / "docs"))
    assert drawn[-5:] == ["builds,", "0", "lost,", "0", "repeated"]
    assert drawn == kept, "run python tools/demo_picture.py"


# On the real service, in whose place is a service.


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


async def test_of_a_real_project_nothing_is_fetched_but_its_history(service):
    service.add_project(WEB)
    service.add_build(WEB, status="failed")

    await run_beside("demo", WEB)

    assert {request.operation for request in service.requests} == {"list_project_builds"}


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
    assert r"[red]\x1b]0;owned" in result.output
    assert all(char.isprintable() for char in result.output.replace("\n", ""))
    assert "unknown" in result.output
    assert "1m 01s" in result.output
