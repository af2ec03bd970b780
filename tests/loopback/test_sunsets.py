"""Operations whose end is announced: who uses them hears of it in time, and finds out what to use instead."""

import asyncio
import inspect
import logging
import subprocess
import sys
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from script_server import ScriptServer, reply

from circleci_v1_async import (
    CircleCISession,
    CircleCISunsetWarning,
    GoneError,
    InvalidInputError,
    Request,
    Sunset,
    sunset,
)
from circleci_v1_async.testing import FakeCircleCI

WEB = "github/acme/web"
V2_RUN = "POST /api/v2/project/{provider}/{organization}/{project}/pipeline/run"
V2_RERUN = "POST /api/v2/workflow/{id}/rerun"


class Ending(NamedTuple):
    operation: str
    call: Callable[[CircleCISession], Awaitable[Any]]
    replacement: str


ENDINGS = [
    Ending("POST /project/{project}", lambda ci: ci.trigger_build(WEB), V2_RUN),
    Ending("POST /project/{project}/tree/{branch}", lambda ci: ci.trigger_branch_build(WEB, "main"), V2_RUN),
    Ending("POST /project/{project}/build", lambda ci: ci.trigger_pipeline(WEB), V2_RUN),
    Ending("POST /project/{project}/{build_num}/retry", lambda ci: ci.retry_build(WEB, 1), V2_RERUN),
    Ending("POST /project/{project}/{build_num}/ssh", lambda ci: ci.retry_build_with_ssh(WEB, 1), V2_RERUN),
]
each_ending = pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.operation)


@pytest.fixture(autouse=True)
def nothing_said_yet() -> None:
    sunset.warn_once.cache_clear()
    sunset.log_once.cache_clear()


@pytest.fixture(autouse=True)
def warnings_are_shown() -> None:
    warnings.simplefilter("always", CircleCISunsetWarning)


@pytest.fixture
async def fake() -> AsyncIterator[FakeCircleCI]:
    async with FakeCircleCI() as fake:
        fake.add_project(WEB)
        fake.add_build(WEB)
        yield fake


# Before.


@each_ending
async def test_an_operation_that_ends_warns_with_the_date_and_the_replacement(
    ci: CircleCISession, ending: Ending
) -> None:
    with pytest.warns(CircleCISunsetWarning) as warned:
        await ending.call(ci)
    (warning,) = warned
    assert issubclass(warning.category, FutureWarning)
    text = str(warning.message)
    assert text.startswith(f"CircleCI removes {ending.operation} on 2027-02-01")
    assert f"Use {ending.replacement} or POST /api/v3/" in text


async def test_it_warns_once_for_each_operation_whatever_the_project_and_the_session(
    fake: FakeCircleCI, ci: CircleCISession
) -> None:
    fake.add_project("gh/acme/api")
    with warnings.catch_warnings(record=True) as warned:
        for _ in range(2):
            for ending in ENDINGS:
                await ending.call(ci)
        await ci.trigger_build("gh/acme/api")
        await ci.with_options(timeout=5).trigger_build(WEB)
        async with CircleCISession(fake.token, base_url=fake.base_url) as other:
            await other.trigger_build(WEB)
    assert len(warned) == len(ENDINGS)


@each_ending
async def test_a_filter_that_makes_it_an_error_costs_nothing_and_does_so_every_time(
    fake: FakeCircleCI, ci: CircleCISession, ending: Ending
) -> None:
    warnings.simplefilter("error", CircleCISunsetWarning)
    for _ in range(2):
        with pytest.raises(CircleCISunsetWarning, match=r"2027-02-01"):
            await ending.call(ci)
    assert fake.requests == []


async def test_a_bad_argument_is_told_before_anything_else(ci: CircleCISession) -> None:
    with pytest.raises(InvalidInputError):
        await ci.trigger_branch_build(WEB, "")


async def test_every_operation_that_is_not_to_end_keeps_still(ci: CircleCISession) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        await ci.cancel_build(WEB, 1)
        await ci.add_ssh_users(WEB, 1)


async def test_the_warning_points_at_the_line_that_awaits(ci: CircleCISession) -> None:
    with pytest.warns(CircleCISunsetWarning) as warned:
        await ci.trigger_build(WEB)  # this line
    (warning,) = warned
    assert warning.filename == __file__
    line = inspect.getsource(sys.modules[__name__]).splitlines()[warning.lineno - 1]
    assert line.endswith("# this line")


@pytest.mark.parametrize("started", ["asyncio.create_task(call)", "asyncio.gather(call)", "asyncio.wait_for(call, 5)"])
def test_the_warning_of_a_task_points_out_of_asyncio_and_of_the_package(started: str) -> None:
    code = f"""
import asyncio, warnings
from circleci_v1_async import CircleCISession

async def main():
    async with CircleCISession(base_url="http://127.0.0.1:9") as ci:
        call = ci.trigger_build("gh/acme/web")
        await {started}

try:
    asyncio.run(main())
except Exception as error:
    print(type(error).__name__)
"""
    run = subprocess.run([sys.executable, "-c", code], check=True, timeout=60, capture_output=True, text=True)  # noqa: S603 - our own
    assert run.stderr.startswith("<string>:")
    assert "CircleCISunsetWarning: CircleCI removes POST /project/{project} on 2027-02-01" in run.stderr
    assert run.stdout == "TransportError\n"


