"""Downloads over files that exist, appear meanwhile, or are being written; resumed ones, and ones with places."""

import asyncio
import inspect
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
from downloading import BYTES, ETAG, Events, at, by_path, names, rest, slowed
from faults.scenes import Scene, facing
from script_server import Received, ScriptServer, error, reply

from circleci_v1_async import (
    Artifact,
    CircleCISession,
    Download,
    DownloadError,
    DownloadFinished,
    DownloadStarted,
    DownloadStatus,
    DownloadTotals,
    InvalidInputError,
    PathConflictError,
    UnsafePathError,
)
from circleci_v1_async._files.names import part_name, resume_info_name
from circleci_v1_async._files.part_file import PartFile
from circleci_v1_async.artifacts._downloader import _identify

NAME = "core.tar"
SMALL = b"0123456789"
CHOICES = ["error", "skip", "overwrite"]
RESUMES: list[Any] = [{}, {"resume": True}]
WAY_OUT = r'already exists; on_exists="overwrite" replaces it, on_exists="skip" keeps it$'
SIZES = pytest.mark.parametrize("data", [SMALL, BYTES], ids=["small", "large"])


async def download_one(scene: Scene, folder: Path, **options: Any) -> Download:
    return await scene.ci.download_artifact(at(scene.server), folder / NAME, **options)


async def download_many(scene: Scene, folder: Path, **options: Any) -> Download:
    [download] = await scene.ci.download_artifacts([at(scene.server)], folder, on_error="yield", **options).collect()
    if download.error is not None:
        raise download.error
    return download


Twin = Callable[..., Awaitable[Download]]
TWINS = pytest.mark.parametrize("twin", [download_one, download_many])


def test_the_twins_take_the_same_options() -> None:
    one, many = (
        inspect.signature(method).parameters
        for method in (CircleCISession.download_artifact, CircleCISession.download_artifacts)
    )
    shared = [name for name in one if name not in {"self", "artifact", "path"}]
    assert shared == ["on_exists", "resume", "progress"]
    for name in shared:
        assert str(one[name]) == str(many[name])


@pytest.mark.parametrize("wrong", ["replace", None, True])
async def test_a_choice_that_is_none_is_refused_before_any_request(tmp_path: Path, wrong: Any) -> None:
    async with facing() as scene:
        for twin in (download_one, download_many):
            with pytest.raises(InvalidInputError, match="on_exists: expected"):
                await twin(scene, tmp_path, on_exists=wrong)
    assert scene.server.requests == []


@pytest.mark.fault(55)
class TestThereBefore:
    @TWINS
    @pytest.mark.parametrize("on_exists", CHOICES)
    async def test_it_is_an_error_kept_or_replaced(self, tmp_path: Path, twin: Twin, on_exists: str) -> None:
        (tmp_path / NAME).write_bytes(b"mine")
        events = Events()
        async with facing(reply(200, SMALL)) as scene:
            if on_exists == "error":
                with pytest.raises(PathConflictError, match=WAY_OUT):
                    await twin(scene, tmp_path, on_exists=on_exists)
            else:
                download = await twin(scene, tmp_path, on_exists=on_exists, progress=events)
                size = 4 if on_exists == "skip" else 10
                status = DownloadStatus.SKIPPED if on_exists == "skip" else DownloadStatus.DOWNLOADED
                assert (download.status, download.size, download.path) == (status, size, tmp_path / NAME)
                assert events[-1] == DownloadFinished(download, DownloadTotals(1, 1, 0, size, size))
        assert len(scene.server.requests) == (on_exists == "overwrite")
        assert (tmp_path / NAME).read_bytes() == (SMALL if on_exists == "overwrite" else b"mine")
        assert names(tmp_path) == [NAME]

    @TWINS
    @pytest.mark.parametrize("on_exists", CHOICES)
    async def test_a_fifo_is_never_waited_for(self, tmp_path: Path, twin: Twin, on_exists: str) -> None:
        os.mkfifo(tmp_path / NAME)
        async with facing() as scene:
            with pytest.raises(PathConflictError, match="already exists, and is not a regular file"):
                await twin(scene, tmp_path, on_exists=on_exists)

    @TWINS
    @pytest.mark.parametrize("on_exists", ["skip", "overwrite"])
    async def test_a_link_is_neither_followed_nor_replaced(self, tmp_path: Path, twin: Twin, on_exists: str) -> None:
        (tmp_path / NAME).symlink_to(tmp_path / "missing")
        async with facing() as scene:
            with pytest.raises(UnsafePathError, match="expected a file, found a symbolic link"):
                await twin(scene, tmp_path, on_exists=on_exists)


