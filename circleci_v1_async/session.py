"""The front door: `CircleCISession`, a coroutine for each operation."""

from collections.abc import Mapping
from functools import partial
from sys import intern
from typing import Any, cast

from ._arguments import integer, one_of, strings, text
from ._caller import Caller
from ._secret import hide
from .enums import BuildFilter, CheckoutKeyType
from .errors import InvalidInputError
from .models import (
    Artifact,
    Build,
    BuildDetail,
    CheckoutKey,
    FollowResult,
    Message,
    Project,
    TestMetadata,
    TestReport,
    User,
)
from .request import QueryValue, Request, given
from .slug import ProjectSlug
from .walk import MAX_PAGE, PageWalk

__all__ = ["CircleCISession"]


class CircleCISession(Caller):
    """A session with the CircleCI REST API v1.1.

    Use it as `async with CircleCISession(token) as ci:`, or call `close()` when done. It may be made anywhere, and is
    bound to the event loop that first uses it. Calls may run at the same time.

    Args:
        token: A personal token, or a project's. `None`: anonymous, which public projects answer.
        base_url: The API's address; for CircleCI Server `https://<host>/api/v1.1`. `http` is refused with a token,
            except on loopback.
        session: An aiohttp session to use, for proxies, private certificate authorities and tracing. It is neither
            closed nor changed, and must not have default credentials.
        timeout: Seconds that one exchange may take, from making the connection to the last byte.
        concurrency: How many exchanges may be in flight at once; further ones wait.
        retry: How often a request is sent, and how long to wait in between. A session also has a budget for retries,
            so that an outage is not made worse by them.
        limiter: An async context manager that each exchange enters, such as `aiolimiter.AsyncLimiter`, or one that
            several processes share.
        max_body: Bytes that a reply may have, decompressed.
        strict: Whether a wrong value in an optional field is a `DecodeError`. Otherwise the field keeps its default,
            and the first of its kind is logged as a warning under `circleci_v1_async`.

    Raises:
        InvalidInputError: An argument cannot be right. The value of a token is not shown.

    A 429 holds back all calls of the session, for as long as the service asks. A call takes at the most
    `retry.attempts` times `timeout`, the waits between them (each up to `retry.cap` seconds, or `retry.max_retry_after`
    when the service asks for it), and the time until it is its turn.

    Every operation may raise `InvalidInputError` before any I/O, `TransportError` when no reply came,
    `StatusError` (or the class for its status) when the service refused, `DecodeError` when the reply is not what was
    promised, and `SessionClosedError`.
    """

    # The 18 operations of openapi.yml.

    async def get_current_user(self) -> User:
        """The user whom the token belongs to. It must be a personal token.

        `GET /me` (openapi.yml: getCurrentUser).

        Raises:
            AuthenticationError: There is no token, or it is not a personal one.
        """
        return await self.send(Request("GET", "/me", returns=User))

    async def list_projects(self, *, shallow: bool | None = None) -> list[Project]:
        """All projects that the user follows, in one reply that may have megabytes.

        `GET /projects` (openapi.yml: listProjects; `shallow` from CircleCI's changelog).

        Args:
            shallow: Whether to leave out `branches`. CircleCI's cloud leaves it out for good from 2026-12-07 on;
                until then `False` asks for it.

        Raises:
            AuthenticationError: There is no personal token.
        """
        return await self.send(Request("GET", "/projects", query={"shallow": shallow}, returns=list[Project]))

    async def list_project_builds(
        self,
        project: ProjectSlug | str,
        *,
        branch: str | None = None,
        filter: BuildFilter | str | None = None,
        limit: int = 30,
        offset: int = 0,
        shallow: bool | None = None,
    ) -> list[Build]:
        """One page of a project's builds, newest first. `iter_project_builds` walks them all.

        `GET /project/{project}` (openapi.yml: listProjectBuilds), with a branch
        `GET /project/{project}/tree/{branch}` (CircleCI's docs).

        Args:
            project: A slug or URL of it.
            branch: Only builds of this branch.
            filter: Only builds that are `completed`, `successful`, `failed` or `running`.
            limit: At most so many builds, 1 to 100.
            offset: How many to skip, from 0.
            shallow: Whether to leave out about half of the fields, which the service answers quicker.

        Returns:
            Fewer than `limit` at the end of the list, none behind it.

        Raises:
            NotFoundError: The project does not exist, or the token may not see it.
        """
        query = {**_page(limit, offset), "filter": one_of("filter", filter, BuildFilter), "shallow": shallow}
        return await self.send(_project_builds(project, branch, query))

    async def list_recent_builds(self, *, limit: int = 30, offset: int = 0, shallow: bool | None = None) -> list[Build]:
        """One page of the latest builds of all projects that the user follows. `iter_recent_builds` walks them all.

        `GET /recent-builds` (openapi.yml: listRecentBuilds). The order is that of creation, not of `build_num`.

        Args:
            limit: At most so many builds, 1 to 100.
            offset: How many to skip, from 0.
            shallow: Whether to leave out about half of the fields.

        Raises:
            AuthenticationError: There is no personal token.
        """
        query = {**_page(limit, offset), "shallow": shallow}
        return await self.send(Request("GET", "/recent-builds", query=query, returns=list[Build]))

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
        """Start a build.

        `POST /project/{project}` (openapi.yml: triggerBuild; `job` from CircleCI's docs, which lack `branch`). The
        cloud removes it on 2027-02-01.

        Args:
            project: A slug or URL of it.
            branch: The branch; by default the project's default branch.
            revision: The commit; not together with `tag`.
            tag: The tag; not together with `revision`.
            parallel: In how many containers, from 1.
            build_parameters: Environment variables for the build.
            job: The job of the configuration to run.

        Returns:
            The build. That it was accepted does not mean that it runs: `status` may be `not_run`, and `messages`
            then says why.

        Raises:
            GoneError: CircleCI has removed it.
        """
        build_parameters = hide(build_parameters)
        if revision is not None and tag is not None:
            raise InvalidInputError("trigger_build: expected revision or tag, got both")
        body = given(
            branch=text("branch", branch),
            revision=text("revision", revision),
            tag=text("tag", tag),
            parallel=None if parallel is None else integer("parallel", parallel, 1),
            build_parameters=strings("build_parameters", build_parameters),
            job=text("job", job),
        )
        return await self.send(
            Request("POST", "/project/{project}", _in_project(project), body=body or None, returns=Build)
        )

    async def trigger_branch_build(
        self,
        project: ProjectSlug | str,
        branch: str,
        *,
        revision: str | None = None,
        parallel: int | None = None,
        build_parameters: Mapping[str, str] | None = None,
    ) -> Build:
        """Start a build of a branch.

        `POST /project/{project}/tree/{branch}` (openapi.yml: triggerBranchBuild). Not for configurations of
        `version: 2.1`. The cloud removes it on 2027-02-01.

        Args:
            project: A slug or URL of it.
            branch: The branch.
            revision: The commit; by default the branch's latest.
            parallel: In how many containers, from 1.
            build_parameters: Environment variables for the build.

        Returns:
            The build; see `trigger_build`.

        Raises:
            GoneError: CircleCI has removed it.
        """
        build_parameters = hide(build_parameters)
        body = given(
            revision=text("revision", revision),
            parallel=None if parallel is None else integer("parallel", parallel, 1),
            build_parameters=strings("build_parameters", build_parameters),
        )
        path_values = {**_in_project(project), "branch": branch}
        return await self.send(
            Request("POST", "/project/{project}/tree/{branch}", path_values, body=body or None, returns=Build)
        )

    async def get_build(self, project: ProjectSlug | str, build_num: int) -> BuildDetail:
        """A build with its steps.

        `GET /project/{project}/{build_num}` (openapi.yml: getBuild).

        Raises:
            NotFoundError: There is no such build, or the token may not see it.
        """
        return await self.send(Request("GET", _BUILD, _in_build(project, build_num), returns=BuildDetail))

    async def retry_build(self, project: ProjectSlug | str, build_num: int) -> Build:
        """Run a build again, with the same configuration and commit.

        `POST /project/{project}/{build_num}/retry` (openapi.yml: retryBuild). The cloud removes it on 2027-02-01;
        CircleCI Server never had it.

        Returns:
            The new build.

        Raises:
            NotFoundError: There is no such build, or the token may not see it.
            GoneError: CircleCI has removed it.
        """
        return await self.send(Request("POST", f"{_BUILD}/retry", _in_build(project, build_num), returns=Build))

    async def cancel_build(self, project: ProjectSlug | str, build_num: int) -> Build:
        """Cancel a build. One that has finished stays as it is, which is no error.

        `POST /project/{project}/{build_num}/cancel` (openapi.yml: cancelBuild).

        Returns:
            The build as it is now.

        Raises:
            NotFoundError: There is no such build, or the token may not see it.
        """
        return await self.send(Request("POST", f"{_BUILD}/cancel", _in_build(project, build_num), returns=Build))

    async def list_build_artifacts(self, project: ProjectSlug | str, build_num: int) -> list[Artifact]:
        """The files that a build kept. Empty when there are none, or they have expired.

        `GET /project/{project}/{build_num}/artifacts` (openapi.yml: listBuildArtifacts).

        Raises:
            NotFoundError: There is no such build, or the token may not see it.
        """
        return await self.send(
            Request("GET", f"{_BUILD}/artifacts", _in_build(project, build_num), returns=list[Artifact])
        )

    async def list_latest_artifacts(
        self,
        project: ProjectSlug | str,
        *,
        branch: str | None = None,
        filter: BuildFilter | str | None = None,
    ) -> list[Artifact]:
        """The files that the latest build (one job, not one workflow) kept.

        `GET /project/{project}/latest/artifacts` (openapi.yml: listLatestArtifacts; `running` from CircleCI's docs).

        Args:
            project: A slug or URL of it.
            branch: Only builds of this branch.
            filter: Only builds that are `completed`, `successful`, `failed` or `running`.

        Returns:
            Empty when that build kept none.

        Raises:
            NotFoundError: There is no such build; the service has been seen to say so also when it kept nothing.
        """
        query = given(branch=text("branch", branch), filter=one_of("filter", filter, BuildFilter))
        return await self.send(
            Request(
                "GET",
                "/project/{project}/latest/artifacts",
                _in_project(project),
                query=query,
                returns=list[Artifact],
            )
        )

    async def list_build_tests(self, project: ProjectSlug | str, build_num: int) -> list[TestMetadata]:
        """The results of a build's tests. Empty when it stored none.

        `GET /project/{project}/{build_num}/tests` (openapi.yml: listBuildTests).

        Raises:
            NotFoundError: There is no such build, or the token may not see it.
        """
        report = await self.send(Request("GET", f"{_BUILD}/tests", _in_build(project, build_num), returns=TestReport))
        return list(report.tests)

    async def add_ssh_key(self, project: ProjectSlug | str, *, hostname: str, private_key: str) -> None:
        """Give a project's builds a key to reach a host with.

        `POST /project/{project}/ssh-key` (openapi.yml: addSSHKey).

        Args:
            project: A slug or URL of it.
            hostname: The host; empty for all.
            private_key: In PEM format, without a passphrase. It is in no error.

        Raises:
            BadRequestError: The service does not take the key.
        """
        private_key = hide(private_key)
        if not isinstance(cast("object", private_key), str) or not private_key:
            raise InvalidInputError("private_key: expected a key in PEM format, as a string that is not empty")
        body = {"hostname": hostname, "private_key": private_key}
        await self.send(Request("POST", "/project/{project}/ssh-key", _in_project(project), body=body, returns=None))

    async def list_checkout_keys(self, project: ProjectSlug | str, *, digest: str | None = None) -> list[CheckoutKey]:
        """The keys that builds check the code out with.

        `GET /project/{project}/checkout-key` (openapi.yml: listCheckoutKeys; `digest` from CircleCI's docs).

        Args:
            project: A slug or URL of it.
            digest: Of the fingerprints: `md5`, as by default, or `sha256`.

        Raises:
            NotFoundError: The project does not exist, or the token may not see it.
        """
        query = {"digest": one_of("digest", digest, ("md5", "sha256"))}
        return await self.send(Request("GET", _KEYS, _in_project(project), query=query, returns=list[CheckoutKey]))

    async def create_checkout_key(self, project: ProjectSlug | str, type: CheckoutKeyType | str) -> CheckoutKey:
        """Make a key that builds check the code out with.

        `POST /project/{project}/checkout-key` (openapi.yml: createCheckoutKey).

        Args:
            project: A slug or URL of it.
            type: `deploy-key` or `github-user-key`.

        Raises:
            PermissionDeniedError: The token may not do it, or it is not a personal one.
        """
        body = {"type": one_of("type", type, CheckoutKeyType)}
        return await self.send(Request("POST", _KEYS, _in_project(project), body=body, returns=CheckoutKey))

    async def get_checkout_key(self, project: ProjectSlug | str, fingerprint: str) -> CheckoutKey:
        """A key that builds check the code out with.

        `GET /project/{project}/checkout-key/{fingerprint}` (openapi.yml: getCheckoutKey).

        Args:
            project: A slug or URL of it.
            fingerprint: MD5 with colons, or SHA-256.

        Raises:
            NotFoundError: There is no such key.
        """
        return await self.send(Request("GET", _KEY, _for_key(project, fingerprint), returns=CheckoutKey))

    async def delete_checkout_key(self, project: ProjectSlug | str, fingerprint: str) -> Message:
        """Delete a key that builds check the code out with.

        `DELETE /project/{project}/checkout-key/{fingerprint}` (openapi.yml: deleteCheckoutKey).

        Args:
            project: A slug or URL of it.
            fingerprint: MD5 with colons, or SHA-256.

        Returns:
            A confirmation: `ok`.

        Raises:
            NotFoundError: There is no such key.
        """
        return await self.send(Request("DELETE", _KEY, _for_key(project, fingerprint), returns=Message))

    async def follow_project(self, project: ProjectSlug | str) -> FollowResult:
        """Follow a project. CircleCI sets it up if nobody did, and may start a build.

        `POST /project/{project}/follow` (openapi.yml: followProject).

        Raises:
            BadRequestError: Seen although the project is followed now, when there is nothing to build.
        """
        return await self.send(Request("POST", "/project/{project}/follow", _in_project(project), returns=FollowResult))

    # Walks over the lists that have pages.

    def iter_project_builds(
        self,
        project: ProjectSlug | str,
        *,
        branch: str | None = None,
        filter: BuildFilter | str | None = None,
        shallow: bool | None = None,
        limit: int | None = None,
        offset: int = 0,
        page_size: int = MAX_PAGE,
        overlap: int = 5,
        prefetch: int = 1,
    ) -> PageWalk[Build]:
        """Walk a project's builds, newest first, each exactly once, also while the list changes.

        Args:
            project: A slug or URL of it.
            branch: Only builds of this branch.
            filter: Only builds that are `completed`, `successful`, `failed` or `running`.
            shallow: Whether to leave out about half of the fields.
            limit: At most so many builds in all; `None` for all there are.
            offset: How many of the newest to skip.
            page_size: Builds in a request, 2 to 100.
            overlap: By how many builds one page reaches into the one before, from 1.
            prefetch: How many pages to ask for ahead of the one that is being read, from 0.

        Returns:
            To be looped over with `async for`, without an `await`; see `PageWalk`.

        Raises:
            InvalidInputError: At once; every other error of `list_project_builds` comes out of the loop.
            PaginationDriftError: Out of the loop: the list changes faster than it can be read.
        """
        request = _project_builds(
            project, branch, {"filter": one_of("filter", filter, BuildFilter), "shallow": shallow}
        )
        return self._walk(request, limit=limit, offset=offset, page_size=page_size, overlap=overlap, prefetch=prefetch)

    def iter_recent_builds(
        self,
        *,
        shallow: bool | None = None,
        limit: int | None = None,
        offset: int = 0,
        page_size: int = MAX_PAGE,
        overlap: int = 5,
        prefetch: int = 1,
    ) -> PageWalk[Build]:
        """Walk the builds of all projects that the user follows, latest first, each exactly once.

        Args:
            shallow: Whether to leave out about half of the fields.
            limit: At most so many builds in all; `None` for all there are.
            offset: How many of the latest to skip.
            page_size: Builds in a request, 2 to 100.
            overlap: By how many builds one page reaches into the one before, from 1.
            prefetch: How many pages to ask for ahead of the one that is being read, from 0.

        Returns:
            To be looped over with `async for`, without an `await`; see `PageWalk`.

        Raises:
            InvalidInputError: At once; every other error of `list_recent_builds` comes out of the loop.
            PaginationDriftError: Out of the loop: the list changes faster than it can be read.
        """
        request = Request("GET", "/recent-builds", query={"shallow": shallow}, returns=list[Build])
        return self._walk(request, limit=limit, offset=offset, page_size=page_size, overlap=overlap, prefetch=prefetch)

    def _walk(self, request: Request[list[Build]], **options: Any) -> PageWalk[Build]:
        return PageWalk(partial(self._fetch_page, request), _identity, **options)

    async def _fetch_page(self, request: Request[list[Build]], *, limit: int, offset: int) -> list[Build]:
        return await self.send(request.with_query(limit=limit, offset=offset))


