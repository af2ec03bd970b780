"""Downloads that are cancelled, or whose session is closed: they leave nothing, and hold up nobody."""

import asyncio
import errno
import gc
import threading
from pathlib import Path
from typing import Any

import pytest
from downloading import (
    BYTES,
    DATA,
    NAME,
    Events,
    at,
    by_path,
    is_cancelled,
    names,
    nothing_stays_open,
    refuse,
    slowed,
)
from faults.scenes import facing
from script_server import Action, Received, ScriptServer, hang, reply, reset, then

from circleci_v1_async import (
    CircleCISession,
    DownloadEvent,
    RetryPolicy,
    SessionClosedError,
)
from circleci_v1_async._files.names import part_name, resume_info_name
from circleci_v1_async._files.part_file import PartFile


@pytest.mark.fault(46)
class TestCancelling:
    @pytest.mark.parametrize("number", [1, 2, 3, 5, 8, 13])
    @pytest.mark.parametrize("many", [False, True], ids=["one", "many"])
    async def test_after_any_event_it_leaves_nothing(self, tmp_path: Path, number: int, *, many: bool) -> None:
        seen: list[DownloadEvent] = []

        def cancel_at_last(event: DownloadEvent) -> None:
            seen.append(event)
            if len(seen) == number:
                task.cancel()

        async with facing(reply(200, BYTES)) as scene:
            if many:
                artifacts = [at(scene.server, name) for name in "abc"]
                call: Any = scene.ci.download_artifacts(artifacts, tmp_path, progress=cancel_at_last).collect()
            else:
                call = scene.ci.download_artifact(at(scene.server), tmp_path / NAME, progress=cancel_at_last)
            task = asyncio.ensure_future(call)
            await is_cancelled(task)
        assert names(tmp_path) == []

    @pytest.mark.parametrize("turns", [*range(8), *range(10, 150, 11)])
    async def test_after_any_turn_of_the_loop_it_leaves_all_or_nothing(self, tmp_path: Path, turns: int) -> None:
        async with facing(reply(200, BYTES)) as scene:
            task = asyncio.create_task(scene.ci.download_artifact(at(scene.server), tmp_path / NAME))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        left = names(tmp_path)
        assert left == [] or (left == [NAME] and (tmp_path / NAME).read_bytes() == BYTES)

    @pytest.mark.parametrize("function", ["open", "write", "publish", "close"])
    async def test_while_a_thread_is_at_it_it_waits_for_the_thread(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str
    ) -> None:
        entered, proceed = asyncio.Event(), threading.Event()
        loop = asyncio.get_running_loop()
        original = getattr(PartFile, function)

        def slow(part: PartFile, *args: Any, **options: Any) -> Any:
            loop.call_soon_threadsafe(entered.set)
            assert proceed.wait(60)
            return original(part, *args, **options)

        broken = then(reply(200, b"0", length=len(DATA)), reset)
        async with facing(broken if function == "close" else reply(200, BYTES), retry=RetryPolicy(attempts=1)) as scene:
            monkeypatch.setattr(PartFile, function, slow)
            task = asyncio.create_task(scene.ci.download_artifact(at(scene.server), tmp_path / NAME))
            await entered.wait()
            for _ in range(2):
                task.cancel()
                for _ in range(20):
                    await asyncio.sleep(0)
                assert not task.done()
            proceed.set()
            await is_cancelled(task)
        assert names(tmp_path) == ([NAME] if function == "publish" else [])
        assert function != "publish" or (tmp_path / NAME).read_bytes() == BYTES

    async def test_a_thread_that_fails_while_it_is_cancelled_says_so_to_nobody(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        entered, proceed = asyncio.Event(), threading.Event()
        loop = asyncio.get_running_loop()

        def fail(part: PartFile, pieces: object) -> None:
            loop.call_soon_threadsafe(entered.set)
            assert proceed.wait(60)
            refuse(errno.ENOSPC)(part, pieces)

        async with facing(reply(200, BYTES)) as scene:
            monkeypatch.setattr(PartFile, "write", fail)
            task = asyncio.create_task(scene.ci.download_artifact(at(scene.server), tmp_path / NAME))
            await entered.wait()
            task.cancel()
            await asyncio.sleep(0)
            proceed.set()
            await is_cancelled(task)
        del task
        gc.collect()
        assert names(tmp_path) == []
        assert caplog.records == []

    def test_when_the_loop_ends_nothing_is_left_either(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """`asyncio.run` cancels every task that there is, also those that nobody awaits."""
        writing, proceed = threading.Event(), threading.Event()

        def slow(part: PartFile, pieces: object) -> None:
            writing.set()
            assert proceed.wait(60)
            # Closed too early, it would be another file's.
            assert part.is_open
            write(part, pieces)

        async def main() -> None:
            async with ScriptServer(reply(200, BYTES)) as server:
                ci = CircleCISession(base_url=server.base_url)
                task = asyncio.create_task(ci.download_artifact(at(server), tmp_path / NAME))
                await asyncio.to_thread(writing.wait, 60)
                for each in asyncio.all_tasks() - {asyncio.current_task()}:
                    each.cancel()
                for _ in range(20):
                    await asyncio.sleep(0)
                assert not task.done()
                proceed.set()
                await is_cancelled(task)
                await ci.close()

        write = PartFile.write
        monkeypatch.setattr(PartFile, "write", slow)
        asyncio.run(main())
        assert names(tmp_path) == []

    async def test_with_resume_what_has_come_is_kept(self, tmp_path: Path) -> None:
        action, _ = slowed(BYTES, 3 * 2**20)
        events = Events()
        async with facing(action) as scene:
            call = scene.ci.download_artifact(at(scene.server), tmp_path / NAME, resume=True, progress=events)
            task = asyncio.create_task(call)
            await events.reached(3 * 2**20)
            task.cancel()
            await is_cancelled(task)
        assert names(tmp_path) == [part_name(NAME), resume_info_name(NAME)]

    async def test_a_timeout_of_the_callers_is_the_callers(self, tmp_path: Path) -> None:
        async with facing(then(reply(200, b"0", length=10), hang)) as scene:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await scene.ci.download_artifacts([at(scene.server)], tmp_path).collect()
        assert names(tmp_path) == []

    async def test_a_hundred_times_leaves_nothing_open(self, tmp_path: Path) -> None:
        async with nothing_stays_open(), facing(then(reply(200, b"0", length=10), hang)) as scene:
            for number in range(100):
                task = asyncio.create_task(scene.ci.download_artifact(at(scene.server), tmp_path / f"{number}"))
                await scene.server.has_received(number + 1)
                task.cancel()
                await is_cancelled(task)
        assert names(tmp_path) == []


BODIES = {
    "with a length": then(reply(200, BYTES[: 2**20 + 5], length=len(DATA)), hang),
    "in chunks": then(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (2**20 + 5, BYTES[: 2**20 + 5]), hang
    ),
    "that ends with the connection": then(b"HTTP/1.1 200 OK\r\n\r\n" + BYTES[: 2**20 + 5], hang),
}


@pytest.mark.fault(49)
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
class TestClosing:
    async def test_the_session_ends_downloads_and_leaves_nothing(
        self, tmp_path: Path, body: Action, caplog: pytest.LogCaptureFixture
    ) -> None:
        events = Events()
        async with facing(body) as scene:
            artifacts = [at(scene.server, name) for name in "abc"]
            downloads = scene.ci.download_artifacts(artifacts, tmp_path / "many", progress=events)
            calls = [
                scene.ci.download_artifact(at(scene.server), tmp_path / NAME, progress=events),
                downloads.collect(),
            ]
            tasks = [asyncio.create_task(call) for call in calls]
            await scene.server.has_received(4)
            await events.reached(2**20)
            await asyncio.wait_for(scene.ci.close(), 5)
            results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(result) for result in results] == 2 * [SessionClosedError]
        assert names(tmp_path) == []
        del downloads, tasks, calls, results
        gc.collect()
        assert [record for record in caplog.records if record.levelname == "ERROR"] == []

    async def test_the_session_ends_streams_that_somebody_reads_from(self, body: Action) -> None:
        async with facing(body) as scene:
            all_there = asyncio.Event()

            async def read() -> None:
                size = 0
                async with scene.ci.open_artifact(at(scene.server)) as stream:
                    async for chunk in stream.iter_chunks():
                        size += len(chunk)
                        if size == 2**20 + 5:
                            all_there.set()

            task = asyncio.create_task(read())
            await all_there.wait()
            await asyncio.wait_for(scene.ci.close(), 5)
            with pytest.raises(SessionClosedError):
                await asyncio.wait_for(task, 5)

    async def test_a_stream_that_nobody_reads_from_is_not_whole_afterwards(self, body: Action) -> None:
        async with facing(body) as scene:
            async with scene.ci.open_artifact(at(scene.server)) as stream:
                await asyncio.wait_for(scene.ci.close(), 5)
                with pytest.raises(SessionClosedError):
                    await stream.read()


async def test_a_closed_session_downloads_nothing(tmp_path: Path) -> None:
    async with facing(reply(200, b"x")) as scene:
        await scene.ci.close()
        with pytest.raises(SessionClosedError):
            await scene.ci.download_artifact(at(scene.server), tmp_path / NAME)
        with pytest.raises(SessionClosedError):
            await scene.ci.download_artifacts([at(scene.server)], tmp_path, on_error="yield").collect()
        with pytest.raises(SessionClosedError):
            async with scene.ci.open_artifact(at(scene.server)):
                raise AssertionError
    assert scene.server.requests == []


async def test_open_downloads_hold_up_no_call_beside_them(tmp_path: Path) -> None:
    begun = asyncio.Event()

    async def forever(_received: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(200, b"0", length=10))
        begun.set()
        await hang(_received, writer)

    script = by_path(me=reply(200, {"login": "ada"}), forever=forever, small=reply(200, b"x"))
    async with facing(script, concurrency=1) as scene:
        async with scene.ci.open_artifact(at(scene.server, "forever")) as stream:
            task = asyncio.create_task(scene.ci.download_artifact(at(scene.server, "forever"), tmp_path / "forever"))
            await begun.wait()
            begun.clear()
            async with scene.ci.open_artifact(at(scene.server, "small")) as other:
                assert await other.read() == b"x"
            assert (await scene.ci.get_current_user()).login == "ada"
            [download] = await scene.ci.download_artifacts([at(scene.server, "small")], tmp_path).collect()
            assert download.error is None
            assert stream.size == 10
            task.cancel()
            await is_cancelled(task)
