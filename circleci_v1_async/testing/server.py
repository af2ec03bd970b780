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

    It answers the operations of the API, lists of branches, step outputs and artifacts as the service does, with its
    errors and quirks. The methods `add_…`, `update_…`, `finish_…` and `remove_…` build the state that it serves. It
    shares no code with the client.

        async with FakeCircleCI() as fake:
            fake.add_project("github/acme/web")
            fake.add_build("github/acme/web", status="failed")
            async with CircleCISession(fake.token, base_url=fake.base_url) as ci:
                ...

    Files are served from another origin, as by CircleCI. Artifacts in lists have an address on the API's origin, which
    takes the token and redirects to a signed address at `storage_origin`; step outputs have a signed address from the
    start. Requests to storage are refused if the address was changed or other credentials are sent; ranges and
    conditions are answered as by S3.

    Args:
        token: The only valid token. It is accepted in `Circle-Token`, as a bearer, as the user name of basic
            authentication, and as `circle-token` in the query. With a wrong one, private projects are not found, and
            all else is refused.
        host: The host to listen on.
        port: The API's port; 0 for any free one. Storage always has any free port.
        server: Whether to behave as CircleCI Server rather than the cloud: without retries, with or without SSH, and
            without the end of branches.
        run_seconds: The time, in seconds, that a build runs by the fake's clock once it has been started, or added as
            waiting or running. Before, it is queued for a tenth of that time; while it runs, its steps appear and their
            output grows; then it has succeeded, unless `finish_build`, `update_build` or a cancellation has ended it.
            `advance` moves the clock. None leaves each build as it is: the fake uses neither the clock nor chance.
        control: Whether requests below `/__fake` on the API's port, with the token, can reset the fake, seed it, finish
            builds, script faults and list the requests, as programs in other languages need it. The guide shows them.
        max_offset: The deepest offset that lists accept; deeper ones are answered with 400. None for no limit: past the
            end, pages are empty.

    Attributes:
        token: The valid token. Set another one when it has expired.
        requests: All requests received, in order of arrival; `requests.matching(method, path)` selects some.
        allow_unused_faults: Whether the fixture `fake_circleci` lets a test pass that leaves scripted faults unused.
        delay: Seconds before each reply is sent, or a function that returns them for a request. The reply is computed
            before the delay, so that a slow page shows the list as it was when its request arrived.
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
        """Make a server that answers as a recording says, and knows no projects.

        A request that was recorded gets the recorded reply: several in their order, and the last of them again and
        again. The order of different requests does not matter, nor do tokens, other secrets and headers but `Range`.
        Any other request is answered with 501, which names the recorded request that is nearest. Faults, `delay` and
        `limit_rate` work as with a fake.

        Args:
            path: The file, made by `record`.
            token: The token to tell clients; none is checked.
            host: The host to listen on.
            port: The port; 0 for any free one.

        Raises:
            OSError: The file cannot be read.
            ValueError: A line of the file is no recorded exchange.
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
        """Make a server that passes requests on to the service, and records what passes in a file.

        Secrets are replaced by stand-ins in the file: tokens, keys, e-mail addresses, signatures, values of variables;
        `list_replaced_secrets` lists them. Files that are no text are recorded as they are. The addresses of files
        lead to this server, here and in a replay.

        Args:
            path: The file; it is overwritten when the server starts.
            upstream: The service.
            token: The token to tell clients, which must send one themselves; empty for none.
            host: The host to listen on.
            port: The port; 0 for any free one.

        Raises:
            ValueError: `upstream` is no address of a v1.1 API by HTTPS or on loopback.
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
        """Start to listen. The state may be built before or after.

        A closed fake can be started again, on the same ports.

        Raises:
            RuntimeError: The fake is listening already.
            OSError: A port is taken.
        """
        if self._listeners["api"].is_open:
            raise RuntimeError("this fake is started already")
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
        """The API's address, such as `http://127.0.0.1:41234/api/v1.1`.

        Raises:
            RuntimeError: The fake has not been started yet.
        """
        return self._listeners["api"].origin + API_PREFIX

    @property
    def storage_origin(self) -> str:
        """The origin of the bytes of artifacts and step outputs, such as `http://localhost:41235`.

        Raises:
            RuntimeError: As for `base_url`.
        """
        return self._listeners["storage"].origin

    def list_replaced_secrets(self) -> list[str]:
        """List the stand-ins that a recording has for secrets, with their kinds, counts and first places."""
        return self._source.scrubber.report() if isinstance(self._source, Relay) else []

    def clear_requests(self) -> None:
        """Forget the requests received so far."""
        self.requests.clear()

    async def wait_for_requests(self, count: int, *, timeout: float = 10.0) -> list[ReceivedRequest]:  # noqa: ASYNC109 - passed on
        """Wait until requests have been received, such as those of a bot that runs as a task.

        It may be awaited in any event loop, also when a thread serves the fake.

        Args:
            count: The number of requests, including those that have been received before.
            timeout: Seconds to wait for them.

        Returns:
            The first `count` requests. They have been received, and perhaps not answered yet.

        Raises:
            TimeoutError: They were not received in time; the text lists those that were.
        """
        await self.requests.wait_for(count, timeout)
        return self.requests[:count]

    def before_reply(self, hook: HookT) -> HookT:
        """Register a function to call before each operation, such as one that changes the state.

        Args:
            hook: A function or coroutine function that takes the request; its result is ignored. It is not called
                for replies that `fail_next` and the like have scripted.

        Returns:
            The hook, so that this method can be used as a decorator.
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
        """Make the headers of every answer; storage sets no cookie."""
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
