"""What the fake tells of the requests that came, and of the faults that met none."""

import asyncio
import threading

import pytest
from browser import Browser

from circleci_v1_async import CircleCISession
from circleci_v1_async.testing import FakeCircleCI, ThreadedFakeCircleCI

WEB = "github/acme/web"


class TestWaiting:
    async def test_it_ends_when_the_requests_have_come(self, fake: FakeCircleCI, browser: Browser):
        waiting = asyncio.create_task(fake.wait_for_requests(2))
        await browser.send("GET", "/me")
        await asyncio.sleep(0)
        assert not waiting.done()
        await browser.send("GET", "/projects")
        assert [request.operation for request in await waiting] == ["get_current_user", "list_projects"]

    async def test_it_does_not_wait_for_what_has_come_before(self, fake: FakeCircleCI, browser: Browser):
        for _ in range(3):
            await browser.send("GET", "/me")
        assert len(await fake.wait_for_requests(2, timeout=0)) == 2

    async def test_its_time_out_says_what_came_instead(self, fake: FakeCircleCI, browser: Browser):
        with pytest.raises(TimeoutError, match=r"^0 of 1 requests arrived within 0 s: none$"):
            await fake.wait_for_requests(1, timeout=0)
        await browser.send("GET", "/me")
        with pytest.raises(TimeoutError, match=r"^1 of 2 requests arrived within 0 s: GET /api/v1\.1/me$"):
            await fake.wait_for_requests(2, timeout=0)
        # Nothing is left of those who have given up.
        await browser.send("GET", "/me")

    def test_it_may_be_awaited_beside_a_fake_that_a_thread_serves(self):
        async def use(fake: FakeCircleCI) -> None:
            async with CircleCISession(fake.token, base_url=fake.base_url) as ci:
                user = asyncio.create_task(ci.get_current_user())
                (request,) = await fake.wait_for_requests(1)
                assert request.operation == "get_current_user"
                await user

        with ThreadedFakeCircleCI() as fake:
            asyncio.run(use(fake))
            assert threading.active_count() >= 2


async def test_requests_can_be_selected_by_method_and_path(fake: FakeCircleCI, browser: Browser):
    for method, path in (("GET", "/me"), ("POST", f"/project/{WEB}"), ("GET", f"/project/{WEB}/1")):
        await browser.send(method, path)
    assert fake.requests.matching() == fake.requests
    assert [request.method for request in fake.requests.matching(path="/project/")] == ["POST", "GET"]
    assert [request.path for request in fake.requests.matching("GET", "/project/")] == [f"/api/v1.1/project/{WEB}/1"]
    assert fake.requests.matching("PUT") == []


async def test_faults_that_met_no_request_are_named(fake: FakeCircleCI, browser: Browser):
    fake.assert_faults_used()
    fake.fail_next(503, count=2)
    fake.drop_next(method="POST")
    fake.truncate_next(path="/projects")
    await browser.send("GET", "/me")
    with pytest.raises(AssertionError) as caught:
        fake.assert_faults_used()
    assert str(caught.value) == (
        "3 scripted faults were not triggered by a request: a reply with 503 for any method and any path; "
        "a dropped connection for POST and any path; a body sent in another way for any method /projects"
    )


async def test_drift_counts_what_arrived_finished_and_left(fake: FakeCircleCI, browser: Browser):
    for status in ("running", "running", "running", "success", "success"):
        fake.add_build(WEB, status=status)
    drift = fake.drift(WEB, inserts=2, removals=1, finishes=1)
    for _ in range(3):
        await browser.json(f"/project/{WEB}")
    assert (drift.arrived, drift.finished, drift.removed) == (6, 3, 3)
    drift.reset()
    await browser.json(f"/project/{WEB}?filter=running")
    assert (drift.arrived, drift.finished, drift.removed, drift.served) == (8, 5, 3, 1)