@pytest.mark.fault(55)
class TestAppearsMeanwhile:
    @TWINS
    @SIZES
    @pytest.mark.parametrize("options", [{"on_exists": on_exists, **more} for on_exists in CHOICES for more in RESUMES])
    async def test_it_is_an_error_kept_or_replaced(self, tmp_path: Path, twin: Twin, data: bytes, options: Any) -> None:
        action, go_on = slowed(data, len(data) - 1)
        events = Events()
        async with facing(action) as scene:
            task = asyncio.create_task(asyncio.wait_for(twin(scene, tmp_path, **options, progress=events), 60))
            await events.reached(1)
            (tmp_path / NAME).write_bytes(b"mine")
            go_on.set()
            if options["on_exists"] == "error":
                with pytest.raises(PathConflictError, match=WAY_OUT):
                    await task
            else:
                download = await task
                size = 4 if options["on_exists"] == "skip" else len(data)
                assert download.size == size
                assert events[-1] == DownloadFinished(download, DownloadTotals(1, 1, 0, size, size))
        assert (tmp_path / NAME).read_bytes() == (data if options["on_exists"] == "overwrite" else b"mine")
        assert names(tmp_path) == [NAME]

    async def test_a_skipped_file_has_begun_with_its_own_size(self, tmp_path: Path) -> None:
        action, go_on = slowed(SMALL, 9)
        events = Events()
        async with facing(action) as scene:
            task = asyncio.create_task(download_many(scene, tmp_path, on_exists="skip", progress=events))
            await events.reached(9)
            (tmp_path / NAME).write_bytes(b"mine")
            go_on.set()
            assert (await task).status is DownloadStatus.SKIPPED
        begun = [(event.size, event.received) for event in events if isinstance(event, DownloadStarted)]
        assert begun == [(10, 0), (4, 4)]

    async def test_something_else_than_a_file_is_not_skipped(self, tmp_path: Path) -> None:
        action, go_on = slowed(SMALL, 9)
        events = Events()
        async with facing(action) as scene:
            task = asyncio.create_task(download_many(scene, tmp_path, on_exists="skip", progress=events))
            await events.reached(9)
            (tmp_path / NAME).symlink_to(tmp_path / "missing")
            go_on.set()
            with pytest.raises(UnsafePathError):
                await task

    async def test_a_file_that_has_gone_again_is_still_a_conflict(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        publish = PartFile.publish

        def appear(part: PartFile, *args: Any, **options: Any) -> None:
            (tmp_path / NAME).write_bytes(b"mine")
            try:
                publish(part, *args, **options)
            finally:
                (tmp_path / NAME).unlink()

        monkeypatch.setattr(PartFile, "publish", appear)
        async with facing(reply(200, SMALL)) as scene:
            with pytest.raises(PathConflictError, match="already exists"):
                await download_many(scene, tmp_path, on_exists="skip")
        assert names(tmp_path) == []


@asynccontextmanager
async def written_by_another(scene: Scene, folder: Path, *, etag: str | None = None) -> AsyncIterator[PartFile]:
    """The part of a file, as another process has it that writes the first half of the file."""
    part = PartFile(folder, (NAME,), _identify(scene.ci._caller.transport.file_url(at(scene.server).url)))
    await asyncio.to_thread(part.open, resume=False)
    part.begin(0, etag)
    await asyncio.to_thread(part.write, [BYTES[: 2**20]])
    try:
        yield part
    finally:
        await asyncio.to_thread(part.close, keep=False)


@pytest.mark.fault(56)
class TestBeingWritten:
    @TWINS
    @SIZES
    @pytest.mark.parametrize("options", [{"on_exists": on_exists, **more} for on_exists in CHOICES for more in RESUMES])
    async def test_it_is_waited_for_until_it_is_there(
        self, tmp_path: Path, twin: Twin, data: bytes, options: Any
    ) -> None:
        async with facing(reply(200, data)) as scene, written_by_another(scene, tmp_path) as other:

            async def finish(_seconds: float) -> None:
                if scene.clock.monotonic > 3 and other.is_open:
                    await asyncio.to_thread(other.publish, [b"theirs"], overwrite=False, durable=False)

            scene.clock.while_asleep = finish
            if options["on_exists"] == "error":
                with pytest.raises(PathConflictError, match=WAY_OUT):
                    await twin(scene, tmp_path, **options)
            else:
                download = await twin(scene, tmp_path, **options)
                assert download.status == ("skipped" if options["on_exists"] == "skip" else "downloaded")
        theirs = BYTES[: 2**20] + b"theirs"
        assert (tmp_path / NAME).read_bytes() == (data if options["on_exists"] == "overwrite" else theirs)
        assert names(tmp_path) == [NAME]

    @TWINS
    @SIZES
    @pytest.mark.parametrize("on_exists", CHOICES)
    async def test_one_that_fails_leaves_its_place(
        self, tmp_path: Path, twin: Twin, data: bytes, on_exists: str
    ) -> None:
        async with facing(reply(200, data)) as scene, written_by_another(scene, tmp_path) as other:

            async def fail(_seconds: float) -> None:
                if scene.clock.monotonic > 3 and other.is_open:
                    await asyncio.to_thread(other.close, keep=False)

            scene.clock.while_asleep = fail
            assert (await twin(scene, tmp_path, on_exists=on_exists)).status is DownloadStatus.DOWNLOADED
        assert (tmp_path / NAME).read_bytes() == data

    @TWINS
    async def test_one_that_fails_and_leaves_its_part_is_resumed(self, tmp_path: Path, twin: Twin) -> None:
        async with (
            facing(rest(BYTES, 2**20, ETAG)) as scene,
            written_by_another(scene, tmp_path, etag=ETAG[1]) as other,
        ):

            async def fail(_seconds: float) -> None:
                if other.is_open:
                    await asyncio.to_thread(other.close, keep=True)

            scene.clock.while_asleep = fail
            assert (await twin(scene, tmp_path, resume=True)).status is DownloadStatus.DOWNLOADED
        assert (tmp_path / NAME).read_bytes() == BYTES

    @TWINS
    @pytest.mark.parametrize("options", [{"on_exists": on_exists, **more} for on_exists in CHOICES for more in RESUMES])
    async def test_it_is_waited_for_as_long_as_the_sessions_timeout(
        self, tmp_path: Path, twin: Twin, options: Any
    ) -> None:
        async with facing(reply(200, SMALL), timeout=30) as scene, written_by_another(scene, tmp_path):
            with pytest.raises(PathConflictError, match=r"another download is writing it, and has not .* within 30 s"):
                await twin(scene, tmp_path, **options)
            assert 30 <= scene.clock.monotonic < 31
            assert names(tmp_path) == [part_name(NAME)]
        assert names(tmp_path) == []

    async def test_two_calls_that_skip_fetch_each_file_once(self, tmp_path: Path) -> None:
        async with facing(by_path(a=reply(200, SMALL), b=reply(200, BYTES))) as scene:
            artifacts = [at(scene.server, name) for name in "ab"]
            calls = (scene.ci.download_artifacts(artifacts, tmp_path, on_exists="skip").collect() for _ in range(3))
            outcomes = [download for downloads in await asyncio.gather(*calls) for download in downloads]
        assert sorted(download.status for download in outcomes) == 2 * ["downloaded"] + 4 * ["skipped"]
        assert (tmp_path / "b").read_bytes() == BYTES
        assert names(tmp_path) == ["a", "b"]


MANY = """
import asyncio, sys
from circleci_v1_async import Artifact, CircleCISession

async def main(base_url, origin, folder, names):
    async with CircleCISession(base_url=base_url) as ci:
        artifacts = [Artifact(path=name, url=f"{origin}/{name}") for name in names]
        tell = lambda event: print(getattr(event, "received", -1), flush=True)
        await ci.download_artifacts(artifacts, folder, resume=True, progress=tell).collect()

asyncio.run(main(*sys.argv[1:4], sys.argv[4:]))
"""


@pytest.mark.fault(58)
class TestResumingMany:
    async def test_parts_that_a_kill_has_left_are_continued_file_by_file(self, tmp_path: Path) -> None:
        files = {name: BYTES[: 4 * 2**20 + number] for number, name in enumerate("abc")}
        # The first 2 MiB are on the disk by then.
        sent = 3 * 2**20
        headers: list[tuple[str, str | None]] = []

        async def serve(received: Received, writer: asyncio.StreamWriter) -> None:
            name = received.target.lstrip("/")
            data = files[name]
            span = received.headers.get("Range")
            headers.append((name, span))
            if span is None:
                writer.write(reply(200, data[:sent], [ETAG], length=len(data)))
                await asyncio.Event().wait()
            writer.write(rest(data, int((span or "").removeprefix("bytes=").rstrip("-")), ETAG))

        async with ScriptServer(serve) as server:
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", MANY, server.base_url, server.origin, str(tmp_path), *files),
                stdout=asyncio.subprocess.PIPE,
            )
            assert child.stdout is not None
            whole = 0
            async for line in child.stdout:
                whole += int(line) == sent
                if whole == len(files):
                    break
            child.send_signal(signal.SIGKILL)
            await child.communicate()
            assert names(tmp_path) == sorted(f(name) for name in files for f in (part_name, resume_info_name))
            sizes = {name: (tmp_path / part_name(name)).stat().st_size for name in files}
            headers.clear()
            async with CircleCISession(base_url=server.base_url) as ci:
                artifacts = [at(server, name) for name in files]
                outcomes = await ci.download_artifacts(artifacts, tmp_path, resume=True).collect()
        assert sorted(headers) == [(name, f"bytes={size}-") for name, size in sizes.items()]
        assert min(sizes.values()) >= 2**21
        assert all(download.verified for download in outcomes)
        assert {name: (tmp_path / name).read_bytes() for name in files} == files
        assert names(tmp_path) == list("abc")

    async def test_without_it_what_a_kill_has_left_is_fetched_again(self, tmp_path: Path) -> None:
        async with facing(reply(200, BYTES, [ETAG])) as scene:
            async with written_by_another(scene, tmp_path, etag=ETAG[1]) as part:
                await asyncio.to_thread(part.close, keep=True)
                assert (await download_many(scene, tmp_path)).size == len(BYTES)
        assert scene.server.requests[0].headers.get("Range") is None
        assert names(tmp_path) == [NAME]

    @pytest.mark.fault(66)
    async def test_the_part_of_another_artifact_is_not_continued(self, tmp_path: Path) -> None:
        async with facing(reply(200, BYTES, [ETAG])) as scene:
            async with written_by_another(scene, tmp_path, etag=ETAG[1]) as part:
                await asyncio.to_thread(part.close, keep=True)
                other = attrs.evolve(at(scene.server), url=f"{scene.server.origin}/another")
                await scene.ci.download_artifacts([other], tmp_path, resume=True).collect()
        assert scene.server.requests[0].headers.get("Range") is None
        assert (tmp_path / NAME).read_bytes() == BYTES

    async def test_a_file_that_fails_leaves_its_part_for_the_next_call(self, tmp_path: Path) -> None:
        cut = reply(200, BYTES[: 2**21], [ETAG], length=len(BYTES))

        async def break_off(_received: Received, writer: asyncio.StreamWriter) -> None:
            writer.write(cut)
            await writer.drain()
            writer.close()

        async with facing(break_off, error(404), rest(BYTES, 2**21, ETAG)) as scene:
            with pytest.raises(DownloadError):
                await scene.ci.download_artifacts([at(scene.server)], tmp_path, resume=True).collect()
            assert names(tmp_path) == [part_name(NAME), resume_info_name(NAME)]
            await scene.ci.download_artifacts([at(scene.server)], tmp_path, resume=True).collect()
        assert (tmp_path / NAME).read_bytes() == BYTES


