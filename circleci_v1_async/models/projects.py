"""Projects, their settings, and the result of following them."""

from collections.abc import Mapping
from typing import Any, Final

import attrs

from circleci_v1_async.enums import VcsType
from circleci_v1_async.slug import ProjectSlug

from ._model import Model, model
from ._slugs import slug_of_names, slug_of_url
from .branches import Branch
from .builds import Build
from .credentials import SSHKey

__all__ = ["FollowResult", "Project", "ProjectSettings"]


@model(kw_only=True)
class ProjectSettings(Model):
    """A project with its settings. The result of `get_project_settings`.

    The fields from `aws` on are settings, most of them from CircleCI 1.0. Unset settings are null or empty.
    """

    vcs_url: str | None = None
    """URL of the repository."""

    vcs_type: VcsType | None = None
    """Code host."""

    username: str | None = None
    """Organization or user that the repository belongs to."""

    reponame: str | None = None
    """Name of the repository."""

    default_branch: str | None = None
    """Default branch on the code host."""

    followed: bool | None = None
    """Whether the user follows the project. Only sent by servers until 2017. See also `following`."""

    following: bool | None = None
    """Whether the user follows the project. Only sent by servers since 2017. See also `followed`."""

    language: str | None = None
    """Programming language that the code host detected; `None` if it detected none."""

    oss: bool | None = None
    """Whether the builds are public."""

    has_usable_key: bool | None = None
    """Whether CircleCI has a key for checking out the code."""

    parallel: int | None = None
    """Default number of containers for a build, from 1."""

    feature_flags: Mapping[str, Any] | None = None
    """Settings by name, in kebab case, such as `build-fork-prs`. Most values, but not all, are booleans."""

    scopes: tuple[str, ...] = ()
    """Permissions of the caller, such as `write-settings`. Only sent for old projects."""

    ssh_keys: tuple[SSHKey, ...] = ()
    """SSH keys that builds use to connect to other hosts. Only the public halves are sent."""

    aws: Mapping[str, Any] | None = attrs.field(default=None, repr=False)
    """Key pair for Amazon Web Services. A secret: the repr omits it."""

    compile: str | None = None
    """Commands that compile the code."""

    dependencies: str | None = None
    """Commands that install the dependencies."""

    extra: str | None = None
    """Commands that run after the tests."""

    post_dependencies: str | None = None
    """Commands that run after the dependencies are installed."""

    setup: str | None = None
    """Commands that run before the dependencies are installed."""

    test: str | None = None
    """Commands that run the tests."""

    heroku_deploy_user: str | None = None
    """Login of the user who owns the Heroku key for deployments; `None` if absent."""

    jira: Mapping[str, Any] | None = attrs.field(default=None, repr=False)
    """Connection to Jira. It contains a secret: the repr omits it."""

    campfire_notify_prefs: str | None = None
    """Setting for the builds that are reported to Campfire."""

    campfire_room: str | None = None
    """Campfire room that receives the notifications."""

    campfire_subdomain: str | None = None
    """Campfire subdomain of the room."""

    campfire_token: str | None = attrs.field(default=None, repr=False)
    """Campfire token. A secret: the repr omits it."""

    flowdock_api_token: str | None = attrs.field(default=None, repr=False)
    """Flowdock API token. A secret: the repr omits it."""

    hipchat_api_token: str | None = attrs.field(default=None, repr=False)
    """HipChat API token. A secret: the repr omits it."""

    hipchat_notify: bool | str | None = None
    """Whether HipChat's messages alert the members of the room."""

    hipchat_notify_prefs: str | None = None
    """Setting for the builds that are reported to HipChat."""

    hipchat_room: str | None = None
    """HipChat room that receives the notifications."""

    irc_channel: str | None = None
    """IRC channel that receives the notifications."""

    irc_keyword: str | None = None
    """IRC keyword for joining the channel."""

    irc_notify_prefs: str | None = None
    """Setting for the builds that are reported to IRC."""

    irc_password: str | None = attrs.field(default=None, repr=False)
    """IRC password. A secret: the repr omits it."""

    irc_server: str | None = None
    """IRC server of the channel."""

    irc_username: str | None = None
    """IRC user who writes the messages."""

    slack_api_token: str | None = attrs.field(default=None, repr=False)
    """Slack API token of the former integration. A secret: the repr omits it."""

    slack_channel: str | None = None
    """Slack channel of the former integration."""

    slack_channel_override: str | None = None
    """Slack channel to use instead of the webhook's default channel."""

    slack_integration_access_token: str | None = attrs.field(default=None, repr=False)
    """Access token of the Slack app. A secret: the repr omits it."""

    slack_integration_channel: str | None = None
    """Slack channel that the app writes to."""

    slack_integration_channel_id: str | None = None
    """ID of the Slack channel that the app writes to."""

    slack_integration_notify_prefs: str | None = None
    """Setting for the builds that are reported to the Slack app."""

    slack_integration_team: str | None = None
    """Slack workspace that the app is installed in."""

    slack_integration_team_id: str | None = None
    """ID of the Slack workspace that the app is installed in."""

    slack_integration_webhook_url: str | None = attrs.field(default=None, repr=False)
    """Webhook URL of the Slack app. A secret: the repr omits it."""

    slack_notify_prefs: str | None = None
    """Setting for the builds that are reported to the former Slack integration."""

    slack_subdomain: str | None = None
    """Slack workspace of the former integration."""

    slack_webhook_url: str | None = attrs.field(default=None, repr=False)
    """Webhook URL of the former Slack integration. A secret: the repr omits it."""

    @property
    def slug(self) -> ProjectSlug | None:
        """The project's slug, for further requests; `None` if the reply does not name the project."""
        return slug_of_names(self.vcs_type, self.username, self.reponame) or slug_of_url(self.vcs_url)


@model(kw_only=True)
class Project(ProjectSettings):
    """A project that the user follows. `list_projects` returns a list of them."""

    branches: Mapping[str, Branch] | None = None
    """Branches by decoded name; empty if the project has no branches.

    `None` if the service omits them: with `shallow=True`, and always on CircleCI's cloud from 2026-12-07 on.
    """


@model(kw_only=True)
class FollowResult(Model):
    """The result of following or unfollowing a project."""

    following: bool | None = None
    """Whether the user follows the project now. Read from `followed` in replies of old servers."""

    workflow: bool | None = None
    """Whether the project probably uses workflows; undocumented, and absent from old servers."""

    first_build: Build | None = None
    """Build that following started; `None` if it started none, and possibly if the request was resent."""


# Other JSON names of fields. msgspec would drop these keys, so it does not decode these models directly.
OTHER_NAMES: Final[Mapping[Any, tuple[str, str]]] = {
    # Servers of 2016 and 2017 send this name.
    FollowResult: ("followed", "following"),
    # About half of the keys of settings are in kebab case.
    ProjectSettings: ("vcs-type", "vcs_type"),
}
