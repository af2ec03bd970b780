"""Logs as a terminal shows them: the speed for long ones, and the memory."""

import tracemalloc
from collections.abc import Iterator
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
_KINDS: Final = (_PLAIN, "lines that end in CR LF", "lines in colour", "layers redrawn in place")


def run() -> Report:
    """Show a million lines of each kind, once for the time and once for the memory."""
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
    title = (
        f"{_LINES:,} lines in pieces of 64 KiB, as a terminal shows them: at least {_LEAST_MB_PER_SECOND:g} MB of CPU "
        f"time a second for {_PLAIN}, and at most {_MOST_MB:g} MB of memory, those pieces included"
    )
    return Report(title, ("log", "MB", "lines shown", "MB/s", "peak MB"), rows, misses)


def _show(kind: str, count: int) -> tuple[float, int]:
    """Return the MB that were written, and the lines that are shown."""
    log = LogLines(strip_ansi=True, max_size=2**26)
    written = shown = 0
    for piece in _pieces(kind, count):
        written += len(piece)
        shown += len(log.feed(StepOutput(message=piece)))
    return written / 1e6, shown + len(log.finish())


def _pieces(kind: str, count: int) -> Iterator[str]:
    """Cut a log into pieces, which end anywhere."""
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
