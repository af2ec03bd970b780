"""Waiting and watching on a real socket, with a clock that does not wait."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from functools import partial

import pytest
from effort import by_profile
from fake_clock import FakeClock, at_each_sleep, use
from polling import take

from circleci_v1_async import (
    AuthenticationError,
    BuildDetail,
    BuildEvent,
    BuildWatch,
    CircleCISession,
    InvalidInputError,
    NotFoundError,
    RequestTimeoutError,
    SessionClosedError,
    WaitTimeoutError,
    WatchCursor,
)
from circleci_v1_async.testing import FakeCircleCI, ReceivedRequest

SEEDS = by_profile(quick=2, thorough=5)
PROJECT = "github/acme/web"
PROJECTS = (PROJECT, "github/acme/api", "bitbucket/acme/ios")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(random=0.5)


@pytest.fixture
async def ci(fake: FakeCircleCI, clock: FakeClock) -> AsyncIterator[CircleCISession]:
    for project in PROJECTS:
        fake.add_project(project)
    async with CircleCISession(fake.token, base_url=fake.base_url) as ci:
        yield use(ci, clock)


def told(events: list[BuildEvent]) -> list[tuple[str, str, int]]:
    return [(event.kind, str(event.build.project), event.build.build_num) for event in events]


# Waiting


async def test_waiting_for_a_build_tells_its_updates_and_gives_it_with_its_steps(
    fake: FakeCircleCI, ci: CircleCISession, clock: FakeClock
) -> None:
    fake.add_build(PROJECT, status="queued", steps=["make test"])
    at_each_sleep(
        clock,
        lambda: None,
        lambda: fake.update_build(PROJECT, 1, status="running"),
        lambda: fake.finish_build(PROJECT, 1, "failed"),
    )
    updates: list[str] = []
    build = await ci.wait_for_build(PROJECT, 1, on_update=lambda build: updates.append(str(build.status)))
    assert isinstance(build, BuildDetail)
    assert (build.outcome, build.steps[0].name, updates) == ("failed", "make test", ["queued", "running", "failed"])
    assert clock.slept == [5.25, 5.25, 5.25]


async def test_builds_that_are_never_run_are_not_waited_for(
    fake: FakeCircleCI, ci: CircleCISession, clock: FakeClock
) -> None:
    fake.add_build(PROJECT, status="scheduled")
    fake.cancel_build(PROJECT, 1)
    fake.add_build(PROJECT, status="not_run")
    fake.add_build(PROJECT, status="not_run", lifecycle="scheduled")
    for number, pair in enumerate([("scheduled", "canceled"), ("not_run", "not_run"), ("scheduled", "not_run")], 1):
        build = await ci.wait_for_build(PROJECT, number)
        assert (build.lifecycle, build.status) == pair
    assert clock.slept == []


async def test_waiting_goes_on_after_an_outage_and_a_rate_limit(
    fake: FakeCircleCI, ci: CircleCISession, clock: FakeClock
) -> None:
    fake.add_build(PROJECT, status="running")
    fake.fail_next(503, count=3)
    fake.drop_next(3)
    fake.fail_next(429, retry_after=600)
    at_each_sleep(clock, *[lambda: None] * 6, lambda: fake.finish_build(PROJECT, 1))
    assert (await ci.wait_for_build(PROJECT, 1)).outcome == "success"
    assert max(clock.slept) == 120


async def test_waiting_for_a_build_that_does_not_exist_is_an_error_at_once(
    ci: CircleCISession, clock: FakeClock
) -> None:
    with pytest.raises(NotFoundError):
        await ci.wait_for_build(PROJECT, 7)
    assert clock.slept == []


async def test_a_timeout_ends_the_wait_even_while_requests_are_in_flight(fake: FakeCircleCI) -> None:
    fake.add_project(PROJECT)
    fake.add_build(PROJECT, status="running")
    fake.delay = lambda _: 600.0 if len(fake.requests) > 1 else 0.0
    async with CircleCISession(fake.token, base_url=fake.base_url, timeout=0.1) as ci:
        use(ci, FakeClock())
        with pytest.raises(WaitTimeoutError, match="build 1 of github/acme/web did not finish within 7 s") as caught:
            await ci.wait_for_build("gh/acme/web", 1, timeout=7)
    assert caught.value.last is not None
    assert caught.value.last.status == "running"
    assert isinstance(caught.value.__cause__, RequestTimeoutError)
    # The last poll, whose request is not sent again.
    assert [request.path[-2:] for request in fake.requests[-1:]] == ["/1"]


async def test_a_build_that_is_not_there_yet_is_waited_for(
    fake: FakeCircleCI, ci: CircleCISession, clock: FakeClock
) -> None:
    at_each_sleep(
        clock, lambda: None, lambda: fake.add_build(PROJECT, status="running"), lambda: fake.finish_build(PROJECT, 1)
    )
    build = await ci.wait_for_build(f"https://circleci.com/{PROJECT}/1", appear=60)
    assert (build.status, len(clock.slept)) == ("success", 3)


@pytest.mark.parametrize("build_num", [0, True, "7"])
async def test_a_wait_checks_its_arguments_before_any_request(
    fake: FakeCircleCI, ci: CircleCISession, build_num: int
) -> None:
    with pytest.raises(InvalidInputError, match="build_num"):
        await ci.wait_for_build(PROJECT, build_num)
    assert fake.requests == []


# Watching


async def test_a_watch_of_a_project_tells_of_what_comes_into_it(
    fake: FakeCircleCI, ci: CircleCISession, clock: FakeClock
) -> None:
    fake.add_build(PROJECT, status="success")
    at_each_sleep(
        clock,
        lambda: None,
        lambda: fake.add_build(PROJECT, status="running"),
        lambda: fake.finish_build(PROJECT, 2),
    )
    events = await take(ci.watch_project_builds("gh/acme/web", shallow=True), 2)
    assert told(events) == [("new", PROJECT, 2), ("finished", PROJECT, 2)]
    assert {dict(request.query)["shallow"] for request in fake.requests} == {"true"}
    assert events[0].cursor.source == "/project/github/acme/web"


async def test_a_watch_of_a_branch_tells_of_its_builds_only(fake: FakeCircleCI, ci: CircleCISession) -> None:
    for branch in ("main", "feature/x", "main", "feature/x"):
        fake.add_build(PROJECT, branch=branch)
    events = await take(ci.watch_project_builds(PROJECT, branch="feature/x", start_at="oldest"), 4)
    assert told(events[::2]) == [("new", PROJECT, 2), ("new", PROJECT, 4)]
    assert events[0].cursor.source == "/project/github/acme/web/tree/feature/x"


async def test_a_watch_of_all_projects_asks_each_of_them_for_its_unfinished_builds(
    fake: FakeCircleCI, ci: CircleCISession, clock: FakeClock
) -> None:
    for project in PROJECTS:
        fake.add_build(project, status="running")
    for _ in range(150):
        fake.add_build(PROJECT)
    *_, last = await take(ci.watch_recent_builds(start_at="oldest"), 3 + 300)
    fake.clear_requests()
    at_each_sleep(clock, lambda: None, lambda: [fake.finish_build(project, 1) for project in PROJECTS])
    saved = WatchCursor.from_json(last.cursor.to_json())
    events = await take(ci.watch_recent_builds(cursor=saved, start_at="oldest"), 3)
    assert {kind for kind, *_ in told(events)} == {"finished"}
    assert {name for _, name, _ in told(events)} == set(PROJECTS)
    assert [request.operation for request in fake.requests] == [
        "list_recent_builds",
        *["get_build"] * 3,
        "list_recent_builds",
        *["get_build"] * 3,
    ]


async def test_a_watch_outlives_an_outage(fake: FakeCircleCI, ci: CircleCISession, clock: FakeClock) -> None:
    fake.add_build(PROJECT)
    fake.fail_next(503, count=10)
    fake.drop_next(10)
    assert told(await take(ci.watch_project_builds(PROJECT, start_at="oldest"), 1)) == [("new", PROJECT, 1)]
    assert max(clock.slept) == 15 * 6


async def test_errors_that_will_not_pass_come_out_of_the_loop(fake: FakeCircleCI, ci: CircleCISession) -> None:
    with pytest.raises(NotFoundError):
        await take(ci.watch_project_builds("gh/acme/none"), 1)
    async with CircleCISession(base_url=fake.base_url) as anonymous:
        with pytest.raises(AuthenticationError):
            await take(anonymous.watch_recent_builds(), 1)


async def test_closing_the_session_ends_a_watch_with_an_error_that_says_so(ci: CircleCISession) -> None:
    watch = ci.watch_recent_builds()
    watching = asyncio.create_task(take(watch, 1))
    while watch.cursor is None:  # noqa: ASYNC110 - a watch has no event for it
        await asyncio.sleep(0)
    await ci.close()
    with pytest.raises(SessionClosedError):
        await watching


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda ci: ci.watch_project_builds("acme/web"), "expected a project as 'github/org/repo'"),
        (lambda ci: ci.watch_project_builds(PROJECT, branch=""), "branch: expected a non-empty string"),
        (lambda ci: ci.watch_recent_builds(start_at="yesterday"), "start_at: expected 'now' or 'oldest'"),
        (lambda ci: ci.watch_recent_builds(interval=-1), "interval: expected a positive number of seconds"),
        (
            lambda ci: ci.watch_recent_builds(cursor="{}"),
            "cursor: expected a WatchCursor, such as the result of from_json",
        ),
        (
            lambda ci: ci.watch_recent_builds(cursor=WatchCursor("/project/github/acme/web")),
            "cursor: expected one of /recent-builds, got one of /project/github/acme/web",
        ),
    ],
)
def test_a_watch_refuses_bad_arguments_without_a_loop(
    call: Callable[[CircleCISession], BuildWatch], message: str
) -> None:
    with pytest.raises(InvalidInputError, match=message):
        call(CircleCISession())


# Exactly once over restarts


class Story:
    """Builds that come and finish while the service is asked, until so many have."""

    def __init__(self, fake: FakeCircleCI, projects: tuple[str, ...], builds: int, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - a repeatable story, no secret
        self.fake = fake
        self.projects = projects
        self.to_come = builds
        self.unfinished: list[tuple[str, int]] = []
        self.all: set[tuple[str, int]] = set()
        fake.before_reply(self.go_on)

    def go_on(self, request: ReceivedRequest) -> None:
        if request.operation == "get_build":
            return
        for _ in range(min(self.to_come, self.chance.choice([0, 0, 0, 1, 5, 60]))):
            self.to_come -= 1
            project = self.chance.choice(self.projects)
            status = self.chance.choice(["queued", "running", "success"])
            key = (project, self.fake.add_build(project, status=status)["build_num"])
            self.all.add(key)
            if status != "success":
                self.unfinished.append(key)
        for _ in range(min(len(self.unfinished), self.chance.choice([0, 1, 5, 40]))):
            key = self.unfinished.pop(self.chance.randrange(len(self.unfinished)))
            self.fake.finish_build(*key, self.chance.choice(["success", "failed", "canceled"]))


class Bot:
    """Handles what a watch tells of, and keeps the cursor of the event handled last."""

    def __init__(self, fake: FakeCircleCI, story: Story, kind: str) -> None:
        self.fake = fake
        self.story = story
        self.kind = kind
        self.clock = FakeClock(random=0.5)
        self.clock.while_asleep = self._complain
        self.handled: Counter[tuple[str, str, int]] = Counter()
        self.saved: str | None = None

    async def _complain(self, _: float) -> None:
        assert self.clock.monotonic < 1e5, "something was lost"

    @property
    def is_done(self) -> bool:
        return not self.story.to_come and self.handled.total() >= 2 * len(self.story.all)

    async def live(self) -> None:
        cursor = WatchCursor.from_json(self.saved) if self.saved else None
        async with CircleCISession(self.fake.token, base_url=self.fake.base_url) as ci:
            use(ci, self.clock)
            watch = ci.watch_recent_builds if self.kind == "recent" else partial(ci.watch_project_builds, PROJECT)
            async for event in watch(cursor=cursor, start_at="oldest", shallow=True):
                if self.story.chance.random() < 0.02:
                    await asyncio.sleep(0)
                if event.kind != "changed":
                    self.handled.update(told([event]))
                self.saved = event.cursor.to_json()
                if self.is_done:
                    break


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("kind", ["project", "recent"])
async def test_a_bot_that_is_stopped_at_any_await_handles_2000_builds_exactly_once(
    fake: FakeCircleCI, kind: str, seed: int
) -> None:
    projects = PROJECTS[:1] if kind == "project" else PROJECTS
    for project in projects:
        fake.add_project(project)
    story = Story(fake, projects, 2000, seed)
    bot = Bot(fake, story, kind)
    stops = 0
    while not bot.is_done:
        life = asyncio.create_task(bot.live())
        for _ in range(story.chance.choice([1, 10, 50, 100, 200])):
            await asyncio.sleep(0)
        if stops < 100:
            life.cancel()
        # Later on it is let alone, since the way down to known ground may be longer than such a life.
        await asyncio.wait((life,))
        stops += life.cancelled()
        assert life.cancelled() or life.result() is None
    assert stops > 20
    assert bot.handled == {(kind, *key): 1 for key in story.all for kind in ("new", "finished")}
