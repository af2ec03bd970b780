"""A CircleCI of one's own: the API v1.1 on loopback, for tests of whatever talks to it."""

import asyncio
import inspect
import random
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final, Self, TypeVar
from urllib.parse import unquote

import attrs
from aiohttp import web
from yarl import URL

from circleci_v1_async.testing._account import Account
from circleci_v1_async.testing._authentication import is_authorized
from circleci_v1_async.testing._drift import Drift
from circleci_v1_async.testing._encoding import compact, present
from circleci_v1_async.testing._exchange import (
    API_PREFIX,
    Drop,
    ReceivedRequest,
    Reply,
    Script,
    Truncate,
    failure,
)
from circleci_v1_async.testing._listing import PageRenderer
from circleci_v1_async.testing._operations import API, LISTS
from circleci_v1_async.testing._routing import Call, RefusedError, Route
from circleci_v1_async.testing._sending import reset, send_half, whole
from circleci_v1_async.testing._state import stable_uuid
from circleci_v1_async.testing._storage import STORAGE

__all__ = ["FakeCircleCI"]

Hook = Callable[[ReceivedRequest], object]
HookT = TypeVar("HookT", bound=Hook)
Delay = float | Callable[[ReceivedRequest], float]

_UNKNOWN_ROUTE: Final = Reply.html(
    404, "Page not found", text="<p>There is nothing here. Perhaps there was, once upon a build.</p>\n" * 120
)
_BODY_FORBIDDEN: Final = Reply.html(403, "403 ERROR", text="<p>A GET request has no body.</p>")
# Long enough for a reply on its way out; a client that waits for a delayed one is not worth waiting for.
_SHUTDOWN_SECONDS: Final = 0.1


