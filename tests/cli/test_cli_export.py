"""What `circleci-v1 export` writes and says."""

import sqlite3
import sys
from contextlib import closing

import pytest
from cli_runner import WEB, run_beside, shown_on, terminal


@pytest.fixture
def web(service):
    service.add_project(WEB)
    for _ in range(2):
        service.add_build(WEB, steps=("checkout",))
    return service


@pytest.mark.usefixtures("web")
async def test_export_writes_builds_and_says_how_many(tmp_path):
    path = tmp_path / "history.db"

    result = await run_beside("export", WEB, "--to", path, "--with", "steps, tests")

    assert (result.exit_code, result.stdout, result.stderr) == (0, "", f"2 builds written to {path}\n")
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM builds").fetchall() == [(2,)]
        assert db.execute("SELECT DISTINCT part FROM export_parts ORDER BY 1").fetchall() == [("steps",), ("tests",)]


async def test_on_a_terminal_export_shows_a_bar_for_each_project(web, tmp_path):
    for _ in range(148):
        web.add_build(WEB)
    console = terminal()
    result = await run_beside("export", WEB, "--to", tmp_path / "history.db", obj=console)
    assert result.exit_code == 0, result.output
    assert WEB in shown_on(console)
    assert "150/150" in shown_on(console)


async def test_export_refuses_parts_that_it_does_not_know(tmp_path):
    result = await run_beside("export", WEB, "--to", tmp_path / "history.db", "--with", "steps,logs")
    assert result.exit_code == 2
    assert "expected steps, tests, artifacts; got logs." in result.stderr


@pytest.mark.usefixtures("web")
async def test_export_without_its_extra_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sqlite_utils", None)
    result = await run_beside("export", WEB, "--to", tmp_path / "history.db")
    assert (result.exit_code, result.stderr) == (
        1,
        "Error: The export needs sqlite-utils: pip install 'circleci-v1-async[export]'\n",
    )


@pytest.mark.usefixtures("web")
async def test_export_names_a_file_that_is_no_database(tmp_path):
    path = tmp_path / "history.db"
    path.write_text("text" * 1000)
    result = await run_beside("export", WEB, "--to", path)
    assert (result.exit_code, result.stderr) == (1, f"Error: {path}: file is not a database.\n")
