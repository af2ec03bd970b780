"""Output and exit codes of `circleci-v1 wait` and `circleci-v1 trigger --wait`."""

import pytest
from cli_runner import WEB, play, run_beside, shown_on, terminal

from circleci_v1_async import BuildDetail, loads


@pytest.fixture
def web(service):
    """The service, with a project in it."""
    service.add_project(WEB)
    return service


async def test_wait_prints_each_change_and_exits_with_0_when_the_build_is_a_success(web):
    web.add_build(WEB, status="queued")
    play(web, lambda: web.update_build(WEB, 1, status="running"), lambda: web.finish_build(WEB, 1))

    result = await run_beside("wait", WEB, "1", "--interval", "0.01")

    assert result.exit_code == 0, result.output
    assert [line.split("\t")[:2] for line in result.stdout.splitlines()] == [
        ["1", "queued"],
        ["1", "running"],
        ["1", "success"],
    ]


@pytest.mark.parametrize("status", ["failed", "canceled", "timedout", "infrastructure_fail", "not_run", "no_tests"])
async def test_wait_exits_with_8_when_the_build_is_no_success(web, status):
    web.add_build(WEB, status=status)

    result = await run_beside("wait", WEB, "1")

    assert result.exit_code == 8
    assert result.output.startswith(f"1\t{status}\t")


async def test_a_build_that_mended_its_branch_is_a_success(web):
    web.add_build(WEB, status="fixed")

    assert (await run_beside("wait", WEB, "1")).exit_code == 0


async def test_wait_exits_with_9_when_the_time_is_up(web):
    web.add_build(WEB, status="running")

    result = await run_beside("wait", WEB, "1", "--timeout", "1")

    assert result.exit_code == 9
    assert result.stderr == f"Error: Build 1 of {WEB} did not finish within 1 s; it was last seen running.\n"


@pytest.mark.usefixtures("web")
async def test_wait_for_a_build_that_does_not_exist_exits_with_4():
    assert (await run_beside("wait", WEB, "1")).exit_code == 4


async def test_wait_prints_json_with_the_steps_but_not_where_their_output_is(web):
    web.add_build(WEB)
    web.add_step(WEB, 1, "Test", output="done")

    result = await run_beside("wait", WEB, "1", "--json", obj=terminal())

    build = loads(result.output, BuildDetail)
    assert [step.name for step in build.steps] == ["Test"]
    assert "output_url" not in result.output
    assert web.storage_origin not in result.output


async def test_on_a_terminal_builds_that_are_waited_for_are_a_table_in_colors(web):
    web.add_build(WEB, status="failed")
    console = terminal()

    await run_beside("wait", WEB, "1", obj=console)

    assert "\x1b[31mfailed" in shown_on(console)
    assert "Outcome" in shown_on(console)
