"""Builds that do not fit are left out of lists, and never end a walk, a watch or an export early."""

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from script_server import Received, ScriptServer, reply

from circleci_v1_async import CircleCISession, DecodeError
from circleci_v1_async.export import export_builds
from circleci_v1_async.walk._plan import PagePlan

PROJECT = "gh/acme/web"
TOTAL = 250
# At the head of a page, at its end, and in all of the overlap of two pages.
BAD = frozenset({0, 40, *range(93, 103), 150, 151, 249})


def build(index: int) -> dict[str, Any]:
    if index in BAD:
        return {"vcs_url": "https://github.com/acme/web", "branch": "main"}
    return {"build_num": TOTAL - index, "vcs_url": "https://github.com/acme/web", "outcome": "success"}


BUILDS = [build(index) for index in range(TOTAL)]
GOOD = [each["build_num"] for each in BUILDS if "build_num" in each]


async def page(received: Received, writer: asyncio.StreamWriter) -> None:
    query = {name: int(value[0]) for name, value in parse_qs(urlsplit(received.target).query).items()}
    writer.write(reply(200, BUILDS[query["offset"] : query["offset"] + query["limit"]]))
    await writer.drain()


@pytest.mark.parametrize("options", [{}, {"prefetch": 0}, {"prefetch": 4}, {"page_size": 30}, {"limit": 120}], ids=str)
async def test_a_walk_yields_all_builds_that_fit(options: Any) -> None:
    async with ScriptServer(page) as server, CircleCISession(base_url=server.base_url) as ci:
        builds = await ci.iter_project_builds(PROJECT, **options).collect()
        recent = await ci.iter_recent_builds(**options).collect()
    expected = GOOD[: options.get("limit")]
    assert [each.build_num for each in builds] == [each.build_num for each in recent] == expected


async def test_a_walk_over_such_a_build_is_a_decode_error_when_strict() -> None:
    async with ScriptServer(page) as server, CircleCISession(base_url=server.base_url, strict=True) as ci:
        with pytest.raises(DecodeError, match="Object missing required field `build_num` at"):
            await ci.iter_project_builds(PROJECT).collect()


async def test_a_page_by_hand_is_a_plain_list_without_the_builds_that_do_not_fit() -> None:
    async with ScriptServer(page) as server, CircleCISession(base_url=server.base_url) as ci:
        for builds in (await ci.list_project_builds(PROJECT, limit=100), await ci.list_recent_builds(limit=100)):
            assert type(builds) is list
            assert [each.build_num for each in builds] == GOOD[: len(builds)]
            assert len(builds) == 100 - sum(index < 100 for index in BAD)


async def test_a_watch_reports_all_builds_that_fit() -> None:
    async with ScriptServer(page) as server, CircleCISession(base_url=server.base_url) as ci:
        watch = ci.watch_project_builds(PROJECT, start_at="oldest")
        new = []
        async with aclosing(watch.__aiter__()) as events:
            async for event in events:
                if event.kind == "new":
                    new.append(event.build.build_num)
                if len(new) == len(GOOD):
                    break
    assert new == sorted(GOOD)


async def test_an_export_has_all_builds_that_fit(tmp_path: Path) -> None:
    async with ScriptServer(page) as server, CircleCISession(base_url=server.base_url) as ci:
        summary = await export_builds(ci, [PROJECT], tmp_path / "builds.db", include=[])
    assert summary.builds == len(GOOD)


@given(st.sets(st.integers(0, 99), max_size=10), st.integers(20, 30), st.integers(1, 5))
def test_what_counts_is_what_the_service_sent(bad: set[int], page_size: int, overlap: int) -> None:
    from circleci_v1_async._core.short_list import ShortList  # noqa: PLC0415 - one test needs it

    plan: PagePlan[int] = PagePlan(list, limit=None, offset=0, page_size=page_size, overlap=overlap, prefetch=0)
    found: list[int] = []
    while not plan.done:
        for slot in plan.ask(waiting=True):
            sent = range(100)[slot.offset : slot.offset + plan.page_size]
            kept = ShortList(item for item in sent if item not in bad)
            kept.sent = len(sent)
            plan.answer(slot, kept)
        while items := plan.take():
            found += items
    assert found == [item for item in range(100) if item not in bad]
