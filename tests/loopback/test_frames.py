"""How deep a call is, and what names it goes by."""

import os
import pydoc
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import aiohttp
import pytest
from downloading import at
from faults.scenes import facing
from script_server import reply

import circleci_v1_async
from circleci_v1_async import CircleCISession

WEB = "gh/acme/web"
PACKAGE = os.path.dirname(circleci_v1_async.__file__) + os.sep  # noqa: PTH120 - text


class Limiter:
    """A limiter that lets everything pass."""

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *_: object) -> None:
        pass


def stack(frame: FrameType | None) -> Iterator[str]:
    while frame is not None:
        if frame.f_code.co_filename.startswith(PACKAGE) and "testing" not in frame.f_code.co_filename:
            yield frame.f_code.co_qualname
        frame = frame.f_back


@pytest.fixture
def depths(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The frames of the package at each of aiohttp's requests."""
    depths: list[list[str]] = []
    request = aiohttp.ClientSession.request

    def look_and_request(self: aiohttp.ClientSession, *args: Any, **options: Any) -> Any:
        depths.append(list(stack(sys._getframe(1))))
        return request(self, *args, **options)

    monkeypatch.setattr(aiohttp.ClientSession, "request", look_and_request)
    return depths


async def test_a_call_has_at_most_five_frames_a_page_six_and_a_download_eight(
    depths: list[list[str]], tmp_path: Path
) -> None:
    build = reply(200, {"build_num": 7})
    async with facing(
        build, reply(200, []), reply(200, b"x"), reply(200, b"y"), reply(200, b"z"), limiter=Limiter()
    ) as scene:
        artifact = at(scene.server)
        await scene.ci.get_build(WEB, 7)
        await scene.ci.iter_project_builds(WEB).collect()
        await scene.ci.download_artifact(artifact, tmp_path / "one")
        await scene.ci.download_artifacts([artifact], tmp_path / "many").collect()
        async with scene.ci.open_artifact(artifact) as stream:
            await stream.read()
    call, page, *downloads = depths
    assert len(call) <= 5, call
    assert len(page) <= 6, page
    assert [frames for frames in downloads if len(frames) > 8] == []
    assert len(downloads) == 3


def test_operations_go_by_the_name_of_the_session() -> None:
    methods = {
        name: method
        for name in dir(CircleCISession)
        if not name.startswith("__") and callable(method := getattr(CircleCISession, name))
    }
    assert {method.__qualname__ for method in methods.values()} == {f"CircleCISession.{name}" for name in methods}
    assert "CircleCISession.get_build of <CircleCISession" in repr(CircleCISession().get_build)
    for call in (CircleCISession().get_build, CircleCISession().open_artifact):
        with pytest.raises(TypeError, match=r"^CircleCISession\.\w+\(\) missing"):
            call()


@pytest.mark.parametrize(
    ("function", "shown"),
    [
        (CircleCISession.__init__, "concurrency: int = 16"),
        (CircleCISession.from_env, "timeout: float = 60.0"),
        (CircleCISession.with_options, "strict: bool = <unchanged>"),
    ],
)
def test_help_shows_every_option(function: Callable[..., object], shown: str) -> None:
    assert shown in pydoc.plain(pydoc.render_doc(function))
