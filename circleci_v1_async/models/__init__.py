"""What the service sends, as frozen attrs classes named as in openapi.yml.

Attributes have the wire's names. All but `build_num` may be absent: they are then `None`, or an empty tuple for lists
that the service never sends as null, and in no repr. Times are aware `datetime`s, durations are integers of
milliseconds unless a name says otherwise. Fields that openapi.yml lacks were seen in use. Keys that are not known here
are dropped; `send` with a request that has no `returns` gives everything.

Those of builds stand in the order in which the service sends them, which takes a quarter off the time to decode a list:
msgspec looks for the next key behind the last one.

Secrets (keys, API tokens, webhook URLs, presigned URLs, environment variables) are attributes like others, and in no
repr.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from circleci_v1_async.enums import BuildStatus, CheckoutKeyType, Lifecycle, Outcome, TestResult, TokenScope, VcsType
from circleci_v1_async.errors import InvalidInputError
from circleci_v1_async.slug import ProjectSlug

from ._model import SECRET, Model, Timestamp, model

__all__ = [
    "Action",
    "Artifact",
    "Branch",
    "BranchBuild",
    "BranchWorkflow",
    "Build",
    "BuildAgent",
    "BuildDetail",
    "BuildMessage",
    "BuildSummary",
    "BuildUser",
    "CacheResult",
    "CheckoutKey",
    "CircleYml",
    "Commit",
    "EnvVar",
    "FollowResult",
    "Message",
    "Node",
    "Picard",
    "PipelineResult",
    "PreviousBuild",
    "Project",
    "ProjectPreferences",
    "ProjectSettings",
    "ProjectToken",
    "PullRequest",
    "SSHKey",
    "SSHUser",
    "Step",
    "StepOutput",
    "TestMetadata",
    "User",
    "Workflow",
]


def _slug(vcs_type: str | None, username: str | None, reponame: str | None) -> ProjectSlug | None:
    if not (vcs_type and username and reponame):
        return None
    try:
        return ProjectSlug(vcs_type, username, reponame)
    except InvalidInputError:
        return None


def _slug_of_url(url: str | None) -> ProjectSlug | None:
    try:
        return ProjectSlug.parse(url) if url else None
    except InvalidInputError:
        return None


@model(kw_only=True, repr=False)
class BuildSummary(Model):
    """The least that is said of a build.

    Attributes:
        build_num: The number of the build within its project, from 1.
        build_url: Its page on CircleCI.
        status: Where it stands.
        vcs_revision: The commit's full hash.
    """

    build_num: int
    build_url: str | None = None
    status: BuildStatus | None = None
    vcs_revision: str | None = None


@model(kw_only=True, repr=False)
class BranchBuild(BuildSummary):
    """A build in the branch lists of `list_projects`.

    Attributes:
        outcome: How it ended; `None` until then.
        pushed_at: When the commit was pushed.
        added_at: When CircleCI created the build.
        is_workflow_job: Whether a workflow started it.
        is_2_0_job: Whether it is of CircleCI 2.0 or later.
    """

    outcome: Outcome | None = None
    pushed_at: Timestamp | None = None
    added_at: Timestamp | None = None
    is_workflow_job: bool | None = None
    is_2_0_job: bool | None = None


@model(kw_only=True, repr=False)
class PreviousBuild(Model):
    """A build before this one.

    Attributes:
        build_num: Its number within the same project.
        status: How it ended.
        build_time_millis: How long it ran, in milliseconds.
    """

    build_num: int
    status: BuildStatus | None = None
    build_time_millis: int | None = None


@model(kw_only=True, repr=False)
class BuildUser(Model):
    """Who started a build.

    Attributes:
        login: The name on the code host; `none` or `None` when nobody is known.
        name: The name to display.
        id: The id on the code host: an integer on GitHub, a string on Bitbucket.
        vcs_type: The code host.
        is_user: Whether it is a user of CircleCI.
        avatar_url: A picture.
        email: An address.
    """

    is_user: bool | None = None
    login: str | None = None
    avatar_url: str | None = None
    name: str | None = None
    vcs_type: VcsType | None = None
    id: int | str | None = None
    email: str | None = None


@model(kw_only=True, repr=False)
class Workflow(Model):
    """The workflow that a build is a job of.

    Attributes:
        job_name: The name of the job in the configuration.
        job_id: The UUID of the job, as API v2 uses it.
        workflow_id: The UUID of the workflow.
        workflow_name: The name of the workflow in the configuration.
        workspace_id: The UUID of the workspace, which reruns of a workflow share.
        upstream_job_ids: The jobs that it waited for. Empty since 2026.
        upstream_concurrency_map: Internal to CircleCI. Empty since 2026.
    """

    job_name: str | None = None
    job_id: str | None = None
    workflow_id: str | None = None
    workspace_id: str | None = None
    upstream_job_ids: tuple[str, ...] = ()
    upstream_concurrency_map: Mapping[str, Any] | None = None
    workflow_name: str | None = None


@model(kw_only=True, repr=False)
class PullRequest(Model):
    """A pull request that a build belongs to.

    Attributes:
        url: Its page.
        head_sha: The commit's full hash; null on old builds.
    """

    url: str | None = None
    head_sha: str | None = None


@model(kw_only=True, repr=False)
class Commit(Model):
    """One of the commits that a build was started for.

    Attributes:
        commit: The full hash.
        commit_url: Its page.
        subject: The first line of its message.
        body: The rest of its message.
        branch: The branch; absent on old builds.
        author_name: Who wrote it; with `author_email`, `author_login` (on the code host) and `author_date`.
        committer_name: Who committed it; with `committer_email`, `committer_login` and `committer_date`, all of them
            `None` on Bitbucket.
    """

    committer_date: Timestamp | None = None
    body: str | None = None
    branch: str | None = None
    author_date: Timestamp | None = None
    committer_email: str | None = None
    commit: str | None = None
    committer_login: str | None = None
    committer_name: str | None = None
    subject: str | None = None
    commit_url: str | None = None
    author_login: str | None = None
    author_name: str | None = None
    author_email: str | None = None


@model(kw_only=True, repr=False)
class BuildMessage(Model):
    """Something that CircleCI says about a build. A bare string, as openapi.yml has it, becomes its `message`.

    Attributes:
        type: `error` or `warning`.
        message: The text, which may hold HTML.
        reason: Why a build was not run, such as `no-followers`; mostly absent.
    """

    type: str | None = None
    message: str | None = None
    reason: str | None = None


@model(kw_only=True, repr=False)
class CircleYml(Model):
    """The configuration of a build.

    Attributes:
        string: The YAML text.
    """

    string: str | None = None


@model(kw_only=True, repr=False)
class BuildAgent(Model):
    """The program that ran a build.

    Attributes:
        image: Its image.
        properties: Where it ran, such as `availability_zone`.
    """

    image: str | None = None
    properties: Mapping[str, Any] | None = None


@model(kw_only=True, repr=False)
class Picard(Model):
    """How a build was executed.

    Attributes:
        executor: Such as `docker`.
        resource_class: What it could use: `class`, `name`, `cpu` (cores), `ram` (MiB).
        build_agent: The program that ran it.
    """

    executor: str | None = None
    resource_class: Mapping[str, Any] | None = None
    build_agent: BuildAgent | None = None


@model(kw_only=True, repr=False)
class Node(Model):
    """A container of a build of CircleCI 1.0, for access by SSH.

    Attributes:
        public_ip_addr: Its address.
        port: The SSH port.
        username: The SSH user.
        image_id: The image.
        ssh_enabled: Whether SSH was asked for.
    """

    public_ip_addr: str | None = None
    port: int | None = None
    username: str | None = None
    image_id: str | None = None
    ssh_enabled: bool | None = None


@model(kw_only=True, repr=False)
class SSHUser(Model):
    """A user with SSH access to a build.

    Attributes:
        login: The name on the code host.
        type: The code host.
        external_id: The id on the code host.
        github_id: The same, under its former name.
    """

    login: str | None = None
    type: str | None = None
    external_id: int | str | None = None
    github_id: int | None = None


@model(kw_only=True, repr=False)
class Build(BuildSummary):
    """A build (a job, in CircleCI's present words) as lists, triggers, retries and cancels give it.

    With `shallow=True` the service leaves out about half of the fields: `fleet` comes only then, and what is marked
    "not shallow" does not.

    Attributes:
        vcs_url: The repository's page. Together with `build_num` it identifies the build.
        vcs_type: The code host; not shallow.
        username: The organization or user.
        reponame: The repository.
        branch: The branch.
        vcs_tag: The tag that it was started for.
        subject: The first line of the commit's message; `None` when it was started through the API. Likewise `body`
            (the rest), `author_name`, `author_email`, `author_date`, `committer_name`, `committer_email` and
            `committer_date` (`None` on Bitbucket too).
        why: What started it: `github`, `bitbucket`, `api`, `retry`, `auto-retry`, `first-build`, `edit` and others.
        dont_build: Why it was not run, such as `no-followers`; `None` when it was.
        lifecycle: The phase.
        outcome: How it ended; `None` until then and for builds that were not run.
        fail_reason: Always null when seen; not shallow.
        failed: `None` on successes and, beware, on time-outs: ask `outcome`; not shallow. Likewise `canceled`,
            `timedout`, `infrastructure_fail`, which are never null.
        canceler: Who cancelled it; its keys are no identifiers; not shallow.
        usage_queued_at: When it began to wait for the plan's capacity; absent until then.
        queued_at: When it began to wait for a machine; absent until then.
        start_time: When it started; `None` until then.
        stop_time: When it stopped; `None` until then.
        build_time_millis: How long it ran, in milliseconds; `None` until it stopped.
        parallel: In how many containers it runs, from 1.
        platform: `1.0` or `2.0`, but not reliably: ask `workflows` instead.
        fleet: Shallow only.
        workflows: The workflow that it is a job of; absent for builds of 1.0 and those started through the API.
        job_name: Always null when seen: ask `workflows`.
        user: Who started it.
        owners: Logins; of single builds.
        pull_requests: The pull requests that it belongs to.
        pull_request_urls: Their pages; seen only on old single builds.
        previous: The build before it on the same branch; not shallow. Likewise `previous_successful_build`.
        retry_of: The number of the build that it repeats; not shallow.
        retries: The numbers of the builds that repeat it; not shallow.
        build_parameters: Environment variables given at the start; not shallow.
        all_commit_details: The commits it was started for, 20 or so at most; not shallow.
        all_commit_details_truncated: Whether there were more; not shallow.
        compare: The page that compares its commits; not shallow.
        circle_yml: The configuration; null in lists since 2020; not shallow.
        picard: How it was executed; of single builds.
        node: The containers of a build of 1.0; not shallow.
        messages: What CircleCI says about it, such as why it was not run; not shallow.
        context_ids: The contexts that it used; not shallow.
        ssh_users: Who has SSH access; not shallow. Likewise `ssh_enabled`, `ssh_disabled`.
        is_first_green_build: Whether it is the first success of its project; not shallow.
        no_dependency_cache: Whether it ran without a cache; not shallow.
        has_artifacts: Of old builds; CircleCI removed it in 2023.
        oss: Whether it belongs to an open-source project; not shallow.
    """

    compare: str | None = None
    previous_successful_build: PreviousBuild | None = None
    build_parameters: Mapping[str, Any] | None = SECRET
    oss: bool | None = None
    all_commit_details_truncated: bool | None = None
    committer_date: Timestamp | None = None
    body: str | None = None
    usage_queued_at: Timestamp | None = None
    context_ids: tuple[str, ...] = ()
    fail_reason: str | None = None
    retry_of: int | None = None
    reponame: str | None = None
    ssh_users: tuple[SSHUser, ...] = ()
    parallel: int | None = None
    failed: bool | None = None
    branch: str | None = None
    username: str | None = None
    author_date: Timestamp | None = None
    why: str | None = None
    user: BuildUser | None = None
    workflows: Workflow | None = None
    owners: tuple[str, ...] = ()
    vcs_tag: str | None = None
    pull_requests: tuple[PullRequest, ...] = ()
    infrastructure_fail: bool | None = None
    committer_email: str | None = None
    has_artifacts: bool | None = None
    previous: PreviousBuild | None = None
    committer_name: str | None = None
    pull_request_urls: tuple[str, ...] = ()
    retries: tuple[int, ...] | None = None
    subject: str | None = None
    vcs_type: VcsType | None = None
    timedout: bool | None = None
    dont_build: str | None = None
    lifecycle: Lifecycle | None = None
    no_dependency_cache: bool | None = None
    fleet: str | None = None
    stop_time: Timestamp | None = None
    ssh_disabled: bool | None = None
    build_time_millis: int | None = None
    picard: Picard | None = None
    circle_yml: CircleYml | None = None
    messages: tuple[BuildMessage, ...] = ()
    is_first_green_build: bool | None = None
    job_name: str | None = None
    start_time: Timestamp | None = None
    canceler: Mapping[str, Any] | None = None
    all_commit_details: tuple[Commit, ...] = ()
    platform: str | None = None
    outcome: Outcome | None = None
    vcs_url: str | None = None
    author_name: str | None = None
    node: tuple[Node, ...] | None = None
    queued_at: Timestamp | None = None
    canceled: bool | None = None
    author_email: str | None = None
    ssh_enabled: bool | None = None

    @property
    def key(self) -> tuple[str | None, int]:
        """What identifies the build among all projects: `(vcs_url or build_url, build_num)`."""
        return (self.vcs_url or self.build_url, self.build_num)

    @property
    def project(self) -> ProjectSlug | None:
        """The project, to ask for more of it; `None` when the build does not say.

        Its page on CircleCI names the project as the API does; the names beside it are what people see, which for
        `circleci` projects are not the same.
        """
        return (
            _slug_of_url(self.build_url)
            or _slug(self.vcs_type, self.username, self.reponame)
            or _slug_of_url(self.vcs_url)
        )

    @property
    def is_finished(self) -> bool:
        """Whether it will not change again.

        Builds that were never run count, also those that stay `scheduled` for ever. An unknown status alone does not
        make a build finished.
        """
        return (
            self.lifecycle in _FINISHED
            or bool(self.outcome)
            or self.stop_time is not None
            or self.status == BuildStatus.NOT_RUN
        )


_FINISHED = frozenset({Lifecycle.FINISHED, Lifecycle.NOT_RUN})


@model(kw_only=True, repr=False)
class Action(Model):
    """One container's run of a step.

    Attributes:
        name: The step's name.
        type: Such as `test`, which is all that CircleCI 2.0 knows.
        status: How it went. A step that was killed for giving no output is `timedout`, with `failed` null.
        step: The number of the step, which is no index: 0, 99, 101, 102 and so on.
        index: The number of the container, from 0.
        start_time: When it started.
        end_time: When it ended; `None` until then.
        run_time_millis: How long it ran, in milliseconds; `None` until it ended.
        exit_code: Of the command; `None` when it did not end by itself, and for steps that are no command.
        bash_command: The command; `None` for steps that are none.
        output_url: Where its output is, for minutes, for everybody who knows the URL: do not share it. Absent while
            it runs, when it was cancelled, and on old builds.
        has_output: Whether it wrote something; does not say that there is an `output_url`.
        truncated: Whether CircleCI cut the output.
        truncation_len: Where, in characters.
        failed: `True` or null; not set by time-outs. Likewise `canceled`, `timedout`, `infrastructure_fail`.
        background: Whether it runs beside the steps that follow.
        insignificant: Whether its result counts for nothing.
        parallel: Whether it runs in every container.
        source: Where it was configured, such as `config`.
        allocation_id: The machine; tells apart the runs of a step that ran more than once.
        auto_rerun_number: Which automatic rerun of the step it is, from 1.
        max_auto_reruns: How many there may be.
    """

    truncated: bool | None = None
    index: int | None = None
    parallel: bool | None = None
    failed: bool | None = None
    infrastructure_fail: bool | None = None
    name: str | None = None
    bash_command: str | None = None
    status: BuildStatus | None = None
    timedout: bool | None = None
    end_time: Timestamp | None = None
    type: str | None = None
    allocation_id: str | None = None
    output_url: str | None = SECRET
    start_time: Timestamp | None = None
    background: bool | None = None
    exit_code: int | None = None
    insignificant: bool | None = None
    canceled: bool | None = None
    step: int | None = None
    run_time_millis: int | None = None
    has_output: bool | None = None
    truncation_len: int | None = None
    source: str | None = None
    auto_rerun_number: int | None = None
    max_auto_reruns: int | None = None


@model(kw_only=True, repr=False)
class Step(Model):
    """A step of a build.

    Attributes:
        name: Its name in the configuration.
        actions: Its runs, one for each container.
    """

    name: str | None = None
    actions: tuple[Action, ...] = ()


@model(kw_only=True, repr=False)
class StepOutput(Model):
    """A piece of what a run of a step wrote. It is no line: it may have many, and end within one.

    Attributes:
        message: The text, with the escape sequences and line ends that it was written with.
        time: When it was written; `None` when the service does not say.
        type: `out` or `err`; `None` when the service does not say.
    """

    message: str
    time: Timestamp | None = None
    type: str | None = None


@model(kw_only=True, repr=False)
class BuildDetail(Build):
    """A build with its steps, as `get_build` gives it.

    Attributes:
        steps: In order. Empty on builds that CircleCI has cleaned up.
    """

    steps: tuple[Step, ...] = ()


@model(kw_only=True, repr=False)
class BranchWorkflow(Model):
    """The latest run of a workflow on a branch.

    Attributes:
        id: Its UUID.
        status: How it stands; has values of its own, such as `error`.
        created_at: When it was started.
    """

    id: str | None = None
    status: str | None = None
    created_at: Timestamp | None = None


@model(kw_only=True, repr=False)
class Branch(Model):
    """A branch in `list_projects`.

    Attributes:
        recent_builds: The latest finished builds, newest first.
        running_builds: The builds that are not finished.
        last_success: The latest success; absent when there was none.
        last_non_success: The latest that was none.
        pusher_logins: Who pushed to it.
        latest_workflows: By name, in which the service turns `-` into `_`.
        latest_completed_workflows: Likewise, of those that ended.
        is_using_workflows: Whether workflows run on it.
    """

    recent_builds: tuple[BranchBuild, ...] = ()
    running_builds: tuple[BranchBuild, ...] = ()
    last_success: BranchBuild | None = None
    last_non_success: BranchBuild | None = None
    pusher_logins: tuple[str, ...] = ()
    latest_workflows: Mapping[str, BranchWorkflow] | None = None
    latest_completed_workflows: Mapping[str, BranchWorkflow] | None = None
    is_using_workflows: bool | None = None


@model(kw_only=True, repr=False)
class SSHKey(Model):
    """A key that a project's builds use to reach other hosts; the public half.

    Attributes:
        hostname: The host; empty for all.
        public_key: In OpenSSH's format.
        fingerprint: MD5, with colons.
    """

    hostname: str | None = None
    public_key: str | None = None
    fingerprint: str | None = None


@model(kw_only=True, repr=False)
class ProjectSettings(Model):
    """A project, as `get_project_settings` gives it.

    Beyond the first group, these are settings, most of them of CircleCI 1.0.

    Attributes:
        vcs_url: The repository's page.
        vcs_type: The code host.
        username: The organization or user.
        reponame: The repository.
        default_branch: The branch that the code host shows first.
        followed: Whether the user follows it, as the service said until 2017.
        following: Whether the user follows it, as the service says since.
        language: As the code host guesses; `None` when it does not.
        oss: Whether everybody may see the builds.
        has_usable_key: Whether CircleCI can check the code out.
        parallel: In how many containers builds run by default.
        feature_flags: By name, in kebab case; values are not all booleans.
        scopes: What the caller may do, on old projects.
        ssh_keys: The keys that builds use, public halves.
    """

    vcs_url: str | None = None
    vcs_type: VcsType | None = None
    username: str | None = None
    reponame: str | None = None
    default_branch: str | None = None
    followed: bool | None = None
    following: bool | None = None
    language: str | None = None
    oss: bool | None = None
    has_usable_key: bool | None = None
    parallel: int | None = None
    feature_flags: Mapping[str, Any] | None = None
    scopes: tuple[str, ...] = ()
    ssh_keys: tuple[SSHKey, ...] = ()

    aws: Mapping[str, Any] | None = SECRET
    compile: str | None = None
    dependencies: str | None = None
    extra: str | None = None
    post_dependencies: str | None = None
    setup: str | None = None
    test: str | None = None
    heroku_deploy_user: str | None = None
    jira: Mapping[str, Any] | None = SECRET
    campfire_notify_prefs: str | None = None
    campfire_room: str | None = None
    campfire_subdomain: str | None = None
    campfire_token: str | None = SECRET
    flowdock_api_token: str | None = SECRET
    hipchat_api_token: str | None = SECRET
    hipchat_notify: bool | str | None = None
    hipchat_notify_prefs: str | None = None
    hipchat_room: str | None = None
    irc_channel: str | None = None
    irc_keyword: str | None = None
    irc_notify_prefs: str | None = None
    irc_password: str | None = SECRET
    irc_server: str | None = None
    irc_username: str | None = None
    slack_api_token: str | None = SECRET
    slack_channel: str | None = None
    slack_channel_override: str | None = None
    slack_integration_access_token: str | None = SECRET
    slack_integration_channel: str | None = None
    slack_integration_channel_id: str | None = None
    slack_integration_notify_prefs: str | None = None
    slack_integration_team: str | None = None
    slack_integration_team_id: str | None = None
    slack_integration_webhook_url: str | None = SECRET
    slack_notify_prefs: str | None = None
    slack_subdomain: str | None = None
    slack_webhook_url: str | None = SECRET

    @property
    def slug(self) -> ProjectSlug | None:
        """The project as the API names it, to ask for more of it; `None` when it does not say."""
        return _slug(self.vcs_type, self.username, self.reponame) or _slug_of_url(self.vcs_url)


@model(kw_only=True, repr=False)
class Project(ProjectSettings):
    """A project that the user follows.

    Attributes:
        branches: By name, decoded; empty when there are none. `None` when the service leaves them out: with
            `shallow=True`, and from 2026-12-07 on always in CircleCI's cloud.
    """

    branches: Mapping[str, Branch] | None = None


@model(kw_only=True, repr=False)
class ProjectPreferences(Model):
    """What a user wants to hear of a project.

    Attributes:
        emails: Which mails, such as `default`.
        on_dashboard: Whether the dashboard shows it.
    """

    emails: str | None = None
    on_dashboard: bool | None = None


@model(kw_only=True, repr=False)
class User(Model):
    """The user whom the token belongs to.

    Attributes:
        login: The name on the code host.
        name: The name to display; may be null.
        admin: Whether they administer CircleCI Server; may be null.
        all_emails: Their addresses.
        selected_email: The address that CircleCI writes to.
        avatar_url: A picture.
        created_at: When the account was made.
        days_left_in_trial: Negative once it is over.
        trial_end: When the trial ended.
        parallelism: In how many containers builds run by default.
        containers: How many they may use at once.
        num_projects_followed: How many projects they follow.
        projects: What they want to hear, by the project's `vcs_url`.
        identities: Their accounts by code host; some keys in it are no identifiers.
        bitbucket: The Bitbucket account.
        heroku_api_key: A secret, in clear on the wire.
        analytics_id, pusher_id, sign_in_count and the rest: CircleCI's own bookkeeping.
    """

    login: str | None = None
    name: str | None = None
    admin: bool | None = None
    all_emails: tuple[str, ...] = ()
    selected_email: str | None = None
    avatar_url: str | None = None
    created_at: Timestamp | None = None
    days_left_in_trial: int | None = None
    trial_end: Timestamp | None = None
    parallelism: int | None = None
    containers: int | None = None
    num_projects_followed: int | None = None
    projects: Mapping[str, ProjectPreferences] | None = None
    identities: Mapping[str, Any] | None = None
    bitbucket: Mapping[str, Any] | None = None
    bitbucket_authorized: bool | None = None
    github_id: int | None = None
    github_oauth_scopes: tuple[str, ...] = ()
    gravatar_id: str | None = None
    heroku_api_key: str | None = SECRET
    analytics_id: str | None = None
    pusher_id: str | None = SECRET
    basic_email_prefs: str | None = None
    organization_prefs: Mapping[str, Any] | None = None
    enrolled_betas: tuple[str, ...] = ()
    in_beta_program: bool | None = None
    dev_admin: bool | None = None
    first_vcs_authorized_client_id: int | str | None = None
    plan: str | None = None
    privacy_optout: bool | None = None
    sign_in_count: int | None = None
    student: bool | None = None
    web_ui_pipelines_first_opt_in: bool | None = None
    web_ui_pipelines_optout: str | None = None


@model(kw_only=True, repr=False)
class Artifact(Model):
    """A file that a build kept. CircleCI drops it after 30 days at the most.

    Attributes:
        path: The name that it was stored under: relative, or absolute on builds of 1.0. Not safe as a local path.
        pretty_path: The same with `$CIRCLE_…` variables on builds of 1.0.
        node_index: The container that stored it, from 0; two may have stored the same path.
        url: Where it is. Private projects want the token, and answer with a redirect.
    """

    path: str | None = None
    pretty_path: str | None = None
    node_index: int | None = None
    url: str | None = None


@model(kw_only=True, repr=False)
class TestMetadata(Model):
    """The result of one test.

    Attributes:
        name: The test.
        classname: Its class; may be empty.
        file: Its file; often null.
        result: How it ended.
        message: What it said when it failed.
        run_time: How long it ran, in seconds.
        source: The framework; likewise `source_type`.
    """

    __test__: ClassVar[bool] = False  # pytest would collect a class of this name

    name: str | None = None
    classname: str | None = None
    file: str | None = None
    result: TestResult | None = None
    message: str | None = None
    run_time: float | None = None
    source: str | None = None
    source_type: str | None = None


@model(kw_only=True, repr=False)
class TestReport(Model):
    """What the service wraps a build's tests in.

    Attributes:
        tests: The tests.
        exceptions: Always empty when seen.
    """

    __test__: ClassVar[bool] = False  # pytest would collect a class of this name

    tests: tuple[TestMetadata, ...] = ()
    exceptions: tuple[Any, ...] = ()


@model(kw_only=True, repr=False)
class CheckoutKey(Model):
    """A key that builds check the code out with; the public half.

    Attributes:
        public_key: In OpenSSH's format.
        type: What it belongs to.
        fingerprint: MD5 with colons, or SHA-256 when that was asked for.
        preferred: Whether builds use it.
        login: The user whom it belongs to; null on deploy keys.
        time: When it was made.
    """

    public_key: str | None = None
    type: CheckoutKeyType | None = None
    fingerprint: str | None = None
    preferred: bool | None = None
    login: str | None = None
    time: Timestamp | None = None


@model(kw_only=True, repr=False)
class FollowResult(Model):
    """What came of following a project.

    Attributes:
        following: Whether the user follows it now. Old servers say `followed`, which is read as well.
        workflow: Undocumented.
        first_build: The build that following started; `None` when it started none.
    """

    following: bool | None = None
    workflow: bool | None = None
    first_build: Build | None = None


@model(kw_only=True, repr=False)
class Message(Model):
    """A confirmation.

    Attributes:
        message: Such as `ok`.
    """

    message: str | None = None


@model(kw_only=True, repr=False)
class PipelineResult(Model):
    """What came of triggering a pipeline.

    Attributes:
        status: As in HTTP. Other than a success it is an error before anybody sees it here.
        body: In words: `Build created`.
    """

    status: int
    body: str | None = None


@model(kw_only=True, repr=False)
class CacheResult(Model):
    """What came of clearing a cache.

    Attributes:
        status: In words, such as `build dependency caches deleted`.
    """

    status: str | None = None


@model(kw_only=True, repr=False)
class EnvVar(Model):
    """An environment variable of a project.

    Attributes:
        name: Its name.
        value: The end of its value, the rest as `xxxx`. In no repr.
    """

    name: str | None = None
    value: str | None = SECRET


@model(kw_only=True, repr=False)
class ProjectToken(Model):
    """An API token of a project.

    Attributes:
        id: Its UUID, to delete it by.
        label: The name that people gave it.
        scope: What it may do.
        token: The token itself, which only `create_project_token` ever gives. In no repr, not even its own.
    """

    id: str | None = None
    label: str | None = None
    scope: TokenScope | None = None
    token: str | None = SECRET


# What a field is called on the wire at times. msgspec would drop it, and so decodes none of these straight.
OTHER_NAMES: Final[Mapping[Any, tuple[str, str]]] = {
    # By servers of 2016 and 2017.
    FollowResult: ("followed", "following"),
    # Settings are half in kebab case.
    ProjectSettings: ("vcs-type", "vcs_type"),
}