async def test_a_request_of_ones_own_may_declare_an_end(ci: CircleCISession) -> None:
    request = Request("GET", "/me", sunset=Sunset(date(2030, 1, 1), "a letter"))
    with pytest.warns(CircleCISunsetWarning, match=r"removes GET /me on 2030-01-01.*Use a letter instead"):
        await ci.send(request)


# After.


@each_ending
async def test_after_the_sunset_an_operation_is_gone_and_the_error_names_its_replacement(
    fake: FakeCircleCI, ci: CircleCISession, ending: Ending
) -> None:
    fake.after_sunset = True
    warnings.simplefilter("ignore", CircleCISunsetWarning)
    with pytest.raises(GoneError) as caught:
        await ending.call(ci)
    assert caught.value.replacement is not None
    assert caught.value.replacement.startswith(ending.replacement)
    assert f"CircleCI has removed the operation. Use {caught.value.replacement} instead, such as: " in str(caught.value)
    # The example is a call that can be made, once its blanks are filled in.
    example = compile(str(caught.value).rpartition("such as: ")[2], "example", "eval")
    assert isinstance(eval(example, {"ci": SimpleNamespace(send=lambda request: request), "Request": Request}), Request)  # noqa: S307 - our own
    assert len(fake.requests) == 1
    assert [build.build_num for build in await ci.list_project_builds(WEB)] == [1]


async def test_a_410_that_nobody_announced_names_the_migration_guide(fake: FakeCircleCI, ci: CircleCISession) -> None:
    fake.fail_next(410)
    with pytest.raises(GoneError, match="api-v1-migration-guide") as caught:
        await ci.get_current_user()
    assert caught.value.replacement is None


@pytest.mark.parametrize(
    ("after_sunset", "shallow", "branches"),
    [
        (False, None, {"main"}),
        (False, False, {"main"}),
        (False, True, None),
        (True, None, None),
        (True, False, None),
        (True, True, None),
    ],
)
async def test_projects_are_listed_in_both_worlds(
    fake: FakeCircleCI, ci: CircleCISession, *, after_sunset: bool, shallow: bool | None, branches: set[str] | None
) -> None:
    fake.after_sunset = after_sunset
    (project,) = await ci.list_projects(shallow=shallow)
    assert str(project.slug) == WEB
    assert (None if project.branches is None else set(project.branches)) == branches


async def test_no_branches_and_branches_left_out_are_told_apart(fake: FakeCircleCI, ci: CircleCISession) -> None:
    fake.remove_build(WEB, 1)
    (before,) = await ci.list_projects()
    fake.after_sunset = True
    (after,) = await ci.list_projects()
    assert (before.branches, after.branches) == ({}, None)


async def test_settings_are_the_same_in_both_worlds(fake: FakeCircleCI, ci: CircleCISession) -> None:
    before = await ci.get_project_settings(WEB)
    fake.after_sunset = True
    assert await ci.get_project_settings(WEB) == before


# Ends that nobody knew of.


async def test_a_sunset_header_that_was_not_expected_is_logged_once_for_each_operation(
    fake: FakeCircleCI, ci: CircleCISession, caplog: pytest.LogCaptureFixture
) -> None:
    ends = {"Sunset": "Tue, 01 Jan 2030 00:00:00 GMT"}
    fake.reply_next(b"{}", headers=ends, count=2)
    fake.reply_next(b"[]", headers=ends, path="/projects", count=2)
    for _ in range(2):
        await ci.get_current_user()
    for _ in range(2):
        await ci.list_projects()
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (
            logging.WARNING,
            f"{call}: CircleCI has announced the removal of this operation for {ends['Sunset']!r} (logged once)",
        )
        for call in ("GET /me", "GET /projects")
    ]


async def test_a_sunset_header_that_was_expected_is_not_logged(
    ci: CircleCISession, caplog: pytest.LogCaptureFixture
) -> None:
    warnings.simplefilter("ignore", CircleCISunsetWarning)
    await ci.trigger_build(WEB)
    assert caplog.records == []


async def test_a_sunset_header_that_echoes_the_token_is_logged_without_it(caplog: pytest.LogCaptureFixture) -> None:
    async with ScriptServer(reply(200, {}, [("Sunset", "no end of a-token-nobody-sees")])) as server:
        async with CircleCISession("a-token-nobody-sees", base_url=server.base_url) as ci:
            await ci.get_current_user()
    assert "no end of ***" in caplog.text
    assert "a-token-nobody-sees" not in caplog.text


async def test_calls_at_the_same_time_warn_once(ci: CircleCISession) -> None:
    with pytest.warns(CircleCISunsetWarning) as warned:
        await asyncio.gather(*(ci.trigger_build(WEB) for _ in range(5)))
    assert len(warned) == 1