def _identity(build: Build) -> tuple[str | None, int]:
    """A build's key, which a walk keeps of each build: its URL only once."""
    url, build_num = build.key
    return (intern(url) if url else url, build_num)


_BUILD = "/project/{project}/{build_num}"
_KEYS = "/project/{project}/checkout-key"
_KEY = "/project/{project}/checkout-key/{fingerprint}"


def _in_project(project: ProjectSlug | str) -> dict[str, Any]:
    return {"project": ProjectSlug.parse(project)}


def _in_build(project: ProjectSlug | str, build_num: int) -> dict[str, Any]:
    return {"project": ProjectSlug.parse(project), "build_num": integer("build_num", build_num, 1)}


def _for_key(project: ProjectSlug | str, fingerprint: str) -> dict[str, Any]:
    return {"project": ProjectSlug.parse(project), "fingerprint": fingerprint}


def _project_builds(
    project: ProjectSlug | str, branch: str | None, query: Mapping[str, QueryValue]
) -> Request[list[Build]]:
    if branch is None:
        return Request("GET", "/project/{project}", _in_project(project), query=query, returns=list[Build])
    path_values = {**_in_project(project), "branch": branch}
    return Request("GET", "/project/{project}/tree/{branch}", path_values, query=query, returns=list[Build])


def _page(limit: int, offset: int) -> dict[str, QueryValue]:
    return {"limit": integer("limit", limit, 1, MAX_PAGE), "offset": integer("offset", offset, 0)}
