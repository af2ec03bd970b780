"""A fake CircleCI server for tests: the API v1.1 on loopback."""

import asyncio
import inspect
import random
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial, wraps
from threading import Thread, get_ident
from types import TracebackType
from typing import Concatenate, Final, ParamSpec, Self, TypeVar
from urllib.parse import unquote

import attrs
from aiohttp import web

from circleci_v1_async.testing._addresses import Addresses
from circleci_v1_async.testing._api import API, LISTS
from circleci_v1_async.testing._build_payloads import PageRenderer
from circleci_v1_async.testing._drift import Drift
from circleci_v1_async.testing._faults import Faults
from circleci_v1_async.testing._routing import Call, RefusedError, Route, Site, is_authorized
from circleci_v1_async.testing._state import make_stable_uuid
from circleci_v1_async.testing._storage import ARTIFACTS, STORAGE, AccountWithArtifacts
from circleci_v1_async.testing._wire import (
    API_PREFIX,
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

__all__ = ["FakeCircleCI", "ThreadedFakeCircleCI"]

Hook = Callable[[ReceivedRequest], object]
HookT = TypeVar("HookT", bound=Hook)
P = ParamSpec("P")
R = TypeVar("R")
Delay = float | Callable[[ReceivedRequest], float]

_SITES: Final[dict[SiteName, Site]] = {"api": API, "artifacts": ARTIFACTS, "storage": STORAGE}
# Storage has another host name than the API, for clients that compare hosts without ports.
_STORAGE_HOSTS: Final = {"127.0.0.1": "localhost"}
_ARTIFACTS_PREFIX: Final = "/output/"
_BODY_FORBIDDEN: Final = Reply.html_page(403, "403 ERROR", text="<p>A GET request has no body.</p>")


class FakeCircleCI(Faults, AccountWithArtifacts):
    """The CircleCI REST API v1.1, served by this process on loopback.

    It answers the operations of the API, lists of branches, step outputs and artifacts as the service does, with its
    errors and quirks. The methods `add_…`, `update_…`, `finish_…` and `remove_…` build the state that it serves. It
    shares no code with the client, and uses neither the clock nor chance.

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
            authentication, and as `circle-token` in the query. Requests with a wrong token are treated as anonymous.
        host: The host to listen on.
        port: The API's port; 0 for any free one. Storage always has any free port.

    Attributes:
        token: The valid token.
        requests: All requests received, in order of arrival.
        delay: Seconds before each reply is sent, or a function that returns them for a request. The reply is computed
            before the delay, so that a slow page shows the list as it was when its request arrived.
    """

    def __init__(self, token: str = "fake-circle-token", *, host: str = "127.0.0.1", port: int = 0) -> None:  # noqa: S107 - fake
        super().__init__()
        self.token = token
        self.requests: list[ReceivedRequest] = []
        self.delay: Delay = 0.0
        self._listeners: dict[SiteName, Listener] = {
            "api": Listener(self._serve_api, host, port, name=host),
            "storage": Listener(partial(self._serve, "storage"), host, name=_STORAGE_HOSTS.get(host, host)),
        }
        self._served = 0
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
        """Start to listen. The state may be built before or after.

        A closed fake can be started again, on the same ports.

        Raises:
            RuntimeError: The fake is listening already.
            OSError: A port is taken.
        """
        if self._listeners["api"].is_open:
            raise RuntimeError("this fake is started already")
        try:
            for listener in self._listeners.values():
                await listener.open()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Stop listening and close all connections. The state and `requests` remain."""
        await asyncio.gather(*(listener.close() for listener in self._listeners.values()))

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

    def clear_requests(self) -> None:
        """Forget the requests received so far."""
        self.requests.clear()

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
        """Change lists before each of their pages is served. Rates are means per page.

        Args:
            slug: The project in which builds arrive and finish.
            seed: The seed of the changes; the same seed gives the same changes.
            inserts: Builds that arrive at the head.
            removals: Listed builds that leave the list.
            finishes: Running builds that end.
            rounds: The number of pages before which the list changes; None for all.

        Returns:
            A record of the changes; its `survivors` are the builds that were in every served version of the list.
        """
        chance = random.Random(seed)  # noqa: S311 - reproducible on purpose
        drift = Drift(self._get_project(slug).slug, inserts, removals, finishes, rounds, chance)
        self._drifts.append(drift)
        return drift

    async def _serve_api(self, request: web.BaseRequest) -> web.StreamResponse:
        return await self._serve("artifacts" if request.path.startswith(_ARTIFACTS_PREFIX) else "api", request)

    async def _serve(self, site: SiteName, request: web.BaseRequest) -> web.StreamResponse:
        path, _, query_string = request.raw_path.partition("?")
        found = _SITES[site].find(request.method, path)
        received = ReceivedRequest(
            site=site,
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
        headers = self._make_headers(received)
        outcome = self._script.take(received)
        reply = outcome if isinstance(outcome, Reply) else None
        if outcome != Drop(executed=False):
            reply = reply or await self._answer(received, found)
        await asyncio.sleep(self.delay(received) if callable(self.delay) else self.delay)
        if reply is None or isinstance(outcome, Drop):
            return reset(request)
        return await send(request, reply, headers, outcome if isinstance(outcome, Delivery) else None)

    async def _answer(self, request: ReceivedRequest, found: tuple[Route, dict[str, str]] | None) -> Reply:
        is_api = request.site == "api"
        if is_api and request.path.endswith("/"):
            # Recorded: the redirect repeats the whole query, including a token in it.
            query = f"?{request.query_string}" if request.query_string else ""
            return Reply(302, headers={"Location": request.path.rstrip("/") + query})
        if found is None:
            return _SITES[request.site].not_found
        if is_api and request.method == "GET" and request.body:
            return _BODY_FORBIDDEN
        route, params = found
        try:
            result = await self._run_operation(route, params, request)
        except RefusedError as refusal:
            result = refusal.reply
        if not isinstance(result, Reply):
            compact = result if isinstance(result, bytes) else encode_json(result)
            body, content_type = encode_for_accept(compact, request.headers.get("Accept", ""))
            result = Reply(route.status, body, {"Content-Type": content_type})
        return attrs.evolve(result, headers={**route.headers, **result.headers})

    async def _run_operation(self, route: Route, params: dict[str, str], request: ReceivedRequest) -> object:
        for hook in self._hooks:
            result = hook(request)
            if inspect.isawaitable(result):
                await result
        call = Call(
            account=self,
            projects=self._projects,
            request=request,
            params=params,
            # S3 does not accept CircleCI's tokens.
            authorized=request.site != "storage" and is_authorized(request, self.token),
            addresses=Addresses(self._listeners["api"].origin, self.storage_origin, self._signed_at),
            pages=self._pages,
        )
        if route.name in LISTS:
            for drift in self._drifts:
                drift.before_page(call)
        return route.operation(call)

    def _make_headers(self, request: ReceivedRequest) -> dict[str, str]:
        """Make the headers of every answer; storage sets no cookie."""
        if request.site == "storage":
            return {"Server": "AmazonS3"}
        number = make_stable_uuid("request", self._served)
        return {
            "Server": "nginx",
            "X-Request-Id": number,
            "X-Circleci-Request-Id": number,
            "Set-Cookie": f"ring-session={number};Path=/;HttpOnly;Max-Age=31536000;Secure",
        }


class ThreadedFakeCircleCI(FakeCircleCI):
    """A `FakeCircleCI` for synchronous code, served by a thread with its own event loop.

        with ThreadedFakeCircleCI() as fake:
            fake.add_project("github/acme/web")
            fake.add_build("github/acme/web", status="failed")
            assert requests.get(f"{fake.base_url}/project/gh/acme/web", auth=(fake.token, "")).json()

    Within the block every method may be called from any thread. It runs on the serving thread, between two replies, so
    that no reply shows a half-changed state. Hooks and a `delay` that is a function run on that thread too.

    The arguments and attributes are those of `FakeCircleCI`.
    """

    _loop: asyncio.AbstractEventLoop | None = None
    _thread: Thread
    _stop: asyncio.Event

    def __enter__(self) -> Self:
        listening: Future[None] = Future()
        self._thread = Thread(target=asyncio.run, args=(self._run(listening),), name="FakeCircleCI", daemon=True)
        self._thread.start()
        try:
            listening.result()
        except Exception:
            self._thread.join()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        loop, self._loop = self._loop, None
        assert loop is not None, "it was entered"  # noqa: S101 - for the type checkers
        loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _run(self, listening: "Future[None]") -> None:
        try:
            await self.start()
        except BaseException as error:  # noqa: BLE001 - raised in the thread that waits
            listening.set_exception(error)
            return
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        listening.set_result(None)
        await self._stop.wait()
        await self.close()

    def _call(self, method: Callable[[], R]) -> R:
        if self._loop is None or get_ident() == self._thread.ident:
            return method()

        async def call() -> R:
            return method()

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result()


def _run_on_thread(
    method: Callable[Concatenate[ThreadedFakeCircleCI, P], R],
) -> Callable[Concatenate[ThreadedFakeCircleCI, P], R]:
    @wraps(method)
    def wrapper(self: ThreadedFakeCircleCI, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._call(partial(method, self, *args, **kwargs))  # pyright: ignore[reportPrivateUsage]

    return wrapper


for _name, _method in inspect.getmembers(FakeCircleCI, inspect.isfunction):
    if not (_name.startswith("_") or inspect.iscoroutinefunction(_method)):
        setattr(ThreadedFakeCircleCI, _name, _run_on_thread(_method))
