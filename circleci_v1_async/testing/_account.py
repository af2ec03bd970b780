"""The account that a fake serves, and the synchronous methods that build and change its state."""

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
# Recorded: the steps before the configured ones, for the machine and its environment, have these numbers.
_BUILT_IN_STEPS: Final = (0, 99)


class Account:
    """One user's projects and builds. The methods can be called before and while the account is served.

    The same calls always give the same builds, times and addresses: neither the clock nor chance is used.

    Attributes:
        user: The fields of `/me`, without the projects; change them as needed.
        after_sunset: Whether to behave as after the sunset that CircleCI has announced: triggers and reruns answer 410,
            and projects have no branches.
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
            slug: `"github/acme/web"`, `"bitbucket/acme/web"` or `"circleci/<org-id>/<project-id>"`. All methods accept
                `gh` and `bb` too.
            default_branch: The branch of builds that are added without one.
            following: Whether the token's owner follows it, so that `/projects` and `/recent-builds` show it.
            public: Whether it can be read without a token.

        Raises:
            ValueError: The slug does not have three parts, or its version control system is unknown.
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
            build_num: The number; by default the project's last one plus 1.
            branch: The branch; by default the project's default branch.
            status: The status; outcome, lifecycle and times follow from it. An unknown one makes a waiting build.
            subject: The first line of the commit message.
            when: The time of creation, with a time zone. By default groups of four builds, the jobs of one push, share
                a second and a revision.
            why: The build's trigger.
            workflow: The workflow's name; None for a build outside of workflows.
            job: The job's name in the workflow.
            revision: The commit's hash; by default derived from the project and the second.
            steps: Names of steps to add. The last one has the status of the build. None by default, as in a build
                whose steps have expired.
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

    def add_checkout_key(
        self,
        slug: str,
        *,
        type: Literal["deploy-key", "github-user-key"] = "deploy-key",
        sha256: str | None = None,
    ) -> Payload:
        """Add a checkout key, which becomes the preferred one.

        Args:
            slug: The project.
            type: "deploy-key" for a key of the project, "github-user-key" for one of the token's owner.
            sha256: The SHA-256 fingerprint, base64 without a prefix; by default computed from the key.

        Returns:
            The key as lists show it, with its MD5 fingerprint.
        """
        project = self._get_project(slug)
        older = [attrs.evolve(key, preferred=False) for key in project.checkout_keys]
        login = self.user["login"] if type == "github-user-key" else None
        blob = _make_ssh_blob(f"{project.slug}#{self._created}#{len(older)}")
        key = CheckoutKey(type, self._take_next_time(), login, preferred=True, blob=blob, sha256=sha256)
        project.checkout_keys = [key, *older]
        return render_checkout_key(key, digest="md5")

    def add_ssh_key(self, slug: str, *, hostname: str, private_key: str) -> None:
        """Store an SSH key for a host, as `POST …/ssh-key` does. Only a made-up public half is kept."""
        self._get_project(slug).ssh_keys.append(SshKey(hostname, _make_ssh_blob(private_key)))

    def delete_ssh_key(self, slug: str, *, hostname: str, fingerprint: str) -> bool:
        """Delete an SSH key of a host.

        Returns:
            Whether the key existed.
        """
        project = self._get_project(slug)
        before = len(project.ssh_keys)
        project.ssh_keys = [
            key for key in project.ssh_keys if (key.hostname, make_md5_fingerprint(key.blob)) != (hostname, fingerprint)
        ]
        return len(project.ssh_keys) < before

    def add_env_var(self, slug: str, name: str, value: str) -> Payload:
        """Add an environment variable to a project, or replace it.

        Returns:
            The variable as lists show it, masked.
        """
        self._get_project(slug).env_vars[name] = value
        return render_env_var(name, value)

    def add_project_token(self, slug: str, *, scope: str = "view-builds", label: str = "token") -> Payload:
        """Add an API token to a project. The fake does not accept it in requests.

        Returns:
            The service's answer, the only one that shows the token.
        """
        project = self._get_project(slug)
        self._created += 1
        token = ProjectToken(make_stable_uuid("token", self._created), label, scope)
        project.tokens.append(token)
        return render_project_token(token) | {"token": f"fake-project-token-{self._created}"}

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


def _make_ssh_blob(seed: str) -> bytes:
    """Make bytes in the form of an RSA public key of 2,048 bits, to which no private key exists."""
    modulus = hashlib.shake_256(seed.encode()).digest(256)
    return b"".join(len(part).to_bytes(4, "big") + part for part in (b"ssh-rsa", b"\x01\x00\x01", b"\x00" + modulus))
