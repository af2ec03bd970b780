"""Recordings: our own fake recorded, replayed, and the same programs run on both."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from browser import JSON, Browser
from yarl import URL

from circleci_v1_async import CircleCISession, RetryPolicy, dumps
from circleci_v1_async.testing import FakeCircleCI

WEB = "github/acme/web"
ARCHIVE = bytes(range(256)) * 40
Program = Callable[[CircleCISession, Path], Awaitable[Any]]


def build_account(fake: FakeCircleCI) -> None:
    fake.add_project(WEB)
    for number in range(1, 231):
        fake.add_build(WEB, status="success" if number % 3 else "failed")
    fake.add_step(WEB, 230, "pytest", output="mail ada@acme.example\r\n1 passed\r\n")
    fake.add_artifact(WEB, 230, "dist/web.tar.gz", ARCHIVE)
    fake.add_artifact(WEB, 230, "reports/a b+c~.txt", "grün\n".encode())
    fake.add_env_var(WEB, "DEPLOY_KEY", "s3cret-4321")
    fake.add_build(WEB, status="running")


def finish_the_running_build(fake: FakeCircleCI) -> None:
    """Let a build that is watched change from look to look."""

    @fake.before_reply
    def finish(_request: object) -> None:
        if len(fake.requests.matching("GET", f"/project/{WEB}/231")) == 3:
            fake.finish_build(WEB, 231, "failed")


def hide(text: str) -> str:
    """Replace what a recording replaces in builds, users and logs."""
    for secret, stand_in in (("ada@acme.example", "email-1@example.invalid"), ("fake-heroku-key", "key-1")):
        text = text.replace(secret, stand_in)
    return text


def show(value: Any) -> str:
    return hide(dumps(value).decode())


async def list_builds(ci: CircleCISession, _folder: Path) -> Any:
    builds = await ci.list_project_builds(WEB, filter="failed", limit=7)
    return [show(value) for value in (*builds, *await ci.list_projects(), await ci.get_current_user())]


async def walk(ci: CircleCISession, _folder: Path) -> Any:
    builds = await ci.iter_project_builds(WEB, prefetch=4, page_size=20).collect()
    return [build.build_num for build in builds]


async def watch(ci: CircleCISession, _folder: Path) -> Any:
    return show(await ci.wait_for_build(WEB, 231, interval=0.001))


async def download(ci: CircleCISession, folder: Path) -> Any:
    artifacts = await ci.list_build_artifacts(WEB, 230)
    files = [item.path async for item in ci.download_artifacts(artifacts, folder)]
    return sorted((f"{path.relative_to(folder)}", path.read_bytes()) for path in files if path is not None)


async def read_log(ci: CircleCISession, _folder: Path) -> Any:
    return hide(await ci.get_build_log(WEB, 230))


async def change(ci: CircleCISession, _folder: Path) -> Any:
    variable = await ci.add_env_var(WEB, "ADDED", "another-s3cret")
    build = await ci.cancel_build(WEB, 231)
    return variable.name, build.outcome, await ci.delete_env_var(WEB, "ADDED")


PROGRAMS: list[Program] = [list_builds, walk, watch, download, read_log, change]


async def run(program: Program, fake: FakeCircleCI, folder: Path) -> Any:
    async with CircleCISession(fake.token, base_url=fake.base_url, retry=RetryPolicy(attempts=1)) as ci:
        return await program(ci, folder)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
async def test_a_program_sees_the_same_in_a_replay_as_when_it_was_recorded(program: Program, tmp_path: Path):
    file = tmp_path / "recording.jsonl"
    async with FakeCircleCI() as service:
        build_account(service)
        finish_the_running_build(service)
        async with FakeCircleCI.record(file, upstream=service.base_url, token=service.token) as recorder:
            seen = await run(program, recorder, tmp_path / "recorded")
    assert seen
    text = file.read_text(encoding="utf-8")
    assert "://127.0.0.1" not in text
    assert "://localhost" not in text
    for secret in (service.token, "ada@acme.example", "another-s3cret", "fake-heroku-key", "xxxx"):
        assert secret not in text
    async with FakeCircleCI.replay(file) as replay:
        for attempt in ("first", "second"):
            assert await run(program, replay, tmp_path / attempt) == seen
            await replay.close()
            await replay.start()


async def test_a_file_of_another_origin_is_replayed_from_the_replays_own(tmp_path: Path):
    file = tmp_path / "recording.jsonl"
    async with FakeCircleCI() as service, aiohttp.ClientSession() as http:
        build_account(service)
        async with FakeCircleCI.record(file, upstream=service.base_url, token=service.token) as recorder:
            await run(download, recorder, tmp_path)
        async with FakeCircleCI.replay(file) as replay:
            browser = Browser(replay, http)
            artifacts = await browser.json(f"/project/{WEB}/230/artifacts")
            address = URL(artifacts[0]["url"])
            assert str(address.origin()) == replay.base_url.removesuffix("/api/v1.1")
            reply = await browser.send("GET", "", base=artifacts[0]["url"])
            assert reply.headers["Location"].startswith(f"{address.origin()}/-/http/localhost:")
            assert "X-Amz-Signature=signature-" in reply.headers["Location"]


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[tuple[Browser, FakeCircleCI, Path]]:
    """A browser at a recorder, the service behind it, and the file."""
    async with FakeCircleCI() as service, aiohttp.ClientSession() as http:
        build_account(service)
        file = tmp_path / "recording.jsonl"
        async with FakeCircleCI.record(file, upstream=service.base_url, token=service.token) as recorder:
            yield Browser(recorder, http), service, file


Pair = tuple[Browser, FakeCircleCI, Path]


class TestRecording:
    async def test_a_line_can_be_read_by_people(self, pair: Pair):
        browser, _, file = pair
        await browser.json("/me?circle-token=fake-circle-token")
        await browser.json(f"/project/{WEB}/envvar", method="POST", json={"name": "A", "value": "b"}, status=201)
        await browser.send("GET", f"/project/{WEB}", headers={"Accept": "*/*", "Range": "bytes=0-9"})
        me, variable, pretty = (json.loads(line) for line in file.read_text(encoding="utf-8").splitlines())
        assert me["request"] == {"method": "GET", "target": "/api/v1.1/me"}
        assert me["reply"]["status"] == 200
        assert me["reply"]["headers"].keys() == {"Content-Type", "X-Route"}
        assert me["reply"]["json"]["selected_email"] == "email-1@example.invalid"
        assert variable["request"]["json"] == {"name": "A", "value": "value-1"}
        assert variable["reply"]["json"] == {"name": "A", "value": "value-2"}
        assert variable["reply"]["headers"]["Location"] == f"http://recording.invalid/api/v1.1/project/{WEB}/envvar/A"
        assert pretty["request"]["range"] == "bytes=0-9"
        assert pretty["reply"]["text"].startswith("[ {") or "\n" in pretty["reply"]["text"]
        assert browser.fake.list_replaced_secrets()[0].startswith("key-1: key or password, 1x, first in GET /api/v1.1")

    async def test_the_client_gets_what_the_service_sent(self, pair: Pair):
        browser, service, _ = pair
        direct = Browser(service, browser.session)
        for path in ("/me", f"/project/{WEB}?limit=3", f"/project/{WEB}/envvar", "/nothing"):
            through, straight = await browser.send("GET", path), await direct.send("GET", path)
            assert (through.status, through.body) == (straight.status, straight.body)
        edn = await browser.send("GET", "/me", headers={"Accept": ""})
        assert edn.headers["Content-Type"] == "application/edn;charset=utf-8"

    async def test_an_address_that_no_reply_has_led_to_is_not_fetched(self, pair: Pair):
        browser, service, file = pair
        for path in (f"/-/http/{URL(service.storage_origin).authority}/artifacts/x", "/-/https/example.com/"):
            reply = await browser.send("GET", path, base=browser.fake.base_url.removesuffix("/api/v1.1"))
            assert (reply.status, reply.json()["message"]) == (404, "No reply has named this address.")
        assert not service.requests
        assert not file.read_text(encoding="utf-8")

    async def test_it_can_be_closed_twice_and_begins_anew_when_it_is_started_again(self, pair: Pair):
        browser, _, file = pair
        await browser.json("/me")
        for _ in range(2):
            await browser.fake.close()
        assert len(file.read_text(encoding="utf-8").splitlines()) == 1
        await browser.fake.start()
        assert not file.read_text(encoding="utf-8")

    async def test_a_service_that_is_not_there_is_an_error_and_not_recorded(self, pair: Pair):
        browser, service, file = pair
        await service.close()
        reply = await browser.send("GET", "/me")
        assert reply.status == 502
        assert "cannot be reached" in reply.json()["message"]
        assert not file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "url",
    ["circleci.com", "http://circleci.com", "ftp://localhost", "https://u:p@ci.example", "https://ci.example/api/v2"],
)
def test_an_upstream_that_is_none_is_refused(url: str, tmp_path: Path):
    with pytest.raises(ValueError, match=r"is not an address|does not end in"):
        FakeCircleCI.record(tmp_path / "x", upstream=url)


async def test_the_token_goes_to_the_services_origin_alone(tmp_path: Path):
    received: list[tuple[str, dict[str, str]]] = []

    async def serve(request: web.Request) -> web.Response:
        received.append((request.path_qs, dict(request.headers)))
        if request.path.endswith("/artifacts"):
            return web.json_response([{"node_index": 0, "path": "a", "url": f"http://localhost:{files.port}/a?b=1"}])
        return web.json_response({})

    apps = web.Application(), web.Application()
    for app in apps:
        app.router.add_route("*", "/{path:.*}", serve)
    async with TestServer(apps[0]) as api, TestServer(apps[1]) as files, aiohttp.ClientSession() as http:
        upstream = f"{api.make_url('/api/v1.1')}"
        async with FakeCircleCI.record(tmp_path / "x", upstream=upstream, token="s3cret") as recorder:
            browser = Browser(recorder, http)
            (artifact,) = await browser.json("/project/gh/a/b/1/artifacts?circle-token=s3cret")
            headers = {**JSON, "Authorization": "Bearer s3cret", "Cookie": "a=b"}
            await browser.send("GET", "&circle-token=s3cret", base=artifact["url"], headers=headers)
    (target, first), (file, second) = received
    assert (target, first["Circle-Token"]) == ("/api/v1.1/project/gh/a/b/1/artifacts?circle-token=s3cret", "s3cret")
    assert file == "/a?b=1"
    assert not {"Circle-Token", "Authorization", "Cookie"} & second.keys()


class TestReplaying:
    LINES = (
        {"request": {"method": "GET", "target": "/api/v1.1/me"}, "reply": {"status": 429, "headers": {}}},
        {"request": {"method": "GET", "target": "/api/v1.1/me"}, "reply": {"status": 200, "json": {"login": "ada"}}},
        {
            "request": {"method": "POST", "target": "/api/v1.1/project/gh/a/b", "json": {"branch": "x", "parallel": 2}},
            "reply": {"status": 201, "json": {}},
        },
        {
            "request": {"method": "POST", "target": "/api/v1.1/user/heroku-key", "text": "apikey=key-1"},
            "reply": {"status": 200, "text": '""', "headers": {"Content-Type": "text/plain"}},
        },
        {"request": {"method": "GET", "target": "/api/v1.1/x?b=2&a=%2F"}, "reply": {"status": 200, "base64": "/w=="}},
    )

    @pytest.fixture
    async def browser(self, tmp_path: Path) -> AsyncIterator[Browser]:
        file = tmp_path / "recording.jsonl"
        file.write_text("".join(json.dumps(line) + "\n" for line in self.LINES))
        async with FakeCircleCI.replay(file, token="any") as replay, aiohttp.ClientSession() as http:
            yield Browser(replay, http)

    async def test_several_replies_come_in_their_order_and_the_last_again_and_again(self, browser: Browser):
        assert [(await browser.send("GET", "/me")).status for _ in range(4)] == [429, 200, 200, 200]

    async def test_encoding_and_order_within_a_request_do_not_matter(self, browser: Browser):
        assert (await browser.send("GET", "/x?a=/&b=2&circle-token=z")).body == b"\xff"
        assert (await browser.send("POST", "/project/gh/%61/b", json={"parallel": 2, "branch": "x"})).status == 201
        assert (await browser.send("POST", "/user/heroku-key", data={"apikey": "other"})).body == b'""'

    async def test_what_was_not_recorded_says_what_came_nearest(self, browser: Browser):
        status, message = await browser.refusal("/project/gh/a/b", method="POST", json={"branch": "y"})
        assert status == 501
        assert message == (
            'This request was not recorded: POST /api/v1.1/project/gh/a/b {"branch": "y"}. '
            'The nearest that was: POST /api/v1.1/project/gh/a/b {"branch":"x","parallel":2}.'
        )
        assert (await browser.refusal("/mee", headers={**JSON, "Range": "bytes=1-"}))[1].startswith(
            "This request was not recorded: GET /api/v1.1/mee Range: bytes=1-. "
        )

    async def test_faults_and_limits_work_as_with_a_fake(self, browser: Browser):
        browser.fake.fail_next(503)
        browser.fake.limit_rate(1, per=1_000)
        assert [(await browser.send("GET", "/x?a=/&b=2")).status for _ in range(3)] == [503, 200, 429]
        assert browser.fake.list_replaced_secrets() == []

    async def test_requests_that_are_made_at_once_get_their_own_replies(self, browser: Browser):
        replies = await asyncio.gather(*(browser.send("GET", path) for path in ("/me", "/x?a=/&b=2", "/me") * 5))
        assert sorted(reply.status for reply in replies) == [200] * 14 + [429]

    @pytest.mark.parametrize(
        ("line", "complaint"),
        [
            ("{", "Expecting property name"),
            ("[" * 100_000, "it is nested too deeply"),
            ("[]", r"an exchange: expected an object, got \[\]"),
            ("{}", "request: expected an object, got None"),
            ('{"request":{},"reply":{}}', "status: expected an integer, got None"),
            ('{"request":1,"reply":2}', "request: expected an object, got 1"),
            ('{"request":{"method":"GET","target":5},"reply":{"status":200}}', "target: expected a text, got 5"),
            ('{"request":{"method":"GET","target":"/","range":5},"reply":{"status":200}}', "range: expected a text"),
            ('{"request":{"method":"GET","target":"/"},"reply":{"status":null}}', "status: expected an integer"),
            ('{"request":{"method":"GET","target":"/"},"reply":{"status":true}}', "status: expected an integer"),
            ('{"request":{"method":"GET","target":"/"},"reply":{"status":7}}', "status: expected a number from 200"),
            (
                '{"request":{"method":"GET","target":"/"},"reply":{"status":200,"headers":[]}}',
                "headers: expected an",
            ),
            ('{"request":{"method":"GET","target":"/"},"reply":{"status":200,"headers":{"A":5}}}', "headers: expected"),
            ('{"request":{"method":"GET","target":"/"},"reply":{"status":200,"base64":5}}', "base64: expected a text"),
            ('{"request":{"method":"GET","target":"/"},"reply":{"status":200,"base64":"?"}}', "base64"),
            (
                '{"request":{"method":"GET","target":"/"},"reply":{"status":200,"text":5}}',
                "text: expected a text",
            ),
            ('{"request":{"method":"GET","target":"/","text":"\\ud800"},"reply":{"status":200}}', "surrogates"),
            ('{"request":{"method":"GET","target":"/"},"reply":{"status":200,"json":"\\ud800"}}', "surrogates"),
        ],
        ids=str,
    )
    def test_a_line_that_is_no_exchange_is_named(self, tmp_path: Path, line: str, complaint: str):
        file = tmp_path / "broken.jsonl"
        file.write_text(f"{json.dumps(self.LINES[0])}\n{line}\n")
        with pytest.raises(ValueError, match=rf"broken\.jsonl:2: .*{complaint}"):
            FakeCircleCI.replay(file)

    async def test_an_empty_recording_knows_nothing(self, tmp_path: Path):
        (tmp_path / "empty.jsonl").touch()
        async with FakeCircleCI.replay(tmp_path / "empty.jsonl") as replay, aiohttp.ClientSession() as http:
            assert (await Browser(replay, http).refusal("/me"))[1].endswith("The nearest that was: none.")

    def test_a_file_that_is_missing_is_an_error_at_once(self, tmp_path: Path):
        with pytest.raises(FileNotFoundError):
            FakeCircleCI.replay(tmp_path / "missing.jsonl")
