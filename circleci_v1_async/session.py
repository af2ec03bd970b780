"""The front door: `CircleCISession`, a coroutine for each operation."""

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
    """The default of an option that a view takes over."""

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
    """Options of `CircleCISession` and its `from_env`, beside the token."""

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
    """A session with the CircleCI REST API v1.1.

    Use it as `async with CircleCISession(token) as ci:`, or call `close()` when done. It may be made anywhere, and is
    bound to the event loop that first uses it. Calls may run at the same time.

    Args:
        token: A personal token, or a project's. `None`: anonymous, which public projects answer. Or a callable, plain
            or async, that returns the current one: it is called for the first request and once more after a 401, and
            that request is then sent again. Calls at the same time share what it returns; its errors leave as they are.
            An async one has `timeout` seconds, and must not use the session that calls it.
        base_url: The API's address; for CircleCI Server `https://<host>`. `/api/v1.1` is added when it is missing.
            `http` is rejected with a token, except on loopback: 127.0.0.0/8, `::1`, `localhost` and `*.localhost`.
        session: An aiohttp session to use, for proxies, private certificate authorities and tracing. It is neither
            closed nor changed, and must not have default credentials.
        timeout: Seconds that one exchange may take, from making the connection to the last byte.
        concurrency: How many exchanges may be in flight at once; further ones wait.
        retry: How often a request is sent, and how long to wait in between. A session also has a budget for retries,
            so that an outage is not made worse by them.
        limiter: An async context manager that each exchange enters, such as `aiolimiter.AsyncLimiter`, or one that
            several processes share. It is left while the gate is held.
        on_retry: Called with each `Retry` in the event loop, just after its warning is logged: for metrics. An error
            that it raises is logged, and the request is sent again all the same.
        max_body: Bytes that a reply, or a piece of a log, may have, decompressed.
        strict: Whether a value that does not fit is always a `DecodeError`. Otherwise an optional field keeps its
            default, a list loses the item, a mapping loses the entry, and the first of each kind is logged as a warning
            under `circleci_v1_async`. Not together with `converter`, which has its own.
        converter: A converter with your structure hooks, made by `make_converter`. `None`: one without any, which all
            such sessions share.
        download_concurrency: How many files may be downloaded at once, by all calls together; further ones wait.
            Streams of `open_artifact` do not count.
        durable: Whether a downloaded file is on the disk before it gets its name (`fsync`), so that it is whole also
            after a power cut.
        trust_env: Whether to use the proxies that the environment names (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`), but
            none for loopback. `.netrc` is never read. Not together with `session`, which has settings of its own.
        allow_http: Whether to send the token to a `base_url` with `http` on any host. Everybody on the way can then
            read the token, and change requests and replies: use it for test networks only. The repr shows the base URL.
            Redirects keep their rules: the token goes to the origin of `base_url` alone, and no redirect leads from
            `https` to `http`.

    Raises:
        InvalidInputError: An argument cannot be right. The value of a token is not shown.

    Every method that takes a project and the number of a build also takes, in their place, a build that says where it
    belongs, such as one of a list of builds, or the URL of a build or job: `ci.get_build_log(build)`.

    A 429 pauses all calls of the session to the origin that answered it, for as long as the service asks, and no longer
    than `retry.max_retry_after`. After that, calls to that origin are paced at the rate that the service accepted
    before, until it accepts much more. The repr says so. If the service asks for more, calls to that origin raise
    `RateLimitError` immediately, with the remaining time, until one call has found that the limit is over.

    A call takes at the most `retry.attempts` times `timeout`, the waits between them (each up to `retry.cap` seconds,
    or `retry.max_retry_after` when the service asks for it), `retry.max_retry_after` because of 429s that it got
    itself and as many more exchanges, and the time until it is its turn.

    A reply of more than 1 MiB may have 20,000 objects, and one more for each 64 bytes; likewise lists, in a reply of
    more than 8 MiB. A reply with more is a `DecodeError`, because its values would take many times its size in memory.

    Every operation may raise `InvalidInputError` before any I/O, `TransportError` when no reply came,
    `StatusError` (or the class for its status) when the service refused, `DecodeError` when the reply is not what was
    promised, and `SessionClosedError`.
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
    def from_env(
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
        """Make a session with the token and the address of the environment.

        The token is `CIRCLE_TOKEN`, else `CIRCLECI_TOKEN`, else `CIRCLECI_CLI_TOKEN`, else `CIRCLE_CLI_TOKEN`.
        Public projects need no token: with `anonymous=True` none is sent, even if one is set.

        The address is `CIRCLE_API_URL`; else `CIRCLE_HOST`, else
        `CIRCLECI_BASE_URL`: the address of a service, or its host, to which `/api/v1.1` is added, in place of the path
        of another API; else that of the cloud. Empty counts as unset.

        Args:
            anonymous: Whether to send no token.
            base_url: The API's address; `None` for that of the environment.
            session: As for the constructor, like all that follow.
            timeout: Seconds that one exchange may take.
            concurrency: How many exchanges may be in flight at once.
            retry: How often a request is sent, and how long to wait in between.
            limiter: An async context manager that each exchange enters.
            on_retry: Called with each `Retry`.
            max_body: Bytes that a reply may have.
            strict: Whether a value that does not fit is always an error.
            converter: A converter with your structure hooks.
            download_concurrency: How many files may be downloaded at once.
            durable: Whether a downloaded file is on the disk before it gets its name.
            trust_env: Whether to use the proxies of the environment.
            allow_http: Whether to send the token over `http` to any host; `None` for `CIRCLE_ALLOW_HTTP=1`.

        Raises:
            InvalidInputError: No variable has a token, and `anonymous` is not set; or a variable has an invalid value.

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
                f"expected a token in one of {', '.join(TOKEN_VARIABLES)}; none is set. "
                "Public projects need none: use from_env(anonymous=True)"
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
        """Make a view of the session with other options. It shares the connections; closing it does nothing.

        Args:
            timeout: Seconds that one exchange may take.
            retry: How often a request is sent, and how long to wait in between.
            max_body: Bytes that a reply may have.
            strict: Whether a value that does not fit is always an error. The view gets a copy of the converter, with
                its hooks.
            converter: A converter with your structure hooks; `None` for the shared one. Not together with `strict`.

        Raises:
            InvalidInputError: An option cannot be right.

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
        """Whether the session, or the one that this is a view of, is closed."""
        return self._caller.transport.closed

    async def close(self) -> None:
        """Close the session. Calls in flight end with `SessionClosedError`. Closing twice is no error."""
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
            # A traceback that shows variables does so also of a constructor that raises.
            return f"<{type(self).__name__} that was not made>"
        transport, gate = self._caller.transport, self._caller.gate
        state = " closed" if self.closed else f" {gate}".rstrip()
        return f"<{type(self).__name__} {transport.base_url} {transport.credential}{state}>"

    def __reduce_ex__(self, protocol: object) -> str | tuple[Any, ...]:
        raise TypeError("a CircleCISession is not pickled: it holds connections and a token. Make one in each process")


def _choose_converter(converter: CircleCIConverter | None, *, strict: bool | None) -> CircleCIConverter:
    """Return the converter for these options, of which `strict` is `None` if it was not given."""
    if converter is None:
        return default_converter(strict=bool(strict))
    if not isinstance(cast("object", converter), CircleCIConverter):
        got = type(converter).__name__
        raise InvalidInputError(f"converter: expected a CircleCIConverter, as make_converter() returns, got {got}")
    if strict is not None:
        raise InvalidInputError("strict: expected no value together with `converter`; use make_converter(strict=True)")
    return converter
