"""The two operations of API v2 that replace triggers and retries."""

from typing import Final, cast

from circleci_v1_async.testing._server.checks import RefusedError, take_members, take_text
from circleci_v1_async.testing._server.routing import PROJECT, Call, Route
from circleci_v1_async.testing._server.wire import Payload, Reply, format_time
from circleci_v1_async.testing._state.account import Account
from circleci_v1_async.testing._state.builds import Build
from circleci_v1_async.testing._state.digests import make_stable_uuid
from circleci_v1_async.testing._state.projects import Project

_BRANCH_OR_TAG: Final = Reply.json_error(400, "Branch and tag are mutually exclusive.")
_NO_WORKFLOW: Final = Reply.json_error(404, "Workflow not found")
_NOTHING_FAILED: Final = Reply.json_error(400, "The workflow has no failed jobs.")


def run_pipeline(call: Call) -> Payload:
    project = call.project_to_change
    take_text(call.body, "definition_id")
    take_members(call.body, "parameters")
    sources = [take_members(call.body, name) or {} for name in ("checkout", "config")]
    branch, tag = (_choose(sources, name) for name in ("branch", "tag"))
    if branch and tag:
        raise RefusedError(_BRANCH_OR_TAG)
    build = _start(call.account, project, branch=branch or project.default_branch, tag=tag)
    number = build.build_num
    return {
        "id": make_stable_uuid("pipeline", project.slug, number),
        "state": "created",
        "number": number,
        "created_at": format_time(build.created),
    }


def rerun_workflow(call: Call) -> Payload:
    call.require_token()
    project, builds = _find_run(call.account, call.params["workflow-id"])
    if project.foreign:
        raise RefusedError(_NO_WORKFLOW)
    jobs = _take_jobs(call.body)
    if call.body.get("from_failed") is True:
        builds = [build for build in builds if build.phase.outcome != "success"]
    if jobs is not None:
        builds = [build for build in builds if build.job_id in jobs]
    if not builds:
        raise RefusedError(_NOTHING_FAILED)
    run = make_stable_uuid("rerun", project.slug, project.last_num + 1)
    for build in builds:
        call.account.create_build(
            project,
            status="not_running",
            branch=build.branch,
            subject=build.subject,
            why="retry",
            workflow=build.workflow,
            job=build.job,
            workflow_run=run,
            revision=build.revision,
        )
    return {"workflow_id": run}


def _start(account: Account, project: Project, *, branch: str, tag: str | None) -> Build:
    """Start a pipeline of a branch's head: the commit of its newest build, if the branch has builds."""
    newest = next((build for build in project.list_builds_newest_first() if build.branch == branch), None)
    build = account.create_build(
        project,
        status="not_running",
        branch=branch,
        why="api",
        subject=newest.subject if newest else "Make it so",
        workflow_run=make_stable_uuid("workflow", project.slug, project.last_num + 1),
        revision=newest.revision if newest else None,
    )
    return account.change_build(build, tag=tag)


def _find_run(account: Account, workflow_id: str) -> tuple[Project, list[Build]]:
    for project in account.projects.values():
        builds = [build for build in project.builds.values() if build.workflow and build.workflow_id == workflow_id]
        if builds:
            return project, builds
    raise RefusedError(_NO_WORKFLOW)


def _choose(sources: list[Payload], name: str) -> str | None:
    """Return a string from the first object that has it. The other values must be strings or absent."""
    texts = [take_text(source, name) for source in sources]
    return next(filter(None, texts), None)


def _take_jobs(body: Payload) -> list[object] | None:
    jobs: object = body.get("jobs")
    if jobs is None:
        return None
    if not isinstance(jobs, list):
        raise RefusedError
    return cast("list[object]", jobs)


ROUTES: Final = (
    Route("POST", f"{PROJECT}/pipeline/run", run_pipeline, 201, site="v2"),
    Route("POST", "/workflow/:workflow-id/rerun", rerun_workflow, 202, site="v2"),
)
