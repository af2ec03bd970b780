"""What is measured against whom, and what it has to show: the table of the results, row by row."""

from functools import partial
from typing import Final

from . import files, works
from .clients import CLIENTS
from .contest import Claim, Contender, Contest, cpu, wall
from .download import download
from .nginx import Files, nginx
from .server import slug

_OURS: Final = "circleci_v1_async"
_JSON, _ORJSON, _CATTRS, *_ = CLIENTS
_PYCIRCLECI: Final = "pycircleci"
_DICTS: Final = "dicts of json.loads"
_IDEAL: Final = "the ideal"
_KEYS: Final = "a set of their keys"
_CURL: Final = "curl, 8 parallel"
_ARIA2C: Final = "aria2c -j8"
_LIMIT: Final = "40 MB"

# Whoever counts on offsets has read so many builds with 40 requests, a walk with its overlap of 5 with 42.
_BUILDS: Final = 3_994
_REQUESTS: Final = 40
_CALLS: Final = 2_000
_DELAY_MS: Final = 50
_CONCURRENT_CALLS: Final = 500
_CONCURRENCY: Final = 16
_KEPT: Final = 10_000
_LONGEST: Final = 100_000
_LATE: Final = slug("full", _BUILDS, delay_ms=_DELAY_MS)
_LARGE: Final = Files(6, 64 * 2**20)
_SMALL: Final = Files(500, 64 * 2**10)


def _walks(kind: str, *clients: str) -> dict[str, Contender]:
    project = slug(kind, _BUILDS)
    return {
        _OURS: partial(cpu, partial(works.walk, project, _BUILDS, 1)),
        **{name: partial(cpu, partial(works.walk_by_offset, name, project, _BUILDS)) for name in clients},
        _PYCIRCLECI: partial(cpu, partial(works.walk_with_pycircleci, project, _BUILDS)),
    }


def _calls() -> dict[str, Contender]:
    project = slug("full", _CALLS)
    return {
        _OURS: partial(cpu, partial(works.get_builds, project, _CALLS)),
        **{name: partial(cpu, partial(works.get_builds_with, name, project, _CALLS)) for name in CLIENTS},
        _PYCIRCLECI: partial(cpu, partial(works.get_builds_with_pycircleci, project, _CALLS)),
    }


