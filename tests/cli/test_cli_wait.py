"""Output and exit codes of `circleci-v1 wait` and `circleci-v1 trigger --wait`."""

import re

import pytest
from cli_runner import HIDE_CURSOR, WEB, play, run_beside, shown_on, terminal

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


async def test_wait_for_several_builds_exits_with_8_if_one_of_them_fails(web):
    for status in ("running", "running", "success"):
        web.add_build(WEB, status=status)
    play(web, None, None, lambda: web.finish_build(WEB, 2), lambda: web.finish_build(WEB, 1, "failed"))

    result = await run_beside("wait", WEB, "1", "2", "3", "--interval", "0.01")

    assert result.exit_code == 8
    assert sorted(line.split("\t")[:2] for line in result.stdout.splitlines()) == [
        ["1", "failed"],
        ["1", "running"],
        ["2", "running"],
        ["2", "success"],
        ["3", "success"],
    ]


async def test_with_fail_fast_the_first_failure_ends_the_wait_for_several_builds(web):
    web.add_build(WEB, status="running")
    web.add_build(WEB, status="failed")

    result = await run_beside("wait", WEB, "1", "2", "--fail-fast", "--interval", "0.01")

    assert (result.exit_code, result.stderr) == (8, "")


async def test_one_missing_build_ends_the_wait_for_several_builds(web):
    web.add_build(WEB, status="running")

    result = await run_beside("wait", WEB, "1", "7", "--interval", "0.01")

    assert result.exit_code == 4
    assert re.match(r"Error: GET /project/github/acme/web/7 .* answered 404", result.stderr)


SHA = "c0ffee7" + "0" * 33
RUN = "8b3f1c9e-52a4-4d0c-9a77-1f0e6b2d4c58"


@pytest.fixture
def pushed(web):
    """The service, after a push: one job has succeeded, and another one runs."""
    web.add_build(WEB, job="build", revision=SHA, workflow_id=RUN)
    web.add_build(WEB, status="running", job="test", revision=SHA, workflow_id=RUN)
    web.clear_requests()
    return web


@pytest.mark.parametrize("whole", [("--commit", SHA[:7]), ("--workflow", RUN)])
@pytest.mark.parametrize(("outcome", "exit_code"), [("success", 0), ("failed", 8)])
async def test_wait_for_a_commit_or_a_workflow_run_exits_by_its_verdict(pushed, whole, outcome, exit_code):
    play(pushed, lambda: pushed.finish_build(WEB, 2, outcome))

    result = await run_beside("wait", WEB, *whole, "--settle", "0", "--interval", "0.01")

    assert (result.exit_code, result.stderr) == (exit_code, "")
    lines = [line.split("\t") for line in result.stdout.splitlines()]
    assert [(line[0], line[5]) for line in lines if line[1] == "running"] == [("2", "test")]
    assert {(line[0], line[1], line[5]) for line in lines if line[1] != "running"} == {
        ("1", "success", "build"),
        ("2", outcome, "test"),
    }


async def test_wait_for_some_jobs_of_a_commit_names_those_that_did_not_run(pushed):
    pushed.finish_build(WEB, 2)

    options = ("--jobs", "build, deploy", "--settle", "0", "--interval", "0.01")
    result = await run_beside("wait", WEB, "--commit", SHA, *options)

    assert (result.exit_code, result.stderr) == (8, "Job 'deploy' did not run.\n")


@pytest.mark.usefixtures("pushed")
async def test_wait_for_a_commit_exits_with_9_when_the_time_is_up():
    result = await run_beside("wait", WEB, "--commit", SHA, "--timeout", "0.2", "--interval", "0.05")

    assert result.exit_code == 9
    assert result.stderr.startswith(f"Error: Commit {SHA} of {WEB} ")


