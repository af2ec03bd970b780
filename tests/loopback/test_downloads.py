"""One artifact as a file: whole or not at all, wherever it breaks."""

import asyncio
import errno
import gc
import gzip
import hashlib
import os
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from blockbuster import BlockBuster
from downloading import (
    BYTES,
    DATA,
    ETAG,
    NAME,
    OTHER,
    SPAN,
    WEB,
    Events,
    at,
    broken_off,
    left_over,
    names,
    nothing_stays_open,
    ranges,
    refuse,
    rest,
    slowed,
)
from faults.scenes import facing
from script_server import Action, Received, error, hang, hang_up, reply, reset, then

from circleci_v1_async import (
    CircleCISession,
    Download,
    DownloadError,
    DownloadEvent,
    DownloadFinished,
    DownloadProgress,
    DownloadStarted,
    DownloadStatus,
    DownloadTotals,
    NotFoundError,
    PathConflictError,
    RequestTimeoutError,
    RetryPolicy,
    TransportError,
    TruncatedError,
)
from circleci_v1_async._files.names import part_name, resume_info_name
from circleci_v1_async._files.part_file import PartFile
from circleci_v1_async.testing import FakeCircleCI, GeneratedBytes


class TestOneFile:
    async def test_it_is_there_when_it_is_whole(self, tmp_path: Path) -> None:
        action, go_on = slowed(BYTES, 3 * 2**20)
        events = Events()
        async with facing(action) as scene:
            path, artifact = tmp_path / "new" / "folder" / NAME, at(scene.server)
            task = asyncio.create_task(scene.ci.download_artifact(artifact, path, progress=events))
            await events.reached(3 * 2**20)
            assert names(path.parent) == [part_name(NAME), resume_info_name(NAME)]
            go_on.set()
            download = await task
        assert download == Download(artifact, path, len(DATA), DownloadStatus.DOWNLOADED, verified=True)
        assert names(tmp_path) == [f"new/folder/{NAME}"]
        assert path.read_bytes() == BYTES
        assert scene.server.requests[0].headers["Accept"] == "*/*"

    async def test_its_progress_is_told_in_order(self, tmp_path: Path) -> None:
        events: list[DownloadEvent] = []
        async with facing(reply(200, BYTES)) as scene:
            path, artifact = tmp_path / NAME, at(scene.server)
            download = await scene.ci.download_artifact(artifact, path, progress=events.append)
        first, *middle, last = events
        assert first == DownloadStarted(artifact, path, len(DATA), 0, DownloadTotals(1, size=len(DATA)))
        assert all(isinstance(event, DownloadProgress) for event in middle)
        received = [event.received for event in middle]
        assert received == sorted(set(received))
        assert received[-1] == len(DATA)
        assert [event.totals.received for event in middle] == received
        assert last == DownloadFinished(download, DownloadTotals(1, 1, 0, len(DATA), len(DATA)))

    async def test_a_path_may_be_relative_and_a_string(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        async with facing(reply(200, b"x")) as scene:
            assert (await scene.ci.download_artifact(at(scene.server), "a")).path == Path("a")
        assert (tmp_path / "a").read_bytes() == b"x"

    async def test_an_empty_one_is_an_empty_file(self, tmp_path: Path) -> None:
        async with facing(reply(200, b"")) as scene:
            download = await scene.ci.download_artifact(at(scene.server), tmp_path / NAME)
        assert (download.size, download.verified) == (0, True)
        assert (tmp_path / NAME).read_bytes() == b""

    @pytest.mark.fault(19, 58)
    async def test_one_without_a_length_is_not_verified(self, tmp_path: Path) -> None:
        head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall that came"
        async with facing(then(head, hang_up)) as scene:
            download = await scene.ci.download_artifact(at(scene.server), tmp_path / NAME)
        assert (download.size, download.verified) == (13, False)

    @pytest.mark.fault(55)
    @pytest.mark.parametrize("kind", ["file", "link to a file", "link to nothing"])
    async def test_what_is_there_already_is_not_touched_and_nothing_is_asked_for(
        self, tmp_path: Path, kind: str
    ) -> None:
        path = tmp_path / NAME
        match kind:
            case "file":
                path.write_bytes(b"mine")
            case "link to a file":
                (tmp_path / "another").write_bytes(b"mine")
                path.symlink_to(tmp_path / "another")
            case _:
                path.symlink_to(tmp_path / "missing")
        async with facing(reply(200, b"x")) as scene:
            with pytest.raises(PathConflictError, match="already exists"):
                await scene.ci.download_artifact(at(scene.server), path)
        assert scene.server.requests == []
        assert kind == "link to nothing" or path.read_bytes() == b"mine"

    @pytest.mark.fault(55)
    async def test_what_appears_meanwhile_is_not_touched_either(self, tmp_path: Path) -> None:
        action, go_on = slowed(BYTES, 2**20)
        events = Events()
        async with facing(action) as scene:
            task = asyncio.create_task(scene.ci.download_artifact(at(scene.server), tmp_path / NAME, progress=events))
            await events.reached(2**20)
            (tmp_path / NAME).write_bytes(b"mine")
            go_on.set()
            with pytest.raises(PathConflictError, match="already exists"):
                await task
        assert names(tmp_path) == [NAME]
        assert (tmp_path / NAME).read_bytes() == b"mine"

    @pytest.mark.fault(56)
    async def test_of_twenty_for_one_path_one_wins(self, tmp_path: Path) -> None:
        async with facing(reply(200, BYTES), concurrency=32) as scene:
            calls = [scene.ci.download_artifact(at(scene.server), tmp_path / NAME) for _ in range(20)]
            results = await asyncio.gather(*calls, return_exceptions=True)
        assert sorted(type(result).__name__ for result in results) == ["Download"] + 19 * ["PathConflictError"]
        assert names(tmp_path) == [NAME]
        assert (tmp_path / NAME).read_bytes() == BYTES

    async def test_progress_that_fails_is_the_callers_own_error_also_one_of_the_system(self, tmp_path: Path) -> None:
        def broken_pipe(_event: DownloadEvent) -> None:
            raise BrokenPipeError

        async with facing(reply(200, BYTES)) as scene:
            with pytest.raises(BrokenPipeError):
                await scene.ci.download_artifact(at(scene.server), tmp_path / NAME, progress=broken_pipe)
            with pytest.raises(BrokenPipeError):
                await scene.ci.download_artifacts([at(scene.server)], tmp_path, progress=broken_pipe).collect()
        assert names(tmp_path) == []


WRONG = {
    "at another place": rest(BYTES, 2**20, ETAG, span=f"bytes {2**20 + 1}-{len(DATA) - 1}/{len(DATA)}"),
    "short of the end": rest(BYTES, 2**20, ETAG, span=f"bytes {2**20}-{2**20 + 9}/{len(DATA)}"),
    "of another size than it says": rest(BYTES, 2**20 + 1, ETAG, span=SPAN),
    "of another version": rest(BYTES, 2**20, ("ETag", '"two"')),
    "without a word about where": reply(206, BYTES[2**20 :], [ETAG]),
    "of an unknown whole": rest(BYTES, 2**20, ETAG, span=f"bytes {2**20}-{len(DATA) - 1}/*"),
    "in other units": rest(BYTES, 2**20, ETAG, span=f"pages {2**20}-{len(DATA) - 1}/{len(DATA)}"),
    "compressed": rest(BYTES, 2**20, ETAG, ("Content-Encoding", "x-unknown")),
    "that is not there": reply(416, b"", [("Content-Range", "bytes */10")]),
    "that is nothing": reply(204),
}


@pytest.mark.fault(58)
class TestWhatBreaksOff:
    @pytest.mark.parametrize("ending", [hang_up, reset])
    @pytest.mark.parametrize("came", [1, 1000, 3 * 2**20, len(DATA) - 1])
    async def test_it_is_gone_on_with_where_it_broke_off(self, tmp_path: Path, came: int, ending: Action) -> None:
        events = Events()
        broken = broken_off(BYTES, came, events, ending)
        async with facing(broken, rest(BYTES, came, ETAG)) as scene:
            download = await scene.ci.download_artifact(at(scene.server), tmp_path / NAME, progress=events)
        assert download.verified
        assert (tmp_path / NAME).read_bytes() == BYTES
        assert names(tmp_path) == [NAME]
        assert ranges(scene.server) == [(None, None), (f"bytes={came}-", ETAG[1])]
        begun = [event for event in events if isinstance(event, DownloadStarted)]
        assert [(event.size, event.received) for event in begun] == [(len(DATA), 0), (len(DATA), came)]
        assert scene.clock.slept == [0.5]

    async def test_what_broke_off_before_its_first_byte_begins_anew(self, tmp_path: Path) -> None:
        broken = then(reply(200, b"", [ETAG], length=10), hang_up)
        async with facing(broken, reply(200, b"0123456789", [ETAG])) as scene:
            await scene.ci.download_artifact(at(scene.server), tmp_path / NAME)
        assert ranges(scene.server) == [(None, None), (None, None)]
        assert (tmp_path / NAME).read_bytes() == b"0123456789"

    @pytest.mark.parametrize("headers", [[("ETag", 'W/"one"')], [], [("ETag", "one")], [("ETag", '"a"b"')]])
    async def test_what_has_no_strong_etag_begins_anew(self, tmp_path: Path, headers: list[tuple[str, str]]) -> None:
        events = Events()
        broken = broken_off(BYTES, 3 * 2**20, events, reset, headers)
        async with facing(broken, reply(200, OTHER, headers)) as scene:
            await scene.ci.download_artifact(at(scene.server), tmp_path / NAME, progress=events)
        assert ranges(scene.server) == [(None, None), (None, None)]
        assert (tmp_path / NAME).read_bytes() == OTHER

    async def test_another_version_begins_anew_in_the_same_reply(self, tmp_path: Path) -> None:
        events = Events()
        broken = broken_off(BYTES, 3 * 2**20, events, reset)
        async with facing(broken, reply(200, OTHER, [("ETag", '"two"')])) as scene:
            await scene.ci.download_artifact(at(scene.server), tmp_path / NAME, progress=events)
        assert (tmp_path / NAME).read_bytes() == OTHER
        assert len(scene.server.requests) == 2

    @pytest.mark.parametrize("came", [0, 1000])
    async def test_another_version_that_breaks_off_too_is_not_mixed_with_the_first(
        self, tmp_path: Path, came: int
    ) -> None:
        two = ("ETag", '"two"')
        events = Events()

        async def as_asked(received: Received, writer: asyncio.StreamWriter) -> None:
            start = received.headers.get("Range")
            writer.write(reply(200, OTHER, [two]) if start is None else rest(OTHER, int(start[6:-1]), two))

        broken = broken_off(BYTES, 2 * 2**20, events, reset)
        too = then(reply(200, OTHER[:came], [two], length=len(OTHER)), hang_up)
        async with facing(broken, too, as_asked) as scene:
            await scene.ci.download_artifact(at(scene.server), tmp_path / NAME, progress=events)
        assert (tmp_path / NAME).read_bytes() == OTHER
        assert names(tmp_path) == [NAME]

    async def test_what_cannot_be_kept_of_what_broke_off_is_a_download_error(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(PartFile, "write", refuse(errno.ENOSPC))
        async with facing(then(reply(200, b"0123", [ETAG], length=len(DATA)), hang_up)) as scene:
            with pytest.raises(DownloadError, match=os.strerror(errno.ENOSPC)):
                await scene.ci.download_artifact(at(scene.server), tmp_path / NAME)
        assert len(scene.server.requests) == 1
        assert names(tmp_path) == []

    @pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
    async def test_after_a_range_that_is_not_the_rest_all_of_it_is_asked_for(
        self, tmp_path: Path, wrong: bytes
    ) -> None:
        async with facing(wrong, reply(200, OTHER)) as scene:
            left_over(tmp_path, BYTES[: 2**20], at(scene.server))
            await scene.ci.download_artifact(at(scene.server), tmp_path / NAME, resume=True)
            assert scene.clock.slept == []
        assert ranges(scene.server) == [(f"bytes={2**20}-", ETAG[1]), (None, None)]
        assert (tmp_path / NAME).read_bytes() == OTHER
        assert names(tmp_path) == [NAME]

    async def test_a_range_that_is_the_rest_needs_to_name_no_version(self, tmp_path: Path) -> None:
        came = 3 * 2**20
        broken = then(rest(BYTES[:came], 2**20, span=SPAN, length=len(DATA) - 2**20), hang_up)
        async with facing(broken, rest(BYTES, came)) as scene:
            left_over(tmp_path, BYTES[: 2**20], at(scene.server))
            await scene.ci.download_artifact(at(scene.server), tmp_path / NAME, resume=True)
        assert ranges(scene.server) == [(f"bytes={2**20}-", ETAG[1]), (f"bytes={came}-", ETAG[1])]
        assert (tmp_path / NAME).read_bytes() == BYTES

    async def test_an_error_after_a_range_is_that_error(self, tmp_path: Path) -> None:
        async with facing(error(404)) as scene:
            left_over(tmp_path, BYTES[: 2**20], at(scene.server))
            with pytest.raises(NotFoundError):
                await scene.ci.download_artifact(at(scene.server), tmp_path / NAME, resume=True)
        assert len(scene.server.requests) == 1
        assert names(tmp_path) == [part_name(NAME), resume_info_name(NAME)]

    @pytest.mark.parametrize("status", [204, 206])
    async def test_a_part_that_nobody_asked_for_is_no_file(self, tmp_path: Path, status: int) -> None:
        body = b"" if status == 204 else b"part"
        async with facing(reply(status, body, [("Content-Range", "bytes 0-3/10")])) as scene:
            with pytest.raises(TransportError, match=f"answered {status} to a request for a file") as caught:
                await scene.ci.download_artifact(at(scene.server), tmp_path / NAME)
            assert not caught.value.transient
            with pytest.raises(TransportError, match=f"answered {status}"):
                async with scene.ci.open_artifact(at(scene.server)):
                    raise AssertionError
        assert len(scene.server.requests) == 2
        assert names(tmp_path) == []

    async def test_what_breaks_off_each_time_leaves_nothing(self, tmp_path: Path) -> None:
        broken = then(reply(200, BYTES[: 2 * 2**20], [ETAG], length=len(DATA)), reset)
        async with nothing_stays_open(), facing(broken) as scene:
            with pytest.raises(TruncatedError, match=f"of {len(DATA)} bytes") as caught:
                await scene.ci.download_artifact(at(scene.server), tmp_path / NAME)
            assert scene.clock.slept == [0.5, 1.0]
        assert len(scene.server.requests) == 3
        assert caught.value.__cause__ is caught.value.__context__ is None
        assert names(tmp_path) == []

    async def test_what_breaks_off_each_time_is_kept_to_go_on_with_if_that_is_wanted(self, tmp_path: Path) -> None:
        events = Events()
        async with facing(broken_off(BYTES, 3000, events, reset), reset, reset, rest(BYTES, 3000, ETAG)) as scene:
            with pytest.raises(TransportError):
                await scene.ci.download_artifact(at(scene.server), tmp_path / NAME, resume=True, progress=events)
            assert names(tmp_path) == [part_name(NAME), resume_info_name(NAME)]
            assert (tmp_path / part_name(NAME)).read_bytes() == BYTES[:3000]
            await scene.ci.download_artifact(at(scene.server), tmp_path / NAME, resume=True)
        assert ranges(scene.server) == [(None, None)] + 3 * [("bytes=3000-", ETAG[1])]
        assert (tmp_path / NAME).read_bytes() == BYTES
        assert names(tmp_path) == [NAME]

    async def test_what_is_left_is_not_gone_on_with_unless_that_is_wanted(self, tmp_path: Path) -> None:
        async with facing(reply(200, b"data", [ETAG])) as scene:
            left_over(tmp_path, b"something else", at(scene.server))
            await scene.ci.download_artifact(at(scene.server), tmp_path / NAME)
        assert ranges(scene.server) == [(None, None)]
        assert (tmp_path / NAME).read_bytes() == b"data"
        assert names(tmp_path) == [NAME]

    @pytest.mark.parametrize("etag", [None, "", '"\0\0', 'W/"one"', '"x"\r\nX: y'])
    async def test_what_is_left_of_nobody_knows_what_is_not_gone_on_with(
        self, tmp_path: Path, etag: str | None
    ) -> None:
        async with facing(reply(200, b"data")) as scene:
            left_over(tmp_path, b"something else", at(scene.server), etag)
            await scene.ci.download_artifact(at(scene.server), tmp_path / NAME, resume=True)
        assert ranges(scene.server) == [(None, None)]
        assert (tmp_path / NAME).read_bytes() == b"data"

    @pytest.mark.fault(22)
    async def test_silence_in_the_middle_is_tried_again_and_then_said(self, tmp_path: Path) -> None:
        silent = then(reply(200, b"0123", length=10), hang)
        async with facing(silent, timeout=1, retry=RetryPolicy(attempts=2)) as scene:
            with pytest.raises(RequestTimeoutError):
                await scene.ci.download_artifact(at(scene.server), tmp_path / NAME)
        assert len(scene.server.requests) == 2
        assert names(tmp_path) == []

    @pytest.mark.fault(20)
    async def test_what_comes_compressed_against_our_wish_is_not_verified(self, tmp_path: Path) -> None:
        packed = reply(200, gzip.compress(b"data"), [("Content-Encoding", "gzip"), ETAG])
        async with facing(packed) as scene:
            download = await scene.ci.download_artifact(at(scene.server), tmp_path / NAME, resume=True)
        assert (download.size, download.verified) == (4, False)


CHILD = """
import asyncio, sys
from circleci_v1_async import Artifact, CircleCISession

async def main(token, base_url, url, path, resume):
    async with CircleCISession(token, base_url=base_url) as ci:
        tell = lambda event: print(getattr(event, "received", -1), flush=True)
        await ci.download_artifact(Artifact(path="x", url=url), path, resume=resume == "True", progress=tell)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.fault(58)
@pytest.mark.parametrize("resume", [False, True])
async def test_a_download_that_is_killed_leaves_no_file_and_can_be_gone_on_with(
    fake: FakeCircleCI, ci: CircleCISession, tmp_path: Path, *, resume: bool
) -> None:
    data = GeneratedBytes(16 * 2**20 + 5, seed=1)
    fake.add_project(WEB)
    fake.add_build(WEB)
    fake.add_artifact(WEB, 1, NAME, data)
    [artifact] = await ci.list_build_artifacts(WEB, 1)
    # It stops in the middle for as long as it takes.
    fake.trickle_next(piece=9 * 2**20, pause=3600, path="/artifacts")
    arguments = [fake.token, fake.base_url, artifact.url, tmp_path / NAME, resume]
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, *map(str, arguments), stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    # What it tells of, it has written but for the last batch.
    while int(await child.stdout.readline()) < 4 * 2**20:
        pass
    child.send_signal(signal.SIGKILL)
    await child.communicate()
    assert child.returncode == -signal.SIGKILL
    assert names(tmp_path) == [part_name(NAME), resume_info_name(NAME)]
    size = (tmp_path / part_name(NAME)).stat().st_size
    assert 2 * 2**20 <= size < len(data)

    fake.clear_requests()
    download = await ci.download_artifact(artifact, tmp_path / NAME, resume=True)
    assert [request.headers.get("Range") for request in fake.requests] == 2 * [f"bytes={size}-"]
    assert download.verified
    assert names(tmp_path) == [NAME]
    with (tmp_path / NAME).open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == data.sha256()


# What the file system refuses.


@pytest.mark.fault(57)
class TestTheDisk:
    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
    async def test_what_it_refuses_is_a_download_error_with_its_reason(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
    ) -> None:
        async with facing(reply(200, BYTES), reply(200, b"small")) as scene:
            with monkeypatch.context() as patch:
                patch.setattr(PartFile, "_append", refuse(number))
                for _ in range(2):
                    with pytest.raises(DownloadError, match=os.strerror(number)) as caught:
                        await scene.ci.download_artifact(at(scene.server), tmp_path / NAME)
                    assert type(caught.value) is DownloadError
                    assert str(tmp_path / NAME) in str(caught.value)
                    cause = caught.value.__cause__
                    assert isinstance(cause, OSError)
                    assert (cause.errno, cause.__traceback__) == (number, None)
        assert len(scene.server.requests) == 2
        assert names(tmp_path) == []

    async def test_a_file_that_grows_too_large_leaves_nothing(self, tmp_path: Path) -> None:
        resource = pytest.importorskip("resource")
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        async with facing(reply(200, BYTES)) as scene:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, limits[1]))
            try:
                with pytest.raises(DownloadError, match=os.strerror(errno.EFBIG)):
                    await scene.ci.download_artifact(at(scene.server), tmp_path / NAME)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert names(tmp_path) == []

    async def test_a_file_in_place_of_a_folder_is_an_error_before_the_request(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"mine")
        async with facing(reply(200, b"x")) as scene:
            for path in ("file/x", "file/x/y"):
                with pytest.raises(DownloadError) as caught:
                    await scene.ci.download_artifact(at(scene.server), tmp_path / path)
                assert isinstance(caught.value.__cause__, OSError)
        assert scene.server.requests == []
        assert (tmp_path / "file").read_bytes() == b"mine"

    @pytest.fixture
    def read_only(self, tmp_path: Path) -> Path:
        tmp_path.chmod(0o555)
        return tmp_path

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    async def test_a_folder_that_may_not_be_written_to_is_an_error_before_the_request(self, read_only: Path) -> None:
        async with facing(reply(200, b"x")) as scene:
            with pytest.raises(DownloadError, match=os.strerror(errno.EACCES)):
                await scene.ci.download_artifact(at(scene.server), read_only / NAME)
        assert scene.server.requests == []

    async def test_a_folder_that_says_so_is_an_error_before_the_request_too(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As the test above, also for root."""
        monkeypatch.setattr(os, "access", lambda *_: False)
        async with facing(reply(200, b"x")) as scene:
            with pytest.raises(DownloadError, match=os.strerror(errno.EACCES)):
                await scene.ci.download_artifact(at(scene.server), tmp_path / NAME)
        assert scene.server.requests == []

    @pytest.mark.parametrize("on_error", ["raise", "yield"])
    async def test_what_cannot_be_looked_at_is_a_download_error_too(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_error: Any
    ) -> None:
        monkeypatch.setattr(os, "lstat", refuse(errno.EACCES))
        async with facing(reply(200, b"x")) as scene:
            downloads = scene.ci.download_artifacts([at(scene.server)], tmp_path, on_error=on_error)
            if on_error == "raise":
                with pytest.raises(DownloadError, match=os.strerror(errno.EACCES)) as caught:
                    await downloads.collect()
                [failed] = caught.value.failed
            else:
                [failed] = await downloads.collect()
        assert isinstance(failed.error, DownloadError)
        assert isinstance(failed.error.__cause__, PermissionError)
        assert scene.server.requests == []

    async def test_of_many_that_do_not_fit_none_keeps_what_it_had(
        self, tmp_path: Path, no_blocking_call: BlockBuster
    ) -> None:
        resource = pytest.importorskip("resource")
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        async with facing(reply(200, BYTES)) as scene:
            artifacts = [at(scene.server, f"{number}.bin") for number in range(20)]
            resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, limits[1]))
            # Its wrappers keep, in the tracebacks of errors, what was to be written.
            no_blocking_call.deactivate()
            try:
                tracemalloc.start()
                outcomes = await scene.ci.download_artifacts(artifacts, tmp_path, on_error="yield").collect()
                gc.collect()
                kept, _ = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
                resource.setrlimit(resource.RLIMIT_FSIZE, limits)
                no_blocking_call.activate()
        assert {type(download.error) for download in outcomes} == {DownloadError}
        assert kept < 4 * 2**20
        assert names(tmp_path) == []
