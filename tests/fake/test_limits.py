"""The limits that the fake keeps: a token bucket, and a window of fixed length."""

import pytest
from browser import Browser

from circleci_v1_async.testing import FakeCircleCI


class Watch:
    """A clock that the tests set."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watch() -> Watch:
    return Watch()


async def count_answered(browser: Browser, requests: int) -> int:
    statuses = [(await browser.send("GET", "/me")).status for _ in range(requests)]
    assert set(statuses) <= {200, 429}
    return statuses.count(200)


async def test_a_bucket_holds_a_burst_and_fills_evenly(fake: FakeCircleCI, browser: Browser, watch: Watch):
    limit = fake.limit_rate(4, per=2, clock=watch)
    assert await count_answered(browser, 6) == 4
    watch.now += 0.5
    assert await count_answered(browser, 2) == 1
    watch.now += 1.0
    assert await count_answered(browser, 3) == 2
    watch.now += 1_000.0
    assert await count_answered(browser, 6) == 4
    assert (limit.served, limit.refused) == (11, 6)


async def test_a_window_starts_with_its_first_request_and_begins_anew(
    fake: FakeCircleCI, browser: Browser, watch: Watch
):
    limit = fake.limit_rate(3, per=2, fixed_window=True, clock=watch)
    assert await count_answered(browser, 4) == 3
    watch.now += 1.9
    assert await count_answered(browser, 1) == 0
    watch.now += 0.1
    assert await count_answered(browser, 4) == 3
    assert (limit.served, limit.refused) == (6, 3)


async def test_a_refusal_is_the_services_and_says_when_to_come_back_if_it_is_told_to(
    fake: FakeCircleCI, browser: Browser
):
    fake.limit_rate(0, per=1, retry_after=7)
    reply = await browser.send("GET", "/me")
    assert (reply.status, reply.body, reply.headers["Retry-After"]) == (429, b"Rate limited.", "7")
    fake.limit_rate(0, per=1)
    assert "Retry-After" not in (await browser.send("GET", "/me")).headers


async def test_what_is_refused_is_not_executed_and_files_are_not_limited(fake: FakeCircleCI, browser: Browser):
    fake.add_build("github/acme/web")
    fake.add_artifact("github/acme/web", 1, "a.txt", b"a")
    (artifact,) = await browser.json("/project/github/acme/web/1/artifacts")
    fake.limit_rate(0, per=1)
    assert (await browser.send("POST", "/project/github/acme/web")).status == 429
    assert (await browser.send("GET", "", base=artifact["url"])).status == 302
    fake.limit_rate(None)
    assert await browser.nums("/project/github/acme/web") == [1]


async def test_a_scripted_fault_goes_first_and_takes_nothing_from_the_limit(fake: FakeCircleCI, browser: Browser):
    limit = fake.limit_rate(1, per=1_000)
    fake.fail_next(503)
    assert [(await browser.send("GET", "/me")).status for _ in range(3)] == [503, 200, 429]
    assert (limit.served, limit.refused) == (1, 1)


@pytest.mark.parametrize(("requests", "per"), [(-1, 1), (1, 0), (1, -1)])
def test_a_limit_that_makes_no_sense_is_refused(requests: int, per: float):
    with pytest.raises(ValueError, match="expected 0 or more requests in a positive number of seconds"):
        FakeCircleCI().limit_rate(requests, per=per)
