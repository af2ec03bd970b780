"""The account that a fake serves, and the changes of its projects and builds."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import attrs

from circleci_v1_async.testing._state.builds import Build
from circleci_v1_async.testing._state.digests import make_revision
from circleci_v1_async.testing._state.projects import VCS_ALIASES, VCS_HOSTS, Project
from circleci_v1_async.testing._state.runs import Clock, Run

EPOCH: Final = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
_JOBS_PER_PUSH: Final = 4
_UNFINISHED: Final = frozenset({"not_running", "scheduled", "queued", "running"})


@attrs.define(eq=False)
class Account:
    """One user's projects and builds, as plain values.

    Attributes:
        user: The fields of `/me`, without the projects.
        is_server: Whether the service is CircleCI Server instead of the cloud.
        after_sunset: Whether triggers and reruns have been removed, and projects have no branches.
        in_brownout: Whether branches are left out unless a request includes them explicitly.
        run_seconds: Number of seconds that builds run by the clock; None if nothing happens by the clock.
        clock: The fake's own clock.
        max_offset: Maximum offset that lists accept; None for no limit.
        signed_at: The time in new signatures. URLs with any other time have expired.
        has_lost_credentials: Whether URLs have expired because the credentials of their signatures expired.
        created: Number of builds, keys and tokens created so far. Their times and IDs are derived from it.
    """

    user: dict[str, Any]
    is_server: bool = False
    after_sunset: bool = False
    in_brownout: bool = False
    run_seconds: float | None = None
    clock: Clock = attrs.Factory(Clock)
    max_offset: int | None = None
    signed_at: datetime = attrs.field(default=EPOCH, init=False)
    has_lost_credentials: bool = attrs.field(default=False, init=False)
    created: int = attrs.field(default=0, init=False)
    _projects: dict[str, Project] = attrs.field(factory=dict[str, Project], init=False)
    # Project and number of each build that the clock may still change, in order of creation.
    _running: dict[tuple[str, int], None] = attrs.field(factory=dict[tuple[str, int], None], init=False)

    @property
    def projects(self) -> Mapping[str, Project]:
        """The projects by slug, in the order of their addition, with the current state of their builds."""
        if self._running:
            self._follow_clock(self.clock.now())
        return self._projects

    def add_project(self, project: Project) -> None:
        """Add a project, or replace the project with the same slug."""
        self._projects[project.slug] = project

    def shows_branches(self, wanted: bool | None) -> bool:  # noqa: FBT001 - one question, one answer
        """Return whether projects have branches. `wanted` is the request's choice; None without one."""
        if wanted is False or self.is_server:
            return wanted is not False
        return not self.after_sunset and (wanted is True or not self.in_brownout)

    def get_project(self, slug: str) -> Project:
        """Return a project.

        Raises:
            KeyError: The project does not exist.
            ValueError: The slug does not have three parts, or its version control system is unknown.
        """
        project = self.projects.get("/".join(split_slug(slug)))
        if project is None:
            raise KeyError(f"no project {slug}: call add_project first")
        return project

    def get_build(self, slug: str, build_num: int) -> Build:
        """Return a build.

        Raises:
            KeyError: The project or the build does not exist.
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
        """Add a build to a project. Missing values are derived from the project and its earlier builds."""
        seconds = self.run_seconds if status in _UNFINISHED else None
        created = when or (self.take_next_time() if seconds is None else self.clock.now())
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
            run=None if seconds is None else Run.begin(self.clock.now(), seconds, is_queued=status != "running"),
        )
        project.store(build)
        if build.run:
            self._running[build.slug, build.build_num] = None
        return build

    def change_build(self, build: Build, **changes: Any) -> Build:
        """Replace a build with a new version, and return the new version.

        After a user changes the status of a build, the clock no longer changes the build.
        """
        project = self._projects[build.slug]
        current = project.builds[build.build_num]
        if "status" in changes and current.run and (current.slug, current.build_num) in self._running:
            changes["run"] = attrs.evolve(current.run, left_at=self.clock.now())
            del self._running[current.slug, current.build_num]
        changed = attrs.evolve(current, **changes)
        project.store(changed)
        return changed

    def finish_build(self, build: Build, status: str) -> Build:
        """End a build and its running steps with `status`."""
        build.end_actions(status, self.clock.now())
        return self.change_build(build, status=status)

    def remove_build(self, build: Build) -> None:
        """Remove a build. Its number is not used again."""
        del self._projects[build.slug].builds[build.build_num]
        self._running.pop((build.slug, build.build_num), None)

    def take_next_time(self) -> datetime:
        """Return the time of the next build: groups of four, the jobs of a push, share a second."""
        pushes, job = divmod(self.created, _JOBS_PER_PUSH)
        self.created += 1
        return EPOCH + timedelta(minutes=pushes, milliseconds=50 * job)

    def _follow_clock(self, now: datetime) -> None:
        for slug, build_num in list(self._running):
            project = self._projects[slug]
            build = project.builds.get(build_num)
            if build is None or build.run is None:
                # The project was replaced, or the build was removed or replaced.
                del self._running[slug, build_num]
                continue
            status = build.run.find_status(now)
            build.follow_run(build.run, now)
            if status != build.status:
                build = attrs.evolve(build, status=status)
                project.store(build)
            if build.phase.is_over:
                del self._running[slug, build_num]


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
            raise ValueError(f"{slug!r} is not a slug such as 'github/acme/web'")
