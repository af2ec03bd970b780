"""Lines of logs as they are written, and logs saved to files."""

import errno
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from downloading import names
from fake_clock import FakeClock, use

from circleci_v1_async import (
    CircleCISession,
    DownloadError,
    InvalidInputError,
    LogLine,
    NotFoundError,
    PathConflictError,
    ServerError,
)
from circleci_v1_async._downloads.part_file import PartFile
from circleci_v1_async.testing import FakeCircleCI

WEB = "gh/acme/web"


@pytest.fixture
def build(fake: FakeCircleCI) -> FakeCircleCI:
    fake.add_project(WEB)
    fake.add_build(WEB, status="failed")
    fake.add_step(WEB, 1, "checkout", output="\x1b[1mcloning\x1b[0m\r\n10%\r100%\r\n")
    fake.add_step(WEB, 1, "pytest", output="1\n\n2\n", status="failed", step=101, index=0)
    fake.add_step(WEB, 1, "pytest", output="never stored\n", step=101, index=1, published=False)
    fake.add_step(WEB, 1, "mute")
    return fake


async def texts(lines: AsyncIterator[LogLine]) -> list[str]:
    return [f"{line.step}/{line.index}: {line}" async for line in lines]


@pytest.mark.usefixtures("build")
class TestLines:
    async def test_each_line_comes_with_its_step_as_a_terminal_shows_it(self, ci: CircleCISession) -> None:
        lines = [line async for line in ci.iter_build_log(WEB, 1)]
        assert [(line.step, line.index, line.text, line.type) for line in lines] == [
            ("checkout", 0, "cloning", "out"),
            ("checkout", 0, "100%", "out"),
            ("pytest", 0, "1", "out"),
            ("pytest", 0, "", "out"),
            ("pytest", 0, "2", "out"),
            ("pytest", 0, "Exited with code 1", "err"),
            ("pytest", 1, "never stored", None),
        ]
        assert lines[0].time is not None
        assert lines[-1].time is None

    async def test_only_failed_steps_or_those_of_a_name_come_if_that_is_wanted(self, ci: CircleCISession) -> None:
        assert await texts(ci.iter_build_log(WEB, 1, failed_only=True)) == [
            *("pytest/0: 1", "pytest/0: ", "pytest/0: 2", "pytest/0: Exited with code 1")
        ]
        assert await texts(ci.iter_build_log(WEB, 1, step="checkout")) == ["checkout/0: cloning", "checkout/0: 100%"]
        assert await ci.get_build_log(WEB, 1, step="checkout") == "=== checkout (success)\ncloning\n100%\n"

    async def test_one_that_is_left_closes_its_connection(self, ci: CircleCISession) -> None:
        async with aclosing(ci.iter_build_log(WEB, 1)) as lines:
            async for _ in lines:
                break
        assert not ci._calls.transport.streams

    @pytest.mark.parametrize("options", [{"step": 5}, {"interval": 0}, {"interval": float("nan")}])
    async def test_bad_options_are_refused_at_once(self, ci: CircleCISession, options: dict[str, Any]) -> None:
        with pytest.raises(InvalidInputError):
            ci.iter_build_log(WEB, 1, **options)

    async def test_a_build_that_is_not_there_is_not_found(self, fake: FakeCircleCI, ci: CircleCISession) -> None:
        fake.add_project(WEB)
        for follow in (False, True):
            with pytest.raises(NotFoundError):
                await texts(ci.iter_build_log(WEB, 7, follow=follow))


@pytest.mark.usefixtures("clock")
class TestFollowing:
    """A build that runs, and of which more happens whenever somebody waits."""

    @staticmethod
    def story(fake: FakeCircleCI) -> Iterator[None]:
        fake.add_output(WEB, 1, "half a li")
        yield
        fake.add_output(WEB, 1, "ne\r\n10%\r20%")
        yield
        fake.add_output(WEB, 1, "\r100%\r\nno end", status="success")
        fake.add_step(WEB, 1, "deploy", status="running")
        yield
        fake.fail_next(500, count=3)
        yield
        fake.add_output(WEB, 1, "on its way\n")
        yield
        fake.add_output(WEB, 1, "there\n", status="failed")
        fake.finish_build(WEB, 1, "failed")
        yield

    @pytest.fixture
    def clock(self, fake: FakeCircleCI, ci: CircleCISession) -> FakeClock:
        fake.add_project(WEB)
        fake.add_build(WEB, status="running")
        fake.add_step(WEB, 1, "test", output="begun\n", status="running")
        clock = FakeClock()
        use(ci, clock)
        story = self.story(fake)

        async def happen(seconds: float) -> None:
            if seconds >= 5:
                next(story)

        clock.while_asleep = happen
        return clock

    async def test_each_line_comes_once_when_it_has_ended(self, ci: CircleCISession, clock: FakeClock) -> None:
        looks: list[int] = []
        lines: list[str] = []
        async for line in ci.iter_build_log(WEB, 1, follow=True):
            lines.append(f"{line.step}: {line}")
            looks.append(len([wait for wait in clock.slept if wait >= 5]))
        assert lines == [
            "test: begun",
            "test: half a line",
            "test: 100%",
            "test: no end",
            "deploy: on its way",
            "deploy: there",
            "deploy: Exited with code 1",
        ]
        assert looks == [0, 2, 3, 3, 5, 6, 6]

    async def test_steps_that_have_ended_are_not_read_again(self, fake: FakeCircleCI, ci: CircleCISession) -> None:
        await texts(ci.iter_build_log(WEB, 1, follow=True))
        read = [request.path for request in fake.requests if "/output/" in request.path or request.site == "storage"]
        assert sum("/0/0" in path for path in read) == 4

    async def test_an_error_that_will_not_pass_ends_it(
        self, fake: FakeCircleCI, ci: CircleCISession, clock: FakeClock
    ) -> None:
        async def remove(_seconds: float) -> None:
            fake.remove_build(WEB, 1)

        clock.while_asleep = remove
        with pytest.raises(NotFoundError):
            await texts(ci.iter_build_log(WEB, 1, follow=True))


