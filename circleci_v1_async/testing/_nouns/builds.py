"""Payloads of builds: full, shallow, with steps, and the summaries in lists of projects."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final
from weakref import WeakKeyDictionary

from circleci_v1_async.testing._server.addresses import Addresses
from circleci_v1_async.testing._server.wire import encode_json
from circleci_v1_async.testing._state.builds import (
    FIRST_CONFIGURED_STEP,
    Action,
    Build,
    Previous,
    Project,
    make_stable_uuid,
)

Payload = dict[str, Any]

AUTHOR: Final[Payload] = {"name": "Ada Adams", "login": "ada", "email": "ada@acme.example", "id": 1815}
ACTION_TIME: Final = timedelta(milliseconds=3_497)
AVATAR: Final = "https://avatars.githubusercontent.com/u/1815?v=4"
SHORT_VCS: Final = {"github": "gh", "bitbucket": "bb"}
SHALLOW_KEYS: Final = (
    *("author_date", "author_email", "author_name", "body", "branch", "build_num", "build_time_millis", "build_url"),
    *("committer_date", "committer_email", "committer_name", "dont_build", "fleet", "lifecycle", "outcome"),
    *("parallel", "platform", "pull_requests", "queued_at", "reponame", "start_time", "status", "stop_time"),
    *("subject", "usage_queued_at", "user", "username", "vcs_revision", "vcs_tag", "vcs_url", "why", "workflows"),
)
CONFIG: Final = (
    "version: 2.1\njobs:\n  build:\n    docker:\n      - image: cimg/python:3.13\n    steps:\n      - checkout\n"
)


def format_time(moment: datetime) -> str:
    """Format a time as the service does: UTC, with milliseconds and `Z`."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def format_commit_time(moment: datetime) -> str:
    """Format a commit's time, which has no milliseconds."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def render_identity() -> Payload:
    """Render the GitHub identity of the token's owner. Two of its keys end in a question mark."""
    return {
        "avatar_url": AVATAR,
        "external_id": AUTHOR["id"],
        "id": AUTHOR["id"],
        "name": AUTHOR["name"],
        "user?": True,
        "domain": "github.com",
        "type": "github",
        "authorized?": True,
        "provider_id": make_stable_uuid("provider"),
        "login": AUTHOR["login"],
    }


def render_build(project: Project, build: Build) -> Payload:
    """Render a build as lists, triggers, retries and cancellations show it; `build.fields` come last."""
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
        "platform": "2.0",
        "outcome": build.phase.outcome,
        "node": None,
        "canceled": build.phase.outcome == "canceled",
    }
    return payload | build.fields


def render_shallow_build(project: Project, build: Build) -> Payload:
    """Render a build as `shallow=true` gives it: a few of the keys, and two that only this form has."""
    added: Payload = {"fleet": None, "pull_requests": []}
    payload = render_build(project, build) | added | build.fields
    return {key: payload[key] for key in SHALLOW_KEYS if key in payload}


def render_build_detail(project: Project, build: Build, *, addresses: Addresses) -> Payload:
    """Render a single build with its steps."""
    payload: Payload = {
        "previous_successful_build": _render_previous(build.previous_successful),
        "owners": [AUTHOR["login"]],
        "pull_requests": [],
        "picard": {
            "executor": "docker",
            "resource_class": {"class": "medium", "name": "Docker Medium", "cpu": 2.0, "ram": 4096},
        },
        "circle_yml": {"string": CONFIG},
        "steps": _render_steps(build, addresses=addresses),
    }
    return render_build(project, build) | payload | build.fields


def render_build_summary(build: Build) -> Payload:
    """Render the summary of a build in the branches of `/projects`."""
    return {
        "outcome": build.phase.outcome,
        "status": build.status,
        "build_num": build.build_num,
        "vcs_revision": build.revision,
        "pushed_at": format_time(build.created.replace(microsecond=0)),
        "is_workflow_job": build.workflow is not None,
        "is_2_0_job": True,
        "added_at": format_time(build.stop_time if build.phase.is_finished else build.created),
    }


