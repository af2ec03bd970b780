"""Large replies over real sockets: the values that they give, and the memory that they may take."""

import json
import sys
import tracemalloc
import zlib
from typing import Any

import aiohttp
import pytest
from downloading import WEB
from faults.canaries import as_json, packed
from faults.scenes import Call, facing
from script_server import ScriptServer, reply

from circleci_v1_async import (
    Artifact,
    Branch,
    Build,
    CircleCISession,
    DecodeError,
    Project,
    Request,
    RetryPolicy,
    TestMetadata,
    TransportError,
)
from circleci_v1_async import BuildDetail as Detail
from circleci_v1_async._transport import decompression

MEGABYTE = 2**20
GZIP = [("Content-Encoding", "gzip")]
ARTIFACT = {"path": "a", "url": "https://a.example/a"}


def bomb(item: bytes, before: bytes = b"[", after: bytes = b"]") -> bytes:
    """60 MB of an item, compressed to some 100 kB."""
    packer = zlib.compressobj(9, wbits=31)
    block = (item + b",") * (MEGABYTE // len(item))
    packed = [packer.compress(before)]
    size = 0
    while size < 60_000_000:
        packed.append(packer.compress(block))
        size += len(block)
    return b"".join([*packed, packer.compress(item + after), packer.flush()])


def padded(value: Any, size: int = MEGABYTE + 1) -> bytes:
    body = json.dumps(value).encode()
    return body + b" " * (size - len(body))


BOMBS: dict[str, tuple[bytes, Call]] = {
    "a page": (bomb(b'{"build_num":1}'), lambda scene: scene.ci.list_recent_builds()),
    "projects": (bomb(b"{}"), lambda scene: scene.ci.list_projects()),
}


@pytest.mark.fault(75)
@pytest.mark.parametrize(("body", "call"), BOMBS.values(), ids=BOMBS)
async def test_60_megabytes_of_tiny_objects_are_refused_without_being_decoded(body: bytes, call: Call) -> None:
    async with facing(reply(200, body, GZIP)) as scene:
        tracemalloc.start()
        try:
            with pytest.raises(DecodeError, match="Too many objects or lists for its size") as caught:
                await call(scene)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert caught.value.size > 60_000_000
    assert len(scene.server.requests) == 1
    assert peak < caught.value.size + 100_000_000


@pytest.mark.fault(75)
@pytest.mark.parametrize(
    ("value", "call", "expected"),
    [
        ([{"build_num": 1}], lambda scene: scene.ci.list_project_builds(WEB), [Build(build_num=1)]),
        ([{"branches": {"a%2Fb": {}}}], lambda scene: scene.ci.list_projects(), [Project(branches={"a/b": Branch()})]),
        ([ARTIFACT], lambda scene: scene.ci.list_build_artifacts(WEB, 7), [Artifact(**ARTIFACT)]),
        ({"tests": [{"name": "a"}]}, lambda scene: scene.ci.list_build_tests(WEB, 7), [TestMetadata(name="a")]),
        ({"build_num": 7}, lambda scene: scene.ci.get_build(WEB, 7), Detail(build_num=7)),
        ([{"a": 1}], lambda scene: scene.ci.send(Request("GET", "/x")), [{"a": 1}]),
    ],
)
async def test_a_large_reply_gives_what_a_small_one_gives(value: Any, call: Call, expected: Any) -> None:
    for body in (json.dumps(value).encode(), padded(value)):
        async with facing(reply(200, body)) as scene:
            assert await call(scene) == expected


@pytest.mark.fault(20)
@pytest.mark.parametrize("options", [{}, {"auto_decompress": False}])
async def test_cut_off_data_are_noticed_whatever_a_borrowed_session_does_with_them(options: Any) -> None:
    login = as_json({"login": "ada"})
    async with (
        ScriptServer(packed(login, "gzip", cut=1), packed(login, "gzip")) as server,
        aiohttp.ClientSession(**options) as borrowed,
        CircleCISession(base_url=server.base_url, session=borrowed, retry=RetryPolicy(attempts=1)) as ci,
    ):
        with pytest.raises(TransportError, match="the reply broke off"):
            await ci.get_current_user()
        assert (await ci.get_current_user()).login == "ada"


@pytest.mark.fault(20)
async def test_a_coding_whose_library_is_missing_is_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("brotlicffi", "brotli"):
        monkeypatch.setitem(sys.modules, module, None)
    decompression._find_coding.cache_clear()
    async with facing(packed(b"data", "br")) as scene:
        with pytest.raises(TransportError, match=r"GET /me .*: the reply is compressed by br, which needs .* brotli"):
            await scene.ci.get_current_user()
        async with scene.ci.open_artifact(Artifact(path="a", url=f"{scene.server.origin}/a")) as stream:
            with pytest.raises(TransportError, match=r"GET /a .*: the reply is compressed by br"):
                await stream.read()
    assert len(scene.server.requests) == 2
