"""Walks on a real socket."""

import asyncio
import dataclasses
import gc
import math
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import msgspec
import pytest
from drifting_lists import CHANGES, LISTS, walk_drifting_list
from effort import by_profile
from script_server import Action, Received, ScriptServer, error, hang, reply
from yarl import URL

from circleci_v1_async import (
    BadRequestError,
    Build,
    CircleCISession,
    DecodeError,
    InvalidInputError,
    NotFoundError,
    OffsetRefusedError,
    PageWalk,
    SessionClosedError,
)
from circleci_v1_async.testing import FakeCircleCI

SEEDS = by_profile(quick=3, thorough=20)
PROJECT = "github/acme/web"


@pytest.mark.parametrize("prefetch", [0, 4])
@pytest.mark.parametrize("changes", CHANGES)
@pytest.mark.parametrize("kind", LISTS)
async def test_a_walk_of_a_list_that_changes_before_every_page_loses_and_repeats_nothing(
    kind: str, changes: str, prefetch: int
) -> None:
    for seed in range(SEEDS):
        walked = await walk_drifting_list(kind, changes, prefetch=prefetch, seed=seed)
        assert (walked.lost, walked.repeated) == (0, 0), f"seed {seed}"


@pytest.mark.parametrize("changes", ["2 removals", "both"])
@pytest.mark.parametrize("kind", LISTS)
async def test_the_gaps_that_removals_open_are_repaired(kind: str, changes: str) -> None:
    walks = [await walk_drifting_list(kind, changes, prefetch=0, overlap=1, seed=seed) for seed in range(5)]
    assert {(walked.lost, walked.repeated) for walked in walks} == {(0, 0)}
    # A list of 1000 that stays still is 12 requests.
    assert max(walked.requests for walked in walks) > 12


@pytest.mark.parametrize("prefetch", [0, 1, 4])
@pytest.mark.parametrize("builds", [0, 1, 99, 100, 101, 195, 196, 250])
async def test_a_list_that_stays_still_costs_no_more_requests_than_promised(
    fake: FakeCircleCI, ci: CircleCISession, builds: int, prefetch: int
) -> None:
    fake.add_project(PROJECT)
    for _ in range(builds):
        fake.add_build(PROJECT)
    walk = ci.iter_project_builds(PROJECT, prefetch=prefetch)
    assert [build.build_num for build in await walk.collect()] == list(range(builds, 0, -1))
    assert len(fake.requests) <= 1 + max(0, math.ceil((builds - 99) / 95)) + max(0, prefetch - 1)


async def test_a_walk_sends_filter_branch_and_shallow_with_every_page(fake: FakeCircleCI, ci: CircleCISession) -> None:
    fake.add_project(PROJECT)
    for _ in range(12):
        fake.add_build(PROJECT, branch="feature/x", status="failed")
    walk = ci.iter_project_builds(PROJECT, branch="feature/x", filter="failed", shallow=True, page_size=10)
    assert len(await walk.collect()) == 12
    for request, offset in zip(fake.requests, ("0", "5"), strict=True):
        assert request.path.endswith("/tree/feature%2Fx")
        assert dict(request.query) == {"filter": "failed", "shallow": "true", "limit": "10", "offset": offset}


async def test_thirty_builds_are_one_request_for_thirty(fake: FakeCircleCI, ci: CircleCISession) -> None:
    fake.add_project(PROJECT)
    for _ in range(200):
        fake.add_build(PROJECT)
    assert len([build async for build in ci.iter_recent_builds(limit=30, prefetch=8)]) == 30
    assert [dict(request.query)["limit"] for request in fake.requests] == ["30"]


async def test_builds_of_several_repositories_may_share_a_number() -> None:
    urls = [None, "https://github.com/acme/web", "https://github.com/acme/api"]
    page = reply(200, [{"build_num": number, "vcs_url": url} for number in (8, 7) for url in urls])
    async with ScriptServer(page) as server, CircleCISession(base_url=server.base_url) as ci:
        builds = await ci.iter_recent_builds().collect()
        assert [build.key for build in builds] == [(url, number) for number in (8, 7) for url in urls]


