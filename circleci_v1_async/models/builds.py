"""Builds, which CircleCI now calls jobs.

The fields of builds, and of the models inside builds, have the same order as in the service's replies. This makes
decoding a list 25% faster, because msgspec looks for each key right after the previous one.
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
# Pages of pull requests or merge requests on GitHub, Bitbucket and GitLab.
_PULL_REQUEST_URL = r"[^?#]*/(?:pull|pull-requests|merge_requests)/([0-9]{1,18})(?:[/?#]|\Z)"


@model(kw_only=True)
class BuildSummary(Model):
    """The fields that a build has in every kind of list."""

    build_num: int
    """Number of the build within its project, from 1."""

    build_url: str | None = None
    """URL of the build's page on CircleCI."""

    status: BuildStatus | None = None
    """Status of the build. A success after a failure has the status `fixed`."""

    vcs_revision: str | None = None
    """Full hash of the commit."""

    @property
    def project(self) -> ProjectSlug | None:
        """The project, for further requests about the build; `None` if the reply does not name the project."""
        return slug_of_url(self.build_url)

    @property
    def is_success(self) -> bool:
        """Whether the build succeeded.

        `False` until the build has finished, and for builds that were canceled, were not run, or had no tests.
        """
        return self._result in _SUCCESSES

    @property
    def is_failure(self) -> bool:
        """Whether the build failed, timed out, or stopped because CircleCI's infrastructure failed.

        `False` until the build has finished. Some finished builds are neither a success nor a failure: builds that were
        canceled, were not run, or had no tests, and builds with an outcome that this version does not know.
        """
        return self._result in _FAILURES

    @property
    def _result(self) -> str | None:
        return self.status


@model(kw_only=True)
class PreviousBuild(Model):
    """A summary of an earlier build, as a field of a later build."""

    build_num: int
    """Number of the build within the same project."""

    status: BuildStatus | None = None
    """Final status of the build."""

    build_time_millis: int | None = None
    """Duration of the build in milliseconds."""


@model(kw_only=True)
class BuildMessage(Model):
    """A message from CircleCI about a build.

    In openapi.yml, a message is a plain string. Such a string becomes the `message` field.
    """

    type: str | None = None
    """Kind of message: `error` or `warning`."""

    message: str | None = None
    """Text of the message. It may contain HTML."""

    reason: str | None = None
    """Reason why the build was not run, such as `no-followers`; usually absent."""


