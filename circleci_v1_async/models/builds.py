"""Builds, which CircleCI now calls jobs.

The fields of builds, and of what they hold, stand in the order in which the service sends them. Decoding a list takes a
quarter less time so, because msgspec looks for the next key behind the last one.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import attrs

from circleci_v1_async.enums import BuildStatus, Lifecycle, Outcome, VcsType
from circleci_v1_async.slug import ProjectSlug

from ._model import Model, Timestamp, model
from ._slugs import slug_of_names, slug_of_url
from .commits import Commit, PullRequest
from .machines import CircleYml, Node, Picard
from .steps import Step
from .users import BuildUser, SSHUser
from .workflows import Workflow

__all__ = ["Build", "BuildDetail", "BuildMessage", "BuildSummary", "PreviousBuild"]

_SUCCESSES = frozenset({BuildStatus.SUCCESS, BuildStatus.FIXED})
_FAILURES = frozenset({BuildStatus.FAILED, BuildStatus.TIMEDOUT, BuildStatus.INFRASTRUCTURE_FAIL})
_FINISHED = frozenset({Lifecycle.FINISHED, Lifecycle.NOT_RUN})
# The pages of GitHub, Bitbucket and GitLab.
_PULL_REQUEST_URL = r"[^?#]*/(?:pull|pull-requests|merge_requests)/([0-9]{1,18})(?:[/?#]|\Z)"


@model(kw_only=True)
class BuildSummary(Model):
    """The fields that all builds have, wherever they are listed."""

    build_num: int
    """Number of the build within its project, from 1."""

    build_url: str | None = None
    """URL of the build's page on CircleCI."""

    status: BuildStatus | None = None
    """Status of the build, in one word. It is `fixed` for a success after a failure."""

    vcs_revision: str | None = None
    """Full hash of the commit."""

    @property
    def project(self) -> ProjectSlug | None:
        """The project, to ask for more of the build; `None` when the service did not say."""
        return slug_of_url(self.build_url)

    @property
    def is_success(self) -> bool:
        """Whether the build succeeded.

        `False` until it ended, and when it was cancelled, not run, or had no tests.
        """
        return self._result in _SUCCESSES

    @property
    def is_failure(self) -> bool:
        """Whether the build failed, timed out, or ended because CircleCI's infrastructure failed.

        `False` until it ended. A build that was cancelled, was not run, or had no tests, is neither a success nor a
        failure, and neither is one with an outcome that this version does not know.
        """
        return self._result in _FAILURES

    @property
    def _result(self) -> str | None:
        return self.status


@model(kw_only=True)
class PreviousBuild(Model):
    """A build before another one."""

    build_num: int
    """Number of the build within the same project."""

    status: BuildStatus | None = None
    """Status that the build ended with."""

    build_time_millis: int | None = None
    """Duration of the build in milliseconds."""


@model(kw_only=True)
class BuildMessage(Model):
    """A message of CircleCI about a build. A bare string, as openapi.yml has it, becomes its `message`."""

    type: str | None = None
    """Kind of message: `error` or `warning`."""

    message: str | None = None
    """Text, which may hold HTML."""

    reason: str | None = None
    """Reason why the build was not run, such as `no-followers`; mostly absent."""