@pytest.mark.parametrize("prefetch", [0, 1, 4, 8])
async def test_a_break_within_the_first_page_costs_one_request(prefetch: int) -> None:
    page = reply(200, [{"build_num": number, "vcs_url": "x"} for number in range(100, 0, -1)])
    async with ScriptServer(page, hang) as server, CircleCISession(base_url=server.base_url) as ci:
        async for build in ci.iter_project_builds(PROJECT, prefetch=prefetch):
            if build.build_num == 1:
                break
        gc.collect()
        assert len(server.requests) == 1


async def leave_by_break(walk: PageWalk[Build]) -> None:
    async for build in walk:
        if build.build_num == 900:
            break


async def leave_by_error(walk: PageWalk[Build]) -> None:
    with pytest.raises(ZeroDivisionError):
        async for build in walk:
            _ = 1 / (build.build_num - 900)


async def leave_by_cancellation(walk: PageWalk[Build]) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await walk.collect()


async def leave_by_aclose(walk: PageWalk[Build]) -> None:
    await leave_by_break(walk)
    await walk.aclose()
    await walk.aclose()


@pytest.mark.fault(47)
@pytest.mark.parametrize("leave", [leave_by_break, leave_by_error, leave_by_cancellation, leave_by_aclose])
async def test_leaving_a_walk_early_leaves_no_task_no_connection_and_no_request(
    leave: Callable[[PageWalk[Build]], Awaitable[None]], caplog: pytest.LogCaptureFixture
) -> None:
    pages = [reply(200, [{"build_num": n, "vcs_url": "x"} for n in range(top, top - 100, -1)]) for top in (1000, 905)]
    async with ScriptServer(*pages, hang) as server, CircleCISession(base_url=server.base_url) as ci:
        await leave(ci.iter_project_builds(PROJECT, prefetch=4))
        gc.collect()
        for _ in range(5):
            await asyncio.sleep(0)
        assert not [task for task in asyncio.all_tasks() if "PageWalk" in repr(task)]
        assert not ci._caller.transport._own.connector._acquired
        seen = len(server.requests)
        await asyncio.sleep(0)
        assert len(server.requests) == seen
    assert [record for record in caplog.records if record.name == "asyncio"] == []


@pytest.mark.fault(47, 49)
async def test_closing_the_session_under_a_walk_ends_it_with_an_error_that_says_so() -> None:
    async with ScriptServer(hang) as server:
        ci = CircleCISession(base_url=server.base_url)
        walking = asyncio.create_task(ci.iter_recent_builds().collect())
        await server.has_received(1)
        await ci.close()
        with pytest.raises(SessionClosedError, match="closed during the call"):
            await walking


async def test_an_error_of_the_service_comes_out_of_the_loop(ci: CircleCISession) -> None:
    with pytest.raises(NotFoundError):
        await ci.iter_project_builds("gh/acme/none").collect()


# Models of one's own


@attrs.frozen
class SlimAttrs:
    build_num: int
    vcs_url: str
    status: str | None = None


@dataclasses.dataclass(frozen=True)
class SlimDataclass:
    build_num: int
    vcs_url: str
    status: str | None = None


class SlimStruct(msgspec.Struct):
    build_num: int
    vcs_url: str
    status: str | None = None


class NamedBuild(Build):
    pass


@pytest.mark.parametrize("model", [SlimAttrs, SlimDataclass, SlimStruct, NamedBuild])
async def test_a_walk_makes_the_class_that_it_is_given_of_each_build(
    fake: FakeCircleCI, ci: CircleCISession, model: type[Any]
) -> None:
    for name in ("web", "api"):
        fake.add_project(f"github/acme/{name}")
        for _ in range(150):
            fake.add_build(f"github/acme/{name}", status="failed")
    builds = await ci.iter_project_builds(PROJECT, model=model, branch="main", prefetch=4).collect()
    assert [(type(build), build.build_num, build.status) for build in builds] == [
        (model, number, "failed") for number in range(150, 0, -1)
    ]
    recent = await ci.iter_recent_builds(model=model, shallow=True, page_size=50).collect()
    assert {type(build) for build in recent} == {model}
    assert len({(build.vcs_url, build.build_num) for build in recent}) == len(recent) == 300


@attrs.frozen
class Numbered:
    build_num: int


