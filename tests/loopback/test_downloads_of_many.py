"""Many artifacts on their way to a folder."""

import asyncio
import gc
import pickle
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from downloading import (
    BYTES,
    DATA,
    NAME,
    WEB,
    Events,
    at,
    by_path,
    is_cancelled,
    names,
    nothing_stays_open,
    slowed,
)
from faults.scenes import Scene, facing
from script_server import Action, error, hang, reply, reset, then

from circleci_v1_async import (
    Artifact,
    ArtifactDownloads,
    CircleCISession,
    Download,
    DownloadError,
    DownloadFinished,
    DownloadProgress,
    DownloadStarted,
    DownloadStatus,
    DownloadTotals,
    InvalidInputError,
    NotFoundError,
    PathConflictError,
    UnsafePathError,
    UsageError,
)
from circleci_v1_async.artifacts._destinations import Destination
from circleci_v1_async.artifacts._downloader import Downloader
from circleci_v1_async.testing import FakeCircleCI


class Shop:
    """A build with artifacts, and a session that looks at it."""

    def __init__(self, fake: FakeCircleCI, ci: CircleCISession, folder: Path) -> None:
        self.fake, self.ci, self.folder = fake, ci, folder
        fake.add_project(WEB)
        fake.add_build(WEB)

    def add(self, *paths: str, node_index: int = 0) -> None:
        for path in paths:
            self.fake.add_artifact(WEB, 1, path, f"{node_index}:{path}".encode(), node_index=node_index)

    async def downloads(self, **options: Any) -> ArtifactDownloads:
        artifacts = await self.ci.list_build_artifacts(WEB, 1)
        self.fake.clear_requests()
        return self.ci.download_artifacts(artifacts, self.folder, **options)


@pytest.fixture
def shop(fake: FakeCircleCI, ci: CircleCISession, tmp_path: Path) -> Shop:
    return Shop(fake, ci, tmp_path / "dest")


def statuses(downloads: list[Download]) -> dict[str | None, str]:
    return {download.artifact.path: download.status for download in downloads}


