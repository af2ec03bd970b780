"""One request on the wire, sent by aiohttp's client.

The token is added to the headers of each hop that may receive it, and never to the aiohttp session: aiohttp would send
it to the target of any redirect. Redirects are therefore followed here. Exceptions of aiohttp are translated.
"""

import asyncio
import math
import warnings
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from http import HTTPStatus
from typing import Any, Final, TypeVar
from weakref import WeakSet

import aiohttp
import attrs
from yarl import URL

from circleci_v1_async._core.clock import Clock
from circleci_v1_async._core.secret import RedactedBytes, Secret
from circleci_v1_async._core.tasks import get_loop
from circleci_v1_async._version import __version__
from circleci_v1_async.errors import CircleCIError, RedirectError, SessionClosedError, TransportError, attach_request
from circleci_v1_async.request import Reply, Request

from .bodies import Body, read_body
from .borrowed import check_usable
from .connector import Connector, find_connections
from .environment import find_proxy
from .failures import AIOHTTP_ERRORS, BODY_ERRORS, translate_error
from .in_flight import CLOSED_MEANWHILE, InFlight
from .token import TOKEN_HEADER, Token
from .urls import Origin, find_next_hop, get_origin, is_trusted, join_target, without_query

MAX_REDIRECTS: Final = 5
# Maximum number of seconds to connect. A reachable host accepts a connection within this time.
_CONNECT_TIMEOUT: Final = 10.0
# Share of the timeout that waiting for a connection can take.
_POOL_SHARE: Final = 0.9
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_USER_AGENT: Final = f"circleci-v1-async/{__version__}"

E = TypeVar("E", bound=CircleCIError)


@lru_cache
def _limits(seconds: float, *, each_byte: bool = False) -> aiohttp.ClientTimeout:
    """Return time limits with staggered phases, so that the exception shows which phase timed out.

    The seconds limit the exchange or, with `each_byte`, the wait for each byte.
    """
    return aiohttp.ClientTimeout(
        total=None if each_byte else seconds,
        connect=_POOL_SHARE * seconds,
        sock_connect=min(_CONNECT_TIMEOUT, 0.8 * seconds),
        sock_read=seconds if each_byte else None,
        # Do not round the limits up to full seconds.
        ceil_threshold=math.inf,
    )


