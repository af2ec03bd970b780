"""Operations that start, rerun and cancel builds."""

from collections.abc import Mapping
from datetime import date
from typing import Final

from circleci_v1_async._core.arguments import (
    check_branch,
    check_hidden_strings,
    check_integer,
    check_required_text,
    check_text,
)
from circleci_v1_async._core.secret import wrap_secret
from circleci_v1_async.errors import InvalidInputError
from circleci_v1_async.models import Build, BuildSummary, PipelineResult
from circleci_v1_async.request import Request, drop_none
from circleci_v1_async.slug import ProjectSlug
from circleci_v1_async.sunset import Sunset

from .base import Operations
from .paths import BUILD, PROJECT, build_values, project_values

_REMOVAL: Final = date(2027, 2, 1)
_TRIGGERS_END: Final = Sunset(
    _REMOVAL,
    "POST /api/v2/project/{provider}/{organization}/{project}/pipeline/run or POST /api/v3/runs",
    'ci.send(Request("POST", "/api/v2/project/{project}/pipeline/run", {"project": ...}, '
    'body={"definition_id": ..., "config": {"branch": ...}, "checkout": {"branch": ...}}))',
)
_RERUNS_END: Final = Sunset(
    _REMOVAL,
    "POST /api/v2/workflow/{id}/rerun or POST /api/v3/workflows/{id}/rerun",
    'ci.send(Request("POST", "/api/v2/workflow/{id}/rerun", {"id": ...}, body={"from_failed": True}))',
)


