"""How long does decoding take? `loads` into models, against parsers into dicts, without requests."""

import json
import os
import sys
from collections.abc import Callable
from functools import cache, partial
from typing import Any, Final

import attrs
import msgspec
import orjson

from circleci_v1_async import Build, CircleCIConverter, Project, loads, make_converter

from .measure import OURS, Candidate, Comparison, Target, cpu_seconds_per_call, figure_printed_by
from .server import PAGE, fetch, slug

_COUNT: Final = 100
_SMALL_COUNT: Final = 2_000
_LARGE_COUNT: Final = 20
_JSON: Final = "json.loads"
_ORJSON: Final = "orjson.loads"

Decode = Callable[[bytes], object]
_PARSERS: Final[dict[str, Decode]] = {
    _JSON: json.loads,
    _ORJSON: orjson.loads,
    "msgspec, untyped": msgspec.json.decode,
}
_WHOLE: Final = "`Build`"
_WHY_SHORT: Final = "the fixed cost of a call weighs most on short replies"
# The interpreter of an environment with an earlier version of the package, which is compared with this version.
_BEFORE: Final = os.environ.get("BENCHMARKS_BEFORE", "$BENCHMARKS_BEFORE")
_EARLIER: Final = "an earlier version"
_DECODE_PAGE: Final = f"""
import sys, time
from circleci_v1_async import Build, loads

body = sys.stdin.buffer.read()
for _ in range({_COUNT}):
    loads(body, list[Build])
started = time.process_time()
for _ in range({_COUNT}):
    loads(body, list[Build])
print((time.process_time() - started) / {_COUNT})
"""


@attrs.frozen
class _FourFields:
    """Fields of a build that a program may need."""

    build_num: int
    vcs_url: str
    status: str | None = None
    branch: str | None = None


@attrs.frozen
class _Title:
    """A user's own type. Only a hook can create it."""

    text: str


@attrs.frozen
class _Titled:
    """Fields of a build. One of them needs the hook."""

    build_num: int
    vcs_url: str
    subject: _Title | None = None
    branch: str | None = None
    status: str | None = None


@cache
def _make_hooked() -> CircleCIConverter:
    converter = make_converter()
    converter.register_structure_hook(_Title, lambda value, _: _Title(value))
    return converter


def _decode_with_hook(body: bytes) -> object:
    return _make_hooked().loads(body, list[_Titled])


def _decode(decode: Decode, path: str, count: int, base_url: str) -> float:
    """Return the number of CPU seconds for decoding a reply."""
    return cpu_seconds_per_call(count, partial(decode, fetch(base_url, path)))


def _decode_by(python: str, path: str, base_url: str) -> float:
    """Return the number of CPU seconds for decoding a page with the version that an interpreter imports."""
    return figure_printed_by(python, "-c", _DECODE_PAGE, given=fetch(base_url, path))


def _page(kind: str) -> str:
    return f"/project/{slug(kind, PAGE)}?limit={PAGE}"


def _into(type_: Any) -> Decode:
    return partial(loads, type=type_)


def _compare(
    title: str, path: str, ours: Decode, target: Target, *, others: dict[str, Decode] = _PARSERS, count: int = _COUNT
) -> Comparison:
    candidates: dict[str, Candidate] = {
        name: partial(_decode, decode, path, count) for name, decode in {OURS: ours, **others}.items()
    }
    return Comparison(title=title, candidates=candidates, targets=(target,))


COMPARISONS: Final[dict[str, Comparison]] = {
    "decode": _compare(f"Decode a page of {PAGE} builds", _page("recorded"), _into(list[Build]), Target(_ORJSON, 1.00)),
    "decode-bitbucket": _compare(
        f"Decode a page of {PAGE} Bitbucket builds", _page("bitbucket"), _into(list[Build]), Target(_ORJSON, 1.05)
    ),
    "decode-shortest": _compare(
        "Decode a page of 5 builds",
        "/shortest",
        _into(list[Build]),
        Target(_ORJSON, 1.00, why=_WHY_SHORT),
        count=_SMALL_COUNT,
    ),
    "decode-projects": _compare(
        "Decode 1.0 MB of projects", "/projects", _into(list[Project]), Target(_ORJSON, 1.10), count=_LARGE_COUNT
    ),
    "decode-four-fields": _compare(
        f"Decode four fields of {PAGE} builds",
        _page("recorded"),
        _into(list[_FourFields]),
        Target(_WHOLE, 0.30, why="msgspec spends a third of the time on skipping the other fields"),
        others={_WHOLE: _into(list[Build])},
    ),
    "decode-hook": _compare(
        f"Decode a page of {PAGE} builds with a hook on `subject`",
        _page("recorded"),
        _decode_with_hook,
        Target(_JSON, 3.00),
    ),
    "decode-before": Comparison(
        title=f"Decode a page of {PAGE} builds",
        candidates={
            OURS: partial(_decode_by, sys.executable, _page("recorded")),
            _EARLIER: partial(_decode_by, _BEFORE, _page("recorded")),
        },
        targets=(Target(_EARLIER, 1.05),),
        programs={_EARLIER: _BEFORE},
    ),
}
