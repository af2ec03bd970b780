"""Builds that run by the fake's clock."""

from typing import Any

import pytest
from browser import Browser

from circleci_v1_async.testing import FakeCircleCI

WEB = "github/acme/web"
SECONDS = 1000


@pytest.fixture
def fake_options() -> dict[str, Any]:
    return {"run_seconds": SECONDS}


async def see(browser: Browser, build_num: int = 1) -> dict[str, Any]:
    """The build alone, after a check that both lists show it in the same way."""
    build = await browser.json(f"/project/{WEB}/{build_num}")
    for path in (f"/project/{WEB}", "/recent-builds", f"/project/{WEB}/tree/main?shallow=true"):
        listed = next(item for item in await browser.json(path) if item["build_num"] == build_num)
        same = ("status", "lifecycle", "outcome", "start_time", "stop_time")
        assert [listed[key] for key in same] == [build[key] for key in same]
    return build


STARTS = {
    "trigger": lambda fake: fake.trigger_build(WEB),
    "pipeline": lambda fake: fake.trigger_pipeline(WEB, branch=None, revision=None, tag=None),
    "added": lambda fake: fake.add_build(WEB, status="queued"),
}


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
async def test_a_started_build_is_queued_then_runs_then_has_succeeded(fake: FakeCircleCI, browser: Browser, start):
    start(fake)
    queued = await see(browser)
    assert (queued["status"], queued["start_time"], queued["steps"]) == ("queued", None, [])
    fake.advance(SECONDS * 0.1)
    running = await see(browser)
    assert (running["status"], running["stop_time"]) == ("running", None)
    assert running["start_time"] > queued["queued_at"]
    fake.advance(SECONDS)
    finished = await see(browser)
    assert (finished["status"], finished["outcome"]) == ("success", "success")
    assert finished["build_time_millis"] == SECONDS * 1000
    assert finished["start_time"] == running["start_time"]


async def test_a_retry_runs_as_well(fake: FakeCircleCI, browser: Browser):
    fake.add_build(WEB, status="failed")
    await browser.json(f"/project/{WEB}/1/retry", method="POST")
    assert (await see(browser, 2))["status"] == "queued"
    fake.advance(SECONDS * 2)
    assert [build["status"] for build in await browser.json(f"/project/{WEB}")] == ["success", "failed"]


async def test_a_build_that_is_added_as_running_does_not_wait(fake: FakeCircleCI, browser: Browser):
    fake.add_build(WEB, status="running")
    assert (await see(browser))["status"] == "running"
    fake.advance(SECONDS)
    assert (await see(browser))["status"] == "success"


async def test_steps_appear_and_their_output_grows_while_a_build_runs(fake: FakeCircleCI, browser: Browser):
    fake.add_build(WEB, status="running")
    seen: list[tuple[int, int, int]] = []
    for _ in range(11):
        steps = (await browser.json(f"/project/{WEB}/1"))["steps"]
        assert [step["actions"][0]["status"] for step in steps[:-1]] == ["success"] * (len(steps) - 1)
        paths = [f"/project/{WEB}/1/output/{step['actions'][0]['step']}/0?file=true" for step in steps]
        texts = [(await browser.send("GET", path)).body.decode() for path in paths]
        seen.append((len(steps), sum(map(len, texts)), sum("output_url" in step["actions"][0] for step in steps)))
        fake.advance(SECONDS / 10)
    assert seen == sorted(seen)
    assert (seen[0], seen[-1][0], seen[-1][2]) == ((1, 0, 0), 3, 3)
    assert len({text for _, text, _ in seen}) > 8


