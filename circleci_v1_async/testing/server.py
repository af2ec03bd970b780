"""A fake CircleCI server for tests: the API v1.1 on loopback."""

import asyncio
import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar
from urllib.parse import unquote

import attrs
from aiohttp import web

from circleci_v1_async.testing._nouns.routes import LISTS, SITES
from circleci_v1_async.testing._record.recording import Recording
from circleci_v1_async.testing._record.relay import Relay, parse_upstream
from circleci_v1_async.testing._script.control import CONTROL_PREFIX, ControlledService
from circleci_v1_async.testing._server.addresses import Addresses
from circleci_v1_async.testing._server.checks import BAD_REQUEST, RefusedError, is_text
from circleci_v1_async.testing._server.hosts import (
    find_api_origin,
    find_storage_origin,
    name_api_host,
    name_storage_host,
)
from circleci_v1_async.testing._server.routing import Call, Created, Route, is_authorized
from circleci_v1_async.testing._server.wire import (
    API_PREFIX,
    V2_PREFIX,
    Delivery,
    Drop,
    Listener,
    ReceivedRequest,
    Reply,
    SiteName,
    encode_for_accept,
    encode_json,
    reset,
    send,
)
from circleci_v1_async.testing._state.digests import make_stable_uuid

__all__ = ["FakeCircleCI"]

Hook = Callable[[ReceivedRequest], object]
HookT = TypeVar("HookT", bound=Hook)
Delay = float | Callable[[ReceivedRequest], float]

_PREFIXES: Final[dict[str, SiteName]] = {"/output/": "artifacts", f"{V2_PREFIX}/": "v2"}
_BODY_FORBIDDEN: Final = Reply.html_page(403, "403 ERROR", text="<p>A GET request has no body.</p>")


def _find_site(path: str) -> SiteName:
    for prefix, site in _PREFIXES.items():
        if path.startswith(prefix):
            return site
    return "api"


