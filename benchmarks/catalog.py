"""The comparisons by their names for the command line, and their target ratios."""

from functools import partial
from pathlib import Path
from typing import Final

from . import file_clients, kept_builds, workloads
from .clients import CLIENTS
from .comparison import Candidate, Comparison, Target, cpu_seconds, wall_seconds
from .download import download
from .imports import import_seconds
from .nginx import Files, nginx
from .operations import OPERATION_TARGETS, OPERATIONS
from .server import slug

_OURS: Final = "circleci_v1_async"
_JSON, _ORJSON, _CATTRS, _PYDANTIC, _HTTPX2 = CLIENTS
_PYCIRCLECI: Final = "pycircleci"
_DICTS: Final = "dicts of json.loads"
_NO_OVERHEAD: Final = "no overhead"
_KEYS: Final = "a set of their keys"
_CURL: Final = "curl, 8 parallel"
_ARIA2C: Final = "aria2c -j8"
_LIMIT: Final = "40 MB"
_IMPORT_AIOHTTP: Final = "import aiohttp"
_IMPORT_OURS: Final = f"{_OURS}, `CircleCISession` and `Build` looked up"

_WHY_IMPORT: Final = (
    "most of it is the package's modules themselves, a session's and the models': downloads, walks, watches and cattrs "
    "are imported only when they are needed."
)
_WHY_CATTRS: Final = (
    "stock cattrs makes models twice as fast since they are Structs, and of our own time half is the kernel's, for the "
    "exchange."
)
_WHY_CALL: Final = "the cost of a call beside aiohttp's weighs most on small replies."
_WHY_KEPT: Final = (
    "three fifths of the memory are texts, which are as large in dicts: without them, models take less than half."
)
_WHY_DISK: Final = "both wait for the disk, whose time varies more than this misses by."
_WHY_THREADS: Final = (
    "files are written in threads, so that a slow disk holds up no call. After each system call a thread waits for its "
    "turn of the interpreter, which costs more than the call where there is no disk."
)
# With offsets, 40 requests read this number of builds. A walk with its overlap of 5 needs 42.
_BUILDS: Final = 3_994
_REQUESTS: Final = 40
_CALLS: Final = 2_000
_DELAY_MS: Final = 50
_CONCURRENT_CALLS: Final = 500
_CONCURRENCY: Final = 16
_KEPT: Final = 10_000
_LONGEST: Final = 1_000_000
_KEYED: Final = 100_000
_LATE: Final = slug("recorded", _BUILDS, delay_ms=_DELAY_MS)
_LARGE: Final = Files(6, 64 * 2**20)
_SMALL: Final = Files(500, 64 * 2**10)
_DURABLE: Final = f"{_OURS}, durable=True"
# A folder in memory, if the system has one.
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it


def _walk_comparison(kind: str, title: str, *clients: str) -> Comparison:
    project = slug(kind, _BUILDS)
    return Comparison(
        title=title,
        unit="ms of CPU a page",
        factor=1e3 / _REQUESTS,
        candidates={
            _OURS: partial(cpu_seconds, partial(workloads.walk, project, _BUILDS, 1)),
            **{
                name: partial(cpu_seconds, partial(workloads.walk_by_offset, name, project, _BUILDS))
                for name in clients
            },
            _PYCIRCLECI: partial(cpu_seconds, partial(workloads.walk_with_pycircleci, project, _BUILDS)),
        },
    )


def _latency_comparison(prefetch: int) -> Comparison:
    return Comparison(
        title=f"Walk {_BUILDS:,} builds like recorded ones, {_DELAY_MS} ms a page, `prefetch={prefetch}`",
        unit="s",
        factor=1,
        candidates={
            _OURS: partial(wall_seconds, partial(workloads.walk, _LATE, _BUILDS, prefetch)),
            _PYCIRCLECI: partial(wall_seconds, partial(workloads.walk_with_pycircleci, _LATE, _BUILDS)),
        },
    )


