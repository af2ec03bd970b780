"""Starts, retries and cancellations of builds, and starts of pipelines."""

from typing import Any, Final, cast

from circleci_v1_async.testing._nouns.builds import render_single_build
from circleci_v1_async.testing._server.checks import RefusedError, take_count, take_members, take_text
from circleci_v1_async.testing._server.routing import BUILD, PROJECT, Call, Created, Route
from circleci_v1_async.testing._server.wire import Payload, Reply
from circleci_v1_async.testing._state.account import Account
from circleci_v1_async.testing._state.builds import Build
from circleci_v1_async.testing._state.digests import make_stable_uuid
from circleci_v1_async.testing._state.projects import Project

# A user of the service quoted this message.
_NO_MAP: Final = Reply.json_error(400, "Invalid build_parameters value: must be a map")
_PIPELINE_CREATED: Final = {"status": 200, "body": "Build created"}
_TAG_OR_BRANCH: Final = {"status": 400, "body": "Only one of branch, revision and tag may be given."}


class TriggerBuilders:
    """Methods that start, retry and cancel builds, like the API."""

    _account: Account

    @property
    def after_sunset(self) -> bool:
        """Whether to behave like CircleCI after its announced sunset.

        The fake answers triggers and reruns with 410, and projects have no branches.
        """
        return self._account.after_sunset

    @after_sunset.setter
    def after_sunset(self, over: bool) -> None:
        self._account.after_sunset = over

    def cancel_build(self, slug: str, build_num: int) -> Payload:
        """Cancel a build, on behalf of the token's owner. A finished build does not change.

        Returns:
            The build in the form of the service's answer.
        """
        return _cancel(self._account, self._account.get_build(slug, build_num))

    def retry_build(self, slug: str, build_num: int, *, with_ssh: bool = False) -> Payload:
        """Start a new build of the same revision.

        Args:
            slug: The project's slug.
            build_num: The build's number.
            with_ssh: Whether the token's owner gets SSH access to the new build.

        Returns:
            The new build in the form of the service's answer.
        """
        return _retry(self._account, self._account.get_build(slug, build_num), with_ssh=with_ssh)

    def add_ssh_user(self, slug: str, build_num: int) -> Payload:
        """Give the token's owner SSH access to a build.

        Returns:
            The build in the form of the service's answer.
        """
        return _change(self._account, self._account.get_build(slug, build_num), ssh_enabled=True)

    def trigger_build(
        self,
        slug: str,
        *,
        branch: str | None = None,
        revision: str | None = None,
        tag: str | None = None,
        parallel: int | None = None,
        build_parameters: dict[str, object] | None = None,
    ) -> Payload:
        """Trigger a build, like the API. In a project that is not followed, the build never runs.

        Returns:
            The new build in the form of the service's answer.
        """
        return _trigger(
            self._account,
            self._account.get_project(slug),
            branch=branch,
            revision=revision,
            tag=tag,
            parallel=parallel,
            build_parameters=build_parameters,
        )

    def trigger_pipeline(self, slug: str, *, branch: str | None, revision: str | None, tag: str | None) -> None:
        """Start a pipeline, like the API. Its first build, in a workflow, exists immediately."""
        _start_pipeline(self._account, self._account.get_project(slug), branch=branch, revision=revision, tag=tag)


def trigger_build(call: Call) -> Created:
    return _answer_trigger(call, branch=take_text(call.body_or_form, "branch") or None)


def trigger_branch_build(call: Call) -> Created:
    return _answer_trigger(call, branch=call.params["branch"])


def retry_build(call: Call) -> Payload:
    _ = call.project_to_change
    return _retry(call.account, call.build)


def retry_build_with_ssh(call: Call) -> Payload:
    _ = call.project_to_change
    return _retry(call.account, call.build, with_ssh=True)


def add_ssh_users(call: Call) -> Payload:
    _ = call.project_to_change
    return _change(call.account, call.build, ssh_enabled=True)


