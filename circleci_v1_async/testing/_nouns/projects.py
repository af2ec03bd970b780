"""Payloads of users, projects, artifacts and keys."""

import base64
from collections.abc import Iterable
from itertools import islice
from typing import Any, Final, Literal
from urllib.parse import quote

from circleci_v1_async.testing._nouns.builds import (
    AUTHOR,
    AVATAR,
    Payload,
    format_time,
    render_build_summary,
    render_identity,
)
from circleci_v1_async.testing._server.addresses import Addresses
from circleci_v1_async.testing._state.builds import (
    Build,
    CheckoutKey,
    Project,
    ProjectToken,
    SshKey,
    make_md5_fingerprint,
    make_stable_uuid,
)

_RECENT_BUILDS: Final = 5
# Settings of discontinued integrations, which the service still sends; null in all recorded projects.
_UNUSED_SETTINGS: Final = (
    *("campfire_notify_prefs", "campfire_room", "campfire_subdomain", "campfire_token", "flowdock_api_token"),
    *("heroku_deploy_user", "irc_channel", "irc_keyword", "irc_notify_prefs", "irc_password", "irc_server"),
    *("irc_username", "jira", "slack_api_token", "slack_channel", "slack_channel_override"),
    *("slack_integration_access_token", "slack_integration_channel", "slack_integration_channel_id"),
    *("slack_integration_notify_prefs", "slack_integration_team", "slack_integration_team_id"),
    *("slack_integration_webhook_url", "slack_notify_prefs", "slack_subdomain", "slack_webhook_url"),
)


def make_default_user() -> Payload:
    """Return the default payload of `/me`, without the projects."""
    return {
        "enrolled_betas": [],
        "in_beta_program": False,
        "selected_email": AUTHOR["email"],
        "avatar_url": AVATAR,
        "trial_end": "2025-01-20T08:30:00.000Z",
        "admin": None,
        "basic_email_prefs": "smart",
        "sign_in_count": 31,
        "github_oauth_scopes": ["user:email", "repo"],
        "analytics_id": make_stable_uuid("analytics"),
        "name": AUTHOR["name"],
        "gravatar_id": None,
        "first_vcs_authorized_client_id": None,
        "days_left_in_trial": -350,
        "privacy_optout": False,
        "parallelism": 1,
        "student": False,
        "bitbucket_authorized": False,
        "github_id": AUTHOR["id"],
        "web_ui_pipelines_optout": "not-selected",
        "bitbucket": None,
        "dev_admin": False,
        "all_emails": [AUTHOR["email"]],
        "created_at": "2025-01-06T08:30:00.000Z",
        "plan": None,
        "heroku_api_key": "fake-heroku-key",
        "identities": {"github": render_identity()},
        "login": AUTHOR["login"],
        "organization_prefs": {},
        "containers": 1,
        "pusher_id": "5f3c0ffee5f3c0ffee5f3c0ffee5f3c0ffee5f3c",
        "web_ui_pipelines_first_opt_in": False,
    }


def render_user(fields: Payload, followed: Iterable[Project]) -> Payload:
    """Render `/me`: the owner's fields and the projects that they follow."""
    projects = {project.vcs_url: {"on_dashboard": True, "emails": "default"} for project in followed}
    return {"projects": projects, "num_projects_followed": len(projects), **fields}


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
    """Render a project's settings, in which `vcs-type` has a hyphen."""
    payload = render_project(item, branches=branches)
    return {"vcs-type": payload.pop("vcs_type"), **payload}


def render_env_var(name: str, value: str) -> Payload:
    """Render an environment variable, of whose value the service shows up to four letters."""
    shown = min(4, len(value) // 2)
    return {"name": name, "value": f"xxxx{value[len(value) - shown :]}"}


def render_project_token(token: ProjectToken) -> Payload:
    """Render a project's token as lists show it, without its value."""
    return {"id": token.id, "label": token.label, "scope": token.scope}


def render_artifact(build: Build, path: str, node_index: int, *, addresses: Addresses) -> Payload:
    """Render an artifact as lists show it."""
    return {
        "path": path,
        "pretty_path": path,
        "node_index": node_index,
        "url": addresses.make_artifact_url(build, node_index, path),
    }


def render_test(name: str, result: str, fields: dict[str, Any]) -> Payload:
    """Render a test's result."""
    return {
        "classname": "",
        "file": None,
        "name": name,
        "result": result,
        "run_time": 0.011,
        "message": None,
        "source": "unknown",
        "source_type": "unknown",
    } | fields


def render_checkout_key(key: CheckoutKey, *, digest: Literal["md5", "sha256"]) -> Payload:
    """Render a checkout key with its fingerprint in the given digest."""
    return {
        "public_key": f"ssh-rsa {base64.b64encode(key.blob).decode()} \n",
        "type": key.type,
        "fingerprint": key.make_fingerprint(digest),
        "login": key.login,
        "preferred": key.preferred,
        "time": format_time(key.time),
    }


def render_ssh_key(key: SshKey) -> Payload:
    """Render a stored SSH key, of which the service shows the public half only."""
    return {
        "hostname": key.hostname,
        "public_key": f"ssh-rsa {base64.b64encode(key.blob).decode()}",
        "fingerprint": make_md5_fingerprint(key.blob),
    }


def _render_branches(item: Project) -> Payload:
    builds: dict[str, list[Build]] = {}
    for build in item.list_builds_newest_first():
        builds.setdefault(build.branch, []).append(build)
    return {_encode_branch_name(name): _render_branch(listed) for name, listed in builds.items()}


def _encode_branch_name(name: str) -> str:
    # The service encodes dots too, although URLs do not need that.
    return quote(name, safe="").replace(".", "%2E")


def _render_branch(newest_first: list[Build]) -> Payload:
    finished = [build for build in newest_first if build.phase.outcome]
    branch: Payload = {
        "pusher_logins": [AUTHOR["login"]],
        "running_builds": [render_build_summary(build) for build in newest_first if not build.phase.outcome],
        "recent_builds": [render_build_summary(build) for build in islice(finished, _RECENT_BUILDS)],
        "is_using_workflows": any(build.workflow for build in newest_first),
        "latest_workflows": _render_workflows(newest_first),
        "latest_completed_workflows": _render_workflows(finished),
    }
    for key, succeeded in (("last_success", True), ("last_non_success", False)):
        build = next((build for build in finished if (build.phase.outcome == "success") is succeeded), None)
        if build:
            branch[key] = render_build_summary(build)
    return branch


def _render_workflows(newest_first: list[Build]) -> Payload:
    """Render the latest run of each workflow, keyed by its name with underscores for hyphens."""
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