def _lists(*counts: int) -> dict[str, Contender]:
    """As many builds in all, whatever the length of a list."""
    return {
        f"{count:,} builds": partial(cpu, partial(works.walk_again, slug("full", count), count, max(counts) // count))
        for count in counts
    }


def _downloads(what: Files) -> dict[str, Contender]:
    ways: dict[str, files.Way[object]] = {
        _OURS: download,
        f"{_OURS}, in an interpreter that starts": files.with_us_from_the_start,
        "aiohttp": files.with_aiohttp,
        _CURL: files.with_curl,
        _ARIA2C: files.with_aria2c,
    }
    return {name: partial(files.seconds, way, what) for name, way in ways.items()}


CONTESTS: Final = {
    "walk": Contest(
        title="Walk 3,994 full builds, 100 a page",
        unit="ms of CPU a page",
        factor=1e3 / _REQUESTS,
        contenders=_walks("full", *CLIENTS),
    ),
    "bitbucket": Contest(
        title='Walk 3,994 Bitbucket builds (`committer_date: ""`)',
        unit="ms of CPU a page",
        factor=1e3 / _REQUESTS,
        contenders=_walks("bitbucket", _JSON),
    ),
    "get": Contest(
        title="One `get_build` of 12 kB",
        unit="ms of CPU a call",
        factor=1e3 / _CALLS,
        contenders=_calls(),
    ),
    "latency": Contest(
        title="Walk 3,994 full builds, 50 ms a page, `prefetch=4`",
        unit="s",
        factor=1,
        contenders={
            _OURS: partial(wall, partial(works.walk, _LATE, _BUILDS, 4)),
            _PYCIRCLECI: partial(wall, partial(works.walk_with_pycircleci, _LATE, _BUILDS)),
        },
    ),
    "kept": Contest(
        title="Memory of 10,000 builds kept",
        unit="MB",
        factor=1e-6,
        contenders={_OURS: partial(works.kept_models, _KEPT), _DICTS: partial(works.kept_dicts, _KEPT)},
    ),
    "concurrency": Contest(
        title="500 `get_build`, 16 at once, at 50 ms a reply",
        unit="s",
        factor=1,
        contenders={
            _OURS: partial(wall, partial(works.get_builds_at_once, _LATE, _CONCURRENT_CALLS, _CONCURRENCY)),
            _IDEAL: partial(works.ideal, _CONCURRENT_CALLS / _CONCURRENCY * _DELAY_MS / 1e3),
        },
    ),
    "large files": Contest(
        title="Download 6 files of 64 MiB",
        unit="s",
        factor=1,
        contenders=_downloads(_LARGE),
        server=partial(nginx, _LARGE),
        needs=("nginx", "curl", "aria2c"),
    ),
    "small files": Contest(
        title="Download 500 files of 64 KiB",
        unit="s",
        factor=1,
        contenders=_downloads(_SMALL),
        server=partial(nginx, _SMALL),
        needs=("nginx", "curl", "aria2c"),
    ),
    "files in memory": Contest(
        title="Memory that a process comes to occupy for 6 files of 64 MiB",
        unit="MB",
        factor=1e-6,
        contenders={
            _OURS: partial(files.growth, files.with_us_from_the_start, _LARGE),
            _LIMIT: partial(works.ideal, 40e6),
        },
        server=partial(nginx, _LARGE),
        needs=("nginx",),
    ),
    "import": Contest(
        title="Import",
        unit="ms of CPU",
        factor=1e3,
        contenders={
            name: partial(works.import_seconds, name) for name in (_OURS, "aiohttp", "httpx", "pycircleci.api")
        },
    ),
    "growth": Contest(
        title="Walk a list of 100,000 full builds",
        unit="µs of CPU a build",
        factor=1e6 / _LONGEST,
        contenders=_lists(_LONGEST, 10_000, 1_000),
    ),
    "keys": Contest(
        title="Memory that a walk of 100,000 builds ends with, none of them kept",
        unit="MB",
        factor=1e-6,
        contenders={_OURS: partial(works.walked, _LONGEST), _KEYS: partial(works.known_keys, _LONGEST)},
    ),
}

CLAIMS: Final = (
    Claim("walk", _JSON, 0.90, 0.70),
    Claim("walk", _ORJSON, 1.55, 1.15),
    Claim("walk", _PYCIRCLECI, 0.55, 0.40),
    Claim("walk", _CATTRS, 0.22, 0.14),
    Claim("bitbucket", _JSON, 1.6),
    Claim("get", _ORJSON, 1.35, 1.15),
    Claim("latency", _PYCIRCLECI, 0.32, 0.25),
    Claim("kept", _DICTS, 0.70, 0.55),
    Claim("concurrency", _IDEAL, 1.20, 1.08),
    Claim("large files", _CURL, 1.5, 1.1),
    Claim("small files", _CURL, 3.0, 1.7),
    Claim("small files", _ARIA2C, 0.8, 0.3),
    Claim("files in memory", _LIMIT, 1.0),
    Claim(
        "import",
        "aiohttp",
        1.20,
        1.10,
        "of what we take beyond aiohttp, most goes into the methods that attrs generates and compiles for 60 classes "
        "whenever they are imported; the rest is msgspec, and our modules. cattrs is imported only once a reply does "
        "not fit. To import models as they are first used would bring it down, at the price of a public namespace "
        "that is no longer what it says.",
    ),
    Claim("growth", "10,000 builds", 1.10),
    Claim("growth", "1,000 builds", 1.10),
    Claim("keys", _KEYS, 1.10),
)
