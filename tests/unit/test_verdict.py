"""Verdicts on builds in hand, and workflow runs put together from them."""

from collections.abc import Iterable

import attrs
import pytest

from circleci_v1_async import Build, BuildStatus, InvalidInputError, Verdict, Workflow, WorkflowRun, group_builds

SHA = "c0ffee7" + "0" * 33
RUNS = [f"8b3f1c9e-52a4-4d0c-9a77-1f0e6b2d4c5{number}" for number in range(6)]


def build(number: int, status: str = "success", job: str = "test", run: int | None = 0, **fields: object) -> Build:
    return Build(
        build_num=number,
        status=BuildStatus(status),
        lifecycle="running" if status == "running" else "finished",  # type: ignore[arg-type]
        vcs_revision=SHA,
        workflows=None
        if run is None
        else Workflow(job_name=job, workflow_name=f"workflow {run % 5}", workflow_id=RUNS[run]),
        **fields,  # type: ignore[arg-type]
    )


def fifty_builds() -> list[Build]:
    """Ten jobs of each of five workflows, newest first; of the first workflow two jobs fail, and are run again."""
    builds = [
        build(5 * job + run + 1, "failed" if run == 0 and job in {3, 7} else "success", f"job {job}", run)
        for job in range(10)
        for run in range(5)
    ]
    return [*builds, build(51, job="job 3", run=5), build(52, job="job 7", run=5)][::-1]


def numbers(builds: Iterable[Build]) -> list[int]:
    return [build.build_num for build in builds]


# Verdicts


def test_a_verdict_is_of_the_newest_build_of_each_job_in_whatever_order_they_come():
    builds = fifty_builds()
    expected = Verdict.of(builds)
    assert (expected.is_success, len(expected.builds), expected.failed, expected.missing) == (True, 50, (), ())
    assert Verdict.of(iter(sorted(builds, key=lambda build: build.build_num % 7))) == expected


def test_a_verdict_on_certain_jobs_leaves_the_others_out():
    verdict = Verdict.of([build(1, "failed", "lint"), build(2), build(3, "not_run", "deploy")], jobs=["test", "deploy"])
    assert (numbers(verdict.builds), verdict.is_success, verdict.failed, verdict.missing) == (
        [3, 2],
        False,
        (),
        ("deploy",),
    )


def test_an_unfinished_build_is_neither_a_success_nor_failed():
    verdict = Verdict.of([build(1), build(2, "running", "lint")])
    assert (verdict.is_success, verdict.failed) == (False, ())


def test_there_is_no_success_without_a_build():
    assert Verdict.of([]) == Verdict((), is_success=False, failed=(), missing=())


def test_builds_of_several_projects_do_not_replace_each_other():
    web, api = (f"https://github.com/acme/{name}" for name in ("web", "api"))
    builds = [build(1, "failed", vcs_url=web), build(1, vcs_url=api), build(2, run=None, retry_of=1, vcs_url=api)]
    verdict = Verdict.of(builds)
    assert [(build.vcs_url, build.build_num) for build in verdict.builds] == [(api, 2), (web, 1)]


@pytest.mark.parametrize("jobs", [[], "test", ["test", ""], 7])
def test_jobs_that_are_no_names_are_refused(jobs: object):
    with pytest.raises(InvalidInputError, match=r"^jobs: expected a list of non-empty strings, at least one"):
        Verdict.of([], jobs=jobs)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("builds", "got"),
    [(build(1), "Build"), (5, "int"), ([build(1), 5], "int"), (None, "NoneType"), ("ab", "str"), ({"a": 1}, "str")],
)
def test_anything_but_several_builds_is_refused(builds: object, got: str):
    for judge in (Verdict.of, group_builds):
        with pytest.raises(InvalidInputError, match=f"^builds: expected several builds, got {got}$"):
            judge(builds)  # type: ignore[arg-type]


# Workflow runs


def test_builds_of_five_workflows_and_a_rerun_are_six_runs_in_the_order_of_their_newest_builds():
    runs = group_builds(fifty_builds())
    assert [(run.workflow_id, run.name) for run in runs] == [
        (RUNS[number], f"workflow {number % 5}") for number in (5, 4, 3, 2, 1, 0)
    ]
    assert [numbers(run.builds) for run in runs] == [
        [52, 51],
        *(list(range(46 + run, 0, -5)) for run in (4, 3, 2, 1, 0)),
    ]
    assert all(run.verdict == Verdict.of(run.builds) for run in runs)
    assert [numbers(run.verdict.failed) for run in runs] == [[], [], [], [], [], [36, 16]]


def test_a_run_has_all_its_builds_and_its_verdict_the_newest_of_each_job():
    failed, rerun = build(1, "failed"), build(2)
    (run,) = group_builds([failed, rerun])
    assert run == WorkflowRun(RUNS[0], "workflow 0", (rerun, failed), Verdict.of([rerun]))


def test_builds_outside_of_workflows_are_runs_of_their_own():
    builds = [build(4, run=None), build(3), build(2, run=None, retry_of=1), build(1)]
    assert [(run.workflow_id, run.name, numbers(run.builds)) for run in group_builds(builds)] == [
        (None, None, [4]),
        (RUNS[0], "workflow 0", [3, 1]),
        (None, None, [2]),
    ]


def test_a_run_is_known_by_its_id_in_any_case_and_without_one_by_nothing():
    upper = attrs.evolve(build(2), workflows=Workflow(workflow_id=RUNS[0].upper()))
    nameless = [Build(build_num=number, workflows=Workflow(workflow_name="ci")) for number in (4, 3)]
    runs = group_builds([*nameless, upper, build(1)])
    assert [(run.name, numbers(run.builds)) for run in runs] == [("ci", [4]), ("ci", [3]), (None, [2, 1])]


def test_the_order_is_that_of_the_list_also_across_projects():
    builds = [build(9, run=1), build(3000, run=0), build(8, run=2), build(2999, run=0)]
    assert [run.workflow_id for run in group_builds(builds)] == [RUNS[1], RUNS[0], RUNS[2]]


def test_no_builds_are_no_runs():
    assert group_builds([]) == []