class FakeCircleCI(Account):
    """The CircleCI REST API v1.1, served by this process on loopback.

    It answers the operations of the API, branch lists, step outputs and artifacts as the service does, errors and
    oddities included, from state that the methods `add_…`, `update_…`, `finish_…` and `remove_…` build. Nothing in it
    depends on the client that it tests, on the clock, or on chance.

        async with FakeCircleCI() as fake:
            fake.add_project("github/acme/web")
            fake.add_build("github/acme/web", status="failed")
            async with CircleCISession(fake.token, base_url=fake.base_url) as ci:
                ...

    Args:
        token: The one token that is right. It is accepted in `Circle-Token`, as a bearer, as the user name of basic
            authentication, and in the query's `circle-token`. A wrong one is as good as none.
        host: Where to listen.
        port: The port; 0 for any that is free.

    Attributes:
        token: The right token.
        requests: Every request received, in order of arrival.
        delay: Seconds that each reply takes on its way, or a function that says so for each request. The reply is made
            up when its request arrives, so that a slow page shows the list as it was.
    """

    def __init__(self, token: str = "fake-circle-token", *, host: str = "127.0.0.1", port: int = 0) -> None:  # noqa: S107 - fake
        super().__init__()
        self.token = token
        self.requests: list[ReceivedRequest] = []
        self.delay: Delay = 0.0
        self._host = host
        self._port = port
        self._runner: web.ServerRunner | None = None
        self._served = 0
        self._script = Script()
        self._hooks: list[Hook] = []
        self._drifts: list[Drift] = []
        self._pages = PageRenderer(self._projects)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Listen. The state may be built before or after.

        A fake that is closed can be started again; it then has the port that it had.

        Raises:
            RuntimeError: It is listening already.
        """
        if self._runner is not None:
            raise RuntimeError("this fake is started already")
        server = web.Server(self._serve, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_SECONDS)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Stop listening and close every connection, idle or not. The state and `requests` remain."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @property
    def base_url(self) -> str:
        """The API's address, such as `http://127.0.0.1:41234/api/v1.1`.

        Raises:
            RuntimeError: The fake has not been started, and so has no port yet.
        """
        return self._origin + API_PREFIX

    @property
    def _origin(self) -> str:
        if not self._port:
            raise RuntimeError("this fake has no address before it is started")
        return str(URL.build(scheme="http", host=self._host, port=self._port))

    def clear_requests(self) -> None:
        """Forget the requests received so far."""
        self.requests.clear()

    def before_reply(self, hook: HookT) -> HookT:
        """Call `hook` before each answer that an operation gives, so that the state can change between requests.

        Args:
            hook: Takes the request, whose `operation` says what it asks for; may be a coroutine function. What it
                returns is ignored. Replies that are scripted by `fail_next` and the like come without it.

        Returns:
            The hook, so that this can be used as a decorator.
        """
        self._hooks.append(hook)
        return hook

    def drift(
        self,
        slug: str,
        *,
        seed: int = 0,
        inserts: float = 0.0,
        removals: float = 0.0,
        finishes: float = 0.0,
        rounds: int | None = None,
    ) -> Drift:
        """Let lists change before each of their pages is served. Rates are means per page.

        Args:
            slug: The project in which builds arrive and finish.
            seed: The same seed gives the same changes.
            inserts: Builds that arrive at the head.
            removals: Listed builds that leave the list.
            finishes: Running builds that end.
            rounds: Before how many pages; None for all of them.

        Returns:
            What is going on: its `survivors` are the builds that every page's version of the list held.
        """
        chance = random.Random(seed)  # noqa: S311 - reproducible on purpose
        drift = Drift(self._project(slug).slug, inserts, removals, finishes, rounds, chance)
        self._drifts.append(drift)
        return drift

    def fail_next(
        self,
        status: int,
        *,
        count: int = 1,
        retry_after: float | str | None = None,
        body: bytes | None = None,
        method: str | None = None,
        path: str | None = None,
    ) -> None:
        """Answer the next `count` matching requests with an error, and do nothing that they ask for.

        Args:
            status: The status. The body is the one that the service sends with it: JSON, bare text or HTML.
            count: How many requests.
            retry_after: The `Retry-After` header: seconds, or a date as text.
            body: Another body.
            method: Only requests by this method.
            path: Only paths that begin with this one, such as `/project/github/acme/web/7`.
        """
        reply = failure(status) if body is None else Reply(status, body)
        headers = reply.headers if retry_after is None else {**reply.headers, "Retry-After": f"{retry_after}"}
        self._script.add(Reply(status, reply.body, headers), count=count, method=method, path=path)

    def reply_next(
        self,
        body: bytes = b"",
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        count: int = 1,
        method: str | None = None,
        path: str | None = None,
    ) -> None:
        """Answer the next `count` matching requests with these very bytes; `method` and `path` as in `fail_next`."""
        self._script.add(Reply(status, body, headers or {}), count=count, method=method, path=path)

    def drop_next(
        self, count: int = 1, *, executed: bool = False, method: str | None = None, path: str | None = None
    ) -> None:
        """Reset the connection of the next `count` matching requests before a byte of the reply.

        Args:
            count: How many requests.
            executed: Whether the request takes effect all the same, as when only its reply is lost.
            method: As in `fail_next`.
            path: As in `fail_next`.
        """
        self._script.add(Drop(executed), count=count, method=method, path=path)

    def truncate_next(self, count: int = 1, *, method: str | None = None, path: str | None = None) -> None:
        """Break off the next `count` matching replies in the middle of the body, short of their `Content-Length`."""
        self._script.add(Truncate(), count=count, method=method, path=path)

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        path, _, query_string = request.raw_path.partition("?")
        found = API.find(request.method, path) or STORAGE.find(request.method, path)
        received = ReceivedRequest(
            method=request.method,
            path=path,
            query_string=query_string,
            segments=tuple(map(unquote, path.split("/")[1:])),
            query=tuple(request.query.items()),
            headers=request.headers,
            body=await request.read(),
            operation=found and found[0].name,
        )
        self.requests.append(received)
        self._served += 1
        headers = self._headers(received)
        outcome = self._script.take(received)
        reply = outcome if isinstance(outcome, Reply) else None
        if outcome != Drop(executed=False):
            reply = reply or await self._answer(received, found)
        await asyncio.sleep(self.delay(received) if callable(self.delay) else self.delay)
        if reply is None or isinstance(outcome, Drop):
            return reset(request)
        return await send_half(request, reply, headers) if outcome == Truncate() else whole(reply, headers)

    async def _answer(self, request: ReceivedRequest, found: tuple[Route, dict[str, str]] | None) -> Reply:
        if request.path.endswith("/"):
            # Recorded: the redirect repeats the whole query, a token in it included.
            query = f"?{request.query_string}" if request.query_string else ""
            return Reply(302, headers={"Location": request.path.rstrip("/") + query})
        if found is None:
            return _UNKNOWN_ROUTE
        if request.method == "GET" and request.body:
            return _BODY_FORBIDDEN
        route, params = found
        try:
            result = await self._operate(route, params, request)
        except RefusedError as refusal:
            result = refusal.reply
        if not isinstance(result, Reply):
            compact_body = result if isinstance(result, bytes) else compact(result)
            body, content_type = present(compact_body, request.headers.get("Accept", ""))
            result = Reply(route.status, body, {"Content-Type": content_type})
        return attrs.evolve(result, headers={**route.headers, **result.headers})

    async def _operate(self, route: Route, params: dict[str, str], request: ReceivedRequest) -> object:
        for hook in self._hooks:
            result = hook(request)
            if inspect.isawaitable(result):
                await result
        call = Call(
            account=self,
            projects=self._projects,
            request=request,
            params=params,
            authorized=is_authorized(request, self.token),
            storage=self._origin,
            pages=self._pages,
        )
        if route.name in LISTS:
            for drift in self._drifts:
                drift.before_page(call)
        return route.operation(call)

    def _headers(self, request: ReceivedRequest) -> dict[str, str]:
        """The headers of every answer; where files are stored nobody counts sessions."""
        if not request.path.startswith(API_PREFIX):
            return {"Server": "AmazonS3"}
        number = stable_uuid("request", self._served)
        return {
            "Server": "nginx",
            "X-Request-Id": number,
            "X-Circleci-Request-Id": number,
            "Set-Cookie": f"ring-session={number};Path=/;HttpOnly;Max-Age=31536000;Secure",
        }
