"""What tests of downloads are made of: servers that break off, events, what is left in a folder."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from descriptors import descriptors
from script_server import Action, Received, ScriptServer, reply
from yarl import URL

from circleci_v1_async import (
    Artifact,
    DownloadEvent,
    DownloadFinished,
    DownloadProgress,
)
from circleci_v1_async._files.names import part_name, resume_info_name
from circleci_v1_async.testing import GeneratedBytes

WEB = "github/acme/web"
NAME = "core.tar"
# More than is written at once, and than sockets and readers take in by themselves.
DATA = GeneratedBytes(5 * 2**20 + 321, seed=5)
BYTES = DATA[:]
ETAG = ("ETag", '"one"')
SPAN = f"bytes {2**20}-{len(DATA) - 1}/{len(DATA)}"
OTHER = GeneratedBytes(3 * 2**20, seed=6)[:]


def names(folder: Path) -> list[str]:
    """The files below a folder."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


def at(server: ScriptServer, path: str = NAME, **more: Any) -> Artifact:
    return Artifact(path=path, node_index=0, url=f"{server.origin}/{path}", **more)


def rest(data: bytes, start: int, *headers: tuple[str, str], **changes: Any) -> bytes:
    """The reply to a range."""
    span = changes.pop("span", f"bytes {start}-{len(data) - 1}/{len(data)}")
    return reply(206, data[start:], [*headers, ("Content-Range", span)], **changes)


def left_over(folder: Path, data: bytes, artifact: Artifact, etag: str | None = ETAG[1]) -> None:
    """What a download of an artifact that was killed has left."""
    (folder / part_name(NAME)).write_bytes(data)
    if etag is not None:
        source = hashlib.sha256(artifact.url.encode()).hexdigest()
        (folder / resume_info_name(NAME)).write_text(f"{source} {etag}")


def ranges(server: ScriptServer) -> list[tuple[str | None, str | None]]:
    return [(received.headers.get("Range"), received.headers.get("If-Range")) for received in server.requests]


def by_path(**replies: bytes | Action) -> Action:
    """Replies by the name that is asked for."""

    async def act(received: Received, writer: asyncio.StreamWriter) -> None:
        action = replies[URL(received.target).name]
        if isinstance(action, bytes):
            writer.write(action)
            await writer.drain()
        else:
            await action(received, writer)

    return act


def slowed(data: bytes, *stops: int) -> tuple[Action, asyncio.Event]:
    """A reply that stops at each of these places until it is told to go on."""
    go_on = asyncio.Event()

    async def act(_received: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(200, b"", [ETAG], length=len(data)))
        start = 0
        for stop in (*stops, len(data)):
            writer.write(data[start:stop])
            await writer.drain()
            start = stop
            if stop < len(data):
                await go_on.wait()
                go_on.clear()

    return act, go_on


def refuse(number: int) -> Callable[..., Any]:
    """What a file system does that does not want to."""

    def fail(*_arguments: object, **_options: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


class Events(list[DownloadEvent]):
    """Progress as it is told, and somebody who waits for it."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def __call__(self, event: DownloadEvent) -> None:
        self.append(event)
        self._changed.set()

    async def reached(self, received: int) -> None:
        while not any(isinstance(event, DownloadProgress) and event.received >= received for event in self):
            self._changed.clear()
            await self._changed.wait()

    def of(self, path: str) -> list[DownloadEvent]:
        return [
            event
            for event in self
            if (event.download if isinstance(event, DownloadFinished) else event).artifact.path == path
        ]


def broken_off(
    data: bytes, stop: int, events: Events, ending: Action, headers: Iterable[tuple[str, str]] = (ETAG,)
) -> Action:
    """A reply that ends when so much of it has arrived: a RST takes with it what is still on its way."""

    async def act(received: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(200, data[:stop], headers, length=len(data)))
        await writer.drain()
        await events.reached(stop)
        await ending(received, writer)

    return act


@asynccontextmanager
async def nothing_stays_open() -> AsyncIterator[None]:
    """What is opened is closed again, but for threads, which stay for the loop's lifetime."""
    await asyncio.gather(*(asyncio.to_thread(int) for _ in range(40)))
    before = descriptors()
    yield
    # The server notices in the next turns that the client has gone.
    for _ in range(20):
        await asyncio.sleep(0)
    assert descriptors() <= before


async def is_cancelled(task: "asyncio.Task[Any]") -> None:
    with pytest.raises(asyncio.CancelledError):
        await task
