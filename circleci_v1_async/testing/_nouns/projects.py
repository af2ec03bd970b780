"""Projects: how the service lists and follows them, and their settings."""

from itertools import islice
from typing import Final
from urllib.parse import quote

from circleci_v1_async.testing._nouns.keys import render_ssh_key
from circleci_v1_async.testing._nouns.user import AUTHOR
from circleci_v1_async.testing._server.checks import RefusedError, take_members
from circleci_v1_async.testing._server.routing import PROJECT, Call, Route
from circleci_v1_async.testing._server.wire import Payload, format_time
from circleci_v1_async.testing._state.account import Account, split_slug
from circleci_v1_async.testing._state.builds import Build
from circleci_v1_async.testing._state.projects import Project

_RECENT_BUILDS: Final = 5
# Settings of discontinued integrations. The service still sends them; they are null in every recorded project.
_UNUSED_SETTINGS: Final = (
    *("campfire_notify_prefs", "campfire_room", "campfire_subdomain", "campfire_token", "flowdock_api_token"),
    *("heroku_deploy_user", "irc_channel", "irc_keyword", "irc_notify_prefs", "irc_password", "irc_server"),
    *("irc_username", "jira", "slack_api_token", "slack_channel", "slack_channel_override"),
    *("slack_integration_access_token", "slack_integration_channel", "slack_integration_channel_id"),
    *("slack_integration_notify_prefs", "slack_integration_team", "slack_integration_team_id"),
    *("slack_integration_webhook_url", "slack_notify_prefs", "slack_subdomain", "slack_webhook_url"),
)


class ProjectBuilders:
    """Methods that add projects."""

    _account: Account

    def add_project(
        self,
        slug: str,
        *,
        default_branch: str = "main",
        following: bool = True,
        public: bool = False,
        foreign: bool = False,
        dont_build: str | None = None,
    ) -> None:
        """Add a project.

        Args:
            slug: `"github/acme/web"`, `"bitbucket/acme/web"` or `"circleci/<org-id>/<project-id>"`. All methods also
                accept `gh` and `bb`.
            default_branch: The branch of builds that you add without a branch.
            following: Whether the token's owner follows the project, so that `/projects` and `/recent-builds` show it.
            public: Whether requests without a token can read the project.
            foreign: Whether the project belongs to other users. The token's owner can read and follow it, but every
                change is rejected with 403.
            dont_build: The reason why builds that are started or retried in this project become `not_run`, such as
                `"1.0-not-available"`; None to run them.

        Raises:
            ValueError: The slug does not have three parts, or its version control system is unknown.
        """
        vcs_type, username, reponame = split_slug(slug)
        project = Project(vcs_type, username, reponame, default_branch, following, public, foreign, dont_build)
        self._account.add_project(project)

    def brownout(self, *, on: bool = True) -> None:
        """Omit the branches of projects, like CircleCI's cloud on the trial days that it announced.

        Requests with `shallow=false`, and requests for settings with `skip-branches=false`, still get the branches.

        Args:
            on: Whether to start the brownout; False ends it.
        """
        self._account.in_brownout = on


def render_project(item: Project, *, branches: bool) -> Payload:
    """Render a project as `/projects` lists it, with or without its branches."""
    return {
        **dict.fromkeys(_UNUSED_SETTINGS),
        "ssh_keys": [render_ssh_key(key) for key in item.ssh_keys],
        **({"branches": _render_branches(item)} if branches else {}),
        "oss": item.public,
        "reponame": item.reponame,
        **dict.fromkeys(("dependencies", "compile", "setup", "test", "extra"), ""),
        "aws": {"keypair": None},
        "parallel": 1,
        "username": item.username,
        "has_usable_key": bool(item.checkout_keys),
        "vcs_type": item.vcs_type,
        "feature_flags": {"set-github-status": True, "build-prs-only": False, "oss": item.public} | item.feature_flags,
        "language": "Python",
        "vcs_url": item.vcs_url,
        "following": item.following,
        "default_branch": item.default_branch,
    }


