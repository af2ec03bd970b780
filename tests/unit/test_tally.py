"""Sums over the files of a download."""

from pathlib import Path

from circleci_v1_async import Artifact, Download, DownloadEvent, DownloadStatus, DownloadTotals, InvalidInputError
from circleci_v1_async.artifacts._events import ProgressReporter

A, B = (Artifact(path=name, url=f"https://a.example/{name}") for name in "ab")
PATH_A, PATH_B = Path("a"), Path("b")


async def test_a_file_that_begins_once_more_is_counted_anew() -> None:
    events: list[DownloadEvent] = []
    tally = ProgressReporter(events.append, 2)
    await tally.start(A, PATH_A, 100, 0)
    await tally.advance(A, PATH_A, 60)
    await tally.start(B, PATH_B, 10, 4)
    await tally.start(A, PATH_A, 200, 50)
    assert events[-1].totals == DownloadTotals(2, received=54, size=210)


async def test_a_file_of_unknown_size_counts_with_what_is_there() -> None:
    events: list[DownloadEvent] = []
    tally = ProgressReporter(events.append, 2)
    await tally.start(A, PATH_A, None, 0)
    await tally.advance(A, PATH_A, 7)
    assert events[-1].totals == DownloadTotals(2, received=7, size=7)
    await tally.start(A, PATH_A, 9, 7)
    assert events[-1].totals == DownloadTotals(2, received=7, size=9)
    await tally.start(A, PATH_A, None, 8)
    assert events[-1].totals == DownloadTotals(2, received=8, size=8)


async def test_bytes_of_a_file_that_failed_no_longer_count() -> None:
    events: list[DownloadEvent] = []
    tally = ProgressReporter(events.append, 2)
    await tally.start(B, PATH_B, 10, 10)
    await tally.finish(Download(B, PATH_B, 10, DownloadStatus.SKIPPED))
    assert events[-1].totals == DownloadTotals(2, finished=1, received=10, size=10)
    await tally.start(A, PATH_A, None, 3)
    await tally.finish(Download(A, PATH_A, None, DownloadStatus.FAILED, InvalidInputError("no")))
    assert events[-1].totals == DownloadTotals(2, finished=2, failed=1, received=10, size=10)


async def test_without_a_callback_nothing_is_counted() -> None:
    tally = ProgressReporter(None, 1)
    await tally.start(A, PATH_A, 5, 0)
    await tally.advance(A, PATH_A, 5)
    await tally.finish(Download(A, PATH_A, 5, DownloadStatus.DOWNLOADED))
    assert tally._totals == DownloadTotals(1)
