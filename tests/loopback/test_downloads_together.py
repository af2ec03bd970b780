"""Downloads of one session, or of one path, that meet: slots, threads, notes, locks."""

import asyncio
import errno
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from downloading import (
    BYTES,
    ETAG,
    NAME,
    OTHER,
    WEB,
    Events,
    at,
    broken_off,
    by_path,
    is_cancelled,
    names,
    ranges,
    refuse,
    rest,
)
from faults.scenes import facing
from script_server import Action, Received, ScriptServer, hang, reply, reset, then

from circleci_v1_async import (
    Artifact,
    CircleCISession,
    DownloadError,
    InvalidInputError,
    SessionClosedError,
    TransportError,
    UnsafePathError,
    UsageError,
)
from circleci_v1_async._files.names import part_name, resume_info_name
from circleci_v1_async._files.part_file import PartFile
from circleci_v1_async._files.threads import FileThreads
from circleci_v1_async.testing import FakeCircleCI

THREADS = "circleci_v1_async"


class Turnstile:
    """Replies that count how many are under way at once, and end when they are told to."""

    def __init__(self) -> None:
        self.under_way = self.most = 0
        self.go_on = asyncio.Event()
        self.changed = asyncio.Condition()

    async def __call__(self, _received: Received, writer: asyncio.StreamWriter) -> None:
        await self._count(1)
        writer.write(reply(200, b"0", length=2))
        await self.go_on.wait()
        await self._count(-1)
        writer.write(b"1")

    async def _count(self, change: int) -> None:
        async with self.changed:
            self.under_way += change
            self.most = max(self.most, self.under_way)
            self.changed.notify_all()

    async def reached(self, count: int) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: self.under_way >= count)


