"""Logs in the form that a terminal shows: the speed for long logs, and the memory."""

import re
import tracemalloc
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from time import process_time
from typing import Final

from circleci_v1_async import StepOutput
from circleci_v1_async.logs._text import LogLines

from .report import Report

_LINES: Final = 1_000_000
_PIECE: Final = 2**16
_LEAST_MB_PER_SECOND: Final = 20.0
_MOST_MB: Final = 2.0
_PLAIN: Final = "lines without escapes"
_COLORED: Final = "lines in colour"
_KINDS: Final = (_PLAIN, "lines that end in CR LF", _COLORED, "layers redrawn in place")


_COLOR: Final = re.compile(r"\x1b\[[0-9;:]*m")
_MOST_OF_RE_SUB: Final = 4.0
_MOST_MILLISECONDS: Final = 50.0
# Repeated pieces that a build may write.
_SEQUENCES: Final = (
    *("a", "\xfc", "a\n", "\xfc\n", "\n", "\r", "a\r", "xx\rx\n", "\b", "ab\b", "\t", "\ta\n", "a\f", "\0", "a\0\n"),
    *("\x1b[m", "\x1b[31ma\x1b[0m", "\x1b", "\x1b[", "\x9b", "\x1b[" + "1" * 300, "\x1b]", "\x1b]a\x07", "\x1b(B"),
    *("\n\x1b[Ax", "x\x1b[A", "\x1b[Bx", "\x1b[H", "x\x1b[D", "\x1b[65535Gx", "\x1b[65535Gx\r", "\x1b[99;999Hx\n"),
    *("\x9b65535b", "x\x1b[65535b\x1b[2K", "\U0001f600\x1b[65535b\n", "\x1b7\x1b8", "\x1b8x\n"),
    *("\x1b[K", "\x1b[1K", "x\x1b[1K", "\x1b[2Kx", "\x1b[J", "x\x1b[1J", "x\x1b[2J", "\x1b[100B\x1b[2Jx"),
)


def run() -> Report:
    """Show a million lines of each kind, once to measure the time and once to measure the memory."""
    rows: list[tuple[object, ...]] = []
    misses: list[str] = []
    for kind in _KINDS:
        started = process_time()
        megabytes, lines = _show(kind, _LINES)
        speed = megabytes / (process_time() - started)
        tracemalloc.start()
        _show(kind, _LINES // 10)
        peak = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
        rows.append((kind, f"{megabytes:.0f}", f"{lines:,}", f"{speed:.0f}", f"{peak:.2f}"))
        if kind == _PLAIN and speed < _LEAST_MB_PER_SECOND:
            misses.append(f"{kind}: {speed:.0f} MB/s, expected at least {_LEAST_MB_PER_SECOND:g}")
        if peak > _MOST_MB:
            misses.append(f"{kind}: {peak:.2f} MB of memory, expected at most {_MOST_MB:g}")
    rows += _compare_with_re_sub(misses)
    rows += _show_sequences(misses)
    title = (
        f"{_LINES:,} lines in pieces of 64 KiB, as a terminal shows them: at least {_LEAST_MB_PER_SECOND:g} MB of CPU "
        f"time a second for {_PLAIN}, and at most {_MOST_MB:g} MB of memory, those pieces included; {_COLORED} against "
        f"`re.sub` of their sequences: at most {_MOST_OF_RE_SUB:g}; 64 KiB of any sequence, again and again: at most "
        f"{_MOST_MILLISECONDS:g} ms of CPU"
    )
    return Report(title, ("log", "MB", "lines shown", "MB/s", "peak MB"), rows, misses)


def _compare_with_re_sub(misses: list[str]) -> Iterator[tuple[object, ...]]:
    pieces = list(_pieces(_COLORED, _LINES // 10))
    ratio = min(_seconds(partial(_feed, pieces)) / _seconds(partial(_substitute, pieces)) for _ in range(5))
    yield (f"{_COLORED}, against `re.sub`", "", "", f"{ratio:.1f} times", "")
    if ratio > _MOST_OF_RE_SUB:
        misses.append(f"{_COLORED}: {ratio:.1f} times `re.sub`, expected at most {_MOST_OF_RE_SUB:g}")


def _show_sequences(misses: list[str]) -> Iterator[tuple[object, ...]]:
    times = {each: 1e3 * min(_seconds(partial(_feed, _repeat(each))) for _ in range(3)) for each in _SEQUENCES}
    slowest = max(times, key=lambda each: times[each])
    yield (f"64 KiB of the slowest sequence, {slowest!r}", "", "", f"{times[slowest]:.0f} ms", "")
    misses += [
        f"64 KiB of {each!r}: {milliseconds:.0f} ms, expected at most {_MOST_MILLISECONDS:g}"
        for each, milliseconds in times.items()
        if milliseconds > _MOST_MILLISECONDS
    ]


def _repeat(sequence: str) -> list[str]:
    return [sequence * (_PIECE // len(sequence))]


def _seconds(work: Callable[[], object]) -> float:
    started = process_time()
    work()
    return process_time() - started


def _feed(pieces: list[str]) -> None:
    log = LogLines(strip_ansi=True, max_size=2**26)
    for piece in pieces:
        deque(log.feed(StepOutput(message=piece)), maxlen=0)


def _substitute(pieces: list[str]) -> None:
    for piece in pieces:
        _COLOR.sub("", piece)


def _show(kind: str, count: int) -> tuple[float, int]:
    """Return the number of MB written, and the number of lines shown."""
    log = LogLines(strip_ansi=True, max_size=2**26)
    written = shown = 0
    for piece in _pieces(kind, count):
        written += len(piece)
        shown += sum(1 for _ in log.feed(StepOutput(message=piece)))
    return written / 1e6, shown + sum(1 for _ in log.finish())


def _pieces(kind: str, count: int) -> Iterator[str]:
    """Cut a log into pieces, at arbitrary places."""
    rest = ""
    for number in range(count):
        rest += _line(kind, number)
        if len(rest) >= _PIECE:
            yield rest[:_PIECE]
            rest = rest[_PIECE:]
    yield rest


def _line(kind: str, number: int) -> str:
    text = f"2026-11-24T10:00:00 INFO storefront.cart: item {number} was added, 3 in all, of which 2 are in stock"
    match kind:
        case "lines that end in CR LF":
            return f"{text}\r\n"
        case "lines in colour":
            return f"\x1b[32m{text}\x1b[0m\n"
        case "layers redrawn in place":
            return f"\x1b[2A\x1b[2K\rlayer {number}: downloading\r\x1b[2B" if number % 20 else "layer\nlayer\n"
        case _:
            return f"{text}\n"
