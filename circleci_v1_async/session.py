"""`CircleCISession`, the session with a method for each operation of the API."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Self, TypedDict, cast

import attrs

from ._calls.caller import Caller, Options
from ._calls.gate import Gate
from ._core.arguments import check_callback, check_integer
from ._core.clock import Clock
from ._core.secret import wrap_secret
from ._files.threads import FileThreads
from ._operations.artifacts import ArtifactOperations
from ._operations.keys import KeyOperations
from ._operations.logs import LogOperations
from ._operations.projects import ProjectOperations
from ._operations.test_results import TestResultOperations
from ._operations.tokens import TokenOperations
from ._operations.triggers import TriggerOperations
from ._operations.user import UserOperations
from ._operations.variables import VariableOperations
from ._operations.watching import WatchOperations
from ._operations.workflows import WorkflowOperations
from ._transport.borrowed import check_borrowed
from ._transport.environment import CLOUD_URL, TOKEN_VARIABLES, read_allow_http, read_base_url, read_token
from ._transport.token import Token, TokenSource, parse_token
from ._transport.transport import Transport
from ._transport.urls import get_origin, parse_base_url
from .converter import CircleCIConverter
from .converter._converter import default_converter
from .errors import InvalidInputError
from .retry import Retry, RetryBudget, RetryPolicy

if TYPE_CHECKING:
    import aiohttp

__all__ = ["CircleCISession", "SessionOptions", "ViewOptions"]


class _Unchanged:
    """The default of an option that a view inherits from its session."""

    def __repr__(self) -> str:
        return "<unchanged>"


_UNCHANGED: Any = _Unchanged()


class ViewOptions(TypedDict, total=False):
    """Options of `CircleCISession.with_options`."""

    timeout: float
    retry: RetryPolicy
    max_body: int
    strict: bool
    converter: CircleCIConverter | None


class SessionOptions(ViewOptions, total=False):
    """Options of `CircleCISession` and `CircleCISession.from_env`, except the token."""

    base_url: str
    session: "aiohttp.ClientSession | None"
    concurrency: int
    limiter: AbstractAsyncContextManager[object] | None
    download_concurrency: int
    durable: bool
    trust_env: bool
    allow_http: bool
    on_retry: Callable[[Retry], object] | None


class CircleCISession(
    UserOperations,
    ProjectOperations,
    WatchOperations,
    LogOperations,
    WorkflowOperations,
    TriggerOperations,
    ArtifactOperations,
    TestResultOperations,
    KeyOperations,
    VariableOperations,
    TokenOperations,
):
    """An asyncio session with the CircleCI REST API v1.1.

    Use it as `async with CircleCISession(token) as ci:`, or call `close()` when you are done. You can create a session
    anywhere; it belongs to the event loop that first uses it. Calls can run concurrently.

    Args:
        token: A personal or project token. `None` makes an anonymous session, which can read public projects. A
            callable, sync or async, returns the current token: it is called before the first request and again after a
            401, and the rejected request is resent with the new token. Concurrent calls share the returned token.
            Exceptions of the callable propagate unchanged. An async callable has `timeout` seconds to return, and must
            not use the session that calls it.
        base_url: The API's base URL. For CircleCI Server, `https://<host>`. `/api/v1.1` is added if missing. With a
            token, `http` is only accepted on loopback: 127.0.0.0/8, `::1`, `localhost` and `*.localhost`.
        session: An aiohttp session to use, for proxies, private certificate authorities or tracing. It is never closed
            or changed, and must not have default credentials.
        timeout: Maximum number of seconds for one exchange, from opening the connection to the last byte.
        concurrency: Maximum number of exchanges in flight. Others wait for their turn.
        retry: How many times to send a request, and how long to wait between attempts. A session also has a retry
            budget, so that retries do not make an outage worse.
        limiter: An async context manager that every exchange enters, such as `aiolimiter.AsyncLimiter` or a limiter
            shared by several processes. Calls that are paused after a 429 have not entered it yet.
        on_retry: Called in the event loop with a `Retry` before a request is resent, just after the warning is logged.
            Use it for metrics. If it raises, the exception is logged and the request is resent anyway.
        max_body: Maximum size of a reply, or of one piece of a log, in decompressed bytes.
        strict: Whether every value of a wrong type or form raises `DecodeError`. If not, an optional field keeps its
            default, a list omits the item, a mapping omits the entry, and the first wrong value of each kind is logged
            as a warning under `circleci_v1_async`. Cannot be combined with `converter`, which has its own setting.
        converter: A converter with your structure hooks, made by `make_converter`. `None`: a converter without hooks,
            which all sessions without their own converter share.
        download_concurrency: Maximum number of files that all calls together download at the same time. Others wait
            for their turn. Streams from `open_artifact` do not count.
        durable: Whether to flush a downloaded file to disk (`fsync`) before renaming it into place, so that it is
            complete even after a power failure.
        trust_env: Whether to use the proxies in `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`. Loopback addresses never
            use a proxy, and `.netrc` is never read. Cannot be combined with `session`, which has its own settings.
        allow_http: Whether to send the token to a `base_url` with `http` on any host. Anyone on the network path can
            then read the token, and change requests and replies. Use it for test networks only. The repr shows the base
            URL. The rules for redirects still apply: the token is only sent to the origin of `base_url`, and redirects
            from `https` to `http` are not followed.

    Raises:
        InvalidInputError: An argument is invalid. The message never contains the token.

    **Naming a build.** Wherever a method takes a project and a build number, you can instead pass a build that names
    its project, such as a build from a list, or the URL of a build or job: `ci.get_build_log(build)`.

    **Rate limits.** A 429 pauses all calls of the session to the origin that answered with it, for as long as the
    service asks, up to `retry.max_retry_after` seconds. After the pause, calls to that origin are paced, at first at
    the rate that the service accepted before. The session's repr shows the pause and the pace. If the service requests
    a longer pause, calls to that origin raise `RateLimitError` immediately, with the remaining time, until one call
    finds that the limit is over.

    **Worst-case duration.** A call takes at most the sum of these times:

    - `timeout` for each of the `retry.attempts` attempts;
    - the delays between attempts: up to `retry.cap` seconds each, or up to `retry.max_retry_after` seconds if the
      service sends a `Retry-After`;
    - the pauses after 429s: up to `retry.max_retry_after` seconds in total, plus `timeout` for each 429;
    - the time until its turn, while `concurrency` other exchanges are in flight or the session is paused.

    **Large replies.** A reply of many tiny objects can take a hundred times its size in memory. To prevent this, a
    reply of more than 1 MiB raises `DecodeError` if it has more than 20,000 objects plus one for every 64 bytes. The
    same limit applies to lists, in replies of more than 8 MiB.

    **Errors.** Every operation can raise `InvalidInputError` before any I/O, `TransportError` if no reply arrived,
    `StatusError` or its subclass for the status if the service rejected the request, `DecodeError` if the reply does
    not have the expected form, and `SessionClosedError`. An operation on a project or a build raises `NotFoundError` if
    the project or the build does not exist, or if the token has no access to it. The operations list the errors that
    have another meaning or another time.
    """

    _is_view = False

    def __init__(
        self,
        token: str | TokenSource | None = None,
        *,
        base_url: str = CLOUD_URL,
        session: "aiohttp.ClientSession | None" = None,
        timeout: float = 60.0,
        concurrency: int = 16,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008 - it is frozen
        limiter: AbstractAsyncContextManager[object] | None = None,
        on_retry: Callable[[Retry], object] | None = None,
        max_body: int = 64 * 2**20,
        strict: bool = False,
        converter: CircleCIConverter | None = None,
        download_concurrency: int = 16,
        durable: bool = True,
        trust_env: bool = False,
        allow_http: bool = False,
    ) -> None:
        token = token if callable(token) else wrap_secret(token)
        credential = Token(source=token) if callable(token) else Token(parse_token(token))
        check_borrowed(session, trust_env=trust_env)
        if limiter is not None and not isinstance(cast("object", limiter), AbstractAsyncContextManager):
            raise InvalidInputError(f"limiter: expected an async context manager, got {type(limiter).__name__}")
        check_callback("on_retry", on_retry, is_plain=True)
        clock = Clock()
        api = parse_base_url(base_url, with_token=token is not None, allow_http=allow_http)
        self._caller = Caller(
            Transport(api, credential, session, clock, trust_env),
            Gate(check_integer("concurrency", concurrency, 1), limiter, clock, get_origin(api)),
            RetryBudget(),
            clock,
            on_retry,
            Options(timeout, retry, max_body, _choose_converter(converter, strict=strict or None)),
        )
        self._file_threads = FileThreads(check_integer("download_concurrency", download_concurrency, 1), durable)

    @classmethod
    def from_env(  # noqa: D417 - the class describes the other arguments
        cls,
        *,
        anonymous: bool = False,
        base_url: str | None = None,
        session: "aiohttp.ClientSession | None" = None,
        timeout: float = 60.0,
        concurrency: int = 16,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008 - as above
        limiter: AbstractAsyncContextManager[object] | None = None,
        on_retry: Callable[[Retry], object] | None = None,
        max_body: int = 64 * 2**20,
        strict: bool = False,
        converter: CircleCIConverter | None = None,
        download_concurrency: int = 16,
        durable: bool = True,
        trust_env: bool = False,
        allow_http: bool | None = None,
    ) -> Self:
        """Create a session with the token and the base URL from environment variables.

        The token is read from the first of these variables that is set: `CIRCLE_TOKEN`, `CIRCLECI_TOKEN`,
        `CIRCLECI_CLI_TOKEN`, `CIRCLE_CLI_TOKEN`.

        The base URL is read from the first of these variables that is set: `CIRCLE_API_URL`, `CIRCLE_HOST`,
        `CIRCLECI_BASE_URL`. The default is CircleCI's cloud. `CIRCLE_HOST` and `CIRCLECI_BASE_URL` can contain a host,
        or the URL of a server or of another of its APIs; `/api/v1.1` replaces the path of the other API. Empty
        variables are ignored.

        The other arguments are the same as for `CircleCISession`.

        Args:
            anonymous: Whether to ignore these variables and send no token. Public projects need no token.
            base_url: The API's base URL; `None` to read it from the environment variables.
            allow_http: Whether to send the token over `http` to any host; `None`: only if `CIRCLE_ALLOW_HTTP` is 1.

        Raises:
            InvalidInputError: No variable contains a token, and `anonymous` is false; or a value is invalid.

        Examples:
            ```python
            from circleci_v1_async import CircleCISession

            async with CircleCISession.from_env(timeout=20) as ci:
                print((await ci.get_current_user()).login)
            ```
        """
        token = None if anonymous else read_token()
        if token is None and not anonymous:
            raise InvalidInputError(
                f"expected a token in one of {', '.join(TOKEN_VARIABLES)}; all are unset. "
                "Public projects need no token: use from_env(anonymous=True)"
            )
        return cls(
            cast("str | None", token),
            base_url=read_base_url() or CLOUD_URL if base_url is None else base_url,
            session=session,
            timeout=timeout,
            concurrency=concurrency,
            retry=retry,
            limiter=limiter,
            on_retry=on_retry,
            max_body=max_body,
            strict=strict,
            converter=converter,
            download_concurrency=download_concurrency,
            durable=durable,
            trust_env=trust_env,
            allow_http=read_allow_http() if allow_http is None else allow_http,
        )

    def with_options(
        self,
        *,
        timeout: float = _UNCHANGED,
        retry: RetryPolicy = _UNCHANGED,
        max_body: int = _UNCHANGED,
        strict: bool = _UNCHANGED,
        converter: CircleCIConverter | None = _UNCHANGED,
    ) -> Self:
        """Return a view of the session with different options.

        The view shares the session's connections. Closing the view has no effect.

        Args:
            timeout: Maximum number of seconds for one exchange.
            retry: How many times to send a request, and how long to wait between attempts.
            max_body: Maximum size of a reply, in bytes.
            strict: Whether every value of a wrong type or form raises `DecodeError`. The view uses a copy of the
                session's converter, with the same hooks.
            converter: A converter with your structure hooks; `None` for the shared converter without hooks. Cannot be
                combined with `strict`.

        Raises:
            InvalidInputError: An option is invalid.

        Examples:
            ```python
            patient = ci.with_options(timeout=300)
            print(len(await patient.list_projects()), "projects")
            ```
        """
        options = self._caller.options
        if converter is not _UNCHANGED:
            converter = _choose_converter(converter, strict=None if strict is _UNCHANGED else strict)
        elif strict is not _UNCHANGED:
            is_shared = options.converter is default_converter(strict=options.converter.strict)
            converter = default_converter(strict=strict) if is_shared else options.converter.copy(strict=strict)
        given = {"timeout": timeout, "retry": retry, "max_body": max_body, "converter": converter}
        changes: dict[str, Any] = {name: value for name, value in given.items() if value is not _UNCHANGED}
        view = object.__new__(type(self))
        caller = attrs.evolve(self._caller, options=attrs.evolve(options, **changes))
        vars(view).update(vars(self), _caller=caller, _is_view=True)
        return view

    @property
    def closed(self) -> bool:
        """Whether the session is closed. For a view, whether its session is closed."""
        return self._caller.transport.closed

    async def close(self) -> None:
        """Close the session. Calls in flight raise `SessionClosedError`. You can close a session twice."""
        if not self._is_view:
            try:
                await self._caller.transport.close()
            finally:
                self._file_threads.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        if "_caller" not in vars(self):
            # A traceback with local variables can show a session after an error in its constructor.
            return f"<{type(self).__name__} that was not made>"
        transport, gate = self._caller.transport, self._caller.gate
        state = " closed" if self.closed else f" {gate}".rstrip()
        return f"<{type(self).__name__} {transport.base_url} {transport.credential}{state}>"

    def __reduce_ex__(self, protocol: object) -> str | tuple[Any, ...]:
        raise TypeError(
            "a CircleCISession cannot be pickled: it holds connections and a token. Create one in each process"
        )


def _choose_converter(converter: CircleCIConverter | None, *, strict: bool | None) -> CircleCIConverter:
    """Return the converter for these options. `strict` is `None` if the caller did not set it."""
    if converter is None:
        return default_converter(strict=bool(strict))
    if not isinstance(cast("object", converter), CircleCIConverter):
        got = type(converter).__name__
        raise InvalidInputError(f"converter: expected a CircleCIConverter from make_converter(), got {got}")
    if strict is not None:
        raise InvalidInputError("strict: expected no value together with `converter`; use make_converter(strict=True)")
    return converter
