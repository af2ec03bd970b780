"""Builds: how tests add and change them, and how replies show them."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from circleci_v1_async.testing._nouns.steps import STEP_STATUSES, render_steps
from circleci_v1_async.testing._nouns.user import AUTHOR, AVATAR, render_identity
from circleci_v1_async.testing._server.addresses import Addresses
from circleci_v1_async.testing._server.routing import BUILD, Call, Route
from circleci_v1_async.testing._server.wire import Payload, format_commit_time, format_time, sort_keys
from circleci_v1_async.testing._state.account import Account
from circleci_v1_async.testing._state.arguments import check_choice, check_fields, check_seconds, check_time
from circleci_v1_async.testing._state.builds import PHASES, Build, Previous
from circleci_v1_async.testing._state.digests import make_stable_uuid
from circleci_v1_async.testing._state.projects import Project

_SHORT_VCS: Final = {"github": "gh", "bitbucket": "bb"}
_CONFIG: Final = (
    "version: 2.1\njobs:\n  build:\n    docker:\n      - image: cimg/python:3.13\n    steps:\n      - checkout\n"
)

# The order was recorded.
_ORDER: Final = (
    *("compare", "previous_successful_build", "build_parameters", "oss", "all_commit_details_truncated"),
    *("committer_date", "steps", "body", "usage_queued_at", "context_ids", "fail_reason", "retry_of"),
    *("reponame", "ssh_users", "build_url", "parallel", "failed", "branch", "username", "author_date", "why"),
    *("user", "vcs_revision", "workflows", "owners", "vcs_tag", "pull_requests", "build_num"),
    *("infrastructure_fail", "committer_email", "previous", "status", "committer_name", "retries", "subject"),
    *("vcs_type", "timedout", "dont_build", "lifecycle", "stop_time", "ssh_disabled", "build_time_millis"),
    *("picard", "circle_yml", "messages", "is_first_green_build", "job_name", "start_time", "canceler"),
    *("all_commit_details", "platform", "outcome", "vcs_url", "author_name", "node", "queued_at", "canceled"),
    *("author_email",),
)
_COMMIT_ORDER: Final = (
    *("committer_date", "body", "branch", "author_date", "committer_email", "commit", "committer_login"),
    *("committer_name", "subject", "commit_url", "author_login", "author_name", "author_email"),
)


class BuildBuilders:
    """Methods that add builds, change them and remove them."""

    _account: Account

    def add_build(
        self,
        slug: str,
        *,
        build_num: int | None = None,
        branch: str | None = None,
        status: str = "success",
        subject: str = "Make it so",
        when: datetime | None = None,
        why: str = "github",
        workflow: str | None = "build-and-test",
        job: str = "build",
        workflow_id: str | None = None,
        revision: str | None = None,
        steps: Iterable[str] = (),
        fields: Mapping[str, object] | None = None,
        **named: object,
    ) -> Payload:
        """Add a build.

        Args:
            slug: The project's slug.
            build_num: The build's number; by default the project's last build number plus 1.
            branch: The branch; by default the project's default branch.
            status: The status. It determines outcome, lifecycle and times.
            subject: The first line of the commit message.
            when: The time of creation, with a time zone. By default, builds come in groups of four, like the jobs of a
                push, and each group has the same second.
            why: The build's trigger.
            workflow: The workflow's name; None for a build outside of workflows.
            job: The job's name in the workflow.
            workflow_id: The workflow run's UUID. Pass a different UUID for a rerun. By default, it is derived from the
                workflow and the revision.
            revision: The commit's hash; by default derived from the project and the second.
            steps: Names of steps to add. The last step ends with the build's status. By default the build has no steps,
                as if they had expired.
            fields: Keys of the payload to send unchanged, known or unknown. `{"status": "paused"}` sends a status that
                the fake does not support, and leaves all other keys unchanged.
            **named: Known keys of the payload, with values that replace the computed values.

        Returns:
            The build as lists show it.

        Raises:
            KeyError: The project does not exist.
            ValueError: The status or the name of a field is unknown.
        """
        check_choice("status", status, PHASES)
        check_fields(named, _list_fields())
        if when is not None:
            check_time("when", when)
        project = self._account.get_project(slug)
        build = self._account.create_build(
            project,
            build_num=build_num,
            branch=branch,
            status=status,
            subject=subject,
            when=when,
            why=why,
            workflow=workflow,
            job=job,
            workflow_run=workflow_id,
            revision=revision,
            fields={**named, **(fields or {})},
        )
        names = list(steps)
        for number, name in enumerate(names, start=1):
            is_last = number == len(names)
            build.add_action(name, status=status if is_last and status in STEP_STATUSES else "success")
        return render_build(project, build)

    def update_build(
        self, slug: str, build_num: int, *, fields: Mapping[str, object] | None = None, **named: Any
    ) -> Payload:
        """Change the `status`, `branch`, `subject` or any other key of a build.

        A new status also changes the lifecycle, the outcome and the times, unless you pass these too.

        Args:
            slug: The project's slug.
            build_num: The build's number.
            fields: Keys of the payload to send unchanged, known or unknown.
            **named: The changes.

        Returns:
            The changed build as lists show it.

        Raises:
            KeyError: The build does not exist.
            ValueError: The status or the name of a field is unknown.
        """
        check_choice("status", named.get("status", "success"), PHASES)
        check_fields(named, _list_fields())
        build = self._account.get_build(slug, build_num)
        own = {name: named.pop(name) for name in ("status", "branch", "subject") if name in named}
        changed = self._account.change_build(build, **own, fields={**build.fields, **named, **(fields or {})})
        return render_build(self._account.get_project(slug), changed)

    def finish_build(self, slug: str, build_num: int, status: str = "success") -> Payload:
        """End a build and its running steps with `status`.

        Returns:
            The changed build as lists show it.

        Raises:
            KeyError: The build does not exist.
            ValueError: The status is unknown, or is not the status of a build that is over.
        """
        check_choice("status", status, [name for name, phase in PHASES.items() if phase.is_over])
        finished = self._account.finish_build(self._account.get_build(slug, build_num), status)
        return render_build(self._account.get_project(slug), finished)

    def advance(self, seconds: float) -> None:
        """Move the fake's clock forward. If the fake has `run_seconds`, builds run by this clock.

        Args:
            seconds: Number of seconds to move the clock, in one step.

        Raises:
            ValueError: The number is negative, or the fake has no `run_seconds`.
        """
        if self._account.run_seconds is None:
            raise ValueError("seconds: builds do not run by the clock: create the fake with run_seconds")
        self._account.clock.advance(check_seconds("seconds", seconds))

    def remove_build(self, slug: str, build_num: int) -> None:
        """Remove a build. Its number is not used again."""
        self._account.remove_build(self._account.get_build(slug, build_num))


def get_build(call: Call) -> Payload:
    return _render_build_detail(call.project, call.build, addresses=call.addresses)


def render_build(project: Project, build: Build) -> Payload:
    """Render a build as lists show it. `build.fields` replaces computed values."""
    payload: Payload = {
        "compare": None,
        "previous_successful_build": None,
        "build_parameters": build.build_parameters,
        "oss": project.public,
        **_render_commit(project, build),
        "fail_reason": None,
        "retry_of": build.retry_of,
        "reponame": project.reponame,
        "ssh_users": [_render_ssh_user(project)] if build.ssh_enabled else [],
        "build_url": _make_build_url(project, build.build_num),
        "parallel": build.parallel,
        "failed": build.phase.failed,
        "branch": build.branch,
        "username": project.username,
        "why": build.why,
        "user": _render_user(project),
        "vcs_revision": build.revision,
        **_render_workflow(build),
        "vcs_tag": build.tag,
        "build_num": build.build_num,
        "infrastructure_fail": build.phase.outcome == "infrastructure_fail",
        "previous": _render_previous(build.previous),
        "status": build.status,
        "retries": build.retries or None,
        "vcs_type": project.vcs_type,
        "vcs_url": project.vcs_url,
        "timedout": build.phase.outcome == "timedout",
        "dont_build": build.dont_build,
        "lifecycle": build.phase.lifecycle,
        "ssh_disabled": False,
        **_render_times(build),
        "picard": None,
        "circle_yml": None,
        "messages": _render_messages(build),
        "is_first_green_build": False,
        "job_name": None,
        "canceler": render_identity() if build.canceled_by_user else None,
        # Recorded: every build in a list has these two values, and single builds have the opposite values.
        "platform": "1.0",
        "outcome": build.phase.outcome,
        "node": None,
        "canceled": build.phase.outcome == "canceled",
    }
    return sort_keys(payload | build.fields, _ORDER)


def render_single_build(project: Project, build: Build) -> Payload:
    """Render a build as triggers, retries and cancellations show it, without its steps."""
    return sort_keys(render_build(project, build) | _render_single(build) | build.fields, _ORDER)


def _render_single(build: Build) -> Payload:
    return {"platform": "2.0", "ssh_disabled": not build.ssh_enabled}


def _render_build_detail(project: Project, build: Build, *, addresses: Addresses) -> Payload:
    """Render a single build with its steps."""
    payload: Payload = {
        "previous_successful_build": _render_previous(build.previous_successful),
        "owners": [AUTHOR["login"]],
        "pull_requests": [],
        "picard": {
            "executor": "docker",
            "resource_class": {"class": "medium", "name": "Docker Medium", "cpu": 2.0, "ram": 4096},
        },
        "circle_yml": {"string": _CONFIG},
        "steps": render_steps(build, addresses=addresses),
    }
    return sort_keys(render_build(project, build) | _render_single(build) | payload | build.fields, _ORDER)


@cache
def _list_fields() -> frozenset[str]:
    """Return the keys of a build in any of its forms, except for keys that the fake maintains."""
    account = Account({})
    account.add_project(project := Project("github", "acme", "web", "main", following=True, public=False))
    build = account.create_build(project, status="success")
    addresses = Addresses("", "", account.signed_at)
    return frozenset(_render_build_detail(project, build, addresses=addresses)) | {"fleet"}


def _make_build_url(project: Project, build_num: int) -> str:
    vcs = _SHORT_VCS.get(project.vcs_type, project.vcs_type)
    return f"https://circleci.com/{vcs}/{project.username}/{project.reponame}/{build_num}"


def _render_user(project: Project) -> Payload:
    # The ID of a Bitbucket user is a UUID in braces; the ID of a GitHub user is a number.
    identity = "{" + make_stable_uuid("user") + "}" if project.vcs_type == "bitbucket" else AUTHOR["id"]
    return {
        "is_user": True,
        "login": AUTHOR["login"],
        "avatar_url": AVATAR,
        "name": AUTHOR["name"],
        "vcs_type": project.vcs_type,
        "id": identity,
    }


def _render_ssh_user(project: Project) -> Payload:
    who = _render_user(project)
    return {"login": who["login"], "type": who["vcs_type"], "external_id": who["id"]}


def _render_commit(project: Project, build: Build) -> Payload:
    keys = ("author_name", "author_email", "author_date", "committer_name", "committer_email", "committer_date")
    if build.why == "api" and not (build.phase.started or build.phase.is_over):
        # The service looks the commit up when the build starts; until then the details are null.
        return dict.fromkeys((*keys, "subject", "body"))
    date = format_commit_time(project.commits[build.revision] - timedelta(seconds=40))
    who = (AUTHOR["name"], AUTHOR["email"], date)
    # Bitbucket sends no committer. The date is an empty string, not null.
    committer = (None, None, "") if project.vcs_type == "bitbucket" else who
    commit: Payload = dict(zip(keys, (*who, *committer), strict=True))
    commit |= {"subject": build.subject, "body": ""}
    listed = commit | {
        "branch": build.branch,
        "commit": build.revision,
        "commit_url": f"{project.vcs_url}/commit/{build.revision}",
        "author_login": AUTHOR["login"],
        "committer_login": committer[0] and AUTHOR["login"],
    }
    return commit | {"all_commit_details": [sort_keys(listed, _COMMIT_ORDER)], "all_commit_details_truncated": False}


def _render_workflow(build: Build) -> Payload:
    """Render the keys that only builds of a workflow have."""
    if build.workflow is None:
        return {}
    run = build.workflow_id
    return {
        "context_ids": [],
        "workflows": {
            "job_name": build.job,
            "job_id": build.job_id,
            "workflow_id": run,
            "workspace_id": run,
            "upstream_job_ids": [],
            "upstream_concurrency_map": {},
            "workflow_name": build.workflow,
        },
    }


def _render_times(build: Build) -> Payload:
    """Render the times. A queue's key is missing until the build enters the queue; other times are null."""
    phase = build.phase
    times: Payload = {"start_time": None, "stop_time": None, "build_time_millis": build.millis}
    if phase.usage_queued:
        times["usage_queued_at"] = format_time(build.created)
    if phase.queued:
        times["queued_at"] = format_time(build.created + timedelta(milliseconds=60))
    if phase.started:
        times["start_time"] = format_time(build.start_time)
    if phase.outcome:
        times["stop_time"] = format_time(build.stop_time)
    return times


def _render_previous(previous: Previous | None) -> Payload | None:
    if previous is None:
        return None
    return {
        "build_num": previous.build_num,
        "status": previous.status,
        "build_time_millis": previous.build_time_millis,
    }


def _render_messages(build: Build) -> list[Payload]:
    if build.dont_build is None:
        return []
    text = f"Your build was not run - reason code ({build.dont_build})."
    return [{"type": "warning", "message": text, "reason": build.dont_build}]


ROUTES: Final = (Route("GET", BUILD, get_build),)