class TriggerOperations(Operations):
    async def trigger_build(
        self,
        project: ProjectSlug | str,
        *,
        branch: str | None = None,
        revision: str | None = None,
        tag: str | None = None,
        parallel: int | None = None,
        build_parameters: Mapping[str, str] | None = None,
        job: str | None = None,
    ) -> Build:
        """Start a build of one job, outside of workflows. To start workflows, see `trigger_pipeline`.

        `POST /project/{project}` (openapi.yml: triggerBuild; `job` from CircleCI's docs, which lack `branch`).
        CircleCI's cloud removes this operation on 2027-02-01; from then on, it raises `GoneError`.

        Args:
            project: The project's slug or URL.
            branch: The branch; `None` for the project's default branch.
            revision: The commit. Cannot be combined with `tag`.
            tag: The tag. Cannot be combined with `revision`.
            parallel: Number of containers, from 1.
            build_parameters: Environment variables for the build.
            job: The name of the job in the configuration.

        Returns:
            The build, which you can pass to `wait_for_build`. If CircleCI accepts a build but does not run it, `status`
            is `not_run`, and `messages` contains the reason.

        Examples:
            ```python
            build = await ci.trigger_build("gh/acme/web", build_parameters={"DEPLOY": "yes"})
            print(build.build_url)
            ```
        """
        build_parameters = wrap_secret(build_parameters)
        if revision is not None and tag is not None:
            raise InvalidInputError("trigger_build: expected revision or tag, got both")
        body = drop_none(
            branch=check_branch("branch", branch),
            revision=check_text("revision", revision),
            tag=check_text("tag", tag),
            parallel=None if parallel is None else check_integer("parallel", parallel, 1),
            build_parameters=check_hidden_strings("build_parameters", build_parameters),
            job=check_text("job", job),
        )
        values = project_values(project)
        return await self.send(Request("POST", PROJECT, values, body=body or None, returns=Build, sunset=_TRIGGERS_END))

    async def trigger_branch_build(
        self,
        project: ProjectSlug | str,
        branch: str,
        *,
        revision: str | None = None,
        parallel: int | None = None,
        build_parameters: Mapping[str, str] | None = None,
    ) -> Build:
        """Start a build of a branch, outside of workflows. To start workflows, see `trigger_pipeline`.

        `POST /project/{project}/tree/{branch}` (openapi.yml: triggerBranchBuild). It does not support configurations
        of `version: 2.1`. CircleCI's cloud removes this operation on 2027-02-01; from then on, it raises `GoneError`.

        Args:
            project: The project's slug or URL.
            branch: The branch.
            revision: The commit; `None` for the branch's latest commit.
            parallel: Number of containers, from 1.
            build_parameters: Environment variables for the build.

        Returns:
            The build, which CircleCI can accept and not run; see `trigger_build`.

        Examples:
            ```python
            build = await ci.trigger_branch_build("gh/acme/web", "main")
            print(build.build_url)
            ```
        """
        build_parameters = wrap_secret(build_parameters)
        body = drop_none(
            revision=check_text("revision", revision),
            parallel=None if parallel is None else check_integer("parallel", parallel, 1),
            build_parameters=check_hidden_strings("build_parameters", build_parameters),
        )
        check_branch("branch", check_required_text("branch", branch))
        path, values = f"{PROJECT}/tree/{{branch}}", {**project_values(project), "branch": branch}
        return await self.send(Request("POST", path, values, body=body or None, returns=Build, sunset=_TRIGGERS_END))

    async def trigger_pipeline(
        self,
        project: ProjectSlug | str,
        *,
        branch: str | None = None,
        tag: str | None = None,
        revision: str | None = None,
    ) -> PipelineResult:
        """Start all workflows of the configuration. Requires a personal token.

        `POST /project/{project}/build` (documented by CircleCI). CircleCI's cloud removes this operation on 2027-02-01;
        from then on, it raises `GoneError`. An error in the body of the reply is raised, whatever the HTTP status.

        Args:
            project: The project's slug or URL.
            branch: The branch; `None` for the project's default branch.
            tag: The tag. Cannot be combined with `branch` or `revision`.
            revision: The commit; `None` for the branch's latest commit.

        Returns:
            A confirmation without the builds. Find them with `builds_for_commit`, or wait with `wait_for_commit`.

        Examples:
            ```python
            result = await ci.trigger_pipeline("gh/acme/web", branch="main")
            print(result.body)
            ```
        """
        if tag is not None and (branch is not None or revision is not None):
            raise InvalidInputError("trigger_pipeline: expected tag, or branch and revision, got both")
        body = drop_none(
            branch=check_branch("branch", branch), tag=check_text("tag", tag), revision=check_text("revision", revision)
        )
        path, values = f"{PROJECT}/build", project_values(project)
        request = Request("POST", path, values, body=body or None, returns=PipelineResult, sunset=_TRIGGERS_END)
        return await self.send(request)

    async def retry_build(self, project: ProjectSlug | str | BuildSummary, build_num: int | None = None) -> Build:
        """Rerun a build with the same configuration and commit.

        `POST /project/{project}/{build_num}/retry` (openapi.yml: retryBuild). CircleCI's cloud removes this operation
        on 2027-02-01; from then on, it raises `GoneError`. CircleCI Server has never had this operation.

        Returns:
            The new build.

        Raises:
            NotFoundError: The build does not exist, or the token has no access to it.

        Examples:
            ```python
            build = await ci.retry_build("gh/acme/web", 7)
            print(build.build_num, "is a retry of", build.retry_of)
            ```
        """
        values = build_values(project, build_num)
        return await self.send(Request("POST", f"{BUILD}/retry", values, returns=Build, sunset=_RERUNS_END))

    async def retry_build_with_ssh(
        self, project: ProjectSlug | str | BuildSummary, build_num: int | None = None
    ) -> Build:
        """Rerun a build, and allow the user to log in by SSH.

        `POST /project/{project}/{build_num}/ssh` (documented by CircleCI). CircleCI's cloud removes this operation on
        2027-02-01; from then on, it raises `GoneError`. CircleCI Server has never had this operation.

        Returns:
            The new build.

        Raises:
            NotFoundError: The build does not exist, or the token has no access to it.

        Examples:
            ```python
            build = await ci.retry_build_with_ssh("gh/acme/web", 7)
            print(build.build_url)
            ```
        """
        values = build_values(project, build_num)
        return await self.send(Request("POST", f"{BUILD}/ssh", values, returns=Build, sunset=_RERUNS_END))

    async def cancel_build(self, project: ProjectSlug | str | BuildSummary, build_num: int | None = None) -> Build:
        """Cancel a build. Canceling a finished build has no effect and raises no error.

        `POST /project/{project}/{build_num}/cancel` (openapi.yml: cancelBuild). It is safe to resend, like a `PUT`.

        Returns:
            The build in its current state.

        Raises:
            NotFoundError: The build does not exist, or the token has no access to it.

        Examples:
            ```python
            build = await ci.cancel_build("gh/acme/web", 9)
            print(build.status)
            ```
        """
        values = build_values(project, build_num)
        return await self.send(Request("POST", f"{BUILD}/cancel", values, returns=Build, idempotent=True))

    async def add_ssh_users(self, project: ProjectSlug | str | BuildSummary, build_num: int | None = None) -> Build:
        """Allow the token's owner to log in to a running build by SSH. Requires a personal token.

        `POST /project/{project}/{build_num}/ssh-users` (documented by CircleCI).

        Returns:
            The build in its current state. `ssh_users` lists the users who can log in.

        Raises:
            NotFoundError: The build does not exist, or the token has no access to it.

        Examples:
            ```python
            build = await ci.add_ssh_users("gh/acme/web", 9)
            print([user.login for user in build.ssh_users])
            ```
        """
        return await self.send(Request("POST", f"{BUILD}/ssh-users", build_values(project, build_num), returns=Build))
