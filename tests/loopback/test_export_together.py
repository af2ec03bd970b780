"""Exports of one project that run at once, beside readers, or are killed: in the end the file lacks nothing."""

import asyncio
import contextlib
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs
import pytest
from downloading import names
from history import add_history, read_tables
from hypothesis import example, given
from hypothesis import strategies as st
from script_server import Received, ScriptServer, error, reply
from yarl import URL

from circleci_v1_async import BuildDetail, CircleCISession, InvalidInputError, loads
from circleci_v1_async._core.tasks import run_in_thread
from circleci_v1_async.export import PARTS, export_builds
from circleci_v1_async.export import _export as export_module
from circleci_v1_async.testing import FakeCircleCI

WEB = "github/acme/web"


def query(path: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(sql).fetchall()


@attrs.define
class History:
    """A service with builds that are added and finish, whose pages have two builds."""

    finished: dict[int, bool] = attrs.field(factory=dict)

    def add(self, number: int = 1) -> None:
        for _ in range(number):
            self.finished[len(self.finished) + 1] = len(self.finished) % 3 > 0

    def finish(self) -> None:
        self.finished = dict.fromkeys(self.finished, True)

    def build(self, number: int) -> BuildDetail:
        action = b'{"step": 0, "index": 0, "name": "pytest"}'
        state = b"finished" if self.finished[number] else b"running"
        text = b'{"build_num": %d, "lifecycle": "%s", "steps": [{"name": "pytest", "actions": [%s]}]}'
        return loads(text % (number, state, action), BuildDetail)

    # What an export uses of a session.

    def iter_project_builds(self, _project: object) -> "History":
        return self

    async def pages(self) -> Any:
        last = len(self.finished) + 1
        while numbers := range(last - 1, max(0, last - 3), -1):
            last = numbers[-1]
            yield [self.build(number) for number in numbers]

    async def get_build(self, _project: object, number: int) -> BuildDetail:
        return self.build(number)


class Schedule:
    """Exports whose transactions happen one at a time, in an order that the test chooses."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._waiting: dict[asyncio.Task[Any], asyncio.Future[None]] = {}
        self._changed = asyncio.Event()
        self._is_free = False
        monkeypatch.setattr(export_module, "run_in_thread", self._run)

    async def _run(self, function: Any, threads: Any) -> Any:
        task = asyncio.current_task()
        assert task is not None
        if not self._is_free and not task.cancelling():
            turn = self._waiting[task] = asyncio.get_running_loop().create_future()
            self._changed.set()
            try:
                await turn
            except asyncio.CancelledError:
                if getattr(function, "__name__", "") == "close":
                    # A file is closed even if its export is killed meanwhile, as by the idle thread of an export.
                    await run_in_thread(function, threads)
                raise
            finally:
                self._waiting.pop(task, None)
        return await run_in_thread(function, threads)

    def begin(self, history: History, path: Path) -> "asyncio.Task[Any]":
        task = asyncio.create_task(export_builds(history, [WEB], path, include=["steps"]))  # type: ignore[arg-type]
        task.add_done_callback(lambda _: self._changed.set())
        return task

    async def step(self, task: "asyncio.Task[Any]") -> None:
        """Let an export do its next transaction, and wait until it wants to do another one or has ended."""
        await self._reach(task)
        if task in self._waiting:
            self._waiting.pop(task).set_result(None)
            await self._reach(task)

    async def _reach(self, task: "asyncio.Task[Any]") -> None:
        while not task.done() and task not in self._waiting:
            self._changed.clear()
            await self._changed.wait()

    async def run_alone(self, history: History, path: Path) -> None:
        self._is_free = True
        await self.begin(history, path)
        self._is_free = False


# Who does so many transactions, or what happens between two of them.
EXPORTS = st.tuples(st.sampled_from(["first", "second"]), st.integers(1, 9))
EVENTS = st.sampled_from([("kill first", 1), ("kill second", 1), ("new builds", 5), ("builds finish", 1)])
STEPS = st.lists(EXPORTS | EVENTS, min_size=3, max_size=12)


async def disturb(schedule: Schedule, history: History, path: Path, steps: list[tuple[str, int]]) -> None:
    """Run two exports at once, begun anew whenever they end or are killed."""
    tasks: dict[str, asyncio.Task[Any]] = {}
    for step, count in steps:
        match step.split():
            case ["new", _]:
                history.add(count)
            case ["builds", _]:
                history.finish()
            case ["kill", name]:
                await stop(tasks.pop(name, None))
            case [name]:
                if name not in tasks or tasks[name].done():
                    tasks[name] = schedule.begin(history, path)
                for _ in range(count):
                    await schedule.step(tasks[name])
    for task in tasks.values():
        await stop(task)


async def stop(task: "asyncio.Task[Any] | None") -> None:
    if task is not None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.mark.fault(74)
@example(steps=[("first", 6), ("new builds", 5), ("second", 4), ("kill second", 1), ("first", 9)])
@given(steps=STEPS)
def test_whatever_two_exports_do_to_a_file_one_more_run_completes_it(steps: list[tuple[str, int]]) -> None:
    async def run() -> None:
        with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as monkeypatch:
            schedule = Schedule(monkeypatch)
            history = History()
            history.add(5)
            disturbed, undisturbed = Path(folder, "disturbed.db"), Path(folder, "undisturbed.db")
            await disturb(schedule, history, disturbed, steps)
            for path in (disturbed, undisturbed):
                await schedule.run_alone(history, path)
            assert read_tables(disturbed) == read_tables(undisturbed)

    asyncio.run(run())


@pytest.mark.fault(74)
async def test_an_export_that_ends_does_not_count_builds_of_one_that_died(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "history.db"
    schedule, history = Schedule(monkeypatch), History()
    history.add(4)
    first, second = schedule.begin(history, path), schedule.begin(history, path)
    for _ in range(4):
        await schedule.step(first)
    history.add(9)
    for _ in range(4):
        await schedule.step(second)
    assert query(path, "SELECT max(build_num), count(*) FROM builds") == [(13, 4)]
    await stop(second)
    while not first.done():
        await schedule.step(first)
    assert query(path, "SELECT known_through FROM export_progress") == [(4,)]

    await schedule.run_alone(history, path)

    assert query(path, "SELECT known_through, count(*) FROM export_progress, builds") == [(13, 13)]


@pytest.mark.fault(74)
async def test_the_mark_of_an_export_never_goes_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    schedule, history = Schedule(monkeypatch), History()
    history.add(4)
    slow = schedule.begin(history, path)
    for _ in range(4):
        await schedule.step(slow)
    history.add(2)
    await schedule.run_alone(history, path)
    while not slow.done():
        await schedule.step(slow)
    assert query(path, "SELECT known_through FROM export_progress") == [(6,)]


@pytest.mark.fault(74)
async def test_four_exports_of_one_project_at_once_all_end_well(
    ci: CircleCISession, fake: FakeCircleCI, tmp_path: Path
) -> None:
    add_history(fake, WEB, 250)
    path = tmp_path / "history.db"
    await asyncio.gather(*(export_builds(ci, [WEB], path, include=["steps"]) for _ in range(4)))
    assert query(path, "SELECT count(*), known_through FROM builds, export_progress") == [(250, 250)]
    assert names(tmp_path) == ["history.db"]


@pytest.mark.fault(82)
async def test_a_writer_is_waited_for(
    ci: CircleCISession, fake: FakeCircleCI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_history(fake, WEB, 3)
    path = tmp_path / "history.db"
    await export_builds(ci, [WEB], path)
    fake.add_build(WEB)
    loop = asyncio.get_running_loop()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
                if sql == "BEGIN IMMEDIATE":
                    loop.call_soon_threadsafe(other.rollback)
                return super().execute(sql, *arguments)

        connect = sqlite3.connect
        monkeypatch.setattr(sqlite3, "connect", lambda *args, **options: connect(*args, factory=Connection, **options))
        await export_builds(ci, [WEB], path)
        assert not other.in_transaction
    assert query(path, "SELECT count(*) FROM builds") == [(4,)]


@pytest.mark.fault(82)
async def test_readers_do_not_end_an_export_nor_see_half_of_it(
    ci: CircleCISession, fake: FakeCircleCI, tmp_path: Path
) -> None:
    add_history(fake, WEB, 3)
    path = tmp_path / "history.db"
    await export_builds(ci, [WEB], path)
    add_history(fake, "github/acme/api", 150)
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM builds").fetchall() == [(3,)]
        await export_builds(ci, [WEB, "github/acme/api"], path)
        assert reader.execute("SELECT count(*) FROM builds").fetchall() == [(3,)]
        reader.execute("COMMIT")
        assert reader.execute("SELECT count(*) FROM builds").fetchall() == [(153,)]
    assert names(tmp_path) == ["history.db"]


@pytest.mark.fault(82)
@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**40])
async def test_integers_beyond_64_bits_are_kept_as_text(
    ci: CircleCISession, fake: FakeCircleCI, tmp_path: Path, number: int
) -> None:
    fake.add_project(WEB)
    fake.add_build(WEB, build_time_millis=number)
    fake.add_step(WEB, 1, "pytest", exit_code=number)
    path = tmp_path / "history.db"
    await export_builds(ci, [WEB], path, include=PARTS)
    for sql in ("SELECT build_time_millis FROM builds", "SELECT exit_code FROM steps"):
        [(text,)] = query(path, sql)
        assert isinstance(text, str)
        assert int(text) == number


@pytest.mark.fault(82)
async def test_a_build_number_beyond_64_bits_does_not_end_the_exports_of_its_project(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    schedule, path = Schedule(monkeypatch), tmp_path / "history.db"
    number = 2**63

    class Odd(History):
        async def pages(self) -> Any:
            yield [self.build(number)]

    for is_finished in (False, True):
        await schedule.run_alone(Odd({number: is_finished}), path)
    rows = query(path, "SELECT build_num, is_finished, known_through FROM builds, export_progress")
    assert rows == [(f"{number:_}", 1, f"{number:_}")]


@pytest.mark.fault(82)
@pytest.mark.parametrize("version", [0, 1])
async def test_a_file_of_an_older_version_or_without_a_column_is_brought_up_to_date(
    ci: CircleCISession, fake: FakeCircleCI, tmp_path: Path, version: int
) -> None:
    add_history(fake, WEB, 5)
    path, whole = tmp_path / "history.db", tmp_path / "whole.db"
    for file in (path, whole):
        await export_builds(ci, [WEB], file, include=PARTS)
    assert query(path, "PRAGMA user_version") == [(1,)]
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {version}")
        db.executescript(
            "PRAGMA journal_mode = DELETE; ALTER TABLE builds DROP COLUMN subject;"
            "ALTER TABLE artifacts DROP COLUMN node_index; CREATE TABLE mine (a); INSERT INTO mine VALUES (1);"
            # As an export did that ran beside another one.
            "DELETE FROM steps; DELETE FROM tests; DELETE FROM artifacts; DELETE FROM export_parts; DELETE FROM builds"
        )

    await export_builds(ci, [WEB], path, include=PARTS)

    assert query(path, "SELECT * FROM mine") == [(1,)]
    for sql in ("SELECT build_num, subject FROM builds", "SELECT path, node_index FROM artifacts"):
        assert query(path, f"{sql} ORDER BY 1") == query(whole, f"{sql} ORDER BY 1")


@pytest.mark.fault(82)
async def test_a_mark_of_an_older_version_is_not_believed_and_one_of_this_version_is(
    ci: CircleCISession, fake: FakeCircleCI, tmp_path: Path
) -> None:
    fake.add_project(WEB)
    for _ in range(250):
        fake.add_build(WEB)
    path = tmp_path / "history.db"
    await export_builds(ci, [WEB], path)
    for version, builds in ((1, 100), (0, 250)):
        with closing(sqlite3.connect(path)) as db:
            db.execute(f"PRAGMA user_version = {version}")
        assert (await export_builds(ci, [WEB], path)).builds == builds


@pytest.mark.fault(82)
async def test_a_file_of_a_newer_version_or_another_program_is_refused_and_left_alone(
    ci: CircleCISession, tmp_path: Path
) -> None:
    path = tmp_path / "history.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript("PRAGMA user_version = 2; CREATE TABLE builds (a)")
    before = path.read_bytes()
    with pytest.raises(
        InvalidInputError, match="path: expected an export with a user_version up to 1, got 2, of a newer"
    ):
        await export_builds(ci, [WEB], path)
    assert path.read_bytes() == before


@pytest.mark.fault(82)
@pytest.mark.parametrize("path", [":memory:", "file:x?mode=memory", "file:history.db", "", b"history.db", 5, None])
async def test_a_path_that_sqlite_takes_for_no_file_is_refused(
    ci: CircleCISession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInputError, match="path: expected the path of a file, got"):
        await export_builds(ci, [WEB], path)
    assert names(tmp_path) == []


async def test_a_file_whose_name_is_one_of_sqlites_is_a_file(
    ci: CircleCISession, fake: FakeCircleCI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.add_project(WEB)
    monkeypatch.chdir(tmp_path)
    await export_builds(ci, [WEB], "./:memory:")
    assert names(tmp_path) == [":memory:"]


@pytest.mark.fault(82)
async def test_a_service_that_lists_no_more_ends_the_walk_and_the_next_run_reads_what_is_new(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, newest = tmp_path / "history.db", 900

    async def act(received: Received, writer: asyncio.StreamWriter) -> None:
        offset = int(URL(received.target).query["offset"])
        page = [{"build_num": newest - offset - n, "lifecycle": "finished"} for n in range(100)]
        writer.write(error(400, "No more builds") if offset >= 300 else reply(200, page))

    async with ScriptServer(act) as server, CircleCISession(base_url=server.base_url) as ci:
        assert (await export_builds(ci, [WEB], path)).builds == 385
        assert "github/acme/web: the service lists no builds below 516: GET" in caplog.text
        newest = 903
        server.requests.clear()
        assert (await export_builds(ci, [WEB], path)).builds == 100
    assert len(server.requests) == 1
    assert query(path, "SELECT count(*), known_through FROM builds, export_progress") == [(388, 903)]