class TestMany:
    async def test_all_come_each_to_its_place(self, shop: Shop) -> None:
        shop.add("a.txt", "b/c/d.txt", "b/e.txt")
        outcomes = [download async for download in await shop.downloads()]
        assert statuses(outcomes) == dict.fromkeys(("a.txt", "b/c/d.txt", "b/e.txt"), "downloaded")
        for download in outcomes:
            assert download.path == shop.folder / str(download.artifact.path)
            assert download.path.read_bytes() == f"0:{download.artifact.path}".encode()
            assert (download.size, download.verified) == (download.path.stat().st_size, True)
        assert names(shop.folder) == ["a.txt", "b/c/d.txt", "b/e.txt"]

    async def test_nothing_is_asked_for_before_somebody_loops(self, shop: Shop) -> None:
        shop.add("a")
        downloads = await shop.downloads()
        assert not shop.folder.exists()
        assert shop.fake.requests == []
        await downloads.aclose()

    @pytest.mark.fault(54)
    async def test_two_containers_have_a_folder_each(self, shop: Shop) -> None:
        shop.add("a", "b")
        shop.add("a", node_index=1)
        await (await shop.downloads(match="a")).collect()
        assert names(shop.folder) == ["node-0/a", "node-1/a"]
        assert (shop.folder / "node-1" / "a").read_bytes() == b"1:a"

    async def test_only_those_that_match_come(self, shop: Shop) -> None:
        shop.add("a.txt", "b/c.txt", "b/c.log")
        await (await shop.downloads(match="*.txt")).collect()
        assert names(shop.folder) == ["a.txt", "b/c.txt"]

    async def test_none_at_all_is_fine(self, shop: Shop) -> None:
        assert await (await shop.downloads()).collect() == []
        assert not shop.folder.exists()

    @pytest.mark.fault(52, 54)
    @pytest.mark.parametrize(
        ("paths", "kind", "said"),
        [
            (("../x", "fine"), UnsafePathError, "1 artifact cannot be saved in"),
            (("/etc/passwd", "C:\\x", "p", "p/q", "fine"), UnsafePathError, "4 artifacts cannot be saved in"),
            (("Foo", "foo", "fine"), PathConflictError, "2 artifacts cannot be saved in"),
        ],
    )
    async def test_what_cannot_be_placed_is_said_before_the_first_request(
        self, shop: Shop, paths: tuple[str, ...], kind: type[DownloadError], said: str
    ) -> None:
        shop.add(*paths)
        for on_error in ("raise", "stop"):
            with pytest.raises(kind, match=said) as caught:
                await (await shop.downloads(on_error=on_error)).collect()
            assert type(caught.value) is kind
            assert statuses(list(caught.value.failed)) == dict.fromkeys(paths[:-1], "failed")
        assert shop.fake.requests == []
        assert not shop.folder.exists()
        outcomes = await (await shop.downloads(on_error="yield")).collect()
        assert statuses(outcomes) == {**dict.fromkeys(paths, "failed"), "fine": "downloaded"}
        assert names(shop.folder) == ["fine"]

    async def test_an_artifact_with_an_empty_url_is_said_before_the_first_request(self, tmp_path: Path) -> None:
        async with facing(reply(200, b"x")) as scene:
            artifacts = [Artifact(path="a", url=""), at(scene.server)]
            with pytest.raises(DownloadError, match="returned no URL"):
                await scene.ci.download_artifacts(artifacts, tmp_path).collect()
        assert scene.server.requests == []

    @pytest.mark.fault(53)
    @pytest.mark.parametrize("on_exists", ["error", "skip", "overwrite"])
    async def test_links_in_the_folder_are_never_followed(self, shop: Shop, tmp_path: Path, on_exists: str) -> None:
        (tmp_path / "outside").mkdir()
        (tmp_path / "outside" / "victim").write_bytes(b"mine")
        shop.folder.mkdir()
        (shop.folder / "folder").symlink_to(tmp_path / "outside")
        (shop.folder / "file").symlink_to(tmp_path / "outside" / "victim")
        shop.add("folder/victim", "folder/new", "file", "fine")
        outcomes = await (await shop.downloads(on_exists=on_exists, on_error="yield")).collect()
        assert {str(download.artifact.path): type(download.error) for download in outcomes} == {
            **dict.fromkeys(("folder/victim", "folder/new", "file"), UnsafePathError),
            "fine": type(None),
        }
        assert names(tmp_path / "outside") == ["victim"]
        assert (tmp_path / "outside" / "victim").read_bytes() == b"mine"

    @pytest.mark.fault(53)
    async def test_a_link_that_appears_meanwhile_is_not_followed_either(
        self, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shop.add("a/b")
        downloads = await shop.downloads(on_error="yield", on_exists="overwrite")

        download = Downloader.download

        async def download_late(downloader: Downloader, place: Destination) -> Download:
            await asyncio.to_thread(shop.folder.mkdir)
            await asyncio.to_thread((shop.folder / "a").symlink_to, tmp_path)
            return await download(downloader, place)

        monkeypatch.setattr(Downloader, "download", download_late)
        [outcome] = await downloads.collect()
        assert isinstance(outcome.error, UnsafePathError)
        assert names(tmp_path) == []

    @pytest.mark.fault(55)
    @pytest.mark.parametrize("on_exists", ["error", "skip", "overwrite"])
    async def test_what_is_there_already_is_an_error_or_left_or_replaced(self, shop: Shop, on_exists: str) -> None:
        shop.add("old", "new", "folder")
        (shop.folder / "folder").mkdir(parents=True)
        (shop.folder / "old").write_bytes(b"mine")
        outcomes = await (await shop.downloads(on_exists=on_exists, on_error="yield")).collect()
        by_path = {download.artifact.path: download for download in outcomes}
        assert by_path["new"].status is DownloadStatus.DOWNLOADED
        # A folder is never in question.
        assert isinstance(by_path["folder"].error, PathConflictError)
        old = by_path["old"]
        match on_exists:
            case "error":
                assert isinstance(old.error, PathConflictError)
            case "skip":
                assert (old.status, old.size, old.error) == (DownloadStatus.SKIPPED, 4, None)
            case _:
                assert old.status is DownloadStatus.DOWNLOADED
        assert (shop.folder / "old").read_bytes() == (b"0:old" if on_exists == "overwrite" else b"mine")

    @pytest.mark.fault(55)
    async def test_a_file_on_the_way_is_a_conflict(self, shop: Shop) -> None:
        shop.add("a/b/c")
        (shop.folder / "a").mkdir(parents=True)
        (shop.folder / "a" / "b").write_bytes(b"mine")
        with pytest.raises(PathConflictError, match="expected a folder, found a file"):
            await (await shop.downloads(on_exists="overwrite")).collect()
        assert (shop.folder / "a" / "b").read_bytes() == b"mine"

    @pytest.mark.fault(55)
    async def test_a_file_that_is_replaced_is_whole_at_any_time(self, tmp_path: Path) -> None:
        action, go_on = slowed(BYTES, 3 * 2**20)
        events = Events()
        (tmp_path / NAME).write_bytes(b"mine")
        async with facing(action, reset) as scene:
            downloads = scene.ci.download_artifacts(
                [at(scene.server)], tmp_path, on_exists="overwrite", progress=events
            )
            task = asyncio.create_task(downloads.collect())
            await events.reached(3 * 2**20)
            assert (tmp_path / NAME).read_bytes() == b"mine"
            go_on.set()
            await task
            assert (tmp_path / NAME).read_bytes() == BYTES
            with pytest.raises(DownloadError):
                await scene.ci.download_artifacts([at(scene.server)], tmp_path, on_exists="overwrite").collect()
        assert (tmp_path / NAME).read_bytes() == BYTES
        assert names(tmp_path) == [NAME]

    async def test_events_of_each_file_are_in_order(self, shop: Shop) -> None:
        shop.folder.mkdir()
        shop.add("a", "b", "there", "..")
        (shop.folder / "there").write_bytes(b"x")
        events = Events()
        outcomes = await (
            await shop.downloads(progress=events, concurrency=2, on_exists="skip", on_error="yield")
        ).collect()
        for download in outcomes:
            path = str(download.artifact.path)
            kinds = [type(event) for event in events.of(path)]
            if download.status is DownloadStatus.DOWNLOADED:
                assert kinds == [DownloadStarted, DownloadProgress, DownloadFinished]
            elif download.status is DownloadStatus.SKIPPED:
                assert kinds == [DownloadStarted, DownloadFinished]
                skipped = DownloadTotals(4, received=1, size=1)
                assert events.of(path)[0] == DownloadStarted(download.artifact, download.path, 1, 1, skipped)
            else:
                assert kinds == [DownloadFinished]
            assert events.of(path)[-1].download == download
        sizes = [download.size or 0 for download in outcomes]
        assert events[-1].totals == DownloadTotals(4, 4, 1, sum(sizes), sum(sizes))

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({"concurrency": 0}, "concurrency: expected an integer from 1"),
            ({"on_exists": "replace"}, "on_exists: expected 'error' or 'skip' or 'overwrite'"),
            ({"on_error": "ignore"}, "on_error: expected 'raise' or 'stop' or 'yield'"),
            ({"place": "site"}, "place: expected a plain callable, got 'site'"),
        ],
    )
    def test_a_bad_argument_is_refused_at_once(self, options: dict[str, Any], said: str) -> None:
        with pytest.raises(InvalidInputError, match=said):
            CircleCISession().download_artifacts([], "x", **options)

    async def test_they_are_looped_over_once(self, shop: Shop) -> None:
        shop.add("a")
        downloads = await shop.downloads()
        await downloads.collect()
        with pytest.raises(UsageError, match="only once"):
            aiter(downloads)
        with pytest.raises(UsageError, match="only once"):
            await downloads.collect()


