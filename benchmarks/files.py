"""What it takes to fetch files from a web server on this machine: by us, by curl and aria2c, by plain aiohttp.

All write to the same file system, to a new folder each time; what was fetched is checked, to the byte, and removed when
the time has been taken. Programs are timed from their start to their end. We are timed as part of a program that is
running, which is how we are used, and once more together with an interpreter that has yet to start and to import us.
"""

import asyncio
import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Final, TypeVar

import aiohttp

from .download import AT_ONCE, download
from .nginx import Files

_CHUNK: Final = 2**16

T = TypeVar("T")
# Fetches files of these names from a base URL to a folder.
Way = Callable[[str, list[str], Path], T]


def seconds(way: Way[object], files: Files, base_url: str) -> float:
    """The seconds that it takes."""
    taken, _ = _fetched(way, files, base_url)
    return taken


def growth(way: Way[str], files: Files, base_url: str) -> float:
    """The figure that it prints."""
    _, printed = _fetched(way, files, base_url)
    return float(printed)


def _fetched(way: Way[T], files: Files, base_url: str) -> tuple[float, T]:
    with TemporaryDirectory() as directory:
        folder = Path(directory)
        started = perf_counter()
        result = way(base_url, files.names, folder)
        taken = perf_counter() - started
        found = {path.name: _digest(path) for path in folder.iterdir()}
    if found != _digests(files):
        raise RuntimeError(f"{len(found)} files, which are not those that were to be fetched")
    return taken, result


def with_us_from_the_start(base_url: str, names: list[str], folder: Path) -> str:
    return _run(sys.executable, "-m", download.__module__, base_url, str(folder), *names)


def with_aiohttp(base_url: str, names: list[str], folder: Path) -> None:
    """What one writes without us: nothing checked, nothing tried again, and the loop waits for the disk."""
    asyncio.run(_with_aiohttp(base_url, iter(names), folder))


async def _with_aiohttp(base_url: str, names: Iterator[str], folder: Path) -> None:
    async def work() -> None:
        for name in names:
            async with session.get(f"{base_url}/{name}", raise_for_status=True) as reply:
                with (folder / name).open("wb") as file:
                    async for chunk in reply.content.iter_chunked(_CHUNK):
                        file.write(chunk)

    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(work())


def with_curl(base_url: str, names: list[str], folder: Path) -> None:
    urls = f"{base_url}/{{{','.join(names)}}}"
    options = ("--parallel", "--parallel-max", str(AT_ONCE), "--fail", "--no-progress-meter")
    _run("curl", *options, "--output", f"{folder}/#1", urls)


def with_aria2c(base_url: str, names: list[str], folder: Path) -> None:
    urls = (f"{base_url}/{name}" for name in names)
    _run("aria2c", f"-j{AT_ONCE}", "--quiet", "--force-sequential", f"--dir={folder}", *urls)


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603 - our own


@cache
def _digests(files: Files) -> dict[str, bytes]:
    return {name: hashlib.sha256(files.content(name)).digest() for name in files.names}


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
