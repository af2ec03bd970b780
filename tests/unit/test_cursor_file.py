"""A cursor in a file: whole at any time, on the disk when it is said to be, and off the event loop."""

import asyncio
import copy
import errno
import os
import pickle
import stat
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from downloading import names

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
    with pytest.raises(InvalidInputError, match=r"cursor\.json: cursor: expected JSON from to_json"):
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


class SlowDisk:
    """A disk on which files cannot be opened until it is told to go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.proceed = threading.Event()
        self.entered = threading.Event()
        self._open = os.open
        monkeypatch.setattr(os, "open", self._wait_and_open)

    def _wait_and_open(self, *args: Any, **options: Any) -> int:
        self.entered.set()
        assert self.proceed.wait(60)
        return self._open(*args, **options)


@pytest.fixture
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowDisk]:
    slow_disk = SlowDisk(monkeypatch)
    yield slow_disk
    slow_disk.proceed.set()


@pytest.mark.fault(72)
@pytest.mark.parametrize("call", [CursorFile.load, lambda file: file.save(SECOND)], ids=["load", "save"])
async def test_a_time_limit_ends_a_call_whose_disk_does_not_answer(
    file: CursorFile, call: Callable[[CursorFile], Any], slow_disk: SlowDisk
) -> None:
    calling = asyncio.create_task(call(file))
    while not slow_disk.entered.is_set():  # noqa: ASYNC110 - a thread sets it
        await asyncio.sleep(0)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await call(file)


@pytest.mark.fault(72)
async def test_a_cursor_whose_saving_was_cancelled_never_replaces_a_later_one(
    file: CursorFile, slow_disk: SlowDisk
) -> None:
    saving = asyncio.create_task(file.save(FIRST))
    while not slow_disk.entered.is_set():  # noqa: ASYNC110 - a thread sets it
        await asyncio.sleep(0)
    saving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await saving
    later = asyncio.create_task(file.save(SECOND))
    await asyncio.sleep(0)
    slow_disk.proceed.set()
    await later
    assert await file.load() == SECOND


@pytest.mark.fault(72)
async def test_a_disk_that_does_not_answer_leaves_the_loops_threads_alone(
    file: CursorFile, slow_disk: SlowDisk
) -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    loading = asyncio.create_task(file.load())
    while not slow_disk.entered.is_set():  # noqa: ASYNC110 - a thread sets it
        await asyncio.sleep(0)
    assert await asyncio.to_thread(int) == 0
    slow_disk.proceed.set()
    assert await loading is None


@pytest.mark.fault(67)
@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir], ids=["FIFO", "folder"])
async def test_something_else_than_a_regular_file_is_refused_at_once(
    file: CursorFile, make: Callable[[Path], None]
) -> None:
    make(file.path)
    async with asyncio.timeout(60):
        with pytest.raises(InvalidInputError, match="path: expected a regular file: "):
            await file.load()
        with pytest.raises(InvalidInputError, match="path: expected a regular file: "):
            await file.save(FIRST)
    assert names(file.path.parent) in ([], [file.path.name])


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664])
async def test_a_file_keeps_its_mode(file: CursorFile, mode: int) -> None:
    await file.save(FIRST)
    file.path.chmod(mode)
    await file.save(SECOND)
    assert stat.S_IMODE(file.path.stat().st_mode) == mode


async def test_a_new_file_has_the_mode_of_any_new_file(file: CursorFile) -> None:
    before = os.umask(0o027)
    try:
        await file.save(FIRST)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o640


@pytest.mark.parametrize("exists", ["file", "nothing"])
async def test_a_symbolic_link_is_followed(file: CursorFile, tmp_path: Path, exists: str) -> None:
    target = tmp_path / "elsewhere" / "real.json"
    target.parent.mkdir()
    if exists == "file":
        await CursorFile(target).save(FIRST)
    file.path.symlink_to("elsewhere/real.json")
    assert await file.load() == (FIRST if exists == "file" else None)
    await file.save(SECOND)
    assert file.path.is_symlink()
    assert await CursorFile(target).load() == await file.load() == SECOND
    assert names(tmp_path) == ["cursor.json", "elsewhere/real.json"]


def test_a_cursor_file_can_be_compared_copied_and_pickled(file: CursorFile) -> None:
    for again in (copy.deepcopy(file), pickle.loads(pickle.dumps(file))):  # noqa: S301 - our own
        assert again == file
        assert hash(again) == hash(file)
        assert repr(again) == f"CursorFile(path={file.path!r})"