def one_of_three_fails(**others: bytes | Action) -> Action:
    return by_path(a=reply(200, b"a"), b=error(404), c=reply(200, b"c"), **others)


@pytest.mark.fault(48)
class TestFailing:
    async def test_by_default_the_others_are_fetched_and_then_it_is_raised(self, tmp_path: Path) -> None:
        outcomes: list[Download] = []
        async with facing(one_of_three_fails()) as scene:
            downloads = scene.ci.download_artifacts([at(scene.server, name) for name in "abc"], tmp_path)
            with pytest.raises(
                DownloadError, match=r"1 artifact of 3 failed: GET /b \(127\S+\) answered 404"
            ) as caught:
                async for download in downloads:
                    outcomes.append(download)  # noqa: PERF401 - those before the error
        assert statuses(outcomes) == {"a": "downloaded", "b": "failed", "c": "downloaded"}
        [failed] = caught.value.failed
        assert type(caught.value) is DownloadError
        assert isinstance(failed.error, NotFoundError)
        assert (failed.path, failed.size) == (tmp_path / "b", None)
        assert failed in outcomes
        assert names(tmp_path) == ["a", "c"]

    async def test_it_may_stop_the_others_at_once(self, tmp_path: Path) -> None:
        outcomes: list[Download] = []
        script = by_path(a=then(reply(200, b"a", length=10), hang), b=error(404), c=hang, d=reply(200, b"d"))
        async with facing(script) as scene:
            artifacts = [at(scene.server, name) for name in "acbd"]
            downloads = scene.ci.download_artifacts(artifacts, tmp_path, on_error="stop", concurrency=3)
            with pytest.raises(DownloadError, match="1 artifact of 4 failed") as caught:
                async for download in downloads:
                    outcomes.append(download)  # noqa: PERF401 - as above
        assert [failed.artifact.path for failed in caught.value.failed] == ["b"]
        assert outcomes == []
        assert {name.removeprefix("d") for name in names(tmp_path)} <= {""}

    async def test_it_may_be_yielded_alone(self, tmp_path: Path) -> None:
        async with facing(one_of_three_fails()) as scene:
            artifacts = [at(scene.server, name) for name in "abc"]
            outcomes = await scene.ci.download_artifacts(artifacts, tmp_path, on_error="yield").collect()
        assert statuses(outcomes) == {"a": "downloaded", "b": "failed", "c": "downloaded"}

    async def test_what_failed_pickles(self, tmp_path: Path) -> None:
        async with facing(by_path(a=error(404), b=then(reply(200, b"0", length=9), reset))) as scene:
            artifacts = [at(scene.server, name) for name in "ab"]
            with pytest.raises(DownloadError) as caught:
                await scene.ci.download_artifacts(artifacts, tmp_path).collect()
        again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own
        assert str(again) == str(caught.value)
        assert {(failed.artifact, failed.path, type(failed.error), str(failed.error)) for failed in again.failed} == {
            (failed.artifact, failed.path, type(failed.error), str(failed.error)) for failed in caught.value.failed
        }

    async def test_each_has_its_own_attempts(self, tmp_path: Path) -> None:
        async with facing(reset, reset, reply(200, b"x")) as scene:
            artifacts = [at(scene.server, name) for name in "ab"]
            await scene.ci.download_artifacts(artifacts, tmp_path, concurrency=1).collect()
        assert len(scene.server.requests) == 4
        assert names(tmp_path) == ["a", "b"]


