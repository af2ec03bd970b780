"""circleci-to-sqlite saves what the fake has, from its command line to its tables.

It has the address of the service in its code; the connection, and nothing else, is turned to the fake.
"""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from said import read_exceptions

from circleci_v1_async.testing import FakeCircleCI

pytest.importorskip("circleci_to_sqlite", reason="needs the environment of tests/peers/run.py")

import requests
from circleci_to_sqlite.cli import cli
from click.testing import CliRunner

SLUG = "github/acme/web"


class Turned(requests.adapters.HTTPAdapter):
    """Sends to the fake what is meant for the service."""

    base_url = ""

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        assert request.url is not None
        request.url = request.url.replace("https://circleci.com/api/v1.1", self.base_url)
        return super().send(request, *args, **options)


@pytest.fixture(autouse=True)
def turned(fake_circleci: FakeCircleCI, monkeypatch: pytest.MonkeyPatch) -> None:
    init = requests.Session.__init__
    monkeypatch.setattr(Turned, "base_url", fake_circleci.base_url)

    def mount(session: requests.Session) -> None:
        init(session)
        session.mount("https://circleci.com/", Turned())

    monkeypatch.setattr(requests.Session, "__init__", mount)
    fake_circleci.add_project(SLUG)
    for status in ("success", "failed", "running"):
        fake_circleci.add_build(SLUG, status=status, steps=("checkout", "pytest"))


@pytest.fixture
def folder(fake_circleci: FakeCircleCI, tmp_path: Path) -> Path:
    (tmp_path / "auth.json").write_text(json.dumps({"circleci_personal_token": fake_circleci.token}))
    return tmp_path


def save(folder: Path, *args: str) -> sqlite3.Connection:
    command = [args[0], str(folder / "ci.db"), *args[1:], "--auth", str(folder / "auth.json")]
    result = CliRunner().invoke(cli, command, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return sqlite3.connect(folder / "ci.db")


def test_it_saves_the_projects(folder: Path):
    rows = save(folder, "projects").execute("select vcs_type, username, reponame, default_branch from projects")
    assert rows.fetchall() == [("github", "acme", "web", "main")]


def test_it_saves_the_jobs_of_a_project_also_twice(folder: Path):
    save(folder, "jobs", SLUG)
    rows = save(folder, "jobs", SLUG).execute("select build_num, status, workflow_name, user_name from jobs order by 1")
    assert rows.fetchall() == [
        (1, "success", "build-and-test", "ada"),
        (2, "failed", "build-and-test", "ada"),
        (3, "running", "build-and-test", "ada"),
    ]


def test_it_saves_the_steps_and_actions_of_a_job(folder: Path):
    database = save(folder, "steps", SLUG, "2")
    assert database.execute("select name from steps order by id").fetchall() == [("checkout",), ("pytest",)]
    assert database.execute("select status, exit_code from actions order by id").fetchall() == [
        ("success", None),
        ("failed", None),
    ]


def test_a_job_outside_of_workflows_cannot_be_saved_and_the_guide_says_so(folder: Path, fake_circleci: FakeCircleCI):
    assert read_exceptions("circleci-to-sqlite").keys() == {"jobs of builds outside of workflows"}
    fake_circleci.add_build(SLUG, workflow=None)
    with pytest.raises(KeyError, match="workflows"):
        save(folder, "jobs", SLUG)