async def test_output_that_was_seen_stays_as_it_was(fake: FakeCircleCI, browser: Browser):
    fake.add_build(WEB, status="running")
    text = ""
    for _ in range(20):
        fake.advance(SECONDS / 20)
        steps = (await browser.json(f"/project/{WEB}/1"))["steps"]
        numbers = [step["actions"][0]["step"] for step in steps]
        parts = [
            (await browser.send("GET", f"/project/{WEB}/1/output/{number}/0?file=true")).body for number in numbers
        ]
        assert b"".join(parts).decode().startswith(text)
        text = b"".join(parts).decode()
    assert text.count("\r\n") == 45


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5])
async def test_who_finishes_a_build_says_how_it_ends(fake: FakeCircleCI, browser: Browser, share: float):
    fake.trigger_build(WEB)
    fake.advance(SECONDS * share)
    fake.finish_build(WEB, 1, "failed")
    failed = await see(browser)
    assert (failed["status"], {step["actions"][0]["status"] for step in failed["steps"]} - {"success"}) == (
        "failed",
        {"failed"} if share == 0.5 else set(),
    )
    assert 0 <= failed["build_time_millis"] < SECONDS * 1000 * max(share, 0.01)
    assert all(step["actions"][0]["run_time_millis"] < SECONDS * 500 for step in failed["steps"])
    fake.advance(SECONDS * 2)
    assert await see(browser) == failed


async def test_a_cancellation_stays_too(fake: FakeCircleCI, browser: Browser):
    fake.trigger_build(WEB)
    fake.add_build(WEB, status="running")
    for number in (1, 2):
        await browser.json(f"/project/{WEB}/{number}/cancel", method="POST")
    fake.advance(SECONDS * 2)
    assert [build["status"] for build in await browser.json(f"/project/{WEB}")] == ["canceled", "canceled"]


async def test_a_change_that_is_none_of_the_status_leaves_a_build_running(fake: FakeCircleCI, browser: Browser):
    fake.add_build(WEB, status="running")
    fake.update_build(WEB, 1, subject="Another")
    fake.advance(SECONDS)
    assert ((await see(browser))["status"], (await see(browser))["subject"]) == ("success", "Another")


async def test_steps_of_ones_own_take_the_place_of_those_that_appear(fake: FakeCircleCI, browser: Browser):
    fake.add_build(WEB, status="running", steps=["checkout", "pytest"])
    fake.advance(SECONDS / 2)
    shown = (await browser.json(f"/project/{WEB}/1"))["steps"]
    assert [(step["name"], step["actions"][0]["status"]) for step in shown] == [
        ("checkout", "success"),
        ("pytest", "running"),
    ]
    fake.advance(SECONDS)
    shown = (await browser.json(f"/project/{WEB}/1"))["steps"]
    assert [step["actions"][0]["status"] for step in shown] == ["success", "success"]


async def test_builds_that_are_over_or_gone_do_not_run(fake: FakeCircleCI, browser: Browser):
    fake.add_build(WEB, status="not_run")
    fake.add_build(WEB, status="running")
    fake.remove_build(WEB, 2)
    fake.add_build("github/acme/web", status="running")
    fake.add_project(WEB)
    fake.add_build(WEB, status="failed")
    fake.advance(SECONDS * 2)
    assert [build["status"] for build in await browser.json(f"/project/{WEB}")] == ["failed"]


async def test_a_run_may_take_no_time():
    fake = FakeCircleCI(run_seconds=0)
    fake.add_project(WEB)
    fake.trigger_build(WEB)
    assert fake.cancel_build(WEB, 1)["status"] == "success"


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_times_that_are_none_are_refused(seconds: float):
    with pytest.raises(ValueError, match="run_seconds: expected a number of seconds, 0 or more, got"):
        FakeCircleCI(run_seconds=seconds)
    with pytest.raises(ValueError, match="seconds: expected a number of seconds, 0 or more, got"):
        FakeCircleCI(run_seconds=1).advance(seconds)


def test_a_fake_without_a_clock_says_how_to_get_one():
    with pytest.raises(ValueError, match="create the fake with run_seconds"):
        FakeCircleCI().advance(1)