async def test_on_a_terminal_the_jobs_of_a_commit_are_a_live_table_that_stays(pushed):
    play(pushed, lambda: pushed.finish_build(WEB, 2, "failed"))
    console = terminal()

    result = await run_beside("wait", WEB, "--commit", SHA, "--settle", "0", "--interval", "0.01", obj=console)

    assert (result.exit_code, result.output) == (8, "")
    shown = shown_on(console)
    assert HIDE_CURSOR in shown
    assert re.search(r"running.*\x1b\[31mfailed", shown, re.DOTALL)
    assert shown.rindex("failed") > shown.rindex("Outcome")


async def test_without_a_build_the_newest_one_is_waited_for(web):
    web.add_build(WEB, status="failed", job="docs", workflow="nightly")
    web.add_build(WEB)

    newest = await run_beside("wait", WEB)
    chosen = await run_beside("wait", WEB, "--workflow", "nightly")

    assert (newest.exit_code, newest.stderr) == (0, "Build 2, the newest build\n")
    assert (chosen.exit_code, chosen.stderr) == (8, "Build 1, the newest build of workflow 'nightly'\n")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("7", "--commit", SHA), "BUILD cannot be used with --commit."),
        (("7", "--workflow", RUN), "BUILD cannot be used with the ID of a workflow run."),
        (("7", "8", "--job", "test"), "BUILD cannot be used with --job."),
        (("--commit", SHA, "--workflow", RUN), "--commit cannot be used with --workflow; --jobs names the jobs"),
        (("--workflow", RUN, "--job", "test"), "The ID of a workflow run cannot be used with --job; --jobs names"),
        (("--jobs", "a"), "--jobs and --settle need --commit or the ID of a workflow run."),
        (("--settle", "0"), "--jobs and --settle need --commit or the ID of a workflow run."),
        (("--commit", "main"), "sha: expected "),
        (("--commit", SHA, "--jobs", ","), "expected names of jobs, separated by commas."),
        (("7", "--timeout", "-1"), "expected a number of seconds above 0, up to 100000000; got '-1'."),
        (("7", "--interval", "x"), "expected a number of seconds above 0, up to 100000000; got 'x'."),
        (("--commit", SHA, "--settle", "-1"), "expected a number of seconds from 0, up to 100000000; got '-1'."),
    ],
)
async def test_options_that_do_not_fit_are_refused_before_any_request(args, said, web):
    result = await run_beside("wait", WEB, *args)

    assert (result.exit_code, result.output.count("\n")) == (2, 1)
    assert said in result.output
    assert web.requests == []


# trigger --wait


async def test_trigger_waits_for_the_one_build_that_it_has_started(web):
    play(web, lambda: web.finish_build(WEB, 1, "failed"))

    result = await run_beside("trigger", WEB, "--job", "test", "--wait", "--interval", "0.01")

    assert result.exit_code == 8, result.output
    assert result.stdout.splitlines()[-1].startswith("1\tfailed\t")


async def test_trigger_waits_for_the_builds_of_a_commit(web):
    play(
        web,
        lambda: web.add_build(WEB, status="running", job="test", revision=SHA),
        lambda: web.finish_build(WEB, 2),
        lambda: web.finish_build(WEB, 1),
    )

    result = await run_beside(
        "trigger", WEB, "--revision", SHA, "--wait", "--jobs", "test", "--settle", "0", "--interval", "0.01"
    )

    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1].split("\t")[1] == "success"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (
            ("--wait",),
            "--wait needs --job or --revision, because CircleCI does not return the builds of started workflows.",
        ),
        (("--wait", "--branch", "main"), "--wait needs --job or --revision"),
        (("--timeout", "9"), "--timeout, --interval, --jobs, --settle and --fail-fast need --wait."),
        (("--wait", "--job", "test", "--settle", "1"), "--jobs and --settle cannot be used with --job or --param"),
    ],
)
async def test_trigger_refuses_to_wait_for_builds_that_it_cannot_know(args, said, web):
    result = await run_beside("trigger", WEB, *args)

    assert (result.exit_code, result.output.count("\n")) == (2, 1)
    assert said in result.output
    assert web.requests == []