def _call_candidates() -> dict[str, Candidate]:
    project = slug("full", _CALLS)
    return {
        _OURS: partial(cpu_seconds, partial(workloads.get_builds, project, _CALLS)),
        **{name: partial(cpu_seconds, partial(workloads.get_builds_with, name, project, _CALLS)) for name in CLIENTS},
        _PYCIRCLECI: partial(cpu_seconds, partial(workloads.get_builds_with_pycircleci, project, _CALLS)),
    }


def _length_candidates(*counts: int) -> dict[str, Candidate]:
    """Make candidates that walk the same total number of builds, in lists of different lengths."""
    return {
        f"{count:,} builds": partial(
            cpu_seconds, partial(workloads.walk_repeatedly, slug("tiny", count), count, max(counts) // count)
        )
        for count in counts
    }


def _download_comparison(title: str, files: Files, parent: Path | None = None) -> Comparison:
    fetchers: dict[str, file_clients.Fetch[object]] = {
        _OURS: download,
        _DURABLE: partial(download, durable=True),
        f"{_OURS}, in an interpreter that starts": file_clients.fetch_in_new_interpreter,
        "aiohttp": file_clients.fetch_with_aiohttp,
        _CURL: file_clients.fetch_with_curl,
        _ARIA2C: file_clients.fetch_with_aria2c,
    }
    return Comparison(
        title=title,
        unit="s",
        factor=1,
        candidates={
            name: partial(file_clients.seconds, fetch, files, parent=parent) for name, fetch in fetchers.items()
        },
        server=partial(nginx, files),
        server_program="nginx",
        programs={_CURL: "curl", _ARIA2C: "aria2c"},
    )


COMPARISONS: Final = {
    "recorded": _walk_comparison("recorded", f"Walk {_BUILDS:,} builds like recorded ones, 100 a page", *CLIENTS),
    "shuffled": _walk_comparison(
        "shuffled", f"Walk {_BUILDS:,} builds like recorded ones, keys in random order", _JSON, _ORJSON
    ),
    "nested": _walk_comparison(
        "nested", f"Walk {_BUILDS:,} builds like recorded ones, with more objects", _JSON, _ORJSON
    ),
    "bitbucket": _walk_comparison(
        "bitbucket", f'Walk {_BUILDS:,} Bitbucket builds (`committer_date: ""`)', _JSON, _ORJSON
    ),
    "shallow": _walk_comparison("shallow", f"Walk {_BUILDS:,} shallow builds", _JSON, _ORJSON),
    "full": _walk_comparison("full", f"Walk {_BUILDS:,} builds with every field and long texts", *CLIENTS),
    "get": Comparison(
        title="One `get_build` of 12 kB",
        unit="ms of CPU a call",
        factor=1e3 / _CALLS,
        candidates=_call_candidates(),
    ),
    "latency": _latency_comparison(4),
    "latency-8": _latency_comparison(8),
    "kept": Comparison(
        title=f"Memory of {_KEPT:,} builds kept",
        unit="MB",
        factor=1e-6,
        candidates={
            _OURS: partial(kept_builds.memory, kept_builds.decode_models, _KEPT),
            _DICTS: partial(kept_builds.memory, kept_builds.decode_dicts, _KEPT),
        },
    ),
    "collection": Comparison(
        title=f"Full garbage collection with {_KEPT:,} builds kept, less one without",
        unit="ms of CPU",
        factor=1e3,
        candidates={
            _OURS: partial(kept_builds.collection_seconds, kept_builds.decode_models, _KEPT),
            _DICTS: partial(kept_builds.collection_seconds, kept_builds.decode_dicts, _KEPT),
        },
    ),
    "concurrency": Comparison(
        title=f"{_CONCURRENT_CALLS} `get_build`, {_CONCURRENCY} at once, at {_DELAY_MS} ms a reply",
        unit="s",
        factor=1,
        candidates={
            _OURS: partial(
                wall_seconds, partial(workloads.get_builds_concurrently, _LATE, _CONCURRENT_CALLS, _CONCURRENCY)
            ),
            _NO_OVERHEAD: partial(workloads.constant, _CONCURRENT_CALLS / _CONCURRENCY * _DELAY_MS / 1e3),
        },
    ),
    "large-files": _download_comparison("Download 6 files of 64 MiB", _LARGE),
    "small-files": _download_comparison("Download 500 files of 64 KiB", _SMALL),
    **(
        {
            "large-files-in-memory": _download_comparison("Download 6 files of 64 MiB, to tmpfs", _LARGE, _MEMORY),
            "small-files-in-memory": _download_comparison("Download 500 files of 64 KiB, to tmpfs", _SMALL, _MEMORY),
        }
        if _MEMORY.is_dir()
        else {}
    ),
    "file-memory": Comparison(
        title="Memory that a process comes to occupy for 6 files of 64 MiB",
        unit="MB",
        factor=1e-6,
        candidates={
            _OURS: partial(file_clients.memory_growth, file_clients.fetch_in_new_interpreter, _LARGE),
            _LIMIT: partial(workloads.constant, 40e6),
        },
        server=partial(nginx, _LARGE),
        server_program="nginx",
    ),
    "import": Comparison(
        title="Import, as a whole process",
        unit="ms of CPU",
        factor=1e3,
        candidates={
            _IMPORT_OURS: partial(import_seconds, f"import {_OURS} as c; c.CircleCISession; c.Build"),
            _IMPORT_AIOHTTP: partial(import_seconds, "import aiohttp"),
            "import httpx2": partial(import_seconds, "import httpx2"),
            "import pycircleci.api": partial(import_seconds, "import pycircleci.api"),
            "nothing": partial(import_seconds, "pass"),
        },
    ),
    "growth": Comparison(
        title=f"Walk a list of {_LONGEST:,} tiny builds",
        unit="µs of CPU a build",
        factor=1e6 / _LONGEST,
        candidates=_length_candidates(_LONGEST, 100_000, 10_000, 1_000),
    ),
    **OPERATIONS,
    "keys": Comparison(
        title=f"Memory that a walk of {_KEYED:,} builds ends with, none of them kept",
        unit="MB",
        factor=1e-6,
        candidates={
            _OURS: partial(workloads.walk_bytes, _KEYED),
            _KEYS: partial(workloads.key_set_bytes, _KEYED),
        },
    ),
}

TARGETS: Final = {
    "recorded": (
        Target(_JSON, 0.65, 0.55),
        Target(_ORJSON, 0.95),
        Target(_PYCIRCLECI, 0.45, 0.38),
        Target(_CATTRS, 0.12, 0.09, why=_WHY_CATTRS),
    ),
    "shuffled": (Target(_ORJSON, 1.20, 1.00),),
    "bitbucket": (Target(_JSON, 0.75, 0.65),),
    "shallow": (Target(_ORJSON, 1.20, 1.00, why=_WHY_CALL),),
    "get": (Target(_ORJSON, 1.20, 1.15, why=_WHY_CALL),),
    "latency": (Target(_PYCIRCLECI, 0.26),),
    "latency-8": (Target(_PYCIRCLECI, 0.18),),
    "kept": (Target(_DICTS, 0.57, 0.50, why=_WHY_KEPT),),
    "collection": (Target(_DICTS, 0.15),),
    "concurrency": (Target(_NO_OVERHEAD, 1.08),),
    "large-files": (Target(_CURL, 0.9),),
    "small-files": (Target(_CURL, 1.6, 1.2), Target(_ARIA2C, 0.45, why=_WHY_DISK)),
    "large-files-in-memory": (Target(_CURL, 0.9),),
    "small-files-in-memory": (Target(_CURL, 1.6, 1.2, why=_WHY_THREADS), Target(_ARIA2C, 0.45, why=_WHY_THREADS)),
    "file-memory": (Target(_LIMIT, 1.0),),
    "import": (Target(_IMPORT_AIOHTTP, 1.40, why=_WHY_IMPORT),),
    "growth": (Target("100,000 builds", 1.10), Target("10,000 builds", 1.10), Target("1,000 builds", 1.10)),
    **OPERATION_TARGETS,
    "keys": (Target(_KEYS, 1.10),),
}
