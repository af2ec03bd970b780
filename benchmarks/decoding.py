"""Decoding without requests: from bytes into models with `loads`, and into dicts with parsers.

It decodes the pages of the benchmarks' server. If the environment variable CIRCLECI_RECORDINGS contains the path of a
folder with recorded replies, it also decodes every list and every single build in the folder.
"""

import asyncio
import csv
import json
import logging
import multiprocessing
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any, Final

import attrs
import msgspec
import orjson

from circleci_v1_async import Artifact, Build, BuildDetail, CheckoutKey, Project, loads

from .comparison import Outcome, Row, Spread, Target
from .pages import DETAIL, make_templates, page, single
from .report import Report

_PAGE: Final = 100
_NUMBER: Final = 3_994
_KINDS: Final = (b"recorded", b"shuffled", b"nested", b"full", b"bitbucket", b"shallow")
# Types of the recorded replies, by the operations in the index.
_TYPES: Final[dict[str, Any]] = {
    "project_builds": list[Build],
    "recent_builds": list[Build],
    "projects": list[Project],
    "build": BuildDetail,
    "artifacts": list[Artifact],
    "checkout_keys": list[CheckoutKey],
}
_OTHERS: Final[dict[str, Callable[[bytes], Any]]] = {
    "json.loads": json.loads,
    "orjson.loads": orjson.loads,
    "msgspec, untyped": msgspec.json.decode,
}
_ORJSON: Final = "orjson.loads"
_OURS: Final = "ours"
_BATCH_SECONDS: Final = 0.002  # at least
# The figure is the fastest batch: other batches may include a full garbage collection, which scans the whole heap.
_BATCHES: Final = 5
_SHORTEST_LIST: Final = 5
_MEGABYTE: Final = 1_000_000
_LISTS: Final = Target(_ORJSON, 1.00, 0.80)
_PROJECTS: Final = Target(_ORJSON, 1.10, 0.90)
_FOUR_FIELDS: Final = Target("`Build`", 0.30, why="msgspec takes a third of the time to skip what nobody asks for")


@attrs.frozen
class _Reply:
    """A reply to decode.

    Attributes:
        name: Name in the table.
        body: The bytes.
        returns: The type to decode them into.
    """

    name: str
    body: bytes
    returns: Any

    @property
    def length(self) -> int | None:
        """Length of a list; `None` for a single build."""
        value = json.loads(self.body)
        return len(value) if isinstance(value, list) else None

    @property
    def is_list_of_builds(self) -> bool:
        return self.returns == list[Build] and (self.length or 0) >= _SHORTEST_LIST

    @property
    def is_large_list_of_projects(self) -> bool:
        return self.returns == list[Project] and len(self.body) >= _MEGABYTE


@attrs.frozen
class _FourFields:
    """Fields of a build that a program may need."""

    build_num: int
    vcs_url: str
    status: str | None = None
    branch: str | None = None


@attrs.frozen
class _Timing:
    """Number of seconds that a reply took in each round, by decoder."""

    reply: _Reply
    seconds: dict[str, list[float]]

    def ratio(self, other: str) -> Spread:
        return Spread.of_ratios(self.seconds[_OURS], self.seconds[other])


def run(rounds: int) -> Outcome:
    """Decode all replies in a new process."""
    pages = asyncio.run(_make_pages())
    recorded = _read_recorded()
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        timings = list(pool.map(partial(_measure, rounds), (*pages, *recorded)))
        four_fields = pool.submit(_measure_four_fields, rounds, pages[0]).result()
    report = Report(
        f"Decoding alone: CPU of `loads` divided by that of each parser, medians of {rounds} rounds",
        ("reply", "entries", "kB", "ms", *(f"/ {name}" for name in _OTHERS), f"spread of / {_ORJSON}"),
        [_table_row(timing) for timing in timings],
        [],
    )
    rows = [Row("Decode a `recorded` page", _LISTS, timings[0].ratio(_ORJSON))]
    rows.append(Row("Decode four fields of a `recorded` page", _FOUR_FIELDS, four_fields.ratio(_FOUR_FIELDS.against)))
    of_recorded = timings[len(pages) :]
    rows += _slowest("Decode a list of builds, the slowest of {} recorded", _LISTS, of_recorded, "is_list_of_builds")
    rows += _slowest(
        "Decode 1 MB of projects, the slowest of {} recorded", _PROJECTS, of_recorded, "is_large_list_of_projects"
    )
    left_out = [] if recorded else ["decoding of recorded replies: CIRCLECI_RECORDINGS names no folder"]
    return Outcome(report, rows, left_out)


