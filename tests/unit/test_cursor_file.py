"""A cursor in a file: whole at any time, on the disk when it is said to be, and off the event loop."""

import asyncio
import errno
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from circleci_v1_async import CursorFile, InvalidInputError, WatchCursor
from circleci_v1_async.watch._cursor import KnownBuilds

FIRST = WatchCursor("/recent-builds", {"github/acme/web": KnownBuilds(7, 1)})
SECOND = WatchCursor("/recent-builds", {"github/acme/web": KnownBuilds(8, 3)})


@pytest.fixture
def file(tmp_path: Path) -> CursorFile:
    return CursorFile(tmp_path / "cursor.json")


async def test_a_cursor_that_is_saved_comes_back(file: CursorFile) -> None:
    assert await file.load() is None
    for cursor in (FIRST, SECOND):
        await file.save(cursor)
        assert await file.load() == await CursorFile(str(file.path)).load() == cursor
    assert file.path.read_text() == SECOND.to_json()
    assert list(file.path.parent.iterdir()) == [file.path]


async def test_the_file_is_on_the_disk_before_it_has_its_name_and_its_name_when_saving_ends(
    file: CursorFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    await file.save(FIRST)
    steps: list[str] = []
    fsync, replace = os.fsync, os.replace

    def note_fsync(descriptor: int) -> None:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            assert status.st_ino == file.path.parent.stat().st_ino
            steps.append("folder")
        else:
            steps.append(f"{status.st_size} bytes")
        assert file.path.read_text() == (SECOND if "rename" in steps else FIRST).to_json()
        fsync(descriptor)

    def note_replace(*paths: Any) -> None:
        steps.append("rename")
        replace(*paths)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "replace", note_replace)
    await file.save(SECOND)
    assert steps == [f"{len(SECOND.to_json())} bytes", "rename", "folder"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
async def test_a_cursor_that_cannot_be_saved_leaves_the_one_before(
    file: CursorFile, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await file.save(FIRST)

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="No space left"):
        await file.save(SECOND)
    assert await file.load() == FIRST
    assert list(file.path.parent.iterdir()) == [file.path]


async def test_a_folder_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    file = CursorFile(tmp_path / "none" / "cursor.json")
    assert await file.load() is None
    with pytest.raises(FileNotFoundError, match="none"):
        await file.save(FIRST)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b'{"version": 1, "source": "", "projects": {"a": [1e400]}}'])
async def test_a_file_that_holds_no_cursor_is_refused_by_its_name(file: CursorFile, content: bytes) -> None:
    file.path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=r"cursor\.json: cursor: expected what to_json gave"):
        await file.load()


@pytest.mark.parametrize("path", ["", 7, None, b"\xff\xfe"])
def test_a_path_that_is_none_is_refused(path: Any) -> None:
    with pytest.raises(InvalidInputError, match="path: expected the path of a file, got "):
        CursorFile(path)


@pytest.mark.parametrize("cursor", [None, FIRST.to_json()])
async def test_a_cursor_that_is_none_is_refused_before_anything_is_written(file: CursorFile, cursor: Any) -> None:
    with pytest.raises(InvalidInputError, match="cursor: expected a WatchCursor"):
        await file.save(cursor)
    assert await file.load() is None


@pytest.mark.parametrize("call", [CursorFile.load, lambda file: file.save(SECOND)], ids=["load", "save"])
async def test_a_slow_disk_holds_up_nothing_else_and_is_waited_for_also_by_a_caller_that_is_cancelled(
    file: CursorFile, call: Callable[[CursorFile], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    await file.save(FIRST)
    may_go_on = threading.Event()
    ended: list[str] = []
    read_bytes, fsync = Path.read_bytes, os.fsync

    def slow(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def work(argument: Any) -> Any:
            may_go_on.wait()
            ended.append(function.__name__)
            return function(argument)

        return work

    monkeypatch.setattr(Path, "read_bytes", slow(read_bytes))
    monkeypatch.setattr(os, "fsync", slow(fsync))
    calling = asyncio.create_task(call(file))
    for _ in range(10):
        await asyncio.sleep(0)
        calling.cancel()
    assert (calling.done(), ended) == (False, [])
    may_go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await calling
    assert ended
    assert file.path.read_text() == (SECOND if "fsync" in ended else FIRST).to_json()