class FakeCircleCI(ControlledService):
    """The CircleCI REST API v1.1, served by this process on loopback.

    It serves all operations of the API, branch lists, step outputs and artifacts in the same way as the service,
    including its errors and quirks. The methods `add_…`, `update_…`, `finish_…` and `remove_…` build the state that the
    fake serves. The fake and the client share no code.

        async with FakeCircleCI() as fake:
            fake.add_project("github/acme/web")
            fake.add_build("github/acme/web", status="failed")
            async with CircleCISession(fake.token, base_url=fake.base_url) as ci:
                ...

    The fake serves files from a second origin, like CircleCI. The artifact URLs in lists are on the API's origin. They
    accept the token, and redirect to a signed URL at `storage_origin`. Step outputs have a signed URL from the start.
    Storage rejects requests with a modified URL or with other credentials, and handles ranges and conditional requests
    like S3.

    Args:
        token: The only valid token. Clients can send it in `Circle-Token`, as a bearer token, as the user name of basic
            authentication, or as `circle-token` in the query. With an invalid token, private projects return 404 and
            all other requests are rejected.
        host: The host to listen on.
        port: The API's port; 0 for any free port. Storage always uses any free port.
        server: Whether to behave as CircleCI Server instead of the cloud. CircleCI Server cannot retry builds, with or
            without SSH, and keeps the branches of projects.
        run_seconds: Number of seconds that a build runs by the fake's clock after you start it or add it as waiting or
            running. Before that, the build is queued for a tenth of this time. While it runs, its steps appear and
            their output grows. It succeeds at the end, unless `finish_build`, `update_build` or a cancellation ends it
            earlier. `advance` moves the clock. If None, builds only change when you change them: the fake uses neither
            the clock nor random values.
        control: Whether requests below `/__fake` on the API's port, with the token, can reset and seed the fake, finish
            builds, script faults and list the requests. Programs in other languages need this. The guide shows how.
        max_offset: Maximum offset that lists accept; the fake answers higher offsets with 400. None for no limit: pages
            past the end are empty.

    Attributes:
        token: The valid token. Assign a new token after it has expired.
        requests: All requests received, in order of arrival; `requests.matching(method, path)` selects some.
        allow_unused_faults: Whether a test with the fixture `fake_circleci` can pass and leave scripted faults unused.
        delay: Number of seconds before each reply is sent, or a function that returns it for a request. The reply is
            computed before the delay, so that a slow page shows the list at the time when its request arrived.
    """

    def __init__(
        self,
        token: str = "fake-circle-token",  # noqa: S107 - not a secret
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        server: bool = False,
        run_seconds: float | None = None,
        control: bool = False,
        max_offset: int | None = None,
    ) -> None:
        super().__init__(token, server=server, run_seconds=run_seconds, max_offset=max_offset)
        self._is_controlled = control
        self._host = host
        self.delay: Delay = 0.0
        self._listeners: dict[SiteName, Listener] = {
            "api": Listener(self._serve_api, host, port, name=name_api_host(host)),
            "storage": Listener(partial(self._serve, "storage"), host, name=name_storage_host(host)),
        }
        self._served = 0
        self._hooks: list[Hook] = []
        self._source: Recording | Relay | None = None

    @classmethod
    def replay(
        cls,
        path: Path | str,
        *,
        token: str = "fake-circle-token",  # noqa: S107 - not a secret
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> Self:
        """Create a server that replays a recording. It has no projects.

        A recorded request gets its recorded reply. If the recording contains several replies to the same request, they
        are sent in the recorded order, and the last one is repeated. The order of different requests does not matter.
        Tokens, other secrets and all headers except `Range` are ignored. The server answers all other requests with
        501, and names the closest recorded request. Faults, `delay` and `limit_rate` work as in a normal fake.

        Args:
            path: The file that `record` created.
            token: The token that clients should use. The server does not check it.
            host: The host to listen on.
            port: The port; 0 for any free port.

        Raises:
            OSError: The file cannot be read.
            ValueError: A line of the file is not a recorded exchange.
        """
        fake = cls(token, host=host, port=port)
        fake._source = Recording.read(Path(path))
        return fake

    @classmethod
    def record(
        cls,
        path: Path | str,
        *,
        upstream: str = "https://circleci.com/api/v1.1",
        token: str = "",
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> Self:
        """Create a server that forwards requests to the service, and records the exchanges in a file.

        The file contains placeholders instead of secrets: tokens, keys, e-mail addresses, signatures and values of
        variables. `list_replaced_secrets` lists them. Files that are not text are recorded unchanged. The URLs of files
        point to this server, both while recording and in a replay.

        Args:
            path: The file. It is overwritten when the server starts.
            upstream: The service's URL.
            token: The token that clients should use; empty for none. Clients must send the token themselves.
            host: The host to listen on.
            port: The port; 0 for any free port.

        Raises:
            ValueError: `upstream` is not the URL of a v1.1 API. It must use HTTPS or be on loopback.
        """
        fake = cls(token, host=host, port=port)
        fake._source = Relay(parse_upstream(upstream), Path(path))
        return fake

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Start listening. You can add projects and builds before or after the start.

        You can start a closed fake again. It uses the same ports.

        Raises:
            RuntimeError: The fake is already listening.
            OSError: A port is already in use.
        """
        if self._listeners["api"].is_open:
            raise RuntimeError("the fake is already started")
        if self._is_controlled:
            self._keep_state()
        try:
            if self._source is not None:
                await self._source.open()
            for listener in self._listeners.values():
                await listener.open()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Stop listening and close all connections. The state and `requests` remain."""
        await asyncio.gather(*(listener.close() for listener in self._listeners.values()))
        if self._source is not None:
            await self._source.close()

    @property
    def base_url(self) -> str:
        """The API's base URL, such as `http://127.0.0.1:41234/api/v1.1`.

        Raises:
            RuntimeError: The fake has not been started yet.
        """
        return self._listeners["api"].origin + API_PREFIX

    @property
    def storage_origin(self) -> str:
        """The origin that serves artifacts and step outputs, such as `http://localhost:41235`.

        Raises:
            RuntimeError: The fake has not been started yet.
        """
        return self._listeners["storage"].origin

    def list_replaced_secrets(self) -> list[str]:
        """List the placeholders in a recording, each with the kind, number and first place of its secret."""
        return self._source.scrubber.report() if isinstance(self._source, Relay) else []

    def clear_requests(self) -> None:
        """Forget the requests received so far."""
        self.requests.clear()

    async def wait_for_requests(self, count: int, *, timeout: float = 10.0) -> list[ReceivedRequest]:  # noqa: ASYNC109 - passed on
        """Wait until the fake has received a number of requests, for example from a bot in another task.

        You can await it in any event loop, even when a thread serves the fake.

        Args:
            count: Number of requests, including the requests received before this call.
            timeout: Maximum number of seconds to wait.

        Returns:
            The first `count` requests. The fake may not have answered all of them yet.

        Raises:
            TimeoutError: Fewer requests arrived in time. The message lists the requests that did arrive.
        """
        await self.requests.wait_for(count, timeout)
        return self.requests[:count]

    def before_reply(self, hook: HookT) -> HookT:
        """Register a function that is called before each operation, for example to change the state.

        Args:
            hook: A function or coroutine function that takes the request. Its result is ignored. It is not called for
                replies scripted with `fail_next` and similar methods.

        Returns:
            The hook, so that you can use this method as a decorator.
        """
        self._hooks.append(hook)
        return hook

    async def _serve_api(self, request: web.BaseRequest) -> web.StreamResponse:
        if self._is_controlled and request.path.startswith(CONTROL_PREFIX):
            received = await self._receive("api", request, None)
            return await send(request, self._answer_control(received), self._make_headers(received), None)
        return await self._serve(_find_site(request.path), request)

    async def _receive(self, site: SiteName, request: web.BaseRequest, operation: str | None) -> ReceivedRequest:
        self._served += 1
        path, _, query_string = request.raw_path.partition("?")
        return ReceivedRequest(
            site=site,
            method=request.method,
            path=path,
            query_string=query_string,
            segments=tuple(map(unquote, path.split("/")[1:])),
            query=tuple(request.query.items()),
            headers=request.headers,
            body=await request.read(),
            operation=operation,
        )

    async def _serve(self, site: SiteName, request: web.BaseRequest) -> web.StreamResponse:
        found = SITES[site].find(request.method, request.raw_path.partition("?")[0])
        received = await self._receive(site, request, found and found[0].name)
        self.requests.record(received)
        headers = self._make_headers(received)
        outcome = self._script.take(received) or self._refuse_by_rate(received)
        reply = outcome if isinstance(outcome, Reply) else None
        if outcome != Drop(executed=False):
            reply = reply or await self._answer(received, found)
        await asyncio.sleep(self.delay(received) if callable(self.delay) else self.delay)
        if reply is None or isinstance(outcome, Drop):
            return reset(request)
        return await send(request, reply, headers, outcome if isinstance(outcome, Delivery) else None)

    async def _answer(self, request: ReceivedRequest, found: tuple[Route, dict[str, str]] | None) -> Reply:
        is_api = request.site == "api"
        if not is_text(request.path + request.query_string):
            return BAD_REQUEST
        if self._source is not None:
            return await self._source.answer(request, self._make_addresses(request).artifacts)
        if is_api and request.path.endswith("/"):
            # Recorded: the redirect is absolute and repeats the whole query, including a token in it.
            query = f"?{request.query_string}" if request.query_string else ""
            return Reply(
                302, headers={"Location": self._make_addresses(request).artifacts + request.path.rstrip("/") + query}
            )
        if found is None or (self._account.is_server and found[0].cloud_only):
            return SITES[request.site].not_found
        if is_api and request.method == "GET" and request.body:
            return _BODY_FORBIDDEN
        route, params = found
        try:
            result = await self._run_operation(route, params, request)
        except RefusedError as refusal:
            result = refusal.reply
        location: dict[str, str] = {}
        if isinstance(result, Created):
            location["Location"] = result.location
            result = result.value
        if not isinstance(result, Reply):
            compact = result if isinstance(result, bytes) else encode_json(result)
            body, content_type = encode_for_accept(compact, request.headers.get("Accept", ""))
            result = Reply(route.status, body, {"Content-Type": content_type, **location})
        return attrs.evolve(result, headers={**route.headers, **result.headers})

    async def _run_operation(self, route: Route, params: dict[str, str], request: ReceivedRequest) -> object:
        for hook in self._hooks:
            result = hook(request)
            if inspect.isawaitable(result):
                await result
        call = Call(
            account=self._account,
            request=request,
            params=params,
            # S3 does not accept CircleCI's tokens.
            authorized=request.site != "storage" and is_authorized(request, self.token, self._expired_tokens),
            addresses=self._make_addresses(request),
        )
        if route.name in LISTS:
            for drift in self._drifts:
                drift.before_page(call)
        return route.run(call)

    def _make_addresses(self, request: ReceivedRequest) -> Addresses:
        named = request.headers.get("Host", "")
        return Addresses(
            find_api_origin(self._listeners["api"].origin, self._host, named),
            find_storage_origin(self.storage_origin, self._host, named),
            self._account.signed_at,
            self._account.has_lost_credentials,
        )

    def _make_headers(self, request: ReceivedRequest) -> dict[str, str]:
        """Make the headers of every reply. Storage sets no cookie."""
        if request.site == "storage":
            return {"Server": "AmazonS3"}
        number = make_stable_uuid("request", self._served)
        return {
            "Server": "nginx",
            "Strict-Transport-Security": "max-age=15724800",
            "X-Frame-Options": "DENY",
            "X-Circleci-Identity": "fake",
            "X-Client-Trace-Id": number,
            "X-Request-Id": number,
            "X-Circleci-Request-Id": number,
            "Set-Cookie": f"ring-session={number};Path=/;HttpOnly;Max-Age=31536000;Secure",
        }