@model(kw_only=True)
class Build(BuildSummary):
    """A build as lists, triggers, retries and cancels give it.

    With `shallow=True` the service leaves out about half of the fields, which say so below.
    """

    compare: str | None = None
    """URL of the code host's comparison of the build's commits; often null.

    Left out with `shallow=True`.
    """

    previous_successful_build: PreviousBuild | None = None
    """Latest success before this build, on the same branch. Left out with `shallow=True`."""

    build_parameters: Mapping[str, Any] | None = attrs.field(default=None, repr=False)
    """Environment variables that were given when the build was triggered. Left out with `shallow=True`.

    They may be secrets, and are shown in no repr.
    """

    oss: bool | None = None
    """Whether the project is open source. Left out with `shallow=True`."""

    all_commit_details_truncated: bool | None = None
    """Whether `all_commit_details` lacks some commits. Left out with `shallow=True`."""

    committer_date: Timestamp | None = None
    """Time of the commit; `None` on Bitbucket, and when the build was started through the API."""

    body: str | None = None
    """Message of the commit after its first line; `None` when the build was started through the API."""

    usage_queued_at: Timestamp | None = None
    """Time at which the build began to wait for the plan's capacity; absent until then."""

    context_ids: tuple[str, ...] = ()
    """Contexts that the build used; absent on old builds. Left out with `shallow=True`."""

    fail_reason: str | None = None
    """Reason of a failure. Always null when seen: use `outcome`. Left out with `shallow=True`."""

    retry_of: int | None = None
    """Number of the build that this one repeats; else `None`. Left out with `shallow=True`."""

    reponame: str | None = None
    """Name of the repository."""

    ssh_users: tuple[SSHUser, ...] = ()
    """Users with SSH access to the build. Left out with `shallow=True`."""

    parallel: int | None = None
    """Number of containers that the build runs in, from 1."""

    failed: bool | None = None
    """Whether the build failed. A trap: it is null on time-outs, as on many successes. Use `is_failure`.

    Left out with `shallow=True`.
    """

    branch: str | None = None
    """Branch that was built."""

    username: str | None = None
    """Organization or user that the repository belongs to."""

    author_date: Timestamp | None = None
    """Time at which the change was written; `None` when the build was started through the API."""

    why: str | None = None
    """Trigger of the build, such as `github`, `bitbucket`, `api`, `retry`, `auto-retry` or `edit`."""

    user: BuildUser | None = None
    """User who started the build."""

    workflows: Workflow | None = None
    """Workflow that the build is a job of.

    Absent on builds of CircleCI 1.0 and those started through the API.
    """

    owners: tuple[str, ...] = ()
    """Logins of the build's owners. Sent for single builds only."""

    vcs_tag: str | None = None
    """Tag that was built; `None` when the build was not started for a tag."""

    pull_requests: tuple[PullRequest, ...] = ()
    """Pull requests that the build belongs to."""

    infrastructure_fail: bool | None = None
    """Whether CircleCI's infrastructure failed, not the build. Left out with `shallow=True`."""

    committer_email: str | None = None
    """Email address of the committer; `None` on Bitbucket, and when the build was started through the API."""

    has_artifacts: bool | None = None
    """Whether the build stored artifacts.

    A trap: it was long `True` on every build, and is no longer sent since 2023. Left out with `shallow=True`. Use
    `list_build_artifacts`.
    """

    previous: PreviousBuild | None = None
    """Build before this one, on the same branch; `None` when it is the first.

    Left out with `shallow=True`.
    """

    committer_name: str | None = None
    """Name of the committer; `None` on Bitbucket, and when the build was started through the API."""

    pull_request_urls: tuple[str, ...] = ()
    """URLs of the pull requests.

    Sent for old single builds only: use `pull_requests` or `pull_request_numbers`.
    """

    retries: tuple[int, ...] | None = None
    """Numbers of the builds that repeat this one; `None` when there are none.

    Left out with `shallow=True`.
    """

    subject: str | None = None
    """First line of the commit's message; `None` when the build was started through the API."""

    vcs_type: VcsType | None = None
    """Code host of the project. Left out with `shallow=True`."""

    timedout: bool | None = None
    """Whether the build timed out. Left out with `shallow=True`."""

    dont_build: str | None = None
    """Reason why the build was not run, such as `no-followers` or `prs-only`; `None` when it was run."""

    lifecycle: Lifecycle | None = None
    """Phase of the build. A trap: it stays `scheduled` on some builds that never run. Use `is_finished`."""

    no_dependency_cache: bool | None = None
    """Whether the build ran without the cache of its dependencies; null at times.

    Left out with `shallow=True`.
    """

    fleet: str | None = None
    """Fleet of machines, in CircleCI's own words; undocumented. Sent with `shallow=True` only."""

    stop_time: Timestamp | None = None
    """Time at which the build stopped; `None` until then."""

    ssh_disabled: bool | None = None
    """Whether SSH access is switched off. Left out with `shallow=True`."""

    build_time_millis: int | None = None
    """Duration in milliseconds; `None` until the build stopped, and on some that did not run to their end.

    `duration` gives it as a `timedelta`.
    """

    picard: Picard | None = None
    """Executor of the build and its resources; null in lists. Left out with `shallow=True`."""

    circle_yml: CircleYml | None = None
    """Configuration of the build; null in lists since 2020. Left out with `shallow=True`."""

    messages: tuple[BuildMessage, ...] = ()
    """Messages of CircleCI about the build, such as why it was not run. Left out with `shallow=True`."""

    is_first_green_build: bool | None = None
    """Whether this is the first success of its project. Left out with `shallow=True`."""

    job_name: str | None = None
    """Name of the job. A trap: it is always null when seen. Use `job`. Left out with `shallow=True`."""

    start_time: Timestamp | None = None
    """Time at which the build started; `None` until then."""

    canceler: Mapping[str, Any] | None = None
    """User who cancelled the build; `None` when it was not cancelled.

    Some keys within are no identifiers, such as `user?`. Left out with `shallow=True`.
    """

    all_commit_details: tuple[Commit, ...] = ()
    """Commits that the build was started for, about 20 at most. Left out with `shallow=True`."""

    platform: str | None = None
    """Version of CircleCI, `1.0` or `2.0`.

    A trap: lists say `1.0` for jobs of workflows too. Look at `workflows`.
    """

    outcome: Outcome | None = None
    """Result of the build; `None` until it ended, and when it was not run.

    See also `is_success` and `is_failure`.
    """

    vcs_url: str | None = None
    """URL of the repository. Together with `build_num`, it identifies the build."""

    author_name: str | None = None
    """Name of the author; `None` when the build was started through the API."""

    node: tuple[Node, ...] | None = None
    """Containers of a build of CircleCI 1.0; `None` on all others. Left out with `shallow=True`."""

    queued_at: Timestamp | None = None
    """Time at which the build began to wait for a machine; absent until then."""

    canceled: bool | None = None
    """Whether the build was cancelled. Left out with `shallow=True`."""

    author_email: str | None = None
    """Email address of the author; `None` when the build was started through the API."""

    ssh_enabled: bool | None = None
    """Whether SSH access was asked for. Null or absent when seen: look at `ssh_disabled`."""

    @property
    def key(self) -> tuple[str | None, int]:
        """The identity of the build among all projects: `(vcs_url or build_url, build_num)`."""
        return (self.vcs_url or self.build_url, self.build_num)

    @property
    def project(self) -> ProjectSlug | None:
        """The project, to ask for more of it; `None` when the service did not say.

        The build's URL names the project as the API does. The names that people see (`username` and `reponame`) differ
        from that for projects of `circleci`.
        """
        return (
            slug_of_url(self.build_url)
            or slug_of_names(self.vcs_type, self.username, self.reponame)
            or slug_of_url(self.vcs_url)
        )

    @property
    def is_finished(self) -> bool:
        """Whether the build will not change again.

        Builds that were never run count, also those that stay `scheduled` for ever. An unknown status alone does not
        make a build finished.
        """
        return (
            self.lifecycle in _FINISHED
            or bool(self.outcome)
            or self.stop_time is not None
            or self.status == BuildStatus.NOT_RUN
        )

    @property
    def job(self) -> str | None:
        """The name of the job in the configuration; `None` on builds outside of workflows."""
        return (self.workflows and self.workflows.job_name) or self.job_name

    @property
    def duration(self) -> timedelta | None:
        """The time that the build ran.

        `None` while it runs, when it never ran, when its times contradict, and for a number that no `timedelta` holds.
        """
        if self.build_time_millis is not None:
            try:
                return timedelta(milliseconds=self.build_time_millis)
            except OverflowError:
                return None
        # Builds that CircleCI retried by itself have no duration, and are recorded to stop before they start.
        if self.start_time is None or self.stop_time is None or self.stop_time < self.start_time:
            return None
        return self.stop_time - self.start_time

    @property
    def queue_time(self) -> timedelta | None:
        """The time from `usage_queued_at`, or `queued_at` if it is absent, to `start_time`.

        `None` until the build starts, if no such time was sent, and if its times contradict.
        """
        queued = self.usage_queued_at or self.queued_at
        if self.start_time is None or queued is None or self.start_time < queued:
            return None
        return self.start_time - queued

    @property
    def pull_request_numbers(self) -> tuple[int, ...]:
        """The numbers of the pull requests that the build belongs to, each once.

        On GitLab, of the merge requests.
        """
        return tuple(dict.fromkeys(self._find_pull_request_numbers()))

    def _find_pull_request_numbers(self) -> Iterator[int]:
        for url in (*(pull_request.url for pull_request in self.pull_requests), *self.pull_request_urls):
            if url and (found := re.match(_PULL_REQUEST_URL, url)):
                yield int(found[1])

    @property
    def _result(self) -> str | None:
        if not self.outcome and (self.failed or self.timedout or self.infrastructure_fail):
            return Outcome.FAILED
        return self.outcome or self.status


@model(kw_only=True)
class BuildDetail(Build):
    """A build with its steps, as `get_build` gives it."""

    steps: tuple[Step, ...] = ()
    """Steps in their order. Empty on builds whose steps CircleCI has deleted, which are some years old."""
