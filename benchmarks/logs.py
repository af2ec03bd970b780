"""How long does it take to turn logs into the lines that a terminal shows?"""

import re
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

from circleci_v1_async import StepOutput
from circleci_v1_async.logs._text import LogLines

from .measure import OURS, Comparison, Target, cpu_seconds_per_call

_COUNT: Final = 3
_PIECE: Final = 2**16
_LINE: Final = "2026-11-24T10:00:00 INFO storefront.cart: item {} was added, 3 in total, of which 2 are in stock"
_LINES: Final = 100_000
_COLOR: Final = re.compile(r"\x1b\[[0-9;:]*m")
_RE_SUB: Final = "`re.sub` of the sequences"
_PLAIN: Final = "50 ms a MB"
_PLAIN_SECONDS: Final = 0.05
_SLOWEST: Final = "50 ms"
_SLOWEST_SECONDS: Final = 0.05
# Repeated pieces that a build may write.
_SEQUENCES: Final = (
    *("a", "\xfc", "a\n", "\xfc\n", "\n", "\r", "a\r", "xx\rx\n", "\b", "ab\b", "\t", "\ta\n", "a\f", "\0", "a\0\n"),
    *("\x1b[m", "\x1b[31ma\x1b[0m", "\x1b", "\x1b[", "\x9b", "\x1b[" + "1" * 300, "\x1b]", "\x1b]a\x07", "\x1b(B"),
    *("\n\x1b[Ax", "x\x1b[A", "\x1b[Bx", "\x1b[H", "x\x1b[D", "\x1b[65535Gx", "\x1b[65535Gx\r", "\x1b[99;999Hx\n"),
    *("\x9b65535b", "x\x1b[65535b\x1b[2K", "\U0001f600\x1b[65535b\n", "\x1b7\x1b8", "\x1b8x\n"),
    *("\x1b[K", "\x1b[1K", "x\x1b[1K", "\x1b[2Kx", "\x1b[J", "x\x1b[1J", "x\x1b[2J", "\x1b[100B\x1b[2Jx"),
)


def _show(pieces: list[str]) -> None:
    log = LogLines(strip_ansi=True, max_size=2**26)
    for piece in pieces:
        deque(log.feed(StepOutput(message=piece)), maxlen=0)
    deque(log.finish(), maxlen=0)


def _substitute(pieces: list[str]) -> None:
    for piece in pieces:
        _COLOR.sub("", piece)


def _make_log(line: str) -> list[str]:
    """Return a log in pieces, cut at arbitrary places."""
    log = "".join(f"{line.format(number)}\n" for number in range(_LINES))
    return [log[start : start + _PIECE] for start in range(0, len(log), _PIECE)]


def _seconds(work: Callable[[list[str]], None], line: str, _base_url: str) -> float:
    return cpu_seconds_per_call(_COUNT, partial(work, _make_log(line)))


def _seconds_per_megabyte(_base_url: str) -> float:
    pieces = _make_log(_LINE)
    return cpu_seconds_per_call(_COUNT, partial(_show, pieces)) / (sum(map(len, pieces)) / 1e6)


def _seconds_of_slowest_sequence(_base_url: str) -> float:
    """Return the number of CPU seconds for 64 KiB of the slowest sequence, repeated."""
    return max(
        cpu_seconds_per_call(_COUNT, partial(_show, [sequence * (_PIECE // len(sequence))])) for sequence in _SEQUENCES
    )


COMPARISONS: Final[dict[str, Comparison]] = {
    "log-plain": Comparison(
        title="Show lines of a log",
        candidates={OURS: _seconds_per_megabyte, _PLAIN: _PLAIN_SECONDS},
        targets=(Target(_PLAIN, 1.0),),
    ),
    "log-colored": Comparison(
        title=f"Show {_LINES:,} colored lines of a log",
        candidates={
            OURS: partial(_seconds, _show, f"\x1b[32m{_LINE}\x1b[0m"),
            _RE_SUB: partial(_seconds, _substitute, f"\x1b[32m{_LINE}\x1b[0m"),
        },
        targets=(Target(_RE_SUB, 4.0),),
    ),
    "log-slowest": Comparison(
        title=f"Show 64 KiB of the slowest of {len(_SEQUENCES)} repeated sequences",
        candidates={OURS: _seconds_of_slowest_sequence, _SLOWEST: _SLOWEST_SECONDS},
        targets=(Target(_SLOWEST, 1.0, why="an absolute limit, which depends on the speed of the machine"),),
    ),
}
