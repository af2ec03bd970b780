"""The program of the guide on starting builds runs against a fake whose builds run by the clock."""

from typing import Any

import pytest
from doc_blocks import BLOCKS, ROOT
from fake_clock import FakeClock

from circleci_v1_async import CircleCISession, session
from circleci_v1_async.testing import FakeCircleCI

WEB = "gh/acme/web"
SHA = "c0ffee7" + "0" * 33
SECONDS = 300.0
DEFINITION = "2338d0ae-5541-4bbf-88a2-55e9f7281f80"

both_sides = pytest.mark.parametrize("after_sunset", [False, True], ids=["before the sunset", "after the sunset"])


def load(name: str) -> dict[str, Any]:
    """Return what a program of the guide defines."""
    (block,) = [
        block for block in BLOCKS if block.page == ROOT / "docs" / "guides" / "starting.md" and block.title == name
    ]
    defined: dict[str, Any] = {"__name__": name}
    exec(compile(block.source, name, "exec"), defined)  # noqa: S102 - our own
    return defined


class Scene:
    """A fake whose time passes while a program sleeps."""

    def __init__(self, fake: FakeCircleCI, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fake = fake
        self.clock = FakeClock(random=0.5)
        self.clock.while_asleep = self.pass_time
        self.end_with: str | None = None
        monkeypatch.setenv("CIRCLE_TOKEN", fake.token)
        monkeypatch.setenv("CIRCLE_API_URL", fake.base_url)
        monkeypatch.setattr(session, "Clock", lambda: self.clock.clock)
        fake.add_project(WEB)
        fake.add_build(WEB, revision=SHA, job="test", steps=("checkout", "pytest"))

    async def pass_time(self, seconds: float) -> None:
        self.fake.advance(seconds)
        if self.end_with is not None and self.clock.monotonic + seconds > SECONDS / 2:
            self.fake.finish_build(WEB, 2, self.end_with)
            self.end_with = None


@pytest.fixture
async def scene(monkeypatch: pytest.MonkeyPatch) -> Any:
    async with FakeCircleCI(run_seconds=SECONDS) as fake:
        yield Scene(fake, monkeypatch)


def start(timeout: float = 1800.0) -> Any:
    return load("start.py")["start"](WEB, "main", SHA, DEFINITION, timeout=timeout)


@both_sides
async def test_the_program_waits_for_what_it_started(
    scene: Scene, capsys: pytest.CaptureFixture[str], *, after_sunset: bool
) -> None:
    scene.fake.after_sunset = after_sunset
    assert await start() == 0
    assert scene.clock.monotonic >= SECONDS
    assert capsys.readouterr().out == "Started pipeline 2\nsuccess\n"


@both_sides
async def test_the_program_prints_the_log_of_a_failure(
    scene: Scene, capsys: pytest.CaptureFixture[str], *, after_sunset: bool
) -> None:
    scene.fake.after_sunset, scene.end_with = after_sunset, "failed"
    assert await start() == 1
    out = capsys.readouterr().out
    assert "build failed: http" in out or "test failed: http" in out
    assert out.endswith("no success\n")


@both_sides
async def test_the_program_gives_up_at_its_deadline(
    scene: Scene, capsys: pytest.CaptureFixture[str], *, after_sunset: bool
) -> None:
    scene.fake.after_sunset = after_sunset
    assert await start(timeout=100.0) == 3
    assert "did not finish within 100 s; it was last seen with 1 of " in capsys.readouterr().err
    assert scene.clock.monotonic == pytest.approx(100.0)


async def test_failed_jobs_run_again_and_are_waited_for(scene: Scene) -> None:
    scene.fake.after_sunset = True
    scene.fake.finish_build(WEB, 1, "failed")
    async with CircleCISession.from_env() as ci:
        verdict = await load("rerun.py")["rerun_failed"](ci, await ci.get_build(WEB, 1))
    assert (verdict.is_success, [build.build_num for build in verdict.builds]) == (True, [2])
