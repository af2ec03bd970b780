"""The token's owner."""

from collections.abc import Iterable
from typing import Any, Final

from circleci_v1_async.testing._server.checks import take_texts
from circleci_v1_async.testing._server.routing import Call, Route
from circleci_v1_async.testing._server.wire import Payload, Reply
from circleci_v1_async.testing._state.account import Account
from circleci_v1_async.testing._state.digests import make_stable_uuid
from circleci_v1_async.testing._state.projects import Project

AUTHOR: Final[Payload] = {"name": "Ada Adams", "login": "ada", "email": "ada@acme.example", "id": 1815}
AVATAR: Final = "https://avatars.githubusercontent.com/u/1815?v=4"


class UserBuilders:
    """The state of the token's owner."""

    _account: Account

    @property
    def user(self) -> dict[str, Any]:
        """The fields of `/me`, without the projects. You can change them."""
        return self._account.user

    @user.setter
    def user(self, fields: dict[str, Any]) -> None:
        self._account.user = fields


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


def get_current_user(call: Call) -> Payload:
    call.require_token()
    return render_user(call.account.user, call.followed_projects)


def add_heroku_key(call: Call) -> Reply:
    call.require_token()
    (call.account.user["heroku_api_key"],) = take_texts(call.body_or_form, "apikey")
    # Recorded: an empty JSON string, sent as plain text.
    return Reply(200, b'""', {"Content-Type": "text/plain;charset=utf-8"})


ROUTES: Final = (
    Route("GET", "/me", get_current_user),
    Route("POST", "/user/heroku-key", add_heroku_key),
)
