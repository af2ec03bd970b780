"""A client that faces a server: where it looks for it, and what it must have let go of in the end."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple
from unittest.mock import patch

import aiohttp
import attrs
import trustme
from aiohttp.abc import AbstractResolver
from fake_clock import FakeClock, use
from script_server import Action, ScriptServer

from circleci_v1_async import CircleCISession

from .canaries import TOKEN


@attrs.frozen
class Scene:
    """A client that faces a server."""

    ci: CircleCISession
    server: ScriptServer
    clock: FakeClock

    def with_view(self, **options: Any) -> "Scene":
        return attrs.evolve(self, ci=self.ci.with_options(**options))


Call = Callable[[Scene], Awaitable[Any]]
Place = Callable[[ScriptServer], AbstractAsyncContextManager[Mapping[str, Any]]]


# Where the client looks for the server.


@asynccontextmanager
async def here(server: ScriptServer) -> AsyncIterator[Mapping[str, Any]]:
    yield {"base_url": server.base_url}


@asynccontextmanager
async def nobody_listens(_server: ScriptServer) -> AsyncIterator[Mapping[str, Any]]:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield {"base_url": f"http://127.0.0.1:{bound.getsockname()[1]}"}


@asynccontextmanager
async def queue_is_full(_server: ScriptServer) -> AsyncIterator[Mapping[str, Any]]:
    """A port whose backlog is full does not answer."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(listening.getsockname())
        yield {"base_url": f"http://127.0.0.1:{listening.getsockname()[1]}", "timeout": 1.0}
        for filler in fillers:
            filler.close()


@asynccontextmanager
async def name_does_not_resolve(_server: ScriptServer) -> AsyncIterator[Mapping[str, Any]]:
    failure = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    with patch("aiohttp.resolver.ThreadedResolver.resolve", side_effect=OSError(None, str(failure))):
        yield {"base_url": "https://circleci.example/api/v1.1"}


@cache
def authority() -> trustme.CA:
    """Who vouches for the certificates here, made anew for each run."""
    return trustme.CA()


def of_other_example() -> ssl.SSLContext:
    """A server's side of TLS, with a certificate for other.example that nobody else vouches for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("other.example").configure_cert(context)
    return context


class EveryNameIsLoopback(AbstractResolver):
    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[Any]:
        return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": family, "proto": 0, "flags": 0}]

    async def close(self) -> None:
        """There is nothing to close."""


@asynccontextmanager
async def trusting_its_certificate(_server: ScriptServer) -> AsyncIterator[Mapping[str, Any]]:
    trust = ssl.create_default_context()
    authority().configure_trust(trust)
    connector = aiohttp.TCPConnector(ssl=trust, resolver=EveryNameIsLoopback(), use_dns_cache=False)
    async with aiohttp.ClientSession(connector=connector) as borrowed:
        yield {"session": borrowed}


@asynccontextmanager
async def by_its_other_name(server: ScriptServer) -> AsyncIterator[Mapping[str, Any]]:
    async with trusting_its_certificate(server) as options:
        yield {**options, "base_url": f"https://other.example:{server.port}"}


@asynccontextmanager
async def tls_is_refused(_server: ScriptServer) -> AsyncIterator[Mapping[str, Any]]:
    """A server that has a failure of its own whenever TLS is to begin."""

    async def alert(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(2**16)
        writer.write(b"\x15\x03\x03\x00\x02\x02\x50")  # fatal, internal_error
        writer.close()

    async with await asyncio.start_server(alert, "127.0.0.1", 0) as server:
        yield {"base_url": f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"}


@asynccontextmanager
async def with_one_connection(server: ScriptServer) -> AsyncIterator[Mapping[str, Any]]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as borrowed:
        yield {"base_url": server.base_url, "session": borrowed}


@asynccontextmanager
async def with_habits(server: ScriptServer) -> AsyncIterator[Mapping[str, Any]]:
    async with aiohttp.ClientSession("https://elsewhere.example", raise_for_status=True) as borrowed:
        yield {"base_url": server.base_url, "session": borrowed}


@asynccontextmanager
async def facing(
    *script: bytes | Action,
    place: Place = here,
    tls: ssl.SSLContext | None = None,
    random: float = 1.0,
    make: Callable[..., CircleCISession] = CircleCISession,
    **options: Any,
) -> AsyncIterator[Scene]:
    """A client that is about to call; in the end it holds no connection and no slot, and has left no task."""
    clock = FakeClock(random)
    before = asyncio.all_tasks()
    async with ScriptServer(*script, tls=tls) as server, place(server) as places:
        async with make(TOKEN, **{"base_url": server.base_url, **places, **options}) as ci:
            yield Scene(use(ci, clock), server, clock)
            await holds_nothing(ci, before)


async def holds_nothing(ci: CircleCISession, before: set[asyncio.Task[Any]]) -> None:
    """What a call leaves behind."""
    # A transport is told of its end in the next turns of the loop, which is also when aiohttp lets go of it.
    for _ in range(5):
        await asyncio.sleep(0)
    transport = ci._caller.transport
    for session in (transport._own, transport.borrowed):
        assert session is None or session.connector is None or not session.connector._acquired, "connections are held"
    assert not transport._calls, "calls are counted as in flight"
    assert not transport.streams, "streams are open"
    gate = ci._caller.gate
    assert gate._slots._value == gate.concurrency, "slots of the gate are held"
    assert ci._file_threads.slots._value == ci._file_threads.concurrency, "slots of downloads are held"
    left = {task for task in asyncio.all_tasks() - before if task is not asyncio.current_task()}
    assert not {task for task in left if task.get_coro().__qualname__ != "ScriptServer._serve"}, "tasks are left"


class Fault(NamedTuple):
    """What a server does, a call, and what comes of it."""

    row: int
    name: str
    script: tuple[bytes | Action, ...]
    call: Call
    raises: type[BaseException] | None
    # How many come over the wire.
    requests: int
    slept: tuple[float, ...] = ()
    options: Mapping[str, Any] = MappingProxyType({})
    place: Place = here
    # What chance says.
    random: float = 1.0
    tls: Callable[[], ssl.SSLContext] | None = None
    make: Callable[..., CircleCISession] = CircleCISession

    def scene(self) -> AbstractAsyncContextManager[Scene]:
        tls = self.tls() if self.tls else None
        return facing(*self.script, place=self.place, tls=tls, random=self.random, make=self.make, **self.options)
