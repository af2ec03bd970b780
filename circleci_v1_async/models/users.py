"""The user of the token, and the users that builds name."""

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
    """Whether this is a user of CircleCI. When it is not, most of the other fields are absent."""

    login: str | None = None
    """Login on the code host; `none` or `None` when the user is not known."""

    avatar_url: str | None = None
    """URL of a picture."""

    name: str | None = None
    """Name to display; `None` when the user gave none."""

    vcs_type: VcsType | None = None
    """Code host that the login belongs to."""

    id: int | str | None = None
    """Id on the code host: an integer on GitHub, a string on Bitbucket."""

    email: str | None = None
    """Email address; rarely sent."""


@model(kw_only=True)
class SSHUser(Model):
    """A user with SSH access to a build."""

    login: str | None = None
    """Login on the code host."""

    type: str | None = None
    """Code host that the login belongs to, such as `github`."""

    external_id: int | str | None = None
    """Id on the code host: an integer on GitHub."""

    github_id: int | None = None
    """Former name of `external_id`, with the same value."""


@model(kw_only=True)
class ProjectPreferences(Model):
    """A user's preferences for one project."""

    emails: str | None = None
    """Choice of emails about the project, such as `default`."""

    on_dashboard: bool | None = None
    """Whether the user's dashboard shows the project."""


@model(kw_only=True)
class User(Model):
    """The user whom the token belongs to."""

    login: str | None = None
    """Login on the code host."""

    name: str | None = None
    """Name to display; `None` when the user gave none."""

    admin: bool | None = None
    """Whether the user administers the installation of CircleCI Server; may be null."""

    all_emails: tuple[str, ...] = ()
    """Email addresses of the user, as the code host knows them."""

    selected_email: str | None = None
    """Email address that CircleCI writes to."""

    avatar_url: str | None = None
    """URL of a picture."""

    created_at: Timestamp | None = None
    """Time at which the account was created."""

    days_left_in_trial: int | None = None
    """Days until the trial ends; negative once it has ended."""

    trial_end: Timestamp | None = None
    """Time at which the trial ends or ended."""

    parallelism: int | None = None
    """Number of containers that a build runs in by default, from 1."""

    containers: int | None = None
    """Number of containers that the user's builds may use at once."""

    num_projects_followed: int | None = None
    """Number of projects that the user follows; absent from old servers."""

    projects: Mapping[str, ProjectPreferences] | None = None
    """Preferences for each followed project, by the project's `vcs_url`."""

    identities: Mapping[str, Any] | None = None
    """Accounts on code hosts, by the host's name. Some keys within are no identifiers, such as `user?`."""

    bitbucket: Mapping[str, Any] | None = None
    """Bitbucket account with its `id` and `login`; `None` when there is none."""

    bitbucket_authorized: bool | None = None
    """Whether the user has given CircleCI access to Bitbucket."""

    github_id: int | None = None
    """Id on GitHub."""

    github_oauth_scopes: tuple[str, ...] = ()
    """Scopes that the user has granted on GitHub, such as `repo`."""

    gravatar_id: str | None = None
    """Id of the picture on Gravatar. Always null when seen."""

    heroku_api_key: str | None = attrs.field(default=None, repr=False)
    """API key of Heroku, in clear. A secret, shown in no repr; `None` when the user stored none."""

    analytics_id: str | None = None
    """Id in CircleCI's statistics."""

    pusher_id: str | None = attrs.field(default=None, repr=False)
    """Id of the channel that CircleCI's web pages get their news from. Shown in no repr."""

    basic_email_prefs: str | None = None
    """Choice of emails about all projects, such as `smart` or `none`."""

    organization_prefs: Mapping[str, Any] | None = None
    """Preferences by organization. Always empty when seen."""

    enrolled_betas: tuple[str, ...] = ()
    """Names of the betas that the user takes part in."""

    in_beta_program: bool | None = None
    """Whether the user takes part in CircleCI's betas."""

    dev_admin: bool | None = None
    """Whether the user is an administrator at CircleCI itself."""

    first_vcs_authorized_client_id: int | str | None = None
    """Id of the code host's application that the user signed up with; undocumented, -1 or null at times."""

    plan: str | None = None
    """Plan of the user. Always null when seen."""

    privacy_optout: bool | None = None
    """Whether the user has opted out of CircleCI's statistics."""

    sign_in_count: int | None = None
    """Number of times that the user has signed in."""

    student: bool | None = None
    """Whether the user is registered as a student."""

    web_ui_pipelines_first_opt_in: bool | None = None
    """Whether the user has once chosen CircleCI's newer web pages."""

    web_ui_pipelines_optout: str | None = None
    """Answer to the offer of CircleCI's newer web pages, such as `not-selected`."""