def trigger_pipeline(call: Call) -> Payload:
    project = call.project_to_change
    branch, revision, tag = (take_text(call.body, name) for name in ("branch", "revision", "tag"))
    if tag and (branch or revision):
        return _TAG_OR_BRANCH
    _start_pipeline(call.account, project, branch=branch, revision=revision, tag=tag)
    return _PIPELINE_CREATED


def cancel_build(call: Call) -> Payload:
    _ = call.project_to_change
    return _cancel(call.account, call.build)


def _answer_trigger(call: Call, *, branch: str | None) -> Created:
    project, body = call.project_to_change, call.body_or_form
    # A form sends empty fields for missing parameters.
    revision, tag = take_text(body, "revision") or None, take_text(body, "tag") or None
    try:
        parameters = take_members(body, "build_parameters") or {}
    except RefusedError:
        raise RefusedError(_NO_MAP) from None
    if (revision and tag) or not all(isinstance(value, str) for value in parameters.values()):
        raise RefusedError
    build = _trigger(
        call.account,
        project,
        branch=branch,
        revision=revision,
        tag=tag,
        parallel=take_count(body, "parallel"),
        build_parameters=cast("dict[str, object]", parameters),
    )
    return call.make_created(build, build["build_num"])


def _trigger(
    account: Account,
    project: Project,
    *,
    branch: str | None,
    revision: str | None,
    tag: str | None,
    parallel: int | None,
    build_parameters: dict[str, object] | None,
) -> Payload:
    new = _start(account, project, branch=branch, status="not_running", why="api", revision=revision, workflow=None)
    return _change(account, new, tag=tag, parallel=parallel or 1, build_parameters=build_parameters or {})


def _start_pipeline(
    account: Account, project: Project, *, branch: str | None, revision: str | None, tag: str | None
) -> None:
    run = make_stable_uuid("workflow", project.slug, project.last_num + 1)
    build = _start(
        account, project, branch=branch, revision=revision, status="not_running", why="api", workflow_run=run
    )
    account.change_build(build, tag=tag)


def _retry(account: Account, old: Build, *, with_ssh: bool = False) -> Payload:
    new = _start(
        account,
        account.projects[old.slug],
        branch=old.branch,
        status="scheduled",
        why="retry",
        revision=old.revision,
        subject=old.subject,
        workflow=old.workflow,
        job=old.job,
        workflow_run=old.workflow_run,
    )
    account.change_build(old, retries=(*old.retries, new.build_num))
    return _change(account, new, retry_of=old.build_num, build_parameters=old.build_parameters, ssh_enabled=with_ssh)


def _start(account: Account, project: Project, *, status: str, **options: Any) -> Build:
    """Start a build. In a project that is not followed, the build never runs."""
    reason = project.dont_build or (None if project.following else "no-followers")
    if reason is None:
        return account.create_build(project, status=status, **options)
    return account.change_build(account.create_build(project, status="not_run", **options), dont_build=reason)


def _cancel(account: Account, build: Build) -> Payload:
    if build.phase.is_over:
        return render_single_build(account.projects[build.slug], build)
    if not build.phase.started:
        return _change(account, build, status="canceled", canceled_by_user=True, canceled_while_waiting=True)
    return _change(account, account.finish_build(build, "canceled"), canceled_by_user=True)


def _change(account: Account, build: Build, **changes: Any) -> Payload:
    return render_single_build(account.projects[build.slug], account.change_build(build, **changes))


ROUTES: Final = (
    Route("POST", PROJECT, trigger_build, 201, has_sunset=True),
    Route("POST", f"{PROJECT}/tree/:branch", trigger_branch_build, 201, has_sunset=True),
    Route("POST", f"{PROJECT}/build", trigger_pipeline, has_sunset=True),
    Route("POST", f"{BUILD}/retry", retry_build, has_sunset=True, cloud_only=True),
    Route("POST", f"{BUILD}/ssh", retry_build_with_ssh, has_sunset=True, cloud_only=True),
    Route("POST", f"{BUILD}/cancel", cancel_build),
    Route("POST", f"{BUILD}/ssh-users", add_ssh_users),
)