def _slowest(work: str, target: Target, timings: Iterable[_Timing], condition: str) -> list[Row]:
    ratios = [timing.ratio(target.against) for timing in timings if getattr(timing.reply, condition)]
    if not ratios:
        return []
    return [Row(work.format(len(ratios)), target, max(ratios, key=lambda ratio: ratio.middle))]


def _table_row(timing: _Timing) -> tuple[object, ...]:
    reply = timing.reply
    length = "-" if reply.length is None else reply.length
    ratios = [f"{timing.ratio(name).middle:.2f}" for name in _OTHERS]
    ours = f"{1e3 * median(timing.seconds[_OURS]):.3f}"
    return (reply.name, length, f"{len(reply.body) / 1e3:.1f}", ours, *ratios, timing.ratio(_ORJSON))


def _measure(rounds: int, reply: _Reply) -> _Timing:
    """Decode the reply with each decoder in turn."""
    # Each `loads` logs its own warning about a wrong value.
    logging.getLogger("circleci_v1_async").setLevel(logging.ERROR)
    return _time_in_turn(
        rounds,
        reply,
        {
            _OURS: partial(loads, reply.body, reply.returns),
            **{name: partial(decode, reply.body) for name, decode in _OTHERS.items()},
        },
    )


def _measure_four_fields(rounds: int, reply: _Reply) -> _Timing:
    """Decode a list of builds into a class of four fields, and into `Build`."""
    of_four: Any = partial(loads, reply.body, list[_FourFields])
    return _time_in_turn(
        rounds, reply, {_OURS: of_four, _FOUR_FIELDS.against: partial(loads, reply.body, reply.returns)}
    )


def _time_in_turn(rounds: int, reply: _Reply, decoders: dict[str, Callable[[], Any]]) -> _Timing:
    """Run the decoders in turn. Every round starts with a different decoder."""
    names = list(decoders)
    sizes = {name: _batch_size(decoders[name]) for name in names}
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            seconds[name].append(_seconds(decoders[name], sizes[name]))
    return _Timing(reply, seconds)


def _batch_size(decode: Callable[[], Any]) -> int:
    """Return the number of decodings that takes long enough for the clock."""
    size = 1
    while _batch_seconds(decode, size) * size < _BATCH_SECONDS:
        size *= 2
    return size


def _seconds(decode: Callable[[], Any], size: int) -> float:
    return min(_batch_seconds(decode, size) for _ in range(_BATCHES))


def _batch_seconds(decode: Callable[[], Any], size: int) -> float:
    started = process_time()
    for _ in range(size):
        decode()
    return (process_time() - started) / size


async def _make_pages() -> list[_Reply]:
    templates = await make_templates()
    lists = [
        _Reply(kind.decode(), page(templates[kind], _NUMBER, limit=_PAGE, offset=0), list[Build]) for kind in _KINDS
    ]
    return [*lists, _Reply("single build", single(templates[DETAIL], _NUMBER), BuildDetail)]


def _read_recorded() -> list[_Reply]:
    if not (folder := os.environ.get("CIRCLECI_RECORDINGS")):
        return []
    with (Path(folder) / "INDEX.tsv").open(newline="") as file:
        index = [row for row in csv.DictReader(file, delimiter="\t") if "recorded" in row["kind"]]
    return [
        _Reply(row["file"], (Path(folder) / row["file"]).read_bytes(), _TYPES[row["operation"]])
        for row in index
        if row["operation"] in _TYPES
    ]
