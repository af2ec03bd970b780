"""The front door: `CircleCISession`, a coroutine for each operation."""

import logging
import os
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from itertools import count
from sys import intern
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypedDict, TypeVar, Unpack, cast

import attrs

from ._clock import Clock
from ._converter import Decoder, encode, error_message
from ._gate import Gate
from ._secret import Secret, SecretBytes
from ._transport import Transport, check_borrowed, parse_base_url, parse_token
from .enums import BuildFilter, CheckoutKeyType
from .errors import (
    CircleCIError,
    DecodeError,
    InvalidInputError,
    RateLimitError,
    StatusError,
    TransportError,
    status_error,
)
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
from .request import QueryValue, Request, Response, given
from .retry import RetryBudget, RetryPolicy, parse_retry_after
from .slug import ProjectSlug
from .walk import PageWalk

if TYPE_CHECKING:
    import aiohttp

__all__ = ["CircleCISession"]

T = TypeVar("T")

_log = logging.getLogger("circleci_v1_async")

_TOKEN_VARIABLES = ("CIRCLE_TOKEN", "CIRCLECI_TOKEN", "CIRCLECI_CLI_TOKEN")
_URL_VARIABLE = "CIRCLE_API_URL"
_DEFAULT_URL = "https://circleci.com/api/v1.1"
_MAX_LIMIT = 100
_REDACTED = "***"
_NOT_FOUND = 404


class ViewOptions(TypedDict, total=False):
    """What a view of a session may change."""

    timeout: float
    retry: RetryPolicy
    max_body: int
    strict: bool


class SessionOptions(ViewOptions, total=False):
    """What `CircleCISession` takes beside the token."""

    base_url: str
    session: "aiohttp.ClientSession | None"
    concurrency: int
    limiter: AbstractAsyncContextManager[object] | None


