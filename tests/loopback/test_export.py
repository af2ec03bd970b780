"""An export has every build with its parts, however often it is killed, and asks for nothing twice."""

import asyncio
import random
import signal
import sqlite3
import sys
from contextlib import closing

import pytest
from history import TABLES, add_history, read_tables

from circleci_v1_async import InvalidInputError, NotFoundError, PermissionDeniedError, ProjectSlug
from circleci_v1_async.export import PARTS, ExportProgress, ExportSummary, export_builds

WEB, API = "github/acme/web", "github/acme/api"
PROGRAM = """
import asyncio, sys
from circleci_v1_async import CircleCISession
from circleci_v1_async.export import PARTS, export_builds

async def main():
    async with CircleCISession.from_env() as ci:
        await export_builds(ci, sys.argv[2:], sys.argv[1], include=PARTS)

asyncio.run(main())
"""


def query(path, sql):
    with closing(sqlite3.connect(path)) as db:
        return db.execute(sql).fetchall()


async def run_killed(path, fake, after):
    """Run an export in a process that is killed once the fake has been asked so many times."""
    before = len(fake.requests)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", PROGRAM, path, WEB, API)

    def kill(_request):
        # Once: a second signal would reap the process, of which its exit code were then lost.
        if len(fake.requests) - before == after and process.returncode is None:
            process.send_signal(signal.SIGKILL)

    fake.before_reply(kill)
    async with asyncio.timeout(60):
        return await process.wait()