def render_settings(item: Project, *, branches: bool) -> Payload:
    """Render a project's settings. Their key `vcs-type` has a hyphen."""
    payload = render_project(item, branches=branches)
    return {"vcs-type": payload.pop("vcs_type"), **payload}


def list_projects(call: Call) -> list[Payload]:
    call.require_token()
    branches = call.account.shows_branches({"false": True, "true": False}.get(call.query.get("shallow", "")))
    return [render_project(project, branches=branches) for project in call.followed_projects]


def follow_project(call: Call) -> Payload:
    call.project_to_follow.following = True
    return {"following": True, "workflow": False, "first_build": None}


def unfollow_project(call: Call) -> Payload:
    call.project_to_follow.following = False
    return {"following": False}


def get_project_settings(call: Call) -> Payload:
    return _render_settings(call)


def enable_project(call: Call) -> Payload:
    return _render_settings(call)


def disable_project(call: Call) -> Payload:
    return _render_settings(call)


def update_project_settings(call: Call) -> str:
    flags = call.project_to_change.feature_flags
    new = take_members(call.body, "feature_flags")
    if new is None:
        raise RefusedError
    flags.update(new)
    return ""


def clear_build_cache(call: Call) -> Payload:
    _ = call.project_to_change
    return {"status": "build dependency caches deleted"}


def _render_settings(call: Call) -> Payload:
    skipped = call.query.get("skip-branches", "")
    branches = call.account.shows_branches({"false": True, "true": False}.get(skipped))
    return render_settings(call.project_to_change, branches=branches)


def _render_branches(item: Project) -> Payload:
    builds: dict[str, list[Build]] = {}
    for build in item.list_builds_newest_first():
        builds.setdefault(build.branch, []).append(build)
    return {_encode_branch_name(name): _render_branch(listed) for name, listed in builds.items()}


def _encode_branch_name(name: str) -> str:
    # The service also encodes dots, although URLs do not need this.
    return quote(name, safe="").replace(".", "%2E")


def _render_branch(newest_first: list[Build]) -> Payload:
    finished = [build for build in newest_first if build.phase.outcome]
    branch: Payload = {
        "pusher_logins": [AUTHOR["login"]],
        "running_builds": [_render_build_summary(build) for build in newest_first if not build.phase.outcome],
        "recent_builds": [_render_build_summary(build) for build in islice(finished, _RECENT_BUILDS)],
        "is_using_workflows": any(build.workflow for build in newest_first),
        "latest_workflows": _render_workflows(newest_first),
        "latest_completed_workflows": _render_workflows(finished),
    }
    for key, succeeded in (("last_success", True), ("last_non_success", False)):
        build = next((build for build in finished if (build.phase.outcome == "success") is succeeded), None)
        if build:
            branch[key] = _render_build_summary(build)
    return branch


def _render_workflows(newest_first: list[Build]) -> Payload:
    """Render the latest run of each workflow, keyed by its name with underscores instead of hyphens."""
    latest: Payload = {}
    for build in newest_first:
        if build.workflow:
            latest.setdefault(
                build.workflow.replace("-", "_"),
                {
                    "status": "success" if build.status == "fixed" else build.status,
                    "created_at": format_time(build.created),
                    "id": build.workflow_id,
                },
            )
    return latest


def _render_build_summary(build: Build) -> Payload:
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


ROUTES: Final = (
    Route("GET", "/projects", list_projects),
    Route("GET", f"{PROJECT}/settings", get_project_settings),
    Route("PUT", f"{PROJECT}/settings", update_project_settings),
    Route("DELETE", f"{PROJECT}/build-cache", clear_build_cache),
    Route("POST", f"{PROJECT}/enable", enable_project),
    Route("DELETE", f"{PROJECT}/enable", disable_project),
    Route("POST", f"{PROJECT}/follow", follow_project),
    Route("POST", f"{PROJECT}/unfollow", unfollow_project),
)
