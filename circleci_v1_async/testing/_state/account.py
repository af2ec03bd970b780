"""The account that a fake serves, and the synchronous methods that build and change its state."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import attrs

from circleci_v1_async.testing._nouns.builds import Payload, render_build
from circleci_v1_async.testing._nouns.projects import make_default_user, render_test
from circleci_v1_async.testing._state.builds import (
    FIRST_CONFIGURED_STEP,
    VCS_ALIASES,
    VCS_HOSTS,
    Action,
    Build,
    Project,
)

EPOCH: Final = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
_JOBS_PER_PUSH: Final = 4
# Recorded: the steps before the configured ones, for the machine and its environment, have these numbers.
_BUILT_IN_STEPS: Final = (0, 99)


class Account:
    """One user's projects and builds. The methods can be called before and while the account is served.

    The same calls always give the same builds, times and addresses: neither the clock nor chance is used.

    Attributes:
        user: The fields of `/me`, without the projects; change them as needed.
        server: Whether to behave as CircleCI Server, which has no reruns and keeps the branches of projects.
        after_sunset: Whether to behave as after the sunset that CircleCI has announced: triggers and reruns answer 410,
            and projects have no branches.
    """

    server = False

    def __init__(self) -> None:
        self.user: Payload = make_default_user()
        self.after_sunset = False
        self._in_brownout = False
        self._projects: dict[str, Project] = {}
        self._created: int = 0

    def brownout(self, *, on: bool = True) -> None:
        """Leave out the branches of projects, as the cloud does on the days announced for trial.

        They are still there for requests with `shallow=false`, and of settings with `skip-branches=false`.

        Args:
            on: False ends the brownout.
        """
        self._in_brownout = on

    def shows_branches(self, wanted: bool | None) -> bool:  # noqa: FBT001 - one question, one answer
        """Tell whether projects have branches for a request that wants them, does not, or does not say."""
        if wanted is False or self.server:
            return wanted is not False
        return not self.after_sunset and (wanted is True or not self._in_brownout)

    def add_project(
        self,
        slug: str,
        *,
        default_branch: str = "main",
        following: bool = True,
        public: bool = False,
        foreign: bool = False,
    ) -> None:
        """Add a project.

        Args:
            slug: `"github/acme/web"`, `"bitbucket/acme/web"` or `"circleci/<org-id>/<project-id>"`. All methods accept
                `gh` and `bb` too.
            default_branch: The branch of builds that are added without one.
            following: Whether the token's owner follows it, so that `/projects` and `/recent-builds` show it.
            public: Whether it can be read without a token.
            foreign: Whether it belongs to others, so that the token's owner may read and follow it, and is refused
                every change with 403.

        Raises:
            ValueError: The slug does not have three parts, or its version control system is unknown.
        """
        vcs_type, username, reponame = split_slug(slug)
        project = Project(vcs_type, username, reponame, default_branch, following, public, foreign)
        self._projects[project.slug] = project

    def add_build(
        self,
        slug: str,
        *,
        build_num: int | None = None,
        branch: str | None = None,
        status: str = "success",
        subject: str = "Make it so",
        when: datetime | None = None,
        why: str = "github",
        workflow: str | None = "build-and-test",
        job: str = "build",
        workflow_id: str | None = None,
        revision: str | None = None,
        steps: Iterable[str] = (),
        **fields: object,
    ) -> Payload:
        """Add a build.

        Args:
            slug: The project.
            build_num: The number; by default the project's last one plus 1.
            branch: The branch; by default the project's default branch.
            status: The status; outcome, lifecycle and times follow from it. An unknown one makes a waiting build.
            subject: The first line of the commit message.
            when: The time of creation, with a time zone. By default groups of four, the jobs of a push, share a second.
            why: The build's trigger.
            workflow: The workflow's name; None for a build outside of workflows.
            job: The job's name in the workflow.
            workflow_id: The UUID of the workflow's run, another for a rerun; by default of workflow and revision.
            revision: The commit's hash; by default derived from the project and the second.
            steps: Names of steps to add, the last with the build's status. By default none, as when they have expired.
            **fields: Any keys of the payload, which override the computed ones.

        Returns:
            The build as lists show it.
        """
        project = self._get_project(slug)
        created = when or self._take_next_time()
        branch = branch or project.default_branch
        build = Build(
            slug=project.slug,
            build_num=build_num or project.last_num + 1,
            branch=branch,
            status=status,
            subject=subject,
            created=created.astimezone(UTC),
            revision=revision or _hash_sha1(f"{project.slug}@{created.timestamp():.0f}"),
            why=why,
            workflow=workflow,
            job=job,
            workflow_run=workflow_id,
            previous=project.find_previous(branch),
            previous_successful=project.find_previous(branch, successful=True),
            fields=fields,
        )
        project.store(build)
        for number, name in enumerate(names := list(steps), start=1):
            self.add_step(slug, build.build_num, name, status=status if number == len(names) else "success")
        return render_build(project, build)

    def update_build(self, slug: str, build_num: int, **fields: object) -> Payload:
        """Change a build: `status`, `branch`, `subject` or any key of the payload.

        Lifecycle, outcome and times follow from a new status. Other keys keep the values given here.

        Returns:
            The changed build as lists show it.
        """
        own = {name: fields.pop(name) for name in ("status", "branch", "subject") if name in fields}
        return self._change(slug, build_num, **own, fields=self._get_build(slug, build_num).fields | fields)

    def finish_build(self, slug: str, build_num: int, status: str = "success") -> Payload:
        """End a build and its running steps with `status`.

        Returns:
            The changed build as lists show it.
        """
        actions = self._get_build(slug, build_num).actions
        actions[:] = [
            attrs.evolve(action, status=status) if action.status == "running" else action for action in actions
        ]
        return self._change(slug, build_num, status=status)

    def remove_build(self, slug: str, build_num: int) -> None:
        """Remove a build. Its number is not used again."""
        del self._get_project(slug).builds[self._get_build(slug, build_num).build_num]

    def add_step(
        self,
        slug: str,
        build_num: int,
        name: str,
        *,
        output: str = "",
        status: str = "success",
        step: int | None = None,
        index: int = 0,
        published: bool = True,
        **fields: object,
    ) -> None:
        r"""Add a step to a build, or one more container to a step.

        Args:
            slug: The project.
            build_num: The build.
            name: The step's name.
            output: The output. The service keeps escape sequences and `\r\n` in it.
            status: The status: success, failed, running, canceled, timedout or infrastructure_fail.
            step: The step's number; by default the next of 0, 99, 101, 102 …, as the service counts. Name an existing
                step to add a container to it.
            index: The container.
            published: False for an action that has output, but no URL to fetch it from.
            **fields: Any keys of the action's payload.
        """
        build = self._get_build(slug, build_num)
        number = _choose_step_number(build) if step is None else step
        start = build.start_time + timedelta(seconds=4 * len(build.actions))
        build.actions.append(Action(number, index, name, status, output, published, start, fields))

    def add_output(
        self,
        slug: str,
        build_num: int,
        text: str,
        *,
        step: int | None = None,
        index: int = 0,
        status: str | None = None,
    ) -> None:
        """Add to the output of a step that runs.

        Args:
            slug: The project.
            build_num: The build.
            text: The output that is new.
            step: The step's number; by default the last.
            index: The container.
            status: The status that the step ends with; it goes on running without one.
        """
        actions = self._get_build(slug, build_num).actions
        number = actions[-1].step if step is None else step
        action = next(action for action in actions if (action.step, action.index) == (number, index))
        action.output += text
        action.status = status or action.status

    def add_test(self, slug: str, build_num: int, *, name: str, result: str = "success", **fields: object) -> None:
        """Add the result of a test to a build.

        Args:
            slug: The project.
            build_num: The build.
            name: The test's name.
            result: success, failure or skipped.
            **fields: Any keys of the test's payload, such as `classname`, `file`, `run_time` (seconds) or `message`.
        """
        self._get_build(slug, build_num).tests.append(render_test(name, result, fields))

    def _change(self, slug: str, build_num: int, **changes: Any) -> Payload:
        project = self._get_project(slug)
        build = attrs.evolve(self._get_build(slug, build_num), **changes)
        project.store(build)
        return render_build(project, build)

    def _get_project(self, slug: str) -> Project:
        project = self._projects.get("/".join(split_slug(slug)))
        if project is None:
            raise KeyError(f"no project {slug}: call add_project first")
        return project

    def _get_build(self, slug: str, build_num: int) -> Build:
        build = self._get_project(slug).builds.get(build_num)
        if build is None:
            raise KeyError(f"no build {build_num} in {slug}")
        return build

    def _take_next_time(self) -> datetime:
        pushes, job = divmod(self._created, _JOBS_PER_PUSH)
        self._created += 1
        return EPOCH + timedelta(minutes=pushes, milliseconds=50 * job)


def split_slug(slug: str) -> tuple[str, str, str]:
    """Split a slug into its three parts, with the version control system spelled out.

    Raises:
        ValueError: The slug does not have three parts, or its version control system is unknown.
    """
    vcs_type, *names = slug.split("/")
    vcs_type = VCS_ALIASES.get(vcs_type, vcs_type)
    match names:
        case [username, reponame] if vcs_type in VCS_HOSTS and username and reponame:
            return vcs_type, username, reponame
        case _:
            raise ValueError(f"{slug!r} is no slug such as 'github/acme/web'")


def _choose_step_number(build: Build) -> int:
    taken = [action.step for action in build.actions]
    return next((step for step in _BUILT_IN_STEPS if step not in taken), max([FIRST_CONFIGURED_STEP - 1, *taken]) + 1)


def _hash_sha1(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
