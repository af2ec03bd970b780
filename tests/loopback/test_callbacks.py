"""Callbacks of downloads, exports and waits: plain or coroutine functions, checked before any I/O."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from circleci_v1_async import CircleCISession, DownloadFinished, InvalidInputError
from circleci_v1_async.export import export_builds
from circleci_v1_async.testing import FakeCircleCI

WEB = "gh/acme/web"


@pytest.fixture
def fake_with_artifact(fake: FakeCircleCI) -> FakeCircleCI:
    fake.add_project(WEB)
    fake.add_build(WEB)
    fake.add_artifact(WEB, 1, "a.txt", b"hello")
    return fake


async def download(ci: CircleCISession, folder: Path, progress: Any, *, many: bool) -> None:
    artifacts = await ci.list_build_artifacts(WEB, 1)
    if many:
        await ci.download_artifacts(artifacts, folder, progress=progress).collect()
    else:
        await ci.download_artifact(artifacts[0], folder / "a.txt", progress=progress)


@pytest.mark.fault(88)
@pytest.mark.parametrize("many", [False, True])
@pytest.mark.usefixtures("fake_with_artifact")
async def test_progress_can_be_a_coroutine_function_that_is_awaited(
    ci: CircleCISession,
    tmp_path: Path,
    many: bool,  # noqa: FBT001 - a row
) -> None:
    plain: list[str] = []
    awaited: list[str] = []

    async def progress(event: object) -> None:
        await asyncio.sleep(0)
        awaited.append(type(event).__name__)

    await download(ci, tmp_path / "1", lambda event: plain.append(type(event).__name__), many=many)
    await download(ci, tmp_path / "2", progress, many=many)
    assert awaited == plain
    assert awaited[-1] == DownloadFinished.__name__


@pytest.mark.fault(88)
@pytest.mark.parametrize("many", [False, True])
@pytest.mark.usefixtures("fake_with_artifact")
async def test_an_error_of_progress_leaves_the_call_as_it_is(
    ci: CircleCISession,
    tmp_path: Path,
    many: bool,  # noqa: FBT001 - a row
) -> None:
    failure = LookupError("no bar")

    async def progress(_event: object) -> None:
        raise failure

    with pytest.raises(LookupError) as caught:
        await download(ci, tmp_path, progress, many=many)
    assert caught.value is failure


@pytest.mark.fault(88)
@pytest.mark.usefixtures("fake_with_artifact")
async def test_progress_of_an_export_is_awaited_and_its_error_ends_the_export(
    ci: CircleCISession, tmp_path: Path
) -> None:
    plain: list[object] = []
    awaited: list[object] = []
    failure = LookupError("no bar")

    async def progress(event: object) -> None:
        await asyncio.sleep(0)
        awaited.append(event)

    async def fail(_event: object) -> None:
        raise failure

    await export_builds(ci, [WEB], tmp_path / "1.db", progress=plain.append)
    await export_builds(ci, [WEB], tmp_path / "2.db", progress=progress)
    assert awaited == plain != []
    with pytest.raises(LookupError) as caught:
        await export_builds(ci, [WEB], tmp_path / "3.db", progress=fail)
    assert caught.value is failure


@pytest.mark.fault(88)
@pytest.mark.parametrize(
    "call",
    ["download_artifact", "download_artifacts", "place", "export_builds", "wait_for_build", "wait_for_commit"],
)
async def test_what_is_no_callback_is_refused_before_any_io(
    fake_with_artifact: FakeCircleCI, ci: CircleCISession, tmp_path: Path, call: str
) -> None:
    artifacts = await ci.list_build_artifacts(WEB, 1)
    before = len(fake_with_artifact.requests)
    calls: dict[str, Any] = {
        "download_artifact": lambda: ci.download_artifact(artifacts[0], tmp_path / "a", progress=5),  # type: ignore[arg-type]
        "download_artifacts": lambda: ci.download_artifacts(artifacts, tmp_path, progress=5).collect(),  # type: ignore[arg-type]
        "place": lambda: ci.download_artifacts(artifacts, tmp_path, place=5).collect(),  # type: ignore[arg-type]
        "export_builds": lambda: export_builds(ci, [WEB], tmp_path / "a.db", progress=5),  # type: ignore[arg-type]
        "wait_for_build": lambda: ci.wait_for_build(WEB, 1, on_update=5),  # type: ignore[arg-type]
        "wait_for_commit": lambda: ci.wait_for_commit(WEB, "c0ffee1", on_update=5),  # type: ignore[arg-type]
    }
    with pytest.raises(InvalidInputError, match=r"^(progress|place|on_update): expected a (plain )?callable, got 5$"):
        await calls[call]()
    assert len(fake_with_artifact.requests) == before