async def test_killed_at_ten_moments_and_run_again_it_equals_one_that_was_not_disturbed(ci, service, tmp_path):
    add_history(service, WEB, 130)
    add_history(service, API, 20)
    await export_builds(ci, [WEB, API], tmp_path / "whole.db", include=PARTS)
    per_run = len(service.requests)
    whole = read_tables(tmp_path / "whole.db")

    chance = random.Random(7)  # noqa: S311 - reproducible on purpose
    path = tmp_path / "killed.db"
    killed = 0
    while killed < 10:
        if await run_killed(path, service, chance.randrange(1, per_run)) == -signal.SIGKILL:
            killed += 1
        else:
            # It had come to its end before.
            assert read_tables(path) == whole
            path = tmp_path / f"killed-{killed}.db"
    await export_builds(ci, [WEB, API], path, include=PARTS)

    assert read_tables(path) == whole
    assert [len(whole[table]) for table in TABLES[:2]] == [150, 2 * (150 - 130 // 7 - 20 // 7)]


async def test_a_run_that_ended_in_the_middle_leaves_no_gap(ci, fake, tmp_path):
    add_history(fake, WEB, 250)
    path = tmp_path / "history.db"

    def stop(_event):
        raise KeyError

    with pytest.raises(KeyError):
        await export_builds(ci, [WEB], path, progress=stop)
    assert query(path, "SELECT count(*) FROM builds") == [(100,)]
    fake.add_build(WEB)

    await export_builds(ci, [WEB], path)

    assert query(path, "SELECT count(*), min(build_num), max(build_num) FROM builds") == [(251, 1, 251)]


async def test_a_second_run_reads_one_page_and_what_was_unfinished(ci, fake, tmp_path):
    fake.add_project(WEB)
    for _ in range(250):
        fake.add_build(WEB)
    fake.add_build(WEB, status="running", steps=("checkout",))
    for _ in range(100):
        fake.add_build(WEB)
    path = tmp_path / "history.db"
    await export_builds(ci, [WEB], path, include=["steps"])
    assert query(path, "SELECT build_num FROM builds WHERE NOT is_finished") == [(251,)]
    fake.finish_build(WEB, 251, "failed")
    fake.add_build(WEB)
    before = len(fake.requests)

    summary = await export_builds(ci, [WEB], path, include=["steps"])

    paths = [request.path for request in list(fake.requests)[before:]]
    assert sorted(path.rpartition("/")[2] for path in paths) == ["251", "251", "352", "web"]
    assert summary == ExportSummary(builds=101, requested=2)
    assert query(path, "SELECT outcome FROM builds WHERE build_num = 251") == [("failed",)]
    assert query(path, "SELECT count(*) FROM steps WHERE build_id = 'github/acme/web/251'") == [(1,)]


async def test_a_second_run_ends_with_the_page_whose_last_build_is_known(ci, fake, tmp_path):
    fake.add_project(WEB)
    fake.add_build(WEB)
    path = tmp_path / "history.db"
    await export_builds(ci, [WEB], path)
    for _ in range(99):
        fake.add_build(WEB)
    before = len(fake.requests)

    await export_builds(ci, [WEB], path)

    assert len(fake.requests) - before == 1
    assert query(path, "SELECT count(*) FROM builds") == [(100,)]


async def test_parts_can_be_added_later_and_those_that_are_there_stay(ci, fake, tmp_path):
    add_history(fake, WEB, 3)
    path = tmp_path / "history.db"
    await export_builds(ci, [WEB], path, include=["steps"])
    steps = query(path, "SELECT * FROM steps")

    await export_builds(ci, ["gh/acme/web", WEB], path, include=["tests"])
    await export_builds(ci, [WEB], path)

    assert query(path, "SELECT * FROM steps") == steps
    assert query(path, "SELECT name, run_time FROM tests ORDER BY name") == [(f"test_{n}", 0.5) for n in (1, 2, 3)]
    assert query(path, "SELECT count(*) FROM artifacts") == [(0,)]


async def test_older_builds_that_lack_a_part_get_it(ci, fake, tmp_path):
    fake.add_project(WEB)
    for _ in range(201):
        fake.add_build(WEB)
    fake.add_test(WEB, 1, name="test_old")
    path = tmp_path / "history.db"
    await export_builds(ci, [WEB], path)

    summary = await export_builds(ci, [WEB], path, include=["tests"])

    assert summary.requested == 201
    assert query(path, "SELECT name FROM tests") == [("test_old",)]


async def test_a_build_that_was_deleted_stays_in_the_file(ci, fake, tmp_path):
    fake.add_project(WEB)
    fake.add_build(WEB, status="running")
    for _ in range(150):
        fake.add_build(WEB)
    path = tmp_path / "history.db"
    await export_builds(ci, [WEB], path)
    fake.remove_build(WEB, 1)
    fake.remove_build(WEB, 2)

    await export_builds(ci, [WEB], path, include=["artifacts"])

    assert query(path, "SELECT build_num, is_finished FROM builds WHERE build_num < 3 ORDER BY 1") == [(1, 0), (2, 1)]


async def test_a_project_without_builds_is_no_error(ci, fake, tmp_path):
    fake.add_project(WEB)
    assert await export_builds(ci, [WEB], tmp_path / "history.db", include=PARTS) == ExportSummary(0, 0)


async def test_progress_tells_how_much_is_written_and_left(ci, fake, tmp_path):
    fake.add_project(WEB)
    for _ in range(150):
        fake.add_build(WEB)
    events = []

    await export_builds(ci, [WEB], tmp_path / "history.db", progress=events.append)

    web = ProjectSlug.parse(WEB)
    assert events == [ExportProgress(web, 100, 50), ExportProgress(web, 150, 0)]


async def test_an_error_of_the_service_ends_it_and_the_pages_before_stay(ci, fake, tmp_path):
    add_history(fake, WEB, 101)
    path = tmp_path / "history.db"
    fake.fail_next(403, path=f"/project/{WEB}/1/tests")

    with pytest.raises(PermissionDeniedError):
        await export_builds(ci, [WEB], path, include=["tests"])

    assert query(path, "SELECT count(*) FROM builds") == [(100,)]


async def test_a_project_that_is_not_there_is_told(ci, tmp_path):
    with pytest.raises(NotFoundError):
        await export_builds(ci, [WEB], tmp_path / "history.db")


async def test_a_file_that_is_no_database_is_left_alone(ci, tmp_path):
    path = tmp_path / "history.db"
    path.write_text("some text, and much more of it\n" * 100)

    with pytest.raises(sqlite3.DatabaseError):
        await export_builds(ci, [WEB], path)

    assert path.read_text().startswith("some text")


@pytest.mark.parametrize(
    ("projects", "options", "message"),
    [
        (WEB, {}, "projects: expected a list of projects, got 'github/acme/web'"),
        ([WEB], {"include": "steps"}, "include: expected a list of steps, tests, artifacts, got 'steps'"),
        ([WEB], {"include": ["logs"]}, r"include: expected a list of steps, tests, artifacts, got \['logs'\]"),
        ([WEB], {"concurrency": 0}, "concurrency: "),
        (["web"], {}, "expected a project as"),
    ],
)
async def test_wrong_arguments_are_refused_before_the_file_is_made(ci, tmp_path, projects, options, message):
    path = tmp_path / "history.db"
    with pytest.raises(InvalidInputError, match=message):
        await export_builds(ci, projects, path, **options)
    assert not path.exists()


async def test_without_the_extra_the_error_names_it(ci, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sqlite_utils", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'circleci-v1-async\[export\]'"):
        await export_builds(ci, [WEB], tmp_path / "history.db")


async def test_the_schema_is_plain_sqlite_whose_keys_datasette_can_follow(ci, fake, tmp_path):
    add_history(fake, WEB, 1)
    path = tmp_path / "history.db"
    await export_builds(ci, [WEB], path, include=PARTS)

    types = {row[2] for table in TABLES for row in query(path, f"PRAGMA table_info({table})")}
    assert types <= {"TEXT", "INTEGER", "FLOAT", "REAL"}
    for table in TABLES:
        assert any(row[5] for row in query(path, f"PRAGMA table_info({table})"))
        assert query(path, f"SELECT rowid FROM {table}")  # noqa: S608 - our own
    for table in ("steps", "tests", "artifacts", "export_parts"):
        assert [row[2:5] for row in query(path, f"PRAGMA foreign_key_list({table})")] == [("builds", "build_id", "id")]
    assert query(path, "PRAGMA foreign_key_check") == []
    assert {row[0] for row in query(path, "SELECT type FROM sqlite_master")} == {"table", "index"}


async def test_no_secret_is_written(ci, fake, tmp_path):
    fake.add_project(WEB)
    fake.add_build(WEB, build_parameters={"PASSWORD": "hunter2"})
    fake.add_step(WEB, 1, "pytest", output="text")
    path = tmp_path / "history.db"
    await export_builds(ci, [WEB], path, include=PARTS)
    detail = await ci.get_build(WEB, 1)
    content = path.read_bytes()
    assert detail.steps[0].actions[0].output_url.encode() not in content
    assert b"hunter2" not in content
