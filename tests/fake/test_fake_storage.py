"""What FakeCircleCI promises of files: three origins, signed addresses, ranges and bodies that arrive badly."""

import asyncio
import hashlib
import json
import logging
import socket
import tracemalloc
from collections.abc import AsyncIterator, Mapping

import aiohttp
import attrs
import pytest
from aiohttp.client_exceptions import ClientOSError, ClientPayloadError, ServerDisconnectedError
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from circleci_v1_async.testing import FakeCircleCI, GeneratedBytes

WEB = "github/acme/web"
DATA = bytes(range(100))


@attrs.frozen
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class Visitor:
    """A plain session and the fake that it visits."""

    def __init__(self, fake: FakeCircleCI, session: aiohttp.ClientSession) -> None:
        self.fake, self.session = fake, session

    def open(self, url, *, token=False, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        headers |= {"Circle-Token": self.fake.token} if token else {}
        return self.session.get(URL(url, encoded=True), headers=headers, allow_redirects=False)

    async def get(self, url, **options):
        async with self.open(url, **options) as reply:
            return Answer(reply.status, reply.headers, await reply.read())

    async def json(self, path):
        return json.loads((await self.get(self.fake.base_url + path, token=True, Accept="application/json")).body)

    async def signed(self, index=0):
        """The signed address of one of the first build's artifacts."""
        artifact = (await self.json(f"/project/{WEB}/1/artifacts"))[index]
        return (await self.get(artifact["url"], token=True)).headers["Location"]

    async def output_url(self):
        return (await self.json(f"/project/{WEB}/1"))["steps"][0]["actions"][0]["output_url"]

    async def code(self, url, **options):
        """The status and the code of an error of the bucket."""
        reply = await self.get(url, **options)
        assert reply.headers["Content-Type"] == "application/xml"
        return reply.status, reply.body.partition(b"<Code>")[2].partition(b"</Code>")[0].decode()


def origin_of_the_api(fake: FakeCircleCI) -> str:
    return fake.base_url.removesuffix("/api/v1.1")


@pytest.fixture
async def fake() -> AsyncIterator[FakeCircleCI]:
    async with FakeCircleCI() as fake:
        fake.add_project(WEB)
        fake.add_build(WEB)
        yield fake


@pytest.fixture
async def visitor(fake: FakeCircleCI) -> AsyncIterator[Visitor]:
    # A fake that promises more than it sends keeps nobody waiting for long.
    timeout = aiohttp.ClientTimeout(total=20)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), timeout=timeout) as session:
        yield Visitor(fake, session)