async def test_a_walk_with_nothing_but_numbers_loses_and_repeats_nothing(
    fake: FakeCircleCI, ci: CircleCISession
) -> None:
    fake.add_project(PROJECT)
    for _ in range(500):
        fake.add_build(PROJECT)
    drift = fake.drift(PROJECT, seed=3, inserts=4, removals=2)
    builds = [build.build_num for build in await ci.iter_project_builds(PROJECT, model=Numbered).collect()]
    assert len(set(builds)) == len(builds)
    assert {number for _, number in drift.survivors} <= set(builds)


async def test_a_class_that_builds_cannot_be_told_apart_by_is_refused_before_any_request(
    fake: FakeCircleCI, ci: CircleCISession
) -> None:
    with pytest.raises(InvalidInputError, match="vcs_url or build_url"):
        ci.iter_recent_builds(model=Numbered)
    with pytest.raises(InvalidInputError, match="an attrs class, a msgspec Struct or a dataclass"):
        ci.iter_project_builds(PROJECT, model=PageWalk)
    assert fake.requests == []


async def test_a_value_that_does_not_fit_keeps_the_default_in_an_attrs_class_only() -> None:
    async with ScriptServer(reply(200, [{"build_num": 7, "vcs_url": "u", "status": 5}])) as server:
        async with CircleCISession(base_url=server.base_url) as ci:
            assert await ci.iter_project_builds(PROJECT, model=SlimAttrs).collect() == [SlimAttrs(7, "u")]
            for model in (SlimDataclass, SlimStruct):
                with pytest.raises(DecodeError):
                    await ci.iter_project_builds(PROJECT, model=model).collect()


def capped(builds: int, cap: int) -> Action:
    """A list of builds whose service refuses offsets from `cap` on."""

    async def act(received: Received, writer: asyncio.StreamWriter) -> None:
        query = URL(received.target).query
        offset, limit = int(query["offset"]), int(query["limit"])
        page = [{"build_num": builds - n} for n in range(offset, min(offset + limit, builds))]
        writer.write(error(400, "No more builds to download") if offset >= cap else reply(200, page))

    return act


@pytest.mark.parametrize("prefetch", [0, 1, 8])
class TestRefusedOffsets:
    async def test_a_400_after_full_pages_says_where_to_resume_and_collect_keeps_the_builds(
        self, prefetch: int
    ) -> None:
        async with ScriptServer(capped(900, 300)) as server, CircleCISession(base_url=server.base_url) as ci:
            walk = ci.iter_project_builds(PROJECT, prefetch=prefetch)
            with pytest.raises(OffsetRefusedError, match="No more builds to download") as caught:
                await walk.collect()
        assert isinstance(caught.value, BadRequestError)
        assert [build.build_num for build in caught.value.items] == list(range(900, 515, -1))
        assert caught.value.resume_offset == walk.resume_offset == 285
        assert (caught.value.status, caught.value.request.query["offset"], caught.value.attempts) == (400, 380, 1)
        assert "The service lists no builds from this offset on (resume_offset=285)" in str(caught.value)
        assert caught.value.url is not None

    async def test_a_loop_gets_every_build_before_it(self, prefetch: int) -> None:
        async with ScriptServer(capped(900, 300)) as server, CircleCISession(base_url=server.base_url) as ci:
            read: list[int] = []
            with pytest.raises(OffsetRefusedError) as caught:
                async for build in ci.iter_project_builds(PROJECT, prefetch=prefetch):
                    read.append(build.build_num)  # noqa: PERF401 - those before the error
        assert read == list(range(900, 515, -1))
        assert caught.value.items == []

    async def test_a_400_before_any_page_is_a_bad_request(self, prefetch: int) -> None:
        async with ScriptServer(capped(900, 300)) as server, CircleCISession(base_url=server.base_url) as ci:
            for offset in (300, 1000):
                with pytest.raises(BadRequestError) as caught:
                    await ci.iter_project_builds(PROJECT, offset=offset, prefetch=prefetch).collect()
                assert type(caught.value) is BadRequestError

    async def test_a_list_that_ends_before_is_complete(self, prefetch: int) -> None:
        async with ScriptServer(capped(250, 250)) as server, CircleCISession(base_url=server.base_url) as ci:
            assert len(await ci.iter_project_builds(PROJECT, prefetch=prefetch).collect()) == 250