class TestPlaces:
    async def test_one_call_takes_the_artifacts_of_many_builds(self, tmp_path: Path) -> None:
        events = Events()
        async with facing(reply(200, SMALL)) as scene:
            builds = {
                Artifact(path="out/a", node_index=node, url=f"{scene.server.origin}/{number}/{node}"): number
                for number in (7, 8)
                for node in (0, 1)
            }
            outcomes = await scene.ci.download_artifacts(
                builds,
                tmp_path,
                place=lambda artifact: f"{builds[artifact]}/{artifact.node_index}/{artifact.path}",
                progress=events,
            ).collect()
        assert names(tmp_path) == ["7/0/out/a", "7/1/out/a", "8/0/out/a", "8/1/out/a"]
        assert {download.path.relative_to(tmp_path).as_posix() for download in outcomes} == set(names(tmp_path))
        assert events[-1].totals == DownloadTotals(4, 4, 0, 40, 40)

    async def test_a_place_outside_is_refused_before_any_request(self, tmp_path: Path) -> None:
        async with facing() as scene:
            with pytest.raises(UnsafePathError, match=r"'\.\./a': expected a path without '\.\.'"):
                await scene.ci.download_artifacts([at(scene.server)], tmp_path, place=lambda _: "../a").collect()
            with pytest.raises(InvalidInputError, match="place: expected"):
                scene.ci.download_artifacts([at(scene.server)], tmp_path, place=lambda _: None)  # type: ignore[arg-type,return-value]
        assert scene.server.requests == []

    @pytest.mark.fault(54)
    async def test_two_for_one_place_are_told_the_way_out(self, tmp_path: Path) -> None:
        async with facing() as scene:
            two = [at(scene.server, name) for name in "ab"]
            with pytest.raises(PathConflictError, match=r"need this path: 'a', 'b'; place= can choose other paths$"):
                await scene.ci.download_artifacts(two, tmp_path, place=lambda _: "x").collect()

    @pytest.mark.fault(52)
    async def test_the_path_of_an_outcome_is_the_encoded_one(self, tmp_path: Path) -> None:
        async with facing(reply(200, SMALL)) as scene:
            artifact = Artifact(path="a?b", url=f"{scene.server.origin}/x")
            [download] = await scene.ci.download_artifacts([artifact], tmp_path).collect()
        assert download.path == tmp_path / "a%3Fb"
        assert names(tmp_path) == ["a%3Fb"]