class Blocked:
    """A disk whose writes wait until they are told to go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.proceed = threading.Event()
        self._entered = threading.Semaphore(0)
        publish = PartFile.publish

        def wait_and_publish(part: PartFile, *args: Any, **options: Any) -> None:
            self._entered.release()
            assert self.proceed.wait(60)
            publish(part, *args, **options)

        monkeypatch.setattr(PartFile, "publish", wait_and_publish)

    async def entered(self, count: int) -> None:
        for _ in range(count):
            while not self._entered.acquire(blocking=False):  # noqa: ASYNC110 - a thread tells it
                await asyncio.sleep(0)


@pytest.fixture
def blocked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Blocked]:
    blocked = Blocked(monkeypatch)
    yield blocked
    blocked.proceed.set()


@pytest.mark.fault(71)
class TestSlots:
    async def test_the_session_bounds_the_files_of_all_its_calls(self, tmp_path: Path) -> None:
        turnstile = Turnstile()
        async with facing(turnstile, download_concurrency=3) as scene:
            view = scene.ci.with_options(timeout=30)
            many = [at(scene.server, f"{number}") for number in range(4)]
            calls: list[Any] = [
                scene.ci.download_artifacts(many, tmp_path / "a").collect(),
                view.download_artifacts(many, tmp_path / "b").collect(),
                scene.ci.download_artifact(at(scene.server), tmp_path / NAME),
            ]
            tasks = [asyncio.create_task(call) for call in calls]
            await turnstile.reached(3)
            for _ in range(100):
                await asyncio.sleep(0)
            assert turnstile.under_way == len(scene.server.requests) == 3
            turnstile.go_on.set()
            await asyncio.gather(*tasks)
        assert turnstile.most <= 3
        assert len(names(tmp_path)) == 9

    async def test_streams_that_are_open_do_not_count(self, tmp_path: Path) -> None:
        begun = then(reply(200, b"0", length=10), hang)
        async with facing(by_path(begun=begun, small=reply(200, b"x")), download_concurrency=1) as scene:
            async with scene.ci.open_artifact(at(scene.server, "begun")) as stream:
                assert stream.size == 10
                await scene.ci.download_artifact(at(scene.server, "small"), tmp_path / NAME)
        assert names(tmp_path) == [NAME]

    async def test_a_loop_that_does_not_ask_for_more_holds_up_no_other(self, tmp_path: Path) -> None:
        async with facing(reply(200, b"x"), download_concurrency=1) as scene:
            many = [at(scene.server, f"{number}") for number in range(20)]
            async with scene.ci.download_artifacts(many, tmp_path / "a", concurrency=2) as idle:
                async for _ in idle:
                    others = await scene.ci.download_artifacts(many, tmp_path / "b").collect()
                    break
        assert len(others) == 20

    async def test_a_slot_is_held_until_the_file_has_its_name(self, tmp_path: Path, blocked: Blocked) -> None:
        async with facing(reply(200, b"x"), download_concurrency=1) as scene:
            many = [at(scene.server, f"{number}") for number in range(3)]
            task = asyncio.create_task(scene.ci.download_artifacts(many, tmp_path).collect())
            await blocked.entered(1)
            for _ in range(100):
                await asyncio.sleep(0)
            assert len(scene.server.requests) == 1
            blocked.proceed.set()
            await task
        assert len(names(tmp_path)) == 3

    async def test_a_slot_that_is_waited_for_when_the_session_closes_is_no_download(self, tmp_path: Path) -> None:
        async with facing(then(reply(200, b"0", length=10), hang), download_concurrency=1) as scene:
            calls = [scene.ci.download_artifact(at(scene.server), tmp_path / name) for name in "ab"]
            tasks = [asyncio.create_task(call) for call in calls]
            await scene.server.has_received(1)
            await scene.ci.close()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(result) for result in results] == 2 * [SessionClosedError]
        assert len(scene.server.requests) == 1
        assert names(tmp_path) == []

    @pytest.mark.parametrize("value", [0, -1, True, 1.5, "2"])
    def test_a_bound_that_is_none_is_refused(self, value: Any) -> None:
        with pytest.raises(InvalidInputError, match="download_concurrency: expected an integer from 1"):
            CircleCISession(download_concurrency=value)

    async def test_a_hundred_builds_with_ten_artifacts_each_need_few_descriptors(
        self, fake: FakeCircleCI, tmp_path: Path
    ) -> None:
        pytest.importorskip("resource")
        fake.add_project(WEB)
        for number in range(1, 101):
            fake.add_build(WEB)
            for name in range(10):
                fake.add_artifact(WEB, number, f"reports/{name}.xml", b"x")
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", FAN_OUT, fake.token, fake.base_url, tmp_path, stdout=subprocess.PIPE
        )
        output, _ = await child.communicate()
        assert (child.returncode, output.decode().split()) == (0, ["1000"])
        assert len(names(tmp_path)) == 1000


# As in the guide.
FAN_OUT = """
import asyncio, resource, sys
from circleci_v1_async import CircleCISession

resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))

async def fetch(ci, folder, number):
    artifacts = await ci.list_build_artifacts("github/acme/web", number)
    return await ci.download_artifacts(artifacts, f"{folder}/{number}").collect()

async def main(token, base_url, folder):
    async with CircleCISession(token, base_url=base_url, durable=False) as ci:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(fetch(ci, folder, number)) for number in range(1, 101)]
    print(sum(len(task.result()) for task in tasks))