@pytest.mark.fault(47, 48)
class TestLeaving:
    @pytest.fixture
    async def scene(self) -> AsyncIterator[Scene]:
        begun = then(reply(200, BYTES[: 2**20], length=len(DATA)), hang)
        async with facing(by_path(first=reply(200, b"x"), a=begun, b=hang, c=begun, d=begun)) as scene:
            yield scene

    def downloads(self, scene: Scene, folder: Path, **options: Any) -> ArtifactDownloads:
        artifacts = [at(scene.server, name) for name in ("first", "a", "b", "c", "d")]
        return scene.ci.download_artifacts(artifacts, folder, concurrency=4, **options)

    async def gone(self, folder: Path, before: set[Any]) -> None:
        # Its end is a task of the loop's, which is made in the next turn.
        await asyncio.sleep(0)
        ending = {task for task in asyncio.all_tasks() - before if "ScriptServer._serve" not in repr(task.get_coro())}
        assert ending
        await asyncio.wait(ending)
        assert names(folder) == ["first"]

    async def test_a_break_ends_the_others(self, scene: Scene, tmp_path: Path) -> None:
        before = asyncio.all_tasks()
        async for download in self.downloads(scene, tmp_path):
            assert download.artifact.path == "first"
            break
        await self.gone(tmp_path, before)

    async def test_an_error_in_the_loop_ends_the_others_at_once(self, scene: Scene, tmp_path: Path) -> None:
        with pytest.raises(ZeroDivisionError):
            async with self.downloads(scene, tmp_path) as downloads:
                async for _ in downloads:
                    raise ZeroDivisionError
        assert names(tmp_path) == ["first"]

    async def test_closing_them_from_elsewhere_ends_the_loop(self, scene: Scene, tmp_path: Path) -> None:
        events = Events()
        downloads = self.downloads(scene, tmp_path, progress=events)
        task = asyncio.create_task(downloads.collect())
        await scene.server.has_received(4)
        await events.reached(1000)
        await downloads.aclose()
        assert [name for name in names(tmp_path) if name != "first"] == []
        with pytest.raises(UsageError, match="were closed before their end"):
            await task
        await downloads.aclose()
        with pytest.raises(UsageError, match="were closed before their end"):
            aiter(downloads)

    async def test_closing_them_within_the_loop_ends_it_too(self, scene: Scene, tmp_path: Path) -> None:
        downloads = self.downloads(scene, tmp_path)
        with pytest.raises(UsageError, match="were closed before their end"):
            async for _ in downloads:
                await downloads.aclose()
        assert names(tmp_path) == ["first"]

    async def test_a_loop_that_is_cancelled_ends_the_others(self, scene: Scene, tmp_path: Path) -> None:
        events = Events()
        task = asyncio.create_task(self.downloads(scene, tmp_path, progress=events).collect())
        await events.reached(1000)
        task.cancel()
        await is_cancelled(task)
        assert [name for name in names(tmp_path) if name != "first"] == []

    async def test_while_nobody_asks_no_more_are_begun(self, tmp_path: Path) -> None:
        async with facing(reply(200, b"x")) as scene:
            artifacts = [at(scene.server, f"{number}") for number in range(30)]
            downloads = scene.ci.download_artifacts(artifacts, tmp_path, concurrency=2)
            async with aclosing(aiter(downloads)) as outcomes:
                await anext(outcomes)
                for _ in range(200):
                    await asyncio.sleep(0)
                assert len(scene.server.requests) <= 1 + 2 + 2
                assert len([download async for download in outcomes]) == 29