class TestOrigins:
    async def test_artifacts_redirect_from_the_origin_of_the_api_to_another(self, fake, visitor):
        fake.add_artifact(WEB, 1, "a b/ü?.txt", b"zero")
        [artifact] = await visitor.json(f"/project/{WEB}/1/artifacts")
        assert (artifact["path"], artifact["pretty_path"], artifact["node_index"]) == ("a b/ü?.txt", "a b/ü?.txt", 0)
        assert artifact["url"].startswith(origin_of_the_api(fake) + "/output/job/")
        redirect = await visitor.get(artifact["url"], token=True)
        assert (redirect.status, redirect.body) == (302, b"")
        assert redirect.headers["Location"].startswith(fake.storage_origin + "/artifacts/")
        reply = await visitor.get(redirect.headers["Location"])
        assert (reply.status, reply.headers["Content-Type"], reply.body) == (200, "text/plain", b"zero")
        assert reply.headers["Server"] == "AmazonS3"
        assert "Set-Cookie" not in reply.headers
        assert URL(fake.storage_origin).port != URL(fake.base_url).port
        assert URL(fake.storage_origin).host != URL(fake.base_url).host

    async def test_a_request_says_which_site_it_came_to(self, fake, visitor):
        fake.add_artifact(WEB, 1, "log", b"x")
        await visitor.get(await visitor.signed(), token=True)
        assert [(request.site, request.operation) for request in fake.requests] == [
            ("api", "list_build_artifacts"),
            ("artifacts", "redirect_to_storage"),
            ("storage", "fetch_artifact"),
        ]
        assert all("Circle-Token" in request.headers for request in fake.requests)

    async def test_no_origin_serves_what_belongs_to_another(self, fake, visitor):
        fake.add_artifact(WEB, 1, "log", b"x")
        [artifact] = await visitor.json(f"/project/{WEB}/1/artifacts")
        api = origin_of_the_api(fake)
        misplaced = (await visitor.signed()).replace(fake.storage_origin, api)
        assert (await visitor.get(misplaced, token=True)).status == 404
        misplaced = artifact["url"].replace(api, fake.storage_origin)
        assert await visitor.code(misplaced, token=True) == (403, "AccessDenied")
        assert await visitor.code(f"{fake.storage_origin}/api/v1.1/me", token=True) == (403, "AccessDenied")

    async def test_a_fake_that_is_started_again_has_its_two_addresses(self, fake, visitor):
        fake.add_artifact(WEB, 1, "log", b"x")
        url = await visitor.signed()
        await fake.close()
        for origin in (fake.base_url, fake.storage_origin):
            with pytest.raises(ClientOSError):
                await visitor.get(origin)
        await fake.start()
        assert (await visitor.get(url)).body == b"x"

    def test_no_origin_is_known_before_the_start(self):
        for name in ("base_url", "storage_origin"):
            with pytest.raises(RuntimeError, match="no URL before it is started"):
                getattr(FakeCircleCI(), name)

    async def test_a_fake_whose_port_is_taken_can_be_started_later(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            fake = FakeCircleCI(port=taken.getsockname()[1])
            with pytest.raises(OSError, match="bind"):
                await fake.start()
        async with fake:
            assert fake.base_url


class TestAccess:
    async def test_a_private_projects_artifacts_need_the_token_in_a_header(self, fake, visitor):
        fake.add_artifact(WEB, 1, "log", b"x")
        [artifact] = await visitor.json(f"/project/{WEB}/1/artifacts")
        url = artifact["url"]
        for refused in (await visitor.get(url), await visitor.get(f"{url}?circle-token={fake.token}")):
            assert (refused.status, json.loads(refused.body)) == (404, {"message": "Build not found"})
        assert (await visitor.get(url, Authorization=f"Bearer {fake.token}")).status == 302

    async def test_a_public_projects_artifacts_need_none(self, fake, visitor):
        fake.add_project("github/acme/open", public=True)
        fake.add_build("github/acme/open")
        fake.add_artifact("github/acme/open", 1, "log", b"x")
        [artifact] = await visitor.json("/project/github/acme/open/1/artifacts")
        assert (await visitor.get(artifact["url"])).status == 302

    async def test_what_is_no_artifact_is_not_found(self, fake, visitor):
        fake.add_artifact(WEB, 1, "log", b"x")
        [artifact] = await visitor.json(f"/project/{WEB}/1/artifacts")
        for url in (artifact["url"] + "x", artifact["url"].replace("/job/", "/job/0")):
            assert (await visitor.get(url, token=True)).status == 404

    async def test_two_containers_may_store_one_path_and_a_path_may_be_any_text(self, fake, visitor):
        for node_index in (0, 1):
            for path in ("/tmp//core", "../up/", "//[x", "%2F"):  # noqa: S108 - names, not files
                fake.add_artifact(WEB, 1, path, f"{node_index}{path}".encode(), node_index=node_index)
        for artifact in await visitor.json(f"/project/{WEB}/1/artifacts"):
            location = (await visitor.get(artifact["url"], token=True)).headers["Location"]
            reply = await visitor.get(location)
            assert reply.body == f"{artifact['node_index']}{artifact['path']}".encode()
            assert reply.headers["Content-Type"] == "application/octet-stream"

    async def test_a_signed_query_has_what_careless_clients_change(self, fake, visitor):
        fake.add_artifact(WEB, 1, "a~b.txt", b"x")
        url = await visitor.signed()
        query = url.partition("?")[2]
        assert all(part in query for part in ("%2F", "%2B", "%7E", "%3D", "+", "X-Amz-Signature="))
        assert (await visitor.get(url)).status == 200
        assert fake.requests[-1].query_string == query

    async def test_an_address_may_be_encoded_anew_but_not_say_anything_else(self, fake, visitor):
        fake.add_artifact(WEB, 1, "a~b.txt", b"x")
        url = await visitor.signed()
        for same in (str(URL(url)), url.replace("%2F", "%2f"), url.replace("%7E", "~")):
            assert same != url
            assert (await visitor.get(same)).status == 200
        for changed in (url.replace("%2F", "%252F"), url.replace("=300", "=900"), url.replace("?", "?x=1&")):
            assert changed != url
            assert await visitor.code(changed) == (403, "SignatureDoesNotMatch")

    async def test_an_address_without_a_signature_opens_nothing(self, fake, visitor):
        fake.add_artifact(WEB, 1, "log", b"x")
        url = await visitor.signed()
        assert await visitor.code(url.partition("?")[0]) == (403, "AccessDenied")
        assert await visitor.code(url.replace("/log?", "/other?")) == (403, "SignatureDoesNotMatch")

    async def test_a_signed_address_expires_when_it_is_told_to(self, fake, visitor):
        fake.add_artifact(WEB, 1, "log", b"x")
        fake.add_step(WEB, 1, "pytest", output="1 passed")
        old = [await visitor.signed(), await visitor.output_url()]
        fake.expire_signatures()
        for url in old:
            assert await visitor.code(url) == (403, "AccessDenied")
        for url in (await visitor.signed(), await visitor.output_url()):
            assert (await visitor.get(url)).status == 200

    @pytest.mark.parametrize("authorization", ["Bearer x", "Basic ?"])
    async def test_the_bucket_takes_no_other_credentials(self, fake, visitor, authorization):
        fake.add_artifact(WEB, 1, "log", b"x")
        fake.add_step(WEB, 1, "pytest", output="1 passed")
        for url in (await visitor.signed(), await visitor.output_url()):
            assert await visitor.code(url, Authorization=authorization) == (400, "InvalidArgument")

    async def test_what_is_gone_is_not_in_the_bucket(self, fake, visitor):
        fake.add_artifact(WEB, 1, "log", b"x")
        fake.add_step(WEB, 1, "pytest", output="1 passed")
        urls = [await visitor.signed(), await visitor.output_url()]
        fake.remove_build(WEB, 1)
        for url in urls:
            assert await visitor.code(url) == (404, "NoSuchKey")


class TestStepOutput:
    async def test_an_output_url_is_signed_and_leads_to_parts_of_the_log(self, fake, visitor):
        fake.add_step(WEB, 1, "pytest", output="\x1b[1mred\x1b[0m\r\n", status="failed")
        url = await visitor.output_url()
        assert url.startswith(f"{fake.storage_origin}/logs/{WEB}/1/0/0?")
        reply = await visitor.get(url)
        assert reply.headers["Content-Type"] == "application/json"
        out, err = json.loads(reply.body)
        assert (out["message"], out["type"]) == ("\x1b[1mred\x1b[0m\r\n", "out")
        assert (err["message"], err["type"]) == ("Exited with code 1", "err")
        part = await visitor.get(url, Range="bytes=1-", If_Range=reply.headers["ETag"])
        assert (part.status, part.body) == (206, reply.body[1:])

    async def test_a_failed_steps_log_ends_with_how_it_failed_even_if_it_printed_nothing(self, fake, visitor):
        fake.add_step(WEB, 1, "mute", status="failed")
        [only] = await visitor.json(f"/project/{WEB}/1/output/0/0")
        assert only["type"] == "err"


class TestRanges:
    @pytest.mark.parametrize(
        ("asked", "content_range", "body"),
        [
            ("bytes=10-", "bytes 10-99/100", DATA[10:]),
            ("bytes=0-", "bytes 0-99/100", DATA),
            ("bytes=10-19", "bytes 10-19/100", DATA[10:20]),
            ("bytes=99-99", "bytes 99-99/100", DATA[99:]),
            ("bytes=90-1000", "bytes 90-99/100", DATA[90:]),
            ("bytes=-10", "bytes 90-99/100", DATA[90:]),
            ("bytes=-1000", "bytes 0-99/100", DATA),
        ],
    )
    async def test_a_range_gets_its_part(self, fake, visitor, asked, content_range, body):
        fake.add_artifact(WEB, 1, "log", DATA)
        reply = await visitor.get(await visitor.signed(), Range=asked)
        assert (reply.status, reply.headers["Content-Range"], reply.body) == (206, content_range, body)
        assert reply.headers["Content-Length"] == str(len(body))
        assert reply.headers["ETag"]

    @pytest.mark.parametrize(("asked", "size"), [("bytes=100-", 100), ("bytes=-0", 100), ("bytes=0-", 0)])
    async def test_a_range_behind_the_end_is_refused_with_the_size(self, fake, visitor, asked, size):
        fake.add_artifact(WEB, 1, "log", DATA[:size])
        url = await visitor.signed()
        assert await visitor.code(url, Range=asked) == (416, "InvalidRange")
        assert (await visitor.get(url, Range=asked)).headers["Content-Range"] == f"bytes */{size}"

    @pytest.mark.parametrize("asked", ["bytes=-", "bytes=9-5", "bytes=1-2,5-6", "lines=1-", "bytes=x-", "bytes=٣-"])
    async def test_a_range_without_meaning_gets_everything(self, fake, visitor, asked):
        fake.add_artifact(WEB, 1, "log", DATA)
        reply = await visitor.get(await visitor.signed(), Range=asked)
        assert (reply.status, reply.body) == (200, DATA)
        assert reply.headers["Accept-Ranges"] == "bytes"
        assert "Content-Range" not in reply.headers

    async def test_a_condition_that_still_holds_gets_the_range(self, fake, visitor):
        fake.add_artifact(WEB, 1, "log", DATA)
        url = await visitor.signed()
        whole = await visitor.get(url)
        assert whole.headers["ETag"] == f'"{hashlib.md5(DATA).hexdigest()}"'  # noqa: S324 - as S3 has them
        for validator in ("ETag", "Last-Modified"):
            reply = await visitor.get(url, Range="bytes=60-", If_Range=whole.headers[validator])
            assert (reply.status, reply.body) == (206, DATA[60:])

    async def test_a_file_that_has_changed_comes_whole_with_another_tag_and_date(self, fake, visitor):
        fake.add_artifact(WEB, 1, "log", DATA)
        url = await visitor.signed()
        old = await visitor.get(url)
        fake.update_artifact(WEB, 1, "log", DATA[::-1])
        for validator in ("ETag", "Last-Modified"):
            reply = await visitor.get(url, Range="bytes=60-", If_Range=old.headers[validator])
            assert (reply.status, reply.body) == (200, DATA[::-1])
            assert reply.headers[validator] != old.headers[validator]

    async def test_a_weak_tag_never_joins_parts_and_outlives_a_change(self, fake, visitor):
        fake.add_artifact(WEB, 1, "log", DATA, etag="weak")
        url = await visitor.signed()
        tag = (await visitor.get(url)).headers["ETag"]
        assert tag.startswith('W/"')
        for condition in (tag, tag.removeprefix("W/")):
            assert (await visitor.get(url, Range="bytes=60-", If_Range=condition)).status == 200
        fake.update_artifact(WEB, 1, "log", DATA[::-1])
        assert (await visitor.get(url)).headers["ETag"] == tag

    async def test_a_file_may_have_nothing_that_tells_its_versions_apart(self, fake, visitor):
        fake.add_artifact(WEB, 1, "log", DATA, etag=None)
        url = await visitor.signed()
        reply = await visitor.get(url)
        assert not {"ETag", "Last-Modified"} & set(reply.headers)
        assert (await visitor.get(url, Range="bytes=60-")).status == 206

    async def test_storing_a_path_again_replaces_the_file(self, fake, visitor):
        fake.add_artifact(WEB, 1, "log", b"old")
        fake.add_artifact(WEB, 1, "log", b"new")
        assert len(await visitor.json(f"/project/{WEB}/1/artifacts")) == 1
        assert (await visitor.get(await visitor.signed())).body == b"new"

    def test_only_an_artifact_can_be_updated(self, fake):
        fake.add_artifact(WEB, 1, "log", b"x")
        with pytest.raises(KeyError, match="no artifact 'log' of container 1 in build 1 of github/acme/web"):
            fake.update_artifact(WEB, 1, "log", b"", node_index=1)


class TestFaults:
    async def test_a_fault_waits_for_the_hop_that_it_is_for(self, fake, visitor):
        fake.add_artifact(WEB, 1, "log", DATA)
        fake.add_step(WEB, 1, "pytest", output="1 passed")
        signed, output, [artifact] = (
            await visitor.signed(),
            await visitor.output_url(),
            await visitor.json(f"/project/{WEB}/1/artifacts"),
        )
        fake.fail_next(500, path="/logs")
        fake.fail_next(502, path="/artifacts")
        fake.fail_next(503, path="/output/job")
        for status in (503, 302):
            assert (await visitor.get(artifact["url"], token=True)).status == status
        for status in (502, 200):
            assert (await visitor.get(signed)).status == status
        for status in (500, 200):
            assert (await visitor.get(output)).status == status

    async def test_a_file_can_be_dropped(self, fake, visitor):
        fake.add_artifact(WEB, 1, "log", DATA)
        url = await visitor.signed()
        # A client may ask once more by itself.
        fake.drop_next(2, path="/artifacts")
        with pytest.raises((ServerDisconnectedError, ClientOSError)):
            await visitor.get(url)

    @pytest.mark.parametrize("chunked", [False, True])
    @pytest.mark.parametrize(("after", "length"), [(None, 50), (0, 0), (7, 7), (99, 99)])
    async def test_a_file_can_break_off_where_one_likes(self, fake, visitor, after, length, chunked):
        fake.add_artifact(WEB, 1, "log", DATA)
        url = await visitor.signed()
        fake.truncate_next(after=after, chunked=chunked, path="/artifacts")
        received = b""
        async with visitor.open(url) as reply:
            assert reply.headers.get("Content-Length") == (None if chunked else "100")
            with pytest.raises(ClientPayloadError):
                while chunk := await reply.content.readany():
                    received += chunk
        assert received == DATA[:length]
        assert (await visitor.get(url)).body == DATA

    async def test_a_break_behind_the_end_breaks_nothing(self, fake, visitor):
        fake.add_artifact(WEB, 1, "log", DATA)
        url = await visitor.signed()
        fake.truncate_next(after=1000)
        assert (await visitor.get(url)).body == DATA

    async def test_a_resumed_part_can_break_off_too(self, fake, visitor):
        fake.add_artifact(WEB, 1, "log", DATA)
        url = await visitor.signed()
        fake.truncate_next(after=10)
        async with visitor.open(url, Range="bytes=20-") as reply:
            assert await reply.content.readexactly(10) == DATA[20:30]
            with pytest.raises(ClientPayloadError):
                await reply.content.readexactly(1)

    async def test_a_body_can_come_without_its_length(self, fake, visitor):
        fake.add_artifact(WEB, 1, "log", DATA)
        url = await visitor.signed()
        fake.chunk_next()
        reply = await visitor.get(url)
        assert (reply.headers["Transfer-Encoding"], "Content-Length" in reply.headers) == ("chunked", False)
        assert reply.body == DATA

    async def test_a_body_can_come_bit_by_bit(self, fake, visitor):
        fake.add_artifact(WEB, 1, "log", DATA)
        url = await visitor.signed()
        fake.trickle_next(pause=0, piece=7, chunked=True)
        async with visitor.open(url) as reply:
            sizes = [len(chunk) async for chunk, _ in reply.content.iter_chunks() if chunk]
        assert sizes == [7] * 14 + [2]

    async def test_closing_does_not_wait_for_a_body_that_has_stopped(self, fake, visitor, caplog):
        caplog.set_level(logging.DEBUG)
        fake.add_artifact(WEB, 1, "log", DATA)
        url = await visitor.signed()
        fake.trickle_next(pause=3600, piece=60)
        async with visitor.open(url) as reply, asyncio.timeout(10):
            assert await reply.content.readexactly(60) == DATA[:60]
            await fake.close()
            with pytest.raises(ClientPayloadError):
                await reply.content.readexactly(1)
        assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []

    async def test_a_client_that_hangs_up_in_a_body_is_not_worth_a_warning(self, fake, visitor, caplog):
        caplog.set_level(logging.DEBUG)
        fake.add_artifact(WEB, 1, "log", GeneratedBytes(2**30))
        async with visitor.open(await visitor.signed()) as reply:
            await reply.content.readexactly(1)
        await fake.close()
        assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []

    async def test_a_reply_of_the_bucket_can_take_its_time(self, fake, visitor):
        fake.add_artifact(WEB, 1, "log", DATA)
        url = await visitor.signed()
        asked = []
        fake.delay = lambda request: asked.append(request.site) or 0.0
        await visitor.get(url)
        assert asked == ["storage"]


class TestGeneratedBytes:
    @given(size=st.integers(0, 300_000), start=st.integers(-10, 310_000), length=st.integers(0, 150_000))
    def test_slices_are_those_of_the_same_bytes(self, size, start, length):
        data = GeneratedBytes(size, seed=1)
        assert data[start : start + length] == data[:][start : start + length]
        assert len(data[:]) == len(data) == size

    def test_the_same_seed_gives_the_same_bytes_and_no_stretch_comes_twice(self):
        data = GeneratedBytes(10 * 65_536)
        assert data[:] == GeneratedBytes(10 * 65_536)[:]
        assert data[:100] != GeneratedBytes(10 * 65_536, seed=1)[:100]
        assert len({data[start : start + 65_536] for start in range(0, len(data), 65_536)}) == 10
        assert data.sha256() == hashlib.sha256(data[:]).hexdigest()

    def test_a_size_is_no_less_than_nothing(self):
        with pytest.raises(ValueError, match="size"):
            GeneratedBytes(-1)

    async def test_a_large_file_takes_no_memory(self, fake, visitor):
        data = GeneratedBytes(64 * 2**20)
        fake.add_artifact(WEB, 1, "core", data)
        url, digest = await visitor.signed(), hashlib.sha256()
        tracemalloc.start()
        try:
            async with visitor.open(url) as reply:
                assert reply.headers["Content-Length"] == str(len(data))
                async for chunk in reply.content.iter_chunked(2**16):
                    digest.update(chunk)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert digest.hexdigest() == data.sha256()
        assert peak < 8 * 2**20

    async def test_the_end_of_a_huge_file_is_at_hand(self, fake, visitor):
        data = GeneratedBytes(3 * 2**30)
        fake.add_artifact(WEB, 1, "core", data)
        reply = await visitor.get(await visitor.signed(), Range="bytes=-5")
        assert reply.body == data[-5:]
        fake.update_artifact(WEB, 1, "core", GeneratedBytes(3 * 2**30, seed=1))
        async with visitor.open(await visitor.signed(), Range="bytes=-5", If_Range=reply.headers["ETag"]) as changed:
            assert changed.status == 200
            assert changed.headers["ETag"] != reply.headers["ETag"]