@pytest.mark.usefixtures("build")
class TestFiles:
    async def test_a_log_is_saved_under_headings(self, ci: CircleCISession, tmp_path: Path) -> None:
        path = await ci.save_build_log(WEB, 1, tmp_path / "new" / "build.log")
        assert path == tmp_path / "new" / "build.log"
        assert path.read_text() == await ci.get_build_log(WEB, 1)
        assert names(path.parent) == ["build.log"]

    async def test_of_a_build_without_steps_it_is_empty(
        self, fake: FakeCircleCI, ci: CircleCISession, tmp_path: Path
    ) -> None:
        fake.add_project(WEB)
        fake.add_build(WEB)
        assert (await ci.save_build_log(WEB, 1, tmp_path / "log")).read_text() == ""

    async def test_a_long_log_is_written_in_batches(
        self, build: FakeCircleCI, ci: CircleCISession, tmp_path: Path
    ) -> None:
        text = "".join(f"{number:0>99}\n" for number in range(15_000))
        build.add_step(WEB, 1, "long", output=text)
        path = await ci.save_build_log(WEB, 1, tmp_path / "log", step="long")
        assert path.read_text() == f"=== long (success)\n{text}"

    async def test_without_a_path_it_is_refused(self, ci: CircleCISession) -> None:
        save: Any = ci.save_build_log
        with pytest.raises(InvalidInputError, match="path: expected the path of a file, got None"):
            await save(WEB, 1)

    @pytest.mark.parametrize("make", [Path.touch, Path.mkdir], ids=["file", "folder"])
    async def test_a_path_that_is_taken_is_refused_before_any_request(
        self, build: FakeCircleCI, ci: CircleCISession, tmp_path: Path, make: Any
    ) -> None:
        make(tmp_path / "log")
        with pytest.raises(PathConflictError):
            await ci.save_build_log(WEB, 1, tmp_path / "log")
        assert build.requests == []

    async def test_a_file_may_be_replaced(self, ci: CircleCISession, tmp_path: Path) -> None:
        (tmp_path / "log").write_text("old")
        await ci.save_build_log(WEB, 1, tmp_path / "log", failed_only=True, overwrite=True)
        assert (tmp_path / "log").read_text() == "=== pytest [0] (failed, exit code 1)\n1\n\n2\nExited with code 1\n"

    async def test_one_that_fails_leaves_no_file(
        self, build: FakeCircleCI, ci: CircleCISession, tmp_path: Path
    ) -> None:
        build.fail_next(500, count=3, path="/logs")
        with pytest.raises(ServerError):
            await ci.save_build_log(WEB, 1, tmp_path / "log")
        assert names(tmp_path) == []

    @pytest.mark.fault(57)
    async def test_a_full_disk_is_an_error_and_leaves_no_file(
        self, ci: CircleCISession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def publish(*_args: object, **_options: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(PartFile, "publish", publish)
        with pytest.raises(DownloadError, match="No space left on device"):
            await ci.save_build_log(WEB, 1, tmp_path / "log")
        assert names(tmp_path) == []

    @pytest.mark.fault(69)
    async def test_a_file_system_without_locks_is_told_of_and_the_log_is_saved(
        self,
        ci: CircleCISession,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        monkeypatch.setattr("circleci_v1_async._downloads.part_file._lock", lambda _fd: False)
        await ci.save_build_log(WEB, 1, tmp_path / "log")
        assert (tmp_path / "log").exists()
        assert "its file system has no locks" in caplog.text