@attrs.define(eq=False, repr=False)
class Transport:
    """The connections of a session, shared with its views.

    The credential is only sent to URLs that `is_trusted` accepts. A borrowed session of the user is neither closed nor
    changed. With `trust_env`, the proxies of the environment are used.
    """

    base_url: URL
    credential: Token
    borrowed: aiohttp.ClientSession | None
    clock: Clock
    trust_env: bool = False
    closed: bool = attrs.field(default=False, init=False)
    _base: str = attrs.field(init=False)
    _own: aiohttp.ClientSession | None = attrs.field(default=None, init=False)
    _loop: asyncio.AbstractEventLoop | None = attrs.field(default=None, init=False)
    _calls: set[InFlight] = attrs.field(factory=set[InFlight], init=False)
    streams: set["Stream"] = attrs.field(factory=set["Stream"], init=False)
    # Connections that a reply was read from.
    _read_from: "WeakSet[object]" = attrs.field(factory=WeakSet[object], init=False)

    def __attrs_post_init__(self) -> None:
        self._base = str(self.base_url)

    @property
    def token(self) -> Secret[str] | None:
        return self.credential.value

    def track(self) -> InFlight:
        """Register a call for a `with` block. `close` ends the call with `SessionClosedError`.

        The same error is raised if the session is closed or belongs to another event loop.
        """
        if self.closed:
            raise SessionClosedError("The session is closed")
        loop = get_loop()
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise SessionClosedError("The session belongs to another event loop: use one session for each")
        task = asyncio.current_task()
        assert task is not None, "a coroutine is run by a task"  # noqa: S101 - for the type checkers
        return InFlight(self._calls, task)

    def __del__(self) -> None:
        if self._own is not None and not self.closed:
            text = f"Unclosed CircleCISession with {self.base_url}: use `async with`, or await its close()"
            warnings.warn(text, ResourceWarning, source=self, stacklevel=2)

    async def close(self) -> None:
        """End the calls in flight and the open streams, then close the session's own connections."""
        self.closed = True
        current = asyncio.current_task()
        try:
            for ended in [call.end() for call in self._calls if call.task is not current]:
                await ended.wait()
        finally:
            # Close the rest even if this call is canceled: it may be the last chance. Close the streams first: aiohttp
            # would let their readers wait forever, or treat a partial body as complete.
            for stream in tuple(self.streams):
                stream.close()
            if self._own is not None:
                await self._own.close()

    async def exchange(
        self,
        request: Request[Any],
        url: URL,
        body: Secret[RedactedBytes] | None,
        *,
        timeout: float,  # noqa: ASYNC109 - it says in which phase it ran out, which asyncio.timeout cannot
        max_body: int,
    ) -> Reply:
        """Send a request and read the reply to its end, following redirects, or raise `TransportError`.

        The timeout includes redirects and the body, and `max_body` limits the decompressed bytes. The caller's headers
        are only sent to URLs that may receive the token.
        """
        usual = {"Accept": "application/json"}
        if body is not None:
            usual["Content-Type"] = "application/json"
        headers_at = partial(self._headers, usual, request.headers)
        started = self.clock.monotonic()
        reply, is_first = await self._follow(request.method, url, headers_at, body, started, timeout)
        try:
            content = await read_body(reply, max_body)
        except (*BODY_ERRORS, TransportError) as error:
            # An error can be raised from its status, even without a body.
            if reply.status < HTTPStatus.BAD_REQUEST or self.closed:
                failure = self.translate(error, started, timeout, "complete reply")
                raise failure from failure.__cause__
            content = b""
        finally:
            reply.release()
        origin = None if reply.url == url else get_origin(reply.url)
        return Reply(reply.status, reply.headers, content, origin, is_first)

    async def open(
        self,
        request: Request[Any],
        url: URL,
        headers: Mapping[str, str],
        *,
        stall: float,
        with_token: bool,
        attempt: int,
    ) -> "Stream":
        """Send a file request, following redirects, and return the reply when its headers have arrived.

        `stall` is the maximum number of seconds without a new byte.
        """
        usual = {"Accept": "*/*", "Accept-Encoding": "identity", **headers}
        headers_at = partial(self._headers, usual, {}, with_token=with_token)
        reply, _ = await self._follow("GET", url, headers_at, None, self.clock.monotonic(), stall, each_byte=True)
        stream = Stream(self, reply, Body(reply), stall, request, url, attempt)
        self.streams.add(stream)
        return stream

    def distrust_connections(self) -> None:
        """Do not reuse any of the current connections. A borrowed session's connections are unaffected."""
        connector = self._session().connector
        if isinstance(connector, Connector):
            connector.distrust()

    def api_url(self, target: str) -> URL:
        """Return the URL of a request's target; see `join_target`."""
        return join_target(self._base, target)

    def file_url(self, location: str) -> URL:
        """Return the URL of a file that a reply names, checked like the target of a redirect."""
        return find_next_hop(self.base_url, location, "GET", 302)

    def translate(self, error: Exception, started: float, timeout: float, awaited: str) -> CircleCIError:
        """Translate an exception of aiohttp, and return an error of this package unchanged.

        The wait for the `awaited` part of a reply began at clock time `started`, limited to `timeout` seconds.
        """
        if isinstance(error, CircleCIError):
            return error
        if self.closed:
            return SessionClosedError(CLOSED_MEANWHILE)
        waited_for_pool = self.borrowed is not None and self.clock.monotonic() - started >= timeout * _POOL_SHARE
        return translate_error(error, waited_for_pool=waited_for_pool, timeout=timeout, awaited=awaited)

    async def _follow(
        self,
        method: str,
        url: URL,
        headers_at: Callable[[URL], dict[str, str]],
        body: Secret[RedactedBytes] | None,
        started: float,
        timeout: float,  # noqa: ASYNC109 - as above
        *,
        each_byte: bool = False,
    ) -> tuple[aiohttp.ClientResponse, bool]:
        """Send the request and follow its redirects, within the `_limits` of the timeout.

        Return the reply, which the caller must release, and whether it is the first reply on its connection.
        """
        limits = _limits(timeout, each_byte=each_byte)
        for _ in range(MAX_REDIRECTS + 1):
            session = self._session()
            # The owner of a borrowed session may have read replies from these connections.
            before = set(find_connections(session.connector)) if self.borrowed else frozenset[object]()
            try:
                reply = await session.request(
                    method,
                    url,
                    headers=headers_at(url),
                    data=None if body is None else body.reveal(),
                    timeout=limits,
                    allow_redirects=False,
                    raise_for_status=False,
                    auto_decompress=False,
                    # Do not use aiohttp's `trust_env`: it also sends a host's credentials from `.netrc`.
                    proxy=find_proxy(url) if self.trust_env else None,
                )
            except AIOHTTP_ERRORS as error:
                failure = self.translate(error, started, timeout, "byte" if each_byte else "complete reply")
                raise failure from failure.__cause__
            # Use the protocol: the connection may already be back in the pool. A mock has no protocol.
            connection = getattr(reply, "_protocol", None)
            is_first = connection is None or (connection not in before and connection not in self._read_from)
            if connection is not None:
                self._read_from.add(connection)
            if reply.status < HTTPStatus.OK:
                reply.close()
                raise TransportError(
                    f"the service answered {reply.status:03}, which is not a final reply", transient=False
                )
            location = reply.headers.get("Location")
            if reply.status not in _REDIRECTS or location is None:
                return reply, is_first
            reply.release()
            url = find_next_hop(url, location, method, reply.status)
            if not each_byte:
                limits = _limits(max(started + timeout - self.clock.monotonic(), 0.001))
        raise RedirectError(f"the service redirected more than {MAX_REDIRECTS} times", method != "GET")

    def _headers(
        self, usual: Mapping[str, str], own: Mapping[str, str], url: URL, *, with_token: bool = True
    ) -> dict[str, str]:
        headers = {"User-Agent": _USER_AGENT, **usual}
        if not is_trusted(self.base_url, url):
            return headers
        if own:
            replaced = {name.lower() for name in own}
            headers = {name: value for name, value in headers.items() if name.lower() not in replaced} | dict(own)
        token = self.token
        if with_token and token is not None:
            headers[TOKEN_HEADER] = token.reveal()
        return headers

    def _session(self) -> aiohttp.ClientSession:
        if self.closed:
            raise SessionClosedError(CLOSED_MEANWHILE)
        if self.borrowed is not None:
            return check_usable(self.borrowed, self._loop)
        if self._own is None:
            # Create the session here: aiohttp binds it to the running event loop. Disable cookies, so that calls stay
            # independent. The gate limits concurrency, not the connector.
            self._own = aiohttp.ClientSession(connector=Connector(limit=0), cookie_jar=aiohttp.DummyCookieJar())
            # aiohttp silently resends an idempotent request when a connection breaks. Turn this off: the retry policy
            # decides whether to resend a request.
            if hasattr(self._own, "_retry_connection"):  # pragma: no branch - an aiohttp to come may lack it
                setattr(self._own, "_retry_connection", False)  # noqa: B010 - there is no public name
        return self._own