asyncio.run(main(*sys.argv[1:]))
"""


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith(THREADS)]


@pytest.mark.fault(72)
class TestThreads:
    async def test_a_disk_that_does_not_answer_holds_up_no_call_and_no_name(
        self, tmp_path: Path, blocked: Blocked
    ) -> None:
        async with ScriptServer(by_path(me=reply(200, {"login": "ada"}), f=reply(200, b"x"))) as server:
            # A name that is to be resolved, which takes one of asyncio's own threads.
            async with CircleCISession(base_url=f"http://localhost:{server.port}/api/v1.1") as ci:
                calls = [ci.download_artifact(at(server, "f"), tmp_path / f"{number}") for number in range(16)]
                tasks = [asyncio.create_task(call) for call in calls]
                await blocked.entered(16)
                assert (await ci.get_current_user()).login == "ada"
                blocked.proceed.set()
                await asyncio.gather(*tasks)
        assert len(names(tmp_path)) == 16

    async def test_threads_are_begun_at_first_use_and_end_with_the_session(self, tmp_path: Path) -> None:
        for thread in threads():
            thread.join(60)
        async with facing(reply(200, b"x")) as scene:
            async with scene.ci.open_artifact(at(scene.server)):
                assert threads() == []
            await scene.ci.download_artifact(at(scene.server), tmp_path / NAME)
            begun = threads()
            assert begun
            await scene.ci.with_options(timeout=1).close()
            await scene.ci.download_artifact(at(scene.server), tmp_path / "other")
        for thread in begun:
            thread.join(60)
            assert not thread.is_alive()

    async def test_a_small_file_of_announced_length_is_one_call_of_a_thread(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        calls: list[str] = []
        run = FileThreads.run

        async def record(disk: FileThreads, function: Any, *args: Any, **options: Any) -> Any:
            calls.append(function.__name__)
            return await run(disk, function, *args, **options)

        monkeypatch.setattr(FileThreads, "run", record)
        unannounced = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nx"
        small, large = BYTES[: 2**20], BYTES[: 2**20 + 1]
        for number, (script, resume, expected) in enumerate(
            [
                (reply(200, small), False, ["publish"]),
                (reply(200, b""), False, ["publish"]),
                (reply(200, large), False, ["open", "publish"]),
                (unannounced_end(unannounced), False, ["open", "publish"]),
                (reply(200, small), True, ["open", "publish"]),
            ]
        ):
            async with facing(script) as scene:
                calls.clear()
                if resume:
                    await scene.ci.download_artifact(at(scene.server), tmp_path / f"{number}", resume=True)
                    assert calls.pop(0) == "check_file"
                else:
                    artifact = at(scene.server, f"{number}")
                    await scene.ci.download_artifacts([artifact], tmp_path).collect()
                    assert calls.pop(0) == "check_destinations"
            assert calls == expected
        assert (tmp_path / "0").read_bytes() == small

    async def test_a_small_file_that_breaks_off_is_begun_anew_and_never_on_the_disk(self, tmp_path: Path) -> None:
        broken = then(reply(200, b"0123", [ETAG], length=10), reset)
        async with facing(broken, reply(200, b"0123456789", [ETAG])) as scene:
            await scene.ci.download_artifact(at(scene.server), tmp_path / NAME)
        assert ranges(scene.server) == [(None, None), (None, None)]
        assert (tmp_path / NAME).read_bytes() == b"0123456789"

    @pytest.mark.parametrize(("options", "count"), [({}, 2), ({"durable": False}, 0)])
    async def test_files_are_durable_unless_the_session_says_otherwise(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: Any, count: int
    ) -> None:
        synced: list[int] = []
        monkeypatch.setattr(os, "fsync", synced.append)
        async with facing(reply(200, b"x"), **options) as scene:
            await scene.ci.download_artifact(at(scene.server), tmp_path / "one")
            await scene.ci.with_options(timeout=1).download_artifacts([at(scene.server)], tmp_path).collect()
        assert len(synced) == count


def unannounced_end(head: bytes) -> Action:
    async def act(_received: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        await writer.drain()
        writer.close()

    return act


@pytest.mark.fault(66)
class TestOneAfterTheOther:
    async def test_two_artifacts_with_one_etag_are_not_joined(self, tmp_path: Path) -> None:
        events = Events()
        broken = broken_off(BYTES, 3 * 2**20, events, reset)
        async with facing(broken, reset, reset, reply(200, OTHER, [ETAG])) as scene:
            first, second = (
                Artifact(path=NAME, url=f"{scene.server.origin}/{number}/{NAME}?Signature=secret") for number in (1, 2)
            )
            with pytest.raises(TransportError):
                await scene.ci.download_artifact(first, tmp_path / NAME, resume=True, progress=events)
            assert names(tmp_path) == [part_name(NAME), resume_info_name(NAME)]
            download = await scene.ci.download_artifact(second, tmp_path / NAME, resume=True)
        assert ranges(scene.server)[-1] == (None, None)
        assert download.verified
        assert (tmp_path / NAME).read_bytes() == OTHER
        assert names(tmp_path) == [NAME]

    async def test_one_artifact_is_gone_on_with_also_under_another_signature_and_its_note_shows_none(
        self, tmp_path: Path
    ) -> None:
        events = Events()
        broken = broken_off(BYTES, 3 * 2**20, events, reset)
        async with facing(broken, reset, reset, rest(BYTES, 3 * 2**20, ETAG)) as scene:
            first, second = (
                Artifact(path=NAME, url=f"{scene.server.origin}/private/{NAME}?Signature={number}secret")
                for number in (1, 2)
            )
            with pytest.raises(TransportError):
                await scene.ci.download_artifact(first, tmp_path / NAME, resume=True, progress=events)
            note = (tmp_path / resume_info_name(NAME)).read_text()
            await scene.ci.download_artifact(second, tmp_path / NAME, resume=True)
        assert ranges(scene.server)[-1] == (f"bytes={3 * 2**20}-", ETAG[1])
        assert (tmp_path / NAME).read_bytes() == BYTES
        assert not any(word in note for word in ("secret", "private", NAME, "127.0.0.1"))


@pytest.mark.fault(69)
async def test_without_locks_downloads_go_on_and_say_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fcntl = pytest.importorskip("fcntl")
    monkeypatch.setattr(fcntl, "flock", refuse(errno.ENOLCK))
    async with facing(by_path(a=reply(200, b"x"), b=reply(200, b"x"), c=reply(200, BYTES))) as scene:
        artifacts = [at(scene.server, name) for name in "abc"]
        await scene.ci.download_artifacts(artifacts, tmp_path).collect()
        await scene.ci.download_artifact(artifacts[0], tmp_path / "d", resume=True)
    [record] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.name == "circleci_v1_async"
    assert "has no locks" in record.getMessage()
    assert names(tmp_path) == list("abcd")


@pytest.mark.fault(70)
class TestCancelledTwice:
    @pytest.mark.parametrize("how", ["collect", "loop", "aclose"])
    async def test_many_wait_for_their_threads_all_the_same(self, tmp_path: Path, blocked: Blocked, how: str) -> None:
        async with facing(reply(200, b"x")) as scene:
            downloads = scene.ci.download_artifacts([at(scene.server, name) for name in "abc"], tmp_path)

            async def loop() -> None:
                async with aclosing(aiter(downloads)) as outcomes:
                    async for _ in outcomes:
                        raise AssertionError

            task = asyncio.create_task(downloads.collect() if how == "collect" else loop())
            await blocked.entered(3)
            if how == "aclose":
                closing = asyncio.create_task(downloads.aclose())
                await asyncio.sleep(0)
            else:
                closing = task
            for _ in range(3):
                closing.cancel()
                for _ in range(20):
                    await asyncio.sleep(0)
                assert not closing.done()
            blocked.proceed.set()
            await is_cancelled(closing)
            assert {name for name in names(tmp_path) if name not in "abc"} == set()
            for name in names(tmp_path):
                assert (tmp_path / name).read_bytes() == b"x"
            if how == "aclose":
                with pytest.raises(UsageError, match="closed before their end"):
                    await task


def deep(length: int) -> str:
    """A path of so many characters."""
    return ("d" * 99 + "/") * (length // 100) + "f" * (length % 100)


@pytest.mark.fault(68)
class TestLongPaths:
    async def test_a_path_that_the_system_cannot_open_is_refused_before_the_first_request(self, tmp_path: Path) -> None:
        longest = os.pathconf(tmp_path, "PC_PATH_MAX") - 1
        room = longest - len(os.fsencode(tmp_path)) - 1
        # The note beside the part has the longest name.
        fits = deep(room - len(resume_info_name("")))
        assert (room - len(resume_info_name(""))) % 100 > 0
        async with facing(reply(200, b"x")) as scene:
            artifacts = [Artifact(path=path, url=f"{scene.server.origin}/x") for path in (fits, fits + "f")]
            with pytest.raises(UnsafePathError, match=f"expected a path of at most {room} bytes below"):
                await scene.ci.download_artifacts(artifacts[1:], tmp_path).collect()
            assert scene.server.requests == []
            outcomes = await scene.ci.download_artifacts(artifacts, tmp_path, on_error="yield").collect()
            assert {download.artifact.path: type(download.error) for download in outcomes} == {
                fits: type(None),
                fits + "f": UnsafePathError,
            }
            (tmp_path / fits).unlink()
            await scene.ci.download_artifact(artifacts[0], tmp_path / fits)
            assert (tmp_path / fits).read_bytes() == b"x"
            with pytest.raises(DownloadError, match=os.strerror(errno.ENAMETOOLONG)):
                await scene.ci.download_artifact(artifacts[0], tmp_path / (fits + "f"))
            assert len(scene.server.requests) == 2


async def test_a_folder_below_one_that_is_gone_is_a_download_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    async with facing(reply(200, b"x")) as scene:
        with pytest.raises(DownloadError, match=os.strerror(errno.ENOENT)):
            await scene.ci.download_artifacts([at(scene.server)], "dest", on_error="yield").collect()
        with pytest.raises(DownloadError, match=os.strerror(errno.ENOENT)):
            await scene.ci.download_artifact(at(scene.server), "file")
    assert scene.server.requests == []


class TestReprs:
    async def test_downloads_say_where_and_how_far_they_are(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        script = by_path(a=reply(200, b"x"), b=reply(404))
        async with facing(script) as scene:

            def downloads(*paths: str, **options: Any) -> Any:
                return scene.ci.download_artifacts([at(scene.server, path) for path in paths], "dist", **options)

            both = downloads("a", "b", concurrency=1)
            assert repr(both) == "<ArtifactDownloads dist: 0 of 2 artifacts, not begun>"
            with pytest.raises(DownloadError):
                await both.collect()
            assert repr(both) == "<ArtifactDownloads dist: 2 of 2 artifacts, 1 failed, done>"
            stopped = downloads("b", "a", concurrency=1, on_error="stop", on_exists="overwrite")
            with pytest.raises(DownloadError):
                await stopped.collect()
            assert repr(stopped) == "<ArtifactDownloads dist: 1 of 2 artifacts, 1 failed, stopped>"
            one = downloads("a", on_exists="overwrite")
            async for _ in one:
                assert repr(one) == "<ArtifactDownloads dist: 1 of 1 artifact, running>"
            await one.aclose()
            assert repr(one) == "<ArtifactDownloads dist: 1 of 1 artifact, done>"
            closed = downloads()
            await closed.aclose()
            assert repr(closed) == "<ArtifactDownloads dist: 0 of 0 artifacts, closed>"

    async def test_a_stream_says_what_it_is_of_and_not_where_from(self) -> None:
        async with facing(reply(200, b"0123")) as scene:
            async with scene.ci.open_artifact(at(scene.server, "core.tar")) as stream:
                assert repr(stream) == "<ArtifactStream 'core.tar': 4 bytes>"
                await stream.read()
        async with facing(reply(200, b"", [("Content-Encoding", "gzip")])) as scene:
            async with scene.ci.open_artifact(at(scene.server, "core.tar")) as stream:
                assert repr(stream) == "<ArtifactStream 'core.tar': unknown size>"


class TestWrongArguments:
    @pytest.mark.parametrize("wrong", ["https://a.example/a?s3cret", None])
    async def test_something_that_is_no_artifact_is_refused_at_once(self, tmp_path: Path, wrong: Any) -> None:
        async with CircleCISession() as ci:
            with pytest.raises(InvalidInputError, match="artifact: expected an Artifact from list_build") as e:
                await ci.download_artifact(wrong, tmp_path / NAME)
            assert "s3cret" not in str(e.value)
            with pytest.raises(InvalidInputError, match="artifact: expected an Artifact"):
                async with ci.open_artifact(wrong):
                    raise AssertionError
            with pytest.raises(InvalidInputError, match="artifacts: expected Artifacts from a list of artifacts"):
                ci.download_artifacts([wrong], tmp_path)

    @pytest.mark.parametrize("end", ["", "/", "/.", "/folder", "/link", "/missing/"])
    async def test_a_folder_as_the_path_of_a_file_is_refused(self, tmp_path: Path, end: str) -> None:
        (tmp_path / "folder").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "folder")
        async with facing(reply(200, b"x")) as scene:
            with pytest.raises(InvalidInputError, match="path: expected the path of a file, got a folder"):
                await scene.ci.download_artifact(at(scene.server), f"{tmp_path}{end}")
            for path in (".", "", "/"):
                with pytest.raises(InvalidInputError, match="path: expected the path of a file, got a folder"):
                    await scene.ci.download_artifact(at(scene.server), path)
        assert scene.server.requests == []
