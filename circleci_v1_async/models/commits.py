"""Commits and pull requests of builds."""

from ._model import Model, Timestamp, model

__all__ = ["Commit", "PullRequest"]


@model(kw_only=True)
class Commit(Model):
    """A commit that a build was started for."""

    committer_date: Timestamp | None = None
    """Time of the commit; `None` on Bitbucket."""

    body: str | None = None
    """Message of the commit after its first line; empty if the message has only one line."""

    branch: str | None = None
    """Branch of the commit; absent on old builds."""

    author_date: Timestamp | None = None
    """Time at which the change was written."""

    committer_email: str | None = None
    """Email address of the committer; `None` on Bitbucket."""

    commit: str | None = None
    """Full hash of the commit."""

    committer_login: str | None = None
    """Login of the committer; `None` on Bitbucket. On GitHub, often `web-flow`, the account for merges."""

    committer_name: str | None = None
    """Name of the committer; `None` on Bitbucket."""

    subject: str | None = None
    """First line of the commit's message."""

    commit_url: str | None = None
    """URL of the commit on the code host."""

    author_login: str | None = None
    """Login of the author on the code host; `None` if the host has no matching user."""

    author_name: str | None = None
    """Name of the author."""

    author_email: str | None = None
    """Email address of the author."""


@model(kw_only=True)
class PullRequest(Model):
    """A pull request of a build. `Build.pull_request_numbers` has the numbers."""

    url: str | None = None
    """URL of the pull request on the code host."""

    head_sha: str | None = None
    """Full hash of the pull request's latest commit; null on old builds."""