@attrs.define(eq=False, repr=False)
class Stream:
    """A reply with a body that the caller reads. Its headers have arrived."""

    _transport: Transport
    # The reply contains its URL, which may be signed, so the repr omits the reply.
    _reply: aiohttp.ClientResponse = attrs.field(repr=False)
    _body: Body = attrs.field(repr=False)
    _stall: float
    _request: Request[Any]
    _url: URL = attrs.field(repr=False)
    _attempt: int

    @property
    def status(self) -> int:
        return self._reply.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._reply.headers

    @property
    def origin(self) -> Origin:
        return get_origin(self._reply.url)

    @property
    def is_compressed(self) -> bool:
        return self._body.is_compressed

    async def read(self) -> bytes:
        """Return the next bytes, decompressed; empty at the end."""
        started = self._transport.clock.monotonic()
        try:
            return await self._body.read()
        except (*BODY_ERRORS, TransportError) as error:
            failure = self.name(self._transport.translate(error, started, self._stall, "byte"))
            raise failure from failure.__cause__

    def name(self, error: E) -> E:
        """Add the request, the URL and the attempt's number to an error, and return the error."""
        return attach_request(error, self._request, without_query(self._url), self._attempt)

    def close(self) -> None:
        """Release the connection. It is kept for reuse if the body was read completely."""
        self._transport.streams.discard(self)
        self._reply.release()