def _render_steps(build: Build, *, addresses: Addresses) -> list[Payload]:
    """Render the steps in order, each with one action per container that ran it."""
    ordered = sorted(build.actions, key=lambda action: (action.step, action.index))
    grouped = (list(actions) for _, actions in groupby(ordered, key=lambda action: action.step))
    return [
        {"name": actions[0].name, "actions": [_render_action(build, action, addresses) for action in actions]}
        for actions in grouped
    ]


def render_step_output(action: Action) -> list[Payload]:
    """Render an action's output and, if it failed, a last message with its exit code."""
    end = format_time(_compute_end_time(action))
    output: list[Payload] = []
    if action.output:
        output.append({"message": action.output, "time": end, "type": "out"})
    if action.status == "failed":
        output.append({"message": "Exited with code 1", "time": end, "type": "err"})
    return output


def _render_action(build: Build, action: Action, addresses: Addresses) -> Payload:
    running = action.status == "running"
    from_config = action.step >= FIRST_CONFIGURED_STEP
    payload: Payload = {
        "truncated": False,
        "index": action.index,
        "parallel": True,
        "failed": True if action.status == "failed" else None,
        "infrastructure_fail": True if action.status == "infrastructure_fail" else None,
        "name": action.name,
        "bash_command": f"#!/bin/bash -eo pipefail\n{action.name}" if from_config else None,
        "status": action.status,
        "timedout": True if action.status == "timedout" else None,
        "continue": None,
        "end_time": None if running else format_time(_compute_end_time(action)),
        "type": "test",
        "allocation_id": f"{build.revision[:24]}-{action.index}-build/1A2B3C4D",
        "start_time": format_time(action.start_time),
        "background": False,
        "exit_code": {"success": 0, "failed": 1}.get(action.status) if from_config else None,
        "insignificant": False,
        "canceled": True if action.status == "canceled" else None,
        "step": action.step,
        "run_time_millis": None if running else ACTION_TIME // timedelta(milliseconds=1),
        "has_output": bool(action.output),
    }
    # Recorded: an action has no output URL while it runs, and sometimes none afterwards.
    if action.output and action.published and not running:
        payload["output_url"] = addresses.sign_output_url(build, action)
    return payload | action.fields


def _compute_end_time(action: Action) -> datetime:
    return action.start_time + ACTION_TIME


def _make_build_url(project: Project, build_num: int) -> str:
    vcs = SHORT_VCS.get(project.vcs_type, project.vcs_type)
    return f"https://circleci.com/{vcs}/{project.username}/{project.reponame}/{build_num}"


def _render_user(project: Project) -> Payload:
    # The id of a Bitbucket user is a UUID in braces; that of a GitHub user is a number.
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
    # Bitbucket gives no committer; the date is an empty string, not null.
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
    return commit | {"all_commit_details": [listed], "all_commit_details_truncated": False}


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
    """Render the times. A queue's key is missing until the build enters the queue; the others are null."""
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


class PageRenderer:
    """Renders lists of builds as compact JSON, and caches each build's part: a `Build` never changes."""

    def __init__(self, projects: Mapping[str, Project]) -> None:
        self._projects = projects
        self._full: WeakKeyDictionary[Build, bytes] = WeakKeyDictionary()
        self._shallow: WeakKeyDictionary[Build, bytes] = WeakKeyDictionary()

    def render(self, builds: Iterable[Build], *, shallow: bool) -> bytes:
        """Render `builds` as a JSON array."""
        cache = self._shallow if shallow else self._full
        render = render_shallow_build if shallow else render_build
        items: list[bytes] = []
        for build in builds:
            item = cache.get(build)
            if item is None:
                item = cache[build] = encode_json(render(self._projects[build.slug], build))
            items.append(item)
        return b"[" + b",".join(items) + b"]"
