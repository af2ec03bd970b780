"""Lines of logs as they are written, and logs saved to files."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from downloading import names
from fake_clock import FakeClock, use
from faults.scenes import facing
from hypothesis import given
from hypothesis import strategies as st
from script_server import Action, Received, error, hang, hang_up, reply, then

from circleci_v1_async import (
    BodyTooLargeError,
    CircleCISession,
    DownloadError,
    InvalidInputError,
    LogLine,
    NotFoundError,
    PathConflictError,
    PermissionDeniedError,
    ServerError,
    SessionClosedError,
    UnsafePathError,
)
from circleci_v1_async._files.part_file import PartFile
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
        assert not ci._caller.transport.streams

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
        fake.add_output(WEB, 1, "stored late\n")
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
            "deploy: stored late",
            "deploy: Exited with code 1",
        ]
        assert looks == [0, 2, 3, 5, 5, 6, 7, 7]

    async def test_a_build_that_has_finished_is_read_once_as_a_terminal_shows_it(
        self, fake: FakeCircleCI, ci: CircleCISession, clock: FakeClock
    ) -> None:
        fake.add_output(WEB, 1, "a: 1%\nb: 1%\n\x1b[2Aa: done\n", status="success")
        fake.finish_build(WEB, 1)
        assert await texts(ci.iter_build_log(WEB, 1, follow=True)) == [
            "test/0: begun",
            "test/0: a: done",
            "test/0: b: 1%",
        ]
        assert clock.slept == []

    async def test_a_step_is_read_once_more_after_its_end_and_no_more(
        self, fake: FakeCircleCI, ci: CircleCISession
    ) -> None:
        await texts(ci.iter_build_log(WEB, 1, follow=True))
        read = [request.path for request in fake.requests if "/output/" in request.path or request.site == "storage"]
        assert sum("/0/0" in path for path in read) == 5

    async def test_an_error_that_will_not_pass_ends_it(
        self, fake: FakeCircleCI, ci: CircleCISession, clock: FakeClock
    ) -> None:
        async def remove(_seconds: float) -> None:
            fake.remove_build(WEB, 1)

        clock.while_asleep = remove
        with pytest.raises(NotFoundError):
            await texts(ci.iter_build_log(WEB, 1, follow=True))


def detail(build: dict[str, Any], action: dict[str, Any]) -> bytes:
    steps = [{"name": "\x1b[1mtest\x1b[0m", "actions": [{"step": 0, "index": 0, **action}]}]
    return reply(200, {"build_num": 7, "steps": steps, **build})


RUNNING = detail({"lifecycle": "running", "status": "running"}, {})
FINISHED = detail({"lifecycle": "finished", "outcome": "success"}, {"end_time": "2026-11-02T08:15:00Z"})
STORED = detail({"lifecycle": "finished", "outcome": "success"}, {"output_url": "/log"})


class TestFollowingReplies:
    """A build of which a look takes two replies: the build, and the output of its step."""

    @staticmethod
    async def follow(*replies: bytes | Action, max_body: int = 10_000) -> list[LogLine]:
        async with facing(*replies, max_body=max_body) as scene:
            use(scene.ci, FakeClock())
            return [line async for line in scene.ci.iter_build_log("gh/acme/web", 7, follow=True)]

    async def test_a_character_that_has_come_in_part_is_waited_for(self) -> None:
        text = "ü1\nü2\nü".encode()
        outputs = (text[:1], text[:5], text[:-1], text, text)
        builds = (RUNNING, RUNNING, RUNNING, FINISHED, FINISHED)
        looks = zip(builds, [reply(200, output) for output in outputs], strict=True)
        lines = await self.follow(*(each for look in looks for each in look))
        assert [line.text for line in lines] == ["ü1", "ü2", "ü"]

    async def test_the_name_of_a_step_comes_without_control_characters(self) -> None:
        lines = await self.follow(STORED, reply(200, [{"message": "1\n"}]))
        assert [(line.step, line.text) for line in lines] == [("test", "1")]

    @pytest.mark.fault(76)
    async def test_a_log_that_is_too_large_while_the_build_runs_is_read_when_it_is_stored(self) -> None:
        large = reply(200, b"x" * 2000)
        stored = reply(200, [{"message": "x" * 700 + "\n"}] * 3)
        lines = await self.follow(RUNNING, large, FINISHED, large, STORED, stored, max_body=1000)
        assert len(lines) == 3

    @pytest.mark.fault(76)
    async def test_a_log_that_stays_too_large_is_an_error(self) -> None:
        large = reply(200, b"x" * 2000)
        with pytest.raises(BodyTooLargeError):
            await self.follow(RUNNING, large, FINISHED, large, FINISHED, large, max_body=1000)

    async def test_lines_of_a_reading_that_breaks_off_come_once(self) -> None:
        stored = reply(200, [{"message": "1\n"}, {"message": "2\n"}])
        broken = then(stored[:-20], hang_up)
        lines = await self.follow(RUNNING, reply(200, b"1\n"), STORED, *[broken] * 3, STORED, stored)
        assert [line.text for line in lines] == ["1", "2"]

    @pytest.mark.parametrize(
        ("running", "stored", "lines"),
        [
            ("10%done\nnext\n", [("10%", "err"), ("done\n", "out"), ("next\n", "out")], ["10%done", "next"]),
            ("ok\r\nwarn: x\n", [("ok", "out"), ("\r\n", "out"), ("warn: x\n", "err")], ["ok", "warn: x"]),
        ],
    )
    async def test_each_line_comes_once_when_it_is_stored_by_stream(
        self, running: str, stored: list[tuple[str, str]], lines: list[str]
    ) -> None:
        run = reply(200, running.encode())
        log = reply(200, [{"message": message, "type": kind} for message, kind in stored])
        assert [line.text for line in await self.follow(RUNNING, run, FINISHED, run, STORED, log)] == lines

    @given(
        st.lists(st.sampled_from([*"ab\n\n\r\t\b", "\r\n", "\x1b[31m", "\x1b[K", "\x1b]t\x07", "ü"])).map("".join),
        st.data(),
    )
    def test_the_lines_followed_are_the_lines_of_the_finished_log(self, text: str, data: st.DataObject) -> None:
        places = st.lists(st.integers(0, len(text)), max_size=5).map(sorted)
        cuts = [0, *data.draw(places), len(text)]
        pieces = [
            {"message": text[begin:end], "type": data.draw(st.sampled_from(["out", "err"]))}
            for begin, end in pairwise(cuts)
        ]
        looks = [(RUNNING, b""), *((RUNNING, text[:end].encode()) for end in data.draw(places))]
        if data.draw(st.booleans()):
            looks.append((FINISHED, text.encode()))
        stored = reply(200, pieces)
        replies = iter([(build, reply(200, output)) for build, output in looks])
        output = stored

        async def act(received: Received, writer: asyncio.StreamWriter) -> None:
            nonlocal output
            if received.target.endswith("/7"):
                build, output = next(replies, (STORED, stored))
                writer.write(build)
            else:
                writer.write(output)

        async def check() -> None:
            followed = await self.follow(act)
            async with facing(STORED, stored) as scene:
                finished = [line async for line in scene.ci.iter_build_log("gh/acme/web", 7)]
            assert [line.text for line in followed] == [line.text for line in finished]

        asyncio.run(check())

    async def test_a_truncated_log_is_given_after_a_line_that_says_so(self, caplog: pytest.LogCaptureFixture) -> None:
        stored = reply(200, [{"message": "3\n4\n", "truncated": True}])
        last_look = [STORED, stored, error(404)]
        lines = await self.follow(RUNNING, reply(200, b"1\n2\n3\n"), *last_look, *last_look)
        remark = "CircleCI did not keep all of this log: 4 characters are left"
        assert [line.text for line in lines] == ["1", "2", "3", f"[{remark}]", "3", "4"]
        assert len(caplog.records) == 1

    async def test_the_complete_text_of_a_truncated_log_goes_on_after_the_lines_that_were_given(self) -> None:
        stored = reply(200, [{"message": "3\n4\n", "truncated": True}])
        last_look = [STORED, stored, reply(200, b"1\n2\n3\n4\n")]
        lines = await self.follow(RUNNING, reply(200, b"1\n2\n3\n"), *last_look, *last_look)
        assert [line.text for line in lines] == ["1", "2", "3", "4"]

    async def test_an_error_of_the_only_log_is_raised_at_the_last_look(self) -> None:
        refused = error(403)
        with pytest.raises(PermissionDeniedError):
            await self.follow(RUNNING, refused, FINISHED, refused, FINISHED, refused)

    async def test_one_step_does_not_cost_the_others(self, caplog: pytest.LogCaptureFixture) -> None:
        def two(**state: Any) -> bytes:
            steps = [
                {"name": name, "actions": [{"step": step, "index": 0, "end_time": "2026-11-02T08:15:00Z"}]}
                for step, name in enumerate(("bad", "good"))
            ]
            return reply(200, {"build_num": 7, "steps": steps, **state})

        good = [reply(200, b"1\n"), reply(200, b"1\n2\n")]
        lines = await self.follow(
            *(two(lifecycle="running"), error(403), good[0]),
            *(two(lifecycle="running"), *[error(500)] * 3, good[1]),
            *(two(lifecycle="finished"), error(403)),
        )
        assert [(line.step, line.text) for line in lines[:2]] == [("good", "1"), ("good", "2")]
        assert lines[2].text.startswith("[this log could not be read: ")
        assert len(lines) == 3
        assert "log of build 7: 500; polling again" in caplog.text

    async def test_the_session_that_is_closed_meanwhile_is_the_error(self) -> None:
        async with facing(FINISHED, hang) as scene:
            task = asyncio.create_task(anext(scene.ci.iter_build_log("gh/acme/web", 7)))
            await scene.server.has_received(2)
            await asyncio.wait_for(scene.ci.close(), 5)
            with pytest.raises(SessionClosedError):
                await task


@pytest.mark.usefixtures("build")
class TestFiles:
    async def test_a_log_is_saved_under_headings(self, ci: CircleCISession, tmp_path: Path) -> None:
        path = await ci.save_build_log(WEB, 1, tmp_path / "new" / "build.log")
        assert path == tmp_path / "new" / "build.log"
        assert path.read_text() == await ci.get_build_log(WEB, 1)
        assert names(path.parent) == ["build.log"]

    async def test_it_may_be_saved_as_it_was_written(self, ci: CircleCISession, tmp_path: Path) -> None:
        path = await ci.save_build_log(WEB, 1, tmp_path / "log", strip_ansi=False)
        assert path.read_bytes().decode() == await ci.get_build_log(WEB, 1, strip_ansi=False)
        assert b"\x1b[1mcloning" in path.read_bytes()

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

    @pytest.mark.parametrize(
        ("make", "overwrite", "error"),
        [
            (Path.touch, False, PathConflictError),
            (Path.mkdir, True, InvalidInputError),
            (os.mkfifo, True, PathConflictError),
            (lambda path: path.symlink_to("elsewhere"), True, UnsafePathError),
        ],
        ids=["file", "folder", "FIFO", "link"],
    )
    async def test_a_path_that_is_taken_is_refused_before_any_request(
        self, build: FakeCircleCI, ci: CircleCISession, tmp_path: Path, make: Any, *, overwrite: bool, error: Any
    ) -> None:
        make(tmp_path / "log")
        with pytest.raises(error):
            await ci.save_build_log(WEB, 1, tmp_path / "log", overwrite=overwrite)
        assert build.requests == []

    @pytest.mark.fault(55)
    async def test_a_file_that_appears_meanwhile_stays_and_the_error_names_the_way_out(
        self, build: FakeCircleCI, ci: CircleCISession, tmp_path: Path
    ) -> None:
        (tmp_path / "there").touch()
        build.before_reply(lambda _request: (tmp_path / "log").touch())
        for name in ("there", "log"):
            with pytest.raises(PathConflictError, match=r"already exists; overwrite=True replaces it$"):
                await ci.save_build_log(WEB, 1, tmp_path / name)
        assert names(tmp_path) == ["log", "there"]
        assert (tmp_path / "log").read_bytes() == b""

    async def test_a_file_may_be_replaced(self, ci: CircleCISession, tmp_path: Path) -> None:
        (tmp_path / "log").write_text("old")
        await ci.save_build_log(WEB, 1, tmp_path / "log", failed_only=True, overwrite=True)
        assert (tmp_path / "log").read_text() == "=== pytest [0] (failed, exit code 1)\n1\n\n2\nExited with code 1\n"

    async def test_one_that_fails_leaves_no_file(
        self, build: FakeCircleCI, ci: CircleCISession, tmp_path: Path
    ) -> None:
        build.fail_next(500, count=3, path="/logs")
        with pytest.raises(ServerError):
            await ci.save_build_log(WEB, 1, tmp_path / "log", step="checkout")
        assert names(tmp_path) == []

    async def test_a_step_that_cannot_be_read_is_one_line_of_the_file(
        self, build: FakeCircleCI, ci: CircleCISession, tmp_path: Path
    ) -> None:
        build.fail_next(500, count=3, path="/logs")
        text = (await ci.save_build_log(WEB, 1, tmp_path / "log")).read_text()
        assert text.startswith("=== checkout (success)\n[this log could not be read: GET /logs/")
        assert "]\n\n=== mute (success)\n\n=== pytest [0] (failed, exit code 1)\n1\n" in text

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
        monkeypatch.setattr("circleci_v1_async._files.part_file._lock", lambda _fd: False)
        await ci.save_build_log(WEB, 1, tmp_path / "log")
        assert (tmp_path / "log").exists()
        assert "the file system has no locks" in caplog.text
