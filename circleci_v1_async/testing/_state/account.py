"""The account that a fake serves, and the changes of its projects and builds."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import attrs

from circleci_v1_async.testing._state.builds import Build
from circleci_v1_async.testing._state.digests import make_revision
from circleci_v1_async.testing._state.projects import VCS_ALIASES, VCS_HOSTS, Project

EPOCH: Final = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
_JOBS_PER_PUSH: Final = 4


@attrs.define(eq=False)
class Account:
    """One user's projects and builds, as plain values.

    Attributes:
        user: The fields of `/me`, without the projects.
        is_server: Whether the service is CircleCI Server rather than the cloud.
        after_sunset: Whether triggers and reruns have been removed, and projects have no branches.
        in_brownout: Whether branches are left out unless a request asks for them.
        projects: The projects by slug, in the order of their addition.
        signed_at: The time in signatures that are made now; addresses with another time have expired.
        created: The number of builds, keys and tokens made so far, from which their times and ids are derived.
    """

    user: dict[str, Any]
    is_server: bool = False
    after_sunset: bool = False
    in_brownout: bool = False
    projects: dict[str, Project] = attrs.field(factory=dict[str, Project], init=False)
    signed_at: datetime = attrs.field(default=EPOCH, init=False)
    created: int = attrs.field(default=0, init=False)

    def shows_branches(self, wanted: bool | None) -> bool:  # noqa: FBT001 - one question, one answer
        """Tell whether projects have branches for a request that wants them, does not, or does not say."""
        if wanted is False or self.is_server:
            return wanted is not False
        return not self.after_sunset and (wanted is True or not self.in_brownout)

    def get_project(self, slug: str) -> Project:
        """Return a project.

        Raises:
            KeyError: There is none.
            ValueError: The slug does not have three parts, or its version control system is unknown.
        """
        project = self.projects.get("/".join(split_slug(slug)))
        if project is None:
            raise KeyError(f"no project {slug}: call add_project first")
        return project

    def get_build(self, slug: str, build_num: int) -> Build:
        """Return a build.

        Raises:
            KeyError: There is none.
            ValueError: The slug does not have three parts, or its version control system is unknown.
        """
        build = self.get_project(slug).builds.get(build_num)
        if build is None:
            raise KeyError(f"no build {build_num} in {slug}")
        return build

    def create_build(
        self,
        project: Project,
        *,
        status: str,
        build_num: int | None = None,
        branch: str | None = None,
        subject: str = "Make it so",
        when: datetime | None = None,
        why: str = "github",
        workflow: str | None = "build-and-test",
        job: str = "build",
        workflow_run: str | None = None,
        revision: str | None = None,
        fields: Mapping[str, object] | None = None,
    ) -> Build:
        """Add a build to a project; what is not given is derived from the project and the builds before."""
        created = when or self.take_next_time()
        branch = branch or project.default_branch
        build = Build(
            slug=project.slug,
            build_num=build_num or project.last_num + 1,
            branch=branch,
            status=status,
            subject=subject,
            created=created.astimezone(UTC),
            revision=revision or make_revision(f"{project.slug}@{created.timestamp():.0f}"),
            why=why,
            workflow=workflow,
            job=job,
            workflow_run=workflow_run,
            previous=project.find_previous(branch),
            previous_successful=project.find_previous(branch, successful=True),
            fields=dict(fields or {}),
        )
        project.store(build)
        return build

    def change_build(self, build: Build, **changes: Any) -> Build:
        """Replace a build by a new version of it, which is returned."""
        changed = attrs.evolve(build, **changes)
        self.projects[build.slug].store(changed)
        return changed

    def finish_build(self, build: Build, status: str) -> Build:
        """End a build and its running steps with `status`."""
        build.actions[:] = [
            attrs.evolve(action, status=status) if action.status == "running" else action for action in build.actions
        ]
        return self.change_build(build, status=status)

    def remove_build(self, build: Build) -> None:
        """Remove a build. Its number is not used again."""
        del self.projects[build.slug].builds[build.build_num]

    def take_next_time(self) -> datetime:
        """Return the time of the next build: groups of four, the jobs of a push, share a second."""
        pushes, job = divmod(self.created, _JOBS_PER_PUSH)
        self.created += 1
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
