"""How long do downloads take, compared with curl, aria2c and plain aiohttp?

The web server runs on this machine. All clients write to the same file system, to a new folder each time. After the
time is measured, each byte is checked and the files are removed. Programs are timed from their start to their end.
"""

import asyncio
import hashlib
import subprocess
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Final

import aiohttp

from .download import CONCURRENCY, download
from .measure import OURS, SECONDS, Comparison, Target
from .nginx import Files, nginx

LARGE: Final = Files(6, 64 * 2**20)
_SMALL: Final = Files(500, 64 * 2**10)
_AIOHTTP: Final = "aiohttp, plain writes"
_CURL: Final = f"curl, {CONCURRENCY} parallel"
_ARIA2C: Final = f"aria2c -j{CONCURRENCY}"
_WHY_DISK: Final = "both wait for the disk, and its speed varies more than this"
_WHY_THREADS: Final = "a thread writes the files, so that a slow disk delays no call, and checks each of them"
_CHUNK: Final = 2**16
# A folder in memory, if the system has one.
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it

# Downloads files with these names from a base URL to a folder.
Fetch = Callable[[str, list[str], Path], None]


def _seconds(fetch: Fetch, files: Files, parent: Path | None, base_url: str) -> float:
    """Return the number of seconds for a download to a new folder, in `parent` or the temporary folder."""
    with TemporaryDirectory(dir=parent) as directory:
        folder = Path(directory)
        started = perf_counter()
        fetch(base_url, files.names, folder)
        taken = perf_counter() - started
        found = {path.name: _digest(path) for path in folder.iterdir()}
    if found != _digests(files):
        raise RuntimeError(f"the {len(found)} downloaded files differ from the files of the server")
    return taken


def _fetch_with_aiohttp(base_url: str, names: list[str], folder: Path) -> None:
    """Download files with typical code without our client: no checks, no retries, and blocking writes."""
    asyncio.run(_fetch_all(base_url, iter(names), folder))


async def _fetch_all(base_url: str, names: Iterator[str], folder: Path) -> None:
    async def fetch() -> None:
        for name in names:
            async with session.get(f"{base_url}/{name}", raise_for_status=True) as reply:
                with (folder / name).open("wb") as file:
                    async for chunk in reply.content.iter_chunked(_CHUNK):
                        file.write(chunk)

    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        for _ in range(CONCURRENCY):
            group.create_task(fetch())


def _fetch_with_curl(base_url: str, names: list[str], folder: Path) -> None:
    """Download files with one curl process."""
    urls = f"{base_url}/{{{','.join(names)}}}"
    options = ("--parallel", "--parallel-max", str(CONCURRENCY), "--fail", "--no-progress-meter")
    _run("curl", *options, "--output", f"{folder}/#1", urls)


def _fetch_with_aria2c(base_url: str, names: list[str], folder: Path) -> None:
    """Download files with one aria2c process."""
    urls = (f"{base_url}/{name}" for name in names)
    _run("aria2c", f"-j{CONCURRENCY}", "--quiet", "--force-sequential", f"--dir={folder}", *urls)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own


@cache
def _digests(files: Files) -> dict[str, bytes]:
    return {name: hashlib.sha256(files.content(name)).digest() for name in files.names}


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _compare(files: Files, *targets: Target, parent: Path | None = None) -> Comparison:
    fetchers: dict[str, Fetch] = {
        OURS: download,
        _AIOHTTP: _fetch_with_aiohttp,
        _CURL: _fetch_with_curl,
        _ARIA2C: _fetch_with_aria2c,
    }
    return Comparison(
        title=f"Download {files}{', to tmpfs' if parent else ''}",
        unit=SECONDS,
        candidates={name: partial(_seconds, fetch, files, parent) for name, fetch in fetchers.items()},
        targets=targets,
        server=partial(nginx, files),
        programs={"": "nginx", _CURL: "curl", _ARIA2C: "aria2c"},
    )


_ON_DISK: Final = {
    "large-files": _compare(LARGE, Target(_CURL, 0.90)),
    "small-files": _compare(_SMALL, Target(_CURL, 1.30, why=_WHY_DISK), Target(_ARIA2C, 0.45, why=_WHY_DISK)),
}
_IN_MEMORY: Final = {
    "large-files-in-memory": _compare(LARGE, Target(_CURL, 0.90), parent=_MEMORY),
    "small-files-in-memory": _compare(
        _SMALL,
        Target(_CURL, 3.00, why=_WHY_THREADS),
        Target(_AIOHTTP, 1.60, why=_WHY_THREADS),
        Target(_ARIA2C, 0.45, why=_WHY_THREADS),
        parent=_MEMORY,
    ),
}
COMPARISONS: Final[dict[str, Comparison]] = _ON_DISK | (_IN_MEMORY if _MEMORY.is_dir() else {})
