"""The token's user, and users in builds."""

from collections.abc import Mapping
from typing import Any

import attrs

from circleci_v1_async.enums import VcsType

from ._model import Model, Timestamp, model

__all__ = ["BuildUser", "ProjectPreferences", "SSHUser", "User"]


@model(kw_only=True)
class BuildUser(Model):
    """The user who started a build."""

    is_user: bool | None = None
    """Whether the user has a CircleCI account. If not, most of the other fields are absent."""

    login: str | None = None
    """Login on the code host; `none` or `None` if the user is unknown."""

    avatar_url: str | None = None
    """URL of a picture."""

    name: str | None = None
    """Display name; `None` if the user did not set one."""

    vcs_type: VcsType | None = None
    """Code host that the login belongs to."""

    id: int | str | None = None
    """ID on the code host: an integer on GitHub, a string on Bitbucket."""

    email: str | None = None
    """Email address; usually absent."""


@model(kw_only=True)
class SSHUser(Model):
    """A user with SSH access to a build."""

    login: str | None = None
    """Login on the code host."""

    type: str | None = None
    """Code host that the login belongs to, such as `github`."""

    external_id: int | str | None = None
    """ID on the code host: an integer on GitHub."""

    github_id: int | None = None
    """Former name of `external_id`, with the same value."""


@model(kw_only=True)
class ProjectPreferences(Model):
    """A user's preferences for one project."""

    emails: str | None = None
    """Setting for emails about the project, such as `default`."""

    on_dashboard: bool | None = None
    """Whether the user's dashboard shows the project."""


@model(kw_only=True)
class User(Model):
    """The token's user."""

    login: str | None = None
    """Login on the code host."""

    name: str | None = None
    """Display name; `None` if the user did not set one."""

    admin: bool | None = None
    """Whether the user administers the installation of CircleCI Server; can be null."""

    all_emails: tuple[str, ...] = ()
    """Email addresses of the user, as registered on the code host."""

    selected_email: str | None = None
    """Email address that CircleCI sends emails to."""

    avatar_url: str | None = None
    """URL of a picture."""

    created_at: Timestamp | None = None
    """Time at which the account was created."""

    days_left_in_trial: int | None = None
    """Number of days until the trial ends; negative after its end."""

    trial_end: Timestamp | None = None
    """Time at which the trial ends or ended."""

    parallelism: int | None = None
    """Default number of containers for a build, from 1."""

    containers: int | None = None
    """Maximum number of containers that the user's builds can use at the same time."""

    num_projects_followed: int | None = None
    """Number of projects that the user follows; absent from old servers."""

    projects: Mapping[str, ProjectPreferences] | None = None
    """Preferences for each followed project, by the project's `vcs_url`."""

    identities: Mapping[str, Any] | None = None
    """Accounts on code hosts, by host name. Some nested keys are not Python identifiers, such as `user?`."""

    bitbucket: Mapping[str, Any] | None = None
    """Bitbucket account with its `id` and `login`; `None` if absent."""

    bitbucket_authorized: bool | None = None
    """Whether the user has given CircleCI access to Bitbucket."""

    github_id: int | None = None
    """ID on GitHub."""

    github_oauth_scopes: tuple[str, ...] = ()
    """Scopes that the user has granted on GitHub, such as `repo`."""

    gravatar_id: str | None = None
    """ID of the picture on Gravatar. Always null in the replies seen so far."""

    heroku_api_key: str | None = attrs.field(default=None, repr=False)
    """Heroku API key in plain text. A secret: the repr omits it. `None` if the user did not store one."""

    analytics_id: str | None = None
    """ID in CircleCI's analytics."""

    pusher_id: str | None = attrs.field(default=None, repr=False)
    """ID of the channel that CircleCI's web pages receive updates from. The repr omits it."""

    basic_email_prefs: str | None = None
    """Setting for emails about all projects, such as `smart` or `none`."""

    organization_prefs: Mapping[str, Any] | None = None
    """Preferences by organization. Always empty in the replies seen so far."""

    enrolled_betas: tuple[str, ...] = ()
    """Names of the betas that the user takes part in."""

    in_beta_program: bool | None = None
    """Whether the user takes part in CircleCI's betas."""

    dev_admin: bool | None = None
    """Whether the user is an administrator at CircleCI itself."""

    first_vcs_authorized_client_id: int | str | None = None
    """ID of the code host's application used to sign up; undocumented. Sometimes -1 or null."""

    plan: str | None = None
    """Plan of the user. Always null in the replies seen so far."""

    privacy_optout: bool | None = None
    """Whether the user has opted out of CircleCI's analytics."""

    sign_in_count: int | None = None
    """Number of times that the user has signed in."""

    student: bool | None = None
    """Whether the user is registered as a student."""

    web_ui_pipelines_first_opt_in: bool | None = None
    """Whether the user has ever opted in to CircleCI's newer web pages."""

    web_ui_pipelines_optout: str | None = None
    """Answer to the offer of CircleCI's newer web pages, such as `not-selected`."""
