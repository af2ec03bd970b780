"""Clients that download files from a web server on this machine: ours, curl, aria2c and plain aiohttp.

All clients write to the same file system, to a new folder each time. After the time is measured, each byte is checked
and the files are removed. Programs are timed from their start to their end. Our client is timed twice: as part of a
running program, which is its normal use, and together with a new interpreter that must start and import it.
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

from .download import CONCURRENCY, download
from .nginx import Files

_CHUNK: Final = 2**16

T = TypeVar("T")
# Downloads files with these names from a base URL to a folder.
Fetch = Callable[[str, list[str], Path], T]


def seconds(fetch: Fetch[object], files: Files, base_url: str, *, parent: Path | None = None) -> float:
    """Return the number of seconds for a download to a new folder, in `parent` or the temporary folder."""
    taken, _ = _timed(fetch, files, base_url, parent)
    return taken


def memory_growth(fetch: Fetch[str], files: Files, base_url: str) -> float:
    """Return the number of bytes of memory that the program prints."""
    _, printed = _timed(fetch, files, base_url)
    return float(printed)


def _timed(fetch: Fetch[T], files: Files, base_url: str, parent: Path | None = None) -> tuple[float, T]:
    with TemporaryDirectory(dir=parent) as directory:
        folder = Path(directory)
        started = perf_counter()
        result = fetch(base_url, files.names, folder)
        taken = perf_counter() - started
        found = {path.name: _digest(path) for path in folder.iterdir()}
    if found != _digests(files):
        raise RuntimeError(f"the {len(found)} files fetched are not those that were to be fetched")
    return taken, result


def fetch_in_new_interpreter(base_url: str, names: list[str], folder: Path) -> str:
    """Download files with our client, in a new interpreter."""
    return _run(sys.executable, "-m", download.__module__, base_url, str(folder), *names)


def fetch_with_aiohttp(base_url: str, names: list[str], folder: Path) -> None:
    """Download files with typical code without our client: no checks, no retries, and blocking writes."""
    asyncio.run(_fetch_with_aiohttp(base_url, iter(names), folder))


async def _fetch_with_aiohttp(base_url: str, names: Iterator[str], folder: Path) -> None:
    async def fetch() -> None:
        for name in names:
            async with session.get(f"{base_url}/{name}", raise_for_status=True) as reply:
                with (folder / name).open("wb") as file:
                    async for chunk in reply.content.iter_chunked(_CHUNK):
                        file.write(chunk)

    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        for _ in range(CONCURRENCY):
            group.create_task(fetch())


def fetch_with_curl(base_url: str, names: list[str], folder: Path) -> None:
    """Download files with one curl process."""
    urls = f"{base_url}/{{{','.join(names)}}}"
    options = ("--parallel", "--parallel-max", str(CONCURRENCY), "--fail", "--no-progress-meter")
    _run("curl", *options, "--output", f"{folder}/#1", urls)


def fetch_with_aria2c(base_url: str, names: list[str], folder: Path) -> None:
    """Download files with one aria2c process."""
    urls = (f"{base_url}/{name}" for name in names)
    _run("aria2c", f"-j{CONCURRENCY}", "--quiet", "--force-sequential", f"--dir={folder}", *urls)


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603 - our own


@cache
def _digests(files: Files) -> dict[str, bytes]:
    return {name: hashlib.sha256(files.content(name)).digest() for name in files.names}


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