@model(kw_only=True)
class Build(BuildSummary):
    """A build in a list of builds, or the result of triggering, retrying or canceling a build.

    With `shallow=True`, the service omits about half of the fields, which are marked below.
    """

    compare: str | None = None
    """URL of the code host's comparison of the build's commits; often null.

    Omitted with `shallow=True`.
    """

    previous_successful_build: PreviousBuild | None = None
    """Latest success before this build, on the same branch. Omitted with `shallow=True`."""

    build_parameters: Mapping[str, Any] | None = attrs.field(default=None, repr=False)
    """Environment variables that were passed when the build was triggered. Omitted with `shallow=True`.

    They may contain secrets, so the repr omits them.
    """

    oss: bool | None = None
    """Whether the project is open source. Omitted with `shallow=True`."""

    all_commit_details_truncated: bool | None = None
    """Whether `all_commit_details` lacks some commits. Omitted with `shallow=True`."""

    committer_date: Timestamp | None = None
    """Time of the commit; `None` on Bitbucket, and if the build was started through the API."""

    body: str | None = None
    """Message of the commit after its first line; `None` if the build was started through the API."""

    usage_queued_at: Timestamp | None = None
    """Time at which the build started to wait for capacity in the plan; absent before this time."""

    context_ids: tuple[str, ...] = ()
    """Contexts that the build used; absent on old builds. Omitted with `shallow=True`."""

    fail_reason: str | None = None
    """Reason of a failure. Unreliable: always null in the replies seen so far. Use `outcome`.

    Omitted with `shallow=True`.
    """

    retry_of: int | None = None
    """Number of the build that this build reran; `None` if not a rerun. Omitted with `shallow=True`."""

    reponame: str | None = None
    """Name of the repository."""

    ssh_users: tuple[SSHUser, ...] = ()
    """Users with SSH access to the build. Omitted with `shallow=True`."""

    parallel: int | None = None
    """Number of containers that the build runs in, from 1."""

    failed: bool | None = None
    """Whether the build failed. Unreliable: null for timeouts and for many successes. Use `is_failure`.

    Omitted with `shallow=True`.
    """

    branch: str | None = None
    """Branch that was built."""

    username: str | None = None
    """Organization or user that the repository belongs to."""

    author_date: Timestamp | None = None
    """Time at which the change was written; `None` if the build was started through the API."""

    why: str | None = None
    """Trigger of the build, such as `github`, `bitbucket`, `api`, `retry`, `auto-retry` or `edit`."""

    user: BuildUser | None = None
    """User who started the build."""

    workflows: Workflow | None = None
    """Workflow that the build is a job of.

    Absent if the build ran on CircleCI 1.0, or was started through the API.
    """

    owners: tuple[str, ...] = ()
    """Logins of the build's owners. Only sent for single builds."""

    vcs_tag: str | None = None
    """Tag that was built; `None` if the build was not started for a tag."""

    pull_requests: tuple[PullRequest, ...] = ()
    """Pull requests that the build belongs to."""

    infrastructure_fail: bool | None = None
    """Whether CircleCI's infrastructure failed, instead of the build. Omitted with `shallow=True`."""

    committer_email: str | None = None
    """Email address of the committer; `None` on Bitbucket, and if the build was started through the API."""

    has_artifacts: bool | None = None
    """Whether the build stored artifacts.

    Unreliable: for years, it was `True` for every build, and since 2023 it is absent. Omitted with `shallow=True`. Use
    `list_build_artifacts`.
    """

    previous: PreviousBuild | None = None
    """Previous build on the same branch; `None` for the first build.

    Omitted with `shallow=True`.
    """

    committer_name: str | None = None
    """Name of the committer; `None` on Bitbucket, and if the build was started through the API."""

    pull_request_urls: tuple[str, ...] = ()
    """URLs of the pull requests.

    Only present if a single, old build was requested: use `pull_requests` or `pull_request_numbers`.
    """

    retries: tuple[int, ...] | None = None
    """Numbers of the builds that reran this build; `None` if it was not rerun.

    Omitted with `shallow=True`.
    """

    subject: str | None = None
    """First line of the commit's message; `None` if the build was started through the API."""

    vcs_type: VcsType | None = None
    """Code host of the project. Omitted with `shallow=True`."""

    timedout: bool | None = None
    """Whether the build timed out. Omitted with `shallow=True`."""

    dont_build: str | None = None
    """Reason why the build was not run, such as `no-followers` or `prs-only`; `None` if it was run."""

    lifecycle: Lifecycle | None = None
    """Phase of the build. Unreliable: some builds stay `scheduled` but never run. Use `is_finished`."""

    no_dependency_cache: bool | None = None
    """Whether the build ran without its dependency cache; sometimes null.

    Omitted with `shallow=True`.
    """

    fleet: str | None = None
    """Name of the fleet of machines, internal to CircleCI; undocumented. Only sent with `shallow=True`."""

    stop_time: Timestamp | None = None
    """Time at which the build stopped; `None` before this time."""

    ssh_disabled: bool | None = None
    """Whether SSH access is turned off. Omitted with `shallow=True`."""

    build_time_millis: int | None = None
    """Duration in milliseconds; `None` until the build has stopped, and for some interrupted builds.

    `duration` returns it as a `timedelta`.
    """

    picard: Picard | None = None
    """Executor of the build, with its resources; null in lists of builds. Omitted with `shallow=True`."""

    circle_yml: CircleYml | None = None
    """Configuration of the build; null in lists of builds since 2020. Omitted with `shallow=True`."""

    messages: tuple[BuildMessage, ...] = ()
    """CircleCI's messages about the build, for example if it was not run. Omitted with `shallow=True`."""

    is_first_green_build: bool | None = None
    """Whether this is the project's first successful build. Omitted with `shallow=True`."""

    job_name: str | None = None
    """Name of the job. Unreliable: always null in the replies seen so far. Use `job`.

    Omitted with `shallow=True`.
    """

    start_time: Timestamp | None = None
    """Time at which the build started; `None` before this time."""

    canceler: Mapping[str, Any] | None = None
    """User who canceled the build; `None` if it was not canceled.

    Some keys are not valid Python identifiers, such as `user?`. Omitted with `shallow=True`.
    """

    all_commit_details: tuple[Commit, ...] = ()
    """Commits that the build was started for, at most about 20. Omitted with `shallow=True`."""

    platform: str | None = None
    """Version of CircleCI, `1.0` or `2.0`.

    Unreliable: in lists of builds, it is `1.0` even for jobs of workflows. Use `workflows`.
    """

    outcome: Outcome | None = None
    """Result of the build; `None` until the build has finished, and if it was not run.

    See also `is_success` and `is_failure`.
    """

    vcs_url: str | None = None
    """URL of the repository. Together with `build_num`, it identifies the build."""

    author_name: str | None = None
    """Name of the author; `None` if the build was started through the API."""

    node: tuple[Node, ...] | None = None
    """Containers of a build that ran on CircleCI 1.0; `None` for others. Omitted with `shallow=True`."""

    queued_at: Timestamp | None = None
    """Time at which the build started to wait for a machine; absent before this time."""

    canceled: bool | None = None
    """Whether the build was canceled. Omitted with `shallow=True`."""

    author_email: str | None = None
    """Email address of the author; `None` if the build was started through the API."""

    ssh_enabled: bool | None = None
    """Whether SSH access was requested. Unreliable: always null or absent in the replies seen so far.

    Use `ssh_disabled`.
    """

    @property
    def key(self) -> tuple[str | None, int]:
        """The identity of the build among all projects: `(vcs_url or build_url, build_num)`."""
        return (self.vcs_url or self.build_url, self.build_num)

    @property
    def project(self) -> ProjectSlug | None:
        """The project, for further requests about it; `None` if the reply does not name the project.

        The build's URL contains the same project name as the API. For `circleci` projects, the display names
        (`username` and `reponame`) differ from this name.
        """
        return (
            slug_of_url(self.build_url)
            or slug_of_names(self.vcs_type, self.username, self.reponame)
            or slug_of_url(self.vcs_url)
        )

    @property
    def is_finished(self) -> bool:
        """Whether the build will not change again.

        A build that was never run counts as finished, even if its `lifecycle` stays `scheduled`. An unknown status is
        not enough to count as finished.
        """
        return (
            self.lifecycle in _FINISHED
            or bool(self.outcome)
            or self.stop_time is not None
            or self.status == BuildStatus.NOT_RUN
        )

    @property
    def job(self) -> str | None:
        """The name of the job in the configuration; `None` for builds outside of workflows."""
        return (self.workflows and self.workflows.job_name) or self.job_name

    @property
    def duration(self) -> timedelta | None:
        """The time that the build ran.

        `None` while the build runs, if it never ran, if its times contradict each other, and if the number is too large
        for a `timedelta`.
        """
        if self.build_time_millis is not None:
            try:
                return timedelta(milliseconds=self.build_time_millis)
            except OverflowError:
                return None
        # Builds that CircleCI retried automatically have no duration, and their recorded stop is before their start.
        if self.start_time is None or self.stop_time is None or self.stop_time < self.start_time:
            return None
        return self.stop_time - self.start_time

    @property
    def queue_time(self) -> timedelta | None:
        """The time from `usage_queued_at`, or `queued_at` if it is absent, to `start_time`.

        `None` until the build starts, if both queue times are absent, and if its times contradict each other.
        """
        queued = self.usage_queued_at or self.queued_at
        if self.start_time is None or queued is None or self.start_time < queued:
            return None
        return self.start_time - queued

    @property
    def pull_request_numbers(self) -> tuple[int, ...]:
        """The numbers of the build's pull requests, or of its merge requests on GitLab, without duplicates."""
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
    """A build with its steps. The result of `get_build`."""

    steps: tuple[Step, ...] = ()
    """Steps, in order. Empty for builds that are several years old, because CircleCI deleted their steps."""