@pytest.mark.fault(59)
class TestTenThousand:
    async def test_they_cost_workers_and_not_tasks_or_memory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        artifacts = [Artifact(path=f"reports/{number}.xml", url="https://a.example/x") for number in range(10_000)]
        before = asyncio.all_tasks()
        under_way, most_under_way, most_tasks = 0, 0, 0

        async def fetch(_downloader: Downloader, place: Destination) -> Download:
            nonlocal under_way, most_under_way, most_tasks
            under_way += 1
            most_under_way = max(most_under_way, under_way)
            most_tasks = max(most_tasks, len(asyncio.all_tasks() - before))
            await asyncio.sleep(0)
            under_way -= 1
            return Download(place.artifact, tmp_path, 0, DownloadStatus.DOWNLOADED)

        monkeypatch.setattr(Downloader, "download", fetch)

        async def peak_of_one() -> int:
            downloads = ci.download_artifacts(artifacts, tmp_path)
            gc.collect()
            tracemalloc.start()
            try:
                count = 0
                async for _ in downloads:
                    count += 1
                    if count % 1000 == 0:
                        # Late in a long run of tests the collector seldom has its turn.
                        gc.collect()
                assert count == 10_000
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

        async with CircleCISession() as ci:
            # A table of the interpreter itself, of 4 MB, may grow during one of them.
            peak = min([await peak_of_one(), await peak_of_one()])
        assert most_under_way == 8
        assert most_tasks <= 8
        assert peak < 2 * 2**20

    async def test_on_the_wire_they_share_a_few_connections(self, tmp_path: Path) -> None:
        async with nothing_stays_open(), facing(reply(200, b"x")) as scene:
            artifacts = [at(scene.server, f"{number % 7}/{number}") for number in range(500)]
            outcomes = await scene.ci.download_artifacts(artifacts, tmp_path, concurrency=4).collect()
        assert len(outcomes) == len(names(tmp_path)) == 500
        assert scene.server.connections <= 4


def test_everything_that_is_told_is_a_value() -> None:
    artifact = Artifact(path="a", url="https://a.example/a")
    for make in (
        lambda: DownloadStarted(artifact, Path("a"), 1, 0, DownloadTotals(1)),
        lambda: DownloadProgress(artifact, Path("a"), 1, DownloadTotals(1)),
        lambda: DownloadFinished(Download(artifact, Path("a"), 1, DownloadStatus.DOWNLOADED), DownloadTotals(1)),
    ):
        assert make() == make()
        with pytest.raises(AttributeError):
            make().artifact = None
