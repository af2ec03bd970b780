"""The state that a fake serves, and the synchronous methods that build and change it."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import attrs

from circleci_v1_async.testing._build_payloads import Payload, render_build
from circleci_v1_async.testing._payloads import (
    make_default_user,
    render_checkout_key,
    render_env_var,
    render_project_token,
    render_test,
)
from circleci_v1_async.testing._state import (
    FIRST_CONFIGURED_STEP,
    VCS_ALIASES,
    VCS_HOSTS,
    Action,
    Build,
    CheckoutKey,
    Project,
    ProjectToken,
    SshKey,
    make_md5_fingerprint,
    make_stable_uuid,
)

EPOCH: Final = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
_JOBS_PER_PUSH: Final = 4
# The numbers that recorded builds start with: the machine, its environment, then what the configuration asks for.
_BUILT_IN_STEPS: Final = (0, 99)


class Account:
    """One user's projects and builds. Every method is synchronous and works before and while the account is served.

    Nothing depends on the clock or on chance: the same calls always give the same builds, times and addresses.

    Attributes:
        user: What `/me` says of the token's owner, to change at will; the projects are added to it.
        after_sunset: Whether all that CircleCI has announced to end has ended: triggers and reruns, which answer 410,
            and the branches of projects, which are left out.
    """

    def __init__(self) -> None:
        self.user: Payload = make_default_user()
        self.after_sunset = False
        self._projects: dict[str, Project] = {}
        self._created = 0

    def add_project(
        self, slug: str, *, default_branch: str = "main", following: bool = True, public: bool = False
    ) -> None:
        """Add a project.

        Args:
            slug: `"github/acme/web"`, `"bitbucket/acme/web"` or `"circleci/<org-id>/<project-id>"`; `gh` and `bb` will
                do here and in every other method.
            default_branch: The branch of builds that name none.
            following: Whether the token's owner follows it, so that `/projects` and `/recent-builds` show it.
            public: Whether it can be read without a token.

        Raises:
            ValueError: The slug has not got three parts, or names an unknown version control system.
        """
        vcs_type, username, reponame = split_slug(slug)
        project = Project(vcs_type, username, reponame, default_branch, following, public)
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
        revision: str | None = None,
        steps: Iterable[str] = (),
        **fields: object,
    ) -> Payload:
        """Add a build.

        Args:
            slug: The project.
            build_num: Its number; by default one more than the project's last.
            branch: Its branch; by default the project's default branch.
            status: The wire's status, with which outcome, lifecycle and times agree. A status that nobody knows makes
                a build that waits.
            subject: The commit's first line.
            when: When it was created, with a time zone. By default the fake's own calendar, in which groups of four
                builds, the jobs of one push, share a second and a revision.
            why: What started it.
            workflow: Its workflow's name; None for a build outside of workflows, which has no such key.
            job: The job's name in the workflow.
            revision: The commit's hash; by default made from the project and the second.
            steps: Names of steps, added as `add_step` does. The last one shares the fate of the build. By default none,
                as in a build whose steps have expired.
            **fields: Any key of the wire, with the value to serve whatever the rest says.

        Returns:
            The build as the lists show it.
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
            previous=project.find_previous(branch),
            previous_successful=project.find_previous(branch, successful=True),
            fields=fields,
        )
        project.store(build)
        names = list(steps)
        for number, name in enumerate(names, start=1):
            self.add_step(slug, build.build_num, name, status=status if number == len(names) else "success")
        return render_build(project, build)

    def update_build(self, slug: str, build_num: int, **fields: object) -> Payload:
        """Change a build: `status`, `branch`, `subject` or any key of the wire.

        A new status brings the lifecycle, outcome and times that belong to it; other keys stay as given here whatever
        the status.

        Returns:
            The build as the lists show it from now on.
        """
        own = {name: fields.pop(name) for name in ("status", "branch", "subject") if name in fields}
        return self._change(slug, build_num, **own, fields=self._get_build(slug, build_num).fields | fields)

    def finish_build(self, slug: str, build_num: int, status: str = "success") -> Payload:
        """End a build with `status`, and with it those of its steps that were running.

        Returns:
            The build as the lists show it from now on.
        """
        actions = self._get_build(slug, build_num).actions
        actions[:] = [
            attrs.evolve(action, status=status) if action.status == "running" else action for action in actions
        ]
        return self._change(slug, build_num, status=status)

    def remove_build(self, slug: str, build_num: int) -> None:
        """Let a build disappear, as one does that the service has forgotten. Its number is not used again."""
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
        r"""Add a step, or one more container's share of a step, to a build.

        Args:
            slug: The project.
            build_num: The build.
            name: The step's name.
            output: What it printed. The service keeps terminals' codes and `\r\n` as they come.
            status: How the action stands: success, failed, running, canceled, timedout or infrastructure_fail.
            step: The step's number; by default 0, 99, 101, 102 … as the service counts.
            index: The container. A `step` that exists already gets one more action.
            published: False for an action whose output was never stored: it has output, and no address to get it from.
            **fields: Any key of the wire's action.
        """
        build = self._get_build(slug, build_num)
        number = _choose_step_number(build) if step is None else step
        start = build.start_time + timedelta(seconds=4 * len(build.actions))
        build.actions.append(Action(number, index, name, status, output, published, start, fields))

    def add_test(self, slug: str, build_num: int, *, name: str, result: str = "success", **fields: object) -> None:
        """Add a test's result to a build.

        Args:
            slug: The project.
            build_num: The build.
            name: The test's name.
            result: success, failure or skipped.
            **fields: Any key of the wire's test, such as `classname`, `file`, `run_time` (seconds) or `message`.
        """
        self._get_build(slug, build_num).tests.append(render_test(name, result, fields))

    def add_checkout_key(
        self,
        slug: str,
        *,
        type: Literal["deploy-key", "github-user-key"] = "deploy-key",
        sha256: str | None = None,
    ) -> Payload:
        """Add a checkout key, which builds prefer from now on.

        Args:
            slug: The project.
            type: Whose key it is: the project's, or the token's owner's.
            sha256: Its SHA-256 fingerprint, base64 without a prefix; by default made from the key.

        Returns:
            The key as the lists show it, with its MD5 fingerprint.
        """
        project = self._get_project(slug)
        older = [attrs.evolve(key, preferred=False) for key in project.checkout_keys]
        login = self.user["login"] if type == "github-user-key" else None
        blob = _make_ssh_blob(f"{project.slug}#{self._created}#{len(older)}")
        key = CheckoutKey(type, self._take_next_time(), login, preferred=True, blob=blob, sha256=sha256)
        project.checkout_keys = [key, *older]
        return render_checkout_key(key, digest="md5")

    def add_ssh_key(self, slug: str, *, hostname: str, private_key: str) -> None:
        """Store an SSH key for a host, as `POST …/ssh-key` does. What it opens is forgotten at once."""
        self._get_project(slug).ssh_keys.append(SshKey(hostname, _make_ssh_blob(private_key)))

    def delete_ssh_key(self, slug: str, *, hostname: str, fingerprint: str) -> bool:
        """Forget an SSH key for a host.

        Returns:
            Whether there was one.
        """
        project = self._get_project(slug)
        before = len(project.ssh_keys)
        project.ssh_keys = [
            key for key in project.ssh_keys if (key.hostname, make_md5_fingerprint(key.blob)) != (hostname, fingerprint)
        ]
        return len(project.ssh_keys) < before

    def add_env_var(self, slug: str, name: str, value: str) -> Payload:
        """Give a project an environment variable, in place of one of that name.

        Returns:
            The variable as the lists show it, masked.
        """
        self._get_project(slug).env_vars[name] = value
        return render_env_var(name, value)

    def add_project_token(self, slug: str, *, scope: str = "view-builds", label: str = "token") -> Payload:
        """Give a project an API token. The fake takes none but its own, so that it opens nothing.

        Returns:
            The token as the service answers, which says it this once.
        """
        project = self._get_project(slug)
        self._created += 1
        token = ProjectToken(make_stable_uuid("token", self._created), label, scope)
        project.tokens.append(token)
        return render_project_token(token) | {"token": f"fake-project-token-{self._created}"}

    def cancel_build(self, slug: str, build_num: int) -> Payload:
        """Cancel a build for the token's owner; one that has ended stays as it is.

        Returns:
            The build as the service answers.
        """
        build = self._get_build(slug, build_num)
        if build.phase.is_over:
            return render_build(self._get_project(slug), build)
        if not build.phase.started:
            return self._change(slug, build_num, status="canceled", canceled_by_user=True, canceled_while_waiting=True)
        self.finish_build(slug, build_num, "canceled")
        return self._change(slug, build_num, canceled_by_user=True)

    def retry_build(self, slug: str, build_num: int, *, with_ssh: bool = False) -> Payload:
        """Build the same revision again.

        Args:
            slug: The project.
            build_num: The build.
            with_ssh: Whether the token's owner gets access to the new build.

        Returns:
            The new build as the service answers.
        """
        old = self._get_build(slug, build_num)
        same = {name: getattr(old, name) for name in ("revision", "subject", "workflow", "job")}
        new = self._start(slug, old.branch, status="scheduled", why="retry", **same)
        self._change(slug, build_num, retries=(*old.retries, new))
        return self._change(slug, new, retry_of=build_num, build_parameters=old.build_parameters, ssh_enabled=with_ssh)

    def add_ssh_user(self, slug: str, build_num: int) -> Payload:
        """Give the token's owner access to a build.

        Returns:
            The build as the service answers.
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
        """Ask for a build as the API does. In a project that nobody follows it is created, and never runs.

        Returns:
            The new build as the service answers.
        """
        new = self._start(slug, branch, status="not_running", why="api", revision=revision, workflow=None)
        parameters = build_parameters or {}
        return self._change(slug, new, tag=tag, parallel=parallel or 1, build_parameters=parameters)

    def _start(self, slug: str, branch: str | None, *, status: str, **options: Any) -> int:
        followed = self._get_project(slug).following
        num = self.add_build(slug, branch=branch, status=status if followed else "not_run", **options)["build_num"]
        if not followed:
            self._change(slug, num, dont_build="no-followers")
        return int(num)

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
    """Take a slug apart, with the version control system spelled out.

    Raises:
        ValueError: It has not got three parts, or names an unknown version control system.
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


def _make_ssh_blob(seed: str) -> bytes:
    """Bytes with the shape of an RSA public key of 2,048 bits: nobody holds the other half."""
    modulus = hashlib.shake_256(seed.encode()).digest(256)
    return b"".join(len(part).to_bytes(4, "big") + part for part in (b"ssh-rsa", b"\x01\x00\x01", b"\x00" + modulus))
