"""Output of `circleci-v1 builds` and `circleci-v1 watch`."""

import json
import re
from itertools import groupby

import pytest
from cli_runner import HIDE_CURSOR, WEB, play, run_beside, shown_on, terminal

from circleci_v1_async import Build, loads

API = "github/acme/api"


@pytest.fixture
def web(service):
    """The service, with a project in it."""
    service.add_project(WEB)
    return service


# builds


async def test_builds_are_listed_newest_first_as_fields_between_tabs(web):
    web.add_build(WEB, subject="Make  it\tso", build_time_millis=61_000)
    web.add_build(WEB, status="running", branch="fix/it")

    result = await run_beside("builds", WEB)

    assert result.exit_code == 0, result.output
    assert result.output == "2\trunning\tfix/it\tMake it so\t\tbuild\n1\tsuccess\tmain\tMake it so\t1m 01s\tbuild\n"


async def test_builds_of_a_branch_that_passed_a_filter_are_listed_up_to_a_limit(web):
    for status in ("failed", "success", "failed", "failed"):
        web.add_build(WEB, status=status, branch="dev")
    web.add_build(WEB, status="failed")

    result = await run_beside("builds", WEB, "--branch", "dev", "--filter", "failed", "--limit", "2")

    assert [line.split("\t")[0] for line in result.output.splitlines()] == ["4", "3"]


async def test_builds_are_30_unless_a_limit_is_given(web):
    for _ in range(130):
        web.add_build(WEB)

    usual = await run_beside("builds", WEB)
    more = await run_beside("builds", WEB, "--limit", "120")

    assert usual.output.count("\n") == 30
    assert more.output.count("\n") == 120


async def test_builds_are_printed_as_json_one_a_line_that_loads_gives_back(web):
    web.add_build(WEB, subject="One")
    web.add_build(WEB, subject="Two")

    result = await run_beside("builds", WEB, "--json", obj=terminal())

    assert [loads(line, Build).subject for line in result.output.splitlines()] == ["Two", "One"]


async def test_on_a_terminal_builds_are_a_table_in_colours(web):
    web.add_build(WEB, subject="[b]One[/b]", status="failed")
    console = terminal()

    await run_beside("builds", WEB, obj=console)

    assert re.search(r"Build.*Outcome.*Job.*Branch.*Subject.*Age.*Took", shown_on(console))
    assert re.search(r" 1 .*\x1b\[31mfailed.*main.*\[b\]One\[/b\].*s\n", shown_on(console))


# watch


async def test_watch_prints_a_line_for_everything_that_happens(web):
    web.add_build(WEB, status="queued", build_num=7)
    play(
        web,
        lambda: web.update_build(WEB, 7, status="running"),
        lambda: web.add_build(WEB, status="running", branch="fix/it", subject="Fix it"),
        lambda: web.finish_build(WEB, 7, "failed"),
    )

    result = await run_beside("watch", "gh/acme/web", "--interval", "0.01")

    assert result.exit_code == 4
    lines = [line.split("\t") for line in result.stdout.splitlines()]
    assert [line[:4] for line in lines] == [
        ["changed", WEB, "7", "running"],
        ["new", WEB, "8", "running"],
        ["finished", WEB, "7", "failed"],
    ]
    assert lines[1][4:] == ["fix/it", "Fix it", "", "build"]


async def test_watch_without_a_project_is_of_all_that_the_user_follows(web):
    web.add_project(API)
    play(web, lambda: web.add_build(API, status="running"), lambda: web.add_build(WEB, status="running"))

    result = await run_beside("watch", "--interval", "0.01")

    assert [line.split("\t")[:3] for line in result.stdout.splitlines()] == [["new", API, "1"], ["new", WEB, "1"]]


async def test_watch_may_be_of_one_branch(web):
    play(
        web,
        lambda: web.add_build(WEB, status="running", branch="other"),
        lambda: web.add_build(WEB, status="running", branch="dev"),
    )

    result = await run_beside("watch", WEB, "--branch", "dev", "--interval", "0.01")

    assert [line.split("\t")[:3] for line in result.stdout.splitlines()] == [["new", WEB, "2"]]


async def test_watch_prints_json_with_the_build_and_what_happened_to_it(web):
    play(web, lambda: web.add_build(WEB, subject="Fix it"))

    result = await run_beside("watch", WEB, "--json", "--interval", "0.01", obj=terminal())

    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert [event["kind"] for event in events] == ["new", "finished"]
    assert {event["build"]["subject"] for event in events} == {"Fix it"}
    assert set(events[0]) == {"build", "kind"}


@pytest.mark.parametrize("project", [(), (WEB,)])
async def test_on_a_terminal_builds_under_way_stay_below_and_finished_ones_are_left_behind(web, project):
    play(
        web,
        lambda: web.add_build(WEB, status="running"),
        lambda: web.add_build(WEB, status="running"),
        lambda: web.finish_build(WEB, 1, "failed"),
    )
    console = terminal()

    await run_beside("watch", *project, "--interval", "0.01", obj=console)

    shown = shown_on(console)
    assert HIDE_CURSOR in shown
    # A picture is drawn once more above what scrolls away.
    assert [count for count, _ in groupby(re.findall(r"(\d+) under way", shown))] == ["0", "1", "2", "1"]
    assert len(re.findall(r"1 +\x1b\[31mfailed", shown)) == 1
    assert ("Project" in shown) == (project == ())
