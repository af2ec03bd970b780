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
    """A project, as `get_project_settings` gives it.

    From `aws` on, the fields are settings, most of them of CircleCI 1.0. Those that are not set are null or empty.
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
    """Whether the user follows the project, from servers until 2017. Later ones send `following`."""

    following: bool | None = None
    """Whether the user follows the project, from servers since 2017. Earlier ones send `followed`."""

    language: str | None = None
    """Programming language, as the code host guesses it; `None` when it does not."""

    oss: bool | None = None
    """Whether everyone may see the builds."""

    has_usable_key: bool | None = None
    """Whether CircleCI has a key to check the code out with."""

    parallel: int | None = None
    """Number of containers that builds run in by default, from 1."""

    feature_flags: Mapping[str, Any] | None = None
    """Settings by name, in kebab case, such as `build-fork-prs`. Most values are booleans, but not all."""

    scopes: tuple[str, ...] = ()
    """Permissions of the caller, such as `write-settings`. Sent for old projects only."""

    ssh_keys: tuple[SSHKey, ...] = ()
    """Keys that builds reach other hosts with, public halves only."""

    aws: Mapping[str, Any] | None = attrs.field(default=None, repr=False)
    """Key pair for Amazon Web Services. A secret, shown in no repr."""

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
    """Login of the user whose Heroku key deployments use; `None` when there is none."""

    jira: Mapping[str, Any] | None = attrs.field(default=None, repr=False)
    """Connection to Jira. It holds a secret and is shown in no repr."""

    campfire_notify_prefs: str | None = None
    """Choice of the builds that Campfire is notified of."""

    campfire_room: str | None = None
    """Campfire room that is notified."""

    campfire_subdomain: str | None = None
    """Campfire subdomain of the room."""

    campfire_token: str | None = attrs.field(default=None, repr=False)
    """Campfire token. A secret, shown in no repr."""

    flowdock_api_token: str | None = attrs.field(default=None, repr=False)
    """Flowdock API token. A secret, shown in no repr."""

    hipchat_api_token: str | None = attrs.field(default=None, repr=False)
    """HipChat API token. A secret, shown in no repr."""

    hipchat_notify: bool | str | None = None
    """Whether HipChat's messages alert the members of the room."""

    hipchat_notify_prefs: str | None = None
    """Choice of the builds that HipChat is notified of."""

    hipchat_room: str | None = None
    """HipChat room that is notified."""

    irc_channel: str | None = None
    """IRC channel that is notified."""

    irc_keyword: str | None = None
    """IRC keyword, with which the channel is joined."""

    irc_notify_prefs: str | None = None
    """Choice of the builds that IRC is notified of."""

    irc_password: str | None = attrs.field(default=None, repr=False)
    """IRC password. A secret, shown in no repr."""

    irc_server: str | None = None
    """IRC server of the channel."""

    irc_username: str | None = None
    """IRC user who writes the messages."""

    slack_api_token: str | None = attrs.field(default=None, repr=False)
    """Slack API token of the former integration. A secret, shown in no repr."""

    slack_channel: str | None = None
    """Slack channel of the former integration."""

    slack_channel_override: str | None = None
    """Slack channel that takes the place of the webhook's own."""

    slack_integration_access_token: str | None = attrs.field(default=None, repr=False)
    """Access token of the Slack app. A secret, shown in no repr."""

    slack_integration_channel: str | None = None
    """Slack channel that the app writes to."""

    slack_integration_channel_id: str | None = None
    """Id of the Slack channel that the app writes to."""

    slack_integration_notify_prefs: str | None = None
    """Choice of the builds that the Slack app is notified of."""

    slack_integration_team: str | None = None
    """Slack workspace that the app is installed in."""

    slack_integration_team_id: str | None = None
    """Id of the Slack workspace that the app is installed in."""

    slack_integration_webhook_url: str | None = attrs.field(default=None, repr=False)
    """Webhook URL of the Slack app. A secret, shown in no repr."""

    slack_notify_prefs: str | None = None
    """Choice of the builds that Slack is notified of, in the former integration."""

    slack_subdomain: str | None = None
    """Slack workspace of the former integration."""

    slack_webhook_url: str | None = attrs.field(default=None, repr=False)
    """Webhook URL of the former Slack integration. A secret, shown in no repr."""

    @property
    def slug(self) -> ProjectSlug | None:
        """The project as the API names it, to ask for more of it; `None` when the service did not say."""
        return slug_of_names(self.vcs_type, self.username, self.reponame) or slug_of_url(self.vcs_url)


@model(kw_only=True)
class Project(ProjectSettings):
    """A project that the user follows, as `list_projects` gives it."""

    branches: Mapping[str, Branch] | None = None
    """Branches by name, decoded; empty when there are none.

    `None` when the service leaves them out: with `shallow=True`, and from 2026-12-07 on always in CircleCI's cloud.
    """


@model(kw_only=True)
class FollowResult(Model):
    """The result of following or unfollowing a project."""

    following: bool | None = None
    """Whether the user follows the project now. Old servers call it `followed`, which is read as well."""

    workflow: bool | None = None
    """Whether workflows run on the project, it seems; undocumented, and absent from old servers."""

    first_build: Build | None = None
    """Build that following started; `None` if it started none, or possibly if the request was resent."""


# Other names of fields on the wire. msgspec would drop those keys, so no such model is decoded by it directly.
OTHER_NAMES: Final[Mapping[Any, tuple[str, str]]] = {
    # Sent by servers of 2016 and 2017.
    FollowResult: ("followed", "following"),
    # Settings are half in kebab case.
    ProjectSettings: ("vcs-type", "vcs_type"),
}
