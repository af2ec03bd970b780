"""The changes of builds that people ask for: starts, retries, cancellations."""

from typing import Any

from circleci_v1_async.testing._nouns.builds import Payload, render_build
from circleci_v1_async.testing._nouns.keys import AccountWithKeys


class AccountWithActions(AccountWithKeys):
    """An account whose builds can be started, retried and canceled, as the API does it."""

    def cancel_build(self, slug: str, build_num: int) -> Payload:
        """Cancel a build, on behalf of the token's owner. A build that is over does not change.

        Returns:
            The build, as in the service's answer.
        """
        build = self._get_build(slug, build_num)
        if build.phase.is_over:
            return render_build(self._get_project(slug), build)
        if not build.phase.started:
            return self._change(slug, build_num, status="canceled", canceled_by_user=True, canceled_while_waiting=True)
        self.finish_build(slug, build_num, "canceled")
        return self._change(slug, build_num, canceled_by_user=True)

    def retry_build(self, slug: str, build_num: int, *, with_ssh: bool = False) -> Payload:
        """Start a build of the same revision.

        Args:
            slug: The project.
            build_num: The build.
            with_ssh: Whether the token's owner gets SSH access to the new build.

        Returns:
            The new build, as in the service's answer.
        """
        old = self._get_build(slug, build_num)
        same = {name: getattr(old, name) for name in ("revision", "subject", "workflow", "job")}
        same["workflow_id"] = old.workflow_run
        new = self._start(slug, old.branch, status="scheduled", why="retry", **same)
        self._change(slug, build_num, retries=(*old.retries, new))
        return self._change(slug, new, retry_of=build_num, build_parameters=old.build_parameters, ssh_enabled=with_ssh)

    def add_ssh_user(self, slug: str, build_num: int) -> Payload:
        """Give the token's owner SSH access to a build.

        Returns:
            The build, as in the service's answer.
        """
        return self._change(slug, build_num, ssh_enabled=True)

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
        """Trigger a build, as the API does. In a project that is not followed, it never runs.

        Returns:
            The new build, as in the service's answer.
        """
        new = self._start(slug, branch, status="not_running", why="api", revision=revision, workflow=None)
        parameters = build_parameters or {}
        return self._change(slug, new, tag=tag, parallel=parallel or 1, build_parameters=parameters)

    def trigger_pipeline(self, slug: str, *, branch: str | None, revision: str | None, tag: str | None) -> None:
        """Start a pipeline, as the API does: a build of it is there at once, in a workflow."""
        build = self.add_build(slug, branch=branch, revision=revision, status="not_running", why="api")
        self._change(slug, build["build_num"], tag=tag)

    def _start(self, slug: str, branch: str | None, *, status: str, **options: Any) -> int:
        followed = self._get_project(slug).following
        num = self.add_build(slug, branch=branch, status=status if followed else "not_run", **options)["build_num"]
        if not followed:
            self._change(slug, num, dont_build="no-followers")
        return int(num)