def _positive(_options: Any, attribute: "attrs.Attribute[Any]", value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise InvalidInputError(f"{attribute.name}: expected a positive number, got {value!r}")


def _retry_policy(_options: Any, _attribute: "attrs.Attribute[Any]", value: object) -> None:
    if not isinstance(value, RetryPolicy):
        raise InvalidInputError(f"retry: expected a RetryPolicy, got {value!r}")


@attrs.frozen
class _Options:
    """How calls are made; views differ in it."""

    timeout: float = attrs.field(validator=_positive)
    retry: RetryPolicy = attrs.field(validator=_retry_policy)
    max_body: int = attrs.field(validator=_positive)
    decoder: Decoder


class CircleCISession:
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

    def __init__(
        self,
        token: str | None = None,
        *,
        base_url: str = _DEFAULT_URL,
        session: "aiohttp.ClientSession | None" = None,
        timeout: float = 60.0,
        concurrency: int = 16,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008 - it is frozen
        limiter: AbstractAsyncContextManager[object] | None = None,
        max_body: int = 64 * 2**20,
        strict: bool = False,
    ) -> None:
        token = parse_token(token)
        check_borrowed(session)
        if limiter is not None and not isinstance(cast("object", limiter), AbstractAsyncContextManager):
            raise InvalidInputError(f"limiter: expected an async context manager, got {type(limiter).__name__}")
        self._clock = Clock()
        self._transport = Transport(
            parse_base_url(base_url, with_token=token is not None),
            token,
            session,
            Gate(_at_least_1("concurrency", concurrency), limiter, self._clock),
        )
        self._budget = RetryBudget()
        self._options = _Options(timeout, retry, max_body, Decoder(strict))
        self._is_view = False

    @classmethod
    def from_env(cls, **options: Unpack[SessionOptions]) -> Self:
        """A session with the token and the address of the environment.

        The token is `CIRCLE_TOKEN`, else `CIRCLECI_TOKEN`, else `CIRCLECI_CLI_TOKEN`; the address is `CIRCLE_API_URL`
        when it is set, to which `/v1.1` is added when it ends in `/api`. Empty counts as unset.

        Args:
            options: As the constructor's; `base_url` wins over the environment.

        Raises:
            InvalidInputError: No variable has a token.
        """
        token = next((Secret(value) for name in _TOKEN_VARIABLES if (value := os.environ.get(name))), None)
        if token is None:
            raise InvalidInputError(f"expected a token in one of {', '.join(_TOKEN_VARIABLES)}; none is set")
        if url := os.environ.get(_URL_VARIABLE):
            url = url.rstrip("/")
            options.setdefault("base_url", f"{url}/v1.1" if url.endswith("/api") else url)
        return cls(token, **options)

    def with_options(self, **options: Unpack[ViewOptions]) -> Self:
        """A view of the session with other options. It shares the connections; closing it does nothing.

        Raises:
            InvalidInputError: An option is none, or cannot be right.
        """
        if unknown := options.keys() - ViewOptions.__annotations__.keys():
            raise InvalidInputError(
                f"with_options: expected {', '.join(ViewOptions.__annotations__)}; got {', '.join(sorted(unknown))}"
            )
        changes: dict[str, Any] = dict(options)
        if (strict := changes.pop("strict", None)) is not None:
            changes["decoder"] = Decoder(strict, self._options.decoder.reported)
        view = object.__new__(type(self))
        vars(view).update(vars(self), _options=attrs.evolve(self._options, **changes), _is_view=True)
        return view

    @property
    def closed(self) -> bool:
        """Whether the session, or the one that this is a view of, is closed."""
        return self._transport.closed

    async def close(self) -> None:
        """Close the session. Calls in flight end with `SessionClosedError`. Closing twice is no error."""
        if not self._is_view:
            await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        token = "anonymous" if self._transport.token is None else f"token={_REDACTED}"
        return f"<{type(self).__name__} {self._transport.base_url} {token}{' closed' if self.closed else ''}>"

    def __reduce_ex__(self, protocol: object) -> str | tuple[Any, ...]:
        raise TypeError("a CircleCISession is not pickled: it holds connections and a token. Make one in each process")

    async def send(self, request: Request[T]) -> T:
        """Send a request and decode the reply. Every operation goes through here, and endpoints without one may.

        `await ci.send(Request("GET", "/me"))` gives the JSON as it is.

        Returns:
            What `request.returns` names.

        Raises:
            InvalidInputError: The request cannot be sent as it is. Nothing was sent.
            TransportError: There is no usable reply.
            StatusError: The service answered with an error status.
            DecodeError: The reply is not what `request.returns` names.
            SessionClosedError: The session is closed, was closed meanwhile, or belongs to another event loop.
        """
        target = request.target
        body = None if request.body is None else SecretBytes(encode(request.body))
        if request.returns is not None:
            Decoder.check(request.returns)
        with self._transport.call():
            # The policy says when it was the last time.
            for attempt in count(1):  # pragma: no branch
                try:
                    result = await self._attempt(request, target, body, attempt)
                except (TransportError, StatusError, DecodeError) as error:
                    if not await self._may_try_again(request, error, attempt):
                        raise
                else:
                    self._budget.succeeded(attempt)
                    return result
        raise AssertionError  # pragma: no cover - for the type checkers

    async def _attempt(self, request: Request[T], target: str, body: SecretBytes | None, attempt: int) -> T:
        async with self._transport.gate.passed():
            started = self._clock.monotonic()
            outcome: object = "cancelled"
            try:
                response = await self._transport.exchange(
                    request.method, target, body, timeout=self._options.timeout, max_body=self._options.max_body
                )
                outcome = response.status
            except TransportError as error:
                outcome = type(error).__name__
                raise
            finally:
                milliseconds = (self._clock.monotonic() - started) * 1000
                _log.debug("%s: %s in %.0f ms (attempt %d)", request, outcome, milliseconds, attempt)
        return self._result(request, response, attempt)

    async def _may_try_again(self, request: Request[Any], error: CircleCIError, attempt: int) -> bool:
        """Wait as long as the policy says, if it says to try again and the budget has something left for it."""
        delay = self._options.retry.delay(request, error, attempt, self._clock.random())
        if isinstance(error, RateLimitError):
            # Whoever comes next would be told the same.
            pause = error.retry_after if delay is None else delay
            if pause is not None and pause <= self._options.retry.max_retry_after:
                self._transport.gate.hold(pause)
        if delay is None or not self._budget.spend():
            return False
        _log.warning("%s: %s; trying again in %.1f s", request, _in_short(error), delay)
        await self._clock.sleep(delay)
        return True

    def _result(self, request: Request[T], response: Response, attempt: int) -> T:
        # The first DELETE may have done its work although no reply said so.
        is_gone_already = response.status == _NOT_FOUND and request.method == "DELETE" and attempt > 1
        if response.status >= 300 and not is_gone_already:  # noqa: PLR2004 - everything that is no success
            raise self._status_error(request, response, attempt)
        return self._decode(request, response)

    def _status_error(self, request: Request[Any], response: Response, attempts: int) -> StatusError:
        return status_error(response.status)(
            response.status,
            self._without_token(error_message(response.body)),
            request.without_body(),
            response.shown_headers,
            response.request_id,
            attempts,
            parse_retry_after(response.headers, self._clock.now()),
        )

    def _without_token(self, text: str) -> str:
        """A server may echo what it was sent."""
        token = self._transport.token
        return text if token is None else text.replace(token, _REDACTED)

    def _decode(self, request: Request[T], response: Response) -> T:
        if request.returns is None:
            return cast("T", None)
        try:
            return cast("T", self._options.decoder.decode(response.body, request.returns))
        except DecodeError as error:
            failure = DecodeError(
                self._without_token(error.reason),
                error.path,
                error.size,
                response.status,
                request.without_body(),
                response.headers.get("Content-Type"),
                error.truncated,
            )
        # Raised here, so that the frames that hold the body are not part of it.
        raise failure

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
        query = {**_page(limit, offset), "filter": _filter(filter), "shallow": shallow}
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
        if revision is not None and tag is not None:
            raise InvalidInputError("trigger_build: expected revision or tag, got both")
        body = given(
            branch=_text("branch", branch),
            revision=_text("revision", revision),
            tag=_text("tag", tag),
            parallel=None if parallel is None else _at_least_1("parallel", parallel),
            build_parameters=_strings("build_parameters", build_parameters),
            job=_text("job", job),
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
        body = given(
            revision=_text("revision", revision),
            parallel=None if parallel is None else _at_least_1("parallel", parallel),
            build_parameters=_strings("build_parameters", build_parameters),
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
        query = given(branch=_text("branch", branch), filter=_filter(filter))
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
        private_key = Secret(private_key)
        if not private_key:
            raise InvalidInputError("private_key: expected a key in PEM format, got an empty string")
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
        if digest not in {None, "md5", "sha256"}:
            raise InvalidInputError(f"digest: expected 'md5' or 'sha256', got {digest!r}")
        return await self.send(
            Request("GET", _KEYS, _in_project(project), query={"digest": digest}, returns=list[CheckoutKey])
        )

    async def create_checkout_key(self, project: ProjectSlug | str, type: CheckoutKeyType | str) -> CheckoutKey:
        """Make a key that builds check the code out with.

        `POST /project/{project}/checkout-key` (openapi.yml: createCheckoutKey).

        Args:
            project: A slug or URL of it.
            type: `deploy-key` or `github-user-key`.

        Raises:
            PermissionDeniedError: The token may not do it, or it is not a personal one.
        """
        if type not in set(CheckoutKeyType):
            raise InvalidInputError(f"type: expected {_one_of(CheckoutKeyType)}, got {type!r}")
        return await self.send(
            Request("POST", _KEYS, _in_project(project), body={"type": str(type)}, returns=CheckoutKey)
        )

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
        page_size: int = _MAX_LIMIT,
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
        request = _project_builds(project, branch, {"filter": _filter(filter), "shallow": shallow})
        return self._walk(request, limit=limit, offset=offset, page_size=page_size, overlap=overlap, prefetch=prefetch)

    def iter_recent_builds(
        self,
        *,
        shallow: bool | None = None,
        limit: int | None = None,
        offset: int = 0,
        page_size: int = _MAX_LIMIT,
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


def _in_short(error: CircleCIError) -> str:
    return str(error.status) if isinstance(error, StatusError) else type(error).__name__


_BUILD = "/project/{project}/{build_num}"
_KEYS = "/project/{project}/checkout-key"
_KEY = "/project/{project}/checkout-key/{fingerprint}"


def _in_project(project: ProjectSlug | str) -> dict[str, Any]:
    return {"project": ProjectSlug.parse(project)}


def _in_build(project: ProjectSlug | str, build_num: int) -> dict[str, Any]:
    return {"project": ProjectSlug.parse(project), "build_num": _at_least_1("build_num", build_num)}


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
    if not _is_int(limit) or not 1 <= limit <= _MAX_LIMIT:
        raise InvalidInputError(f"limit: expected an integer from 1 to {_MAX_LIMIT}, got {limit!r}")
    if not _is_int(offset) or offset < 0:
        raise InvalidInputError(f"offset: expected an integer from 0, got {offset!r}")
    return {"limit": limit, "offset": offset}


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _at_least_1(name: str, value: int) -> int:
    if not _is_int(value) or value < 1:
        raise InvalidInputError(f"{name}: expected an integer from 1, got {value!r}")
    return value


def _text(name: str, value: object) -> str | None:
    if value is None or (isinstance(value, str) and value):
        return value
    raise InvalidInputError(f"{name}: expected a non-empty string, got {value!r}")


def _strings(name: str, value: object) -> dict[str, str] | None:
    if value is None:
        return None
    if isinstance(value, Mapping):
        items = dict(cast("Mapping[object, object]", value))
        if all(isinstance(part, str) for item in items.items() for part in item):
            return cast("dict[str, str]", items)
    # The values may be secrets.
    raise InvalidInputError(f"{name}: expected a mapping of strings to strings")


def _filter(value: BuildFilter | str | None) -> str | None:
    if value is None:
        return None
    try:
        return BuildFilter(value).value
    except ValueError:
        raise InvalidInputError(f"filter: expected {_one_of(BuildFilter)}, got {value!r}") from None


def _one_of(values: type[BuildFilter] | type[CheckoutKeyType]) -> str:
    return " or ".join(repr(str(value)) for value in values)
