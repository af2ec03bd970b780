"""The routes below `/__fake`, by which programs in any language control a fake."""

import io
import json
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from browser import Browser
from hypothesis import given, settings
from hypothesis import strategies as st

from circleci_v1_async.testing import FakeCircleCI
from circleci_v1_async.testing._script.control import ControlledService
from circleci_v1_async.testing._server.wire import ReceivedRequest

WEB = "github/acme/web"


@pytest.fixture
def fake_options() -> dict[str, Any]:
    return {"control": True}


@pytest.fixture
async def started(fake: FakeCircleCI) -> FakeCircleCI:
    """A fake that was started with a failed and a running build."""
    await fake.close()
    fake.add_build(WEB, status="failed", steps=["checkout"])
    fake.add_build(WEB, status="running", steps=["checkout", "pytest"])
    await fake.start()
    return fake


async def control(browser: Browser, name: str, body: object = None, *, method: str = "POST", **options: Any):
    base = browser.fake.base_url.removesuffix("/api/v1.1")
    data = body if isinstance(body, bytes) else None if body is None else json.dumps(body)
    reply = await browser.send(method, f"/__fake/{name}", base=base, data=data, **options)
    return reply.status, reply.json()


async def test_a_reset_brings_back_the_state_of_the_start(started: FakeCircleCI, browser: Browser):
    before = await browser.json(f"/project/{WEB}/1")
    started.add_output(WEB, 1, "more")
    started.finish_build(WEB, 2)
    started.add_project("gh/acme/site")
    started.drift(WEB, inserts=1)
    started.fail_next(503, path="/projects")
    started.limit_rate(0)
    started.expire_token()
    started.user["login"] = "grace"
    for _ in range(2):
        assert await control(browser, "reset") == (200, {"message": "ok"})
        assert started.requests == []
        assert await browser.json(f"/project/{WEB}/1") == before
        assert [build["status"] for build in await browser.json(f"/project/{WEB}")] == ["running", "failed"]
        assert [project["reponame"] for project in await browser.json("/projects")] == ["web"]
        assert (await browser.json("/me"))["login"] == "ada"
        started.remove_build(WEB, 1)
    started.assert_faults_used()


async def test_a_seed_adds_to_what_there_is(fake: FakeCircleCI, browser: Browser):
    seed = {"projects": [{"slug": "gh/acme/site", "builds": [{"count": 3}, {"status": "failed"}]}]}
    assert await control(browser, "seed", seed) == (200, {"message": "ok"})
    assert [build["status"] for build in await browser.json("/project/gh/acme/site")] == ["failed", *["success"] * 3]
    assert await browser.json(f"/project/{WEB}") == []
    fake.after_sunset = True
    assert (await control(browser, "seed", {"user": {"login": "grace"}}))[0] == 200
    assert fake.after_sunset


@pytest.mark.usefixtures("started")
async def test_a_build_is_finished(browser: Browser):
    status, build = await control(browser, "finish", {"slug": WEB, "build_num": 2, "status": "failed"})
    assert (status, build["status"]) == (200, "failed")
    detail = await browser.json(f"/project/{WEB}/2")
    assert [step["actions"][0]["status"] for step in detail["steps"]] == ["success", "failed"]


@pytest.mark.parametrize("make_body", [lambda fault: fault, lambda fault: [fault]], ids=["one", "a list"])
async def test_faults_are_scripted(browser: Browser, make_body: Callable[[object], object]):
    fault = {"fail_next": {"status": 503, "path": "/me", "count": 2}}
    assert (await control(browser, "faults", make_body(fault)))[0] == 200
    assert [(await browser.send("GET", "/me")).status for _ in range(3)] == [503, 503, 200]


async def test_the_requests_are_listed_without_those_of_the_control(fake: FakeCircleCI, browser: Browser):
    await browser.send("POST", f"/project/{WEB}/envvar?a=1", data='{"name": "A", "value": "b"}')
    status, requests = await control(browser, "requests", method="GET")
    assert (status, len(requests), len(fake.requests)) == (200, 1, 1)
    headers = requests[0].pop("headers")
    assert headers["Circle-Token"] == fake.token
    assert requests == [
        {
            "method": "POST",
            "path": f"/api/v1.1/project/{WEB}/envvar",
            "query": "a=1",
            "operation": "add_env_var",
            "body": '{"name": "A", "value": "b"}',
        }
    ]


async def test_no_fault_delay_or_limit_hits_the_control(fake: FakeCircleCI, browser: Browser):
    fake.fail_next(503, count=9)
    fake.delay = 3600
    fake.limit_rate(0)
    fake.allow_unused_faults = True
    assert (await control(browser, "requests", method="GET")) == (200, [])


@pytest.mark.parametrize(
    ("name", "body", "complaint"),
    [
        ("seed", [], "[] has the wrong type"),
        ("seed", b"{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("seed", {"projects": [{"slug": WEB, "builds": [{"status": "sucess"}]}]}, "status: expected one of success"),
        ("seed", {"projects": [{"slug": WEB, "builds": [{"when": "0001-01-01"}]}]}, "builds[0]: when: expected a time"),
        (
            "seed",
            {"projects": [{"slug": WEB, "builds": [{"count": 10**9}]}]},
            "builds: expected a number from 0",
        ),
        ("finish", {"slug": WEB, "build_num": 7}, "no build 7 in github/acme/web"),
        ("finish", {"slug": WEB}, "build_num: it is missing"),
        ("finish", {"slug": WEB, "build_num": 1, "status": "fine"}, "status: expected one of success"),
        ("finish", 5, "expected an object, got 5"),
        ("faults", {"fail_next": {"status": 42}}, "status: expected a number from 200 to 599, got 42"),
        ("faults", [{"drop_next": {}}, {}], "a fault has one member"),
        ("faults", {"fail_next": {"status": 429, "retry_after": "1\r\nX: 1"}}, "headers: expected names and values"),
        ("faults", {"reply_next": {"headers": {"X": 5}}}, "headers: expected names and values"),
        ("faults", {"drop_next": {"count": 0}}, "count: expected a number from 1"),
        ("faults", {"trickle_next": {"pause": -1}}, "pause: expected a number of seconds"),
        ("faults", {"trickle_next": {"pause": 1, "piece": 0}}, "piece: expected a number from 1"),
        ("faults", {"truncate_next": {"after": -1}}, "after: expected a number from 0"),
        ("seed", {"drift": [{"slug": WEB, "inserts": 1e9}]}, "inserts: expected a number from 0"),
        ("seed", {"rate_limit": {"requests": 1, "retry_after": "\n"}}, "headers: expected names and values"),
    ],
    ids=str,
)
async def test_a_refused_request_says_why_and_changes_nothing(
    started: FakeCircleCI, browser: Browser, name: str, body: object, complaint: str
):
    before = await browser.json(f"/project/{WEB}")
    status, answer = await control(browser, name, body)
    assert (status, complaint in answer["message"]) == (400, True), answer
    assert await browser.json(f"/project/{WEB}") == before
    started.assert_faults_used()


@pytest.mark.usefixtures("started")
async def test_a_seed_that_fails_in_its_middle_changes_nothing(browser: Browser):
    site = {"slug": "gh/acme/site", "builds": [{}]}
    status, _ = await control(browser, "seed", {"projects": [site, {"slug": "site"}], "user": {"login": "grace"}})
    assert status == 400
    assert ((await browser.json("/me"))["login"], len(await browser.json("/projects"))) == ("ada", 1)


@pytest.mark.parametrize(("method", "name"), [("GET", "reset"), ("POST", "requests"), ("POST", "nonsense")])
async def test_other_routes_are_not_there_and_say_which_are(browser: Browser, method: str, name: str):
    status, answer = await control(browser, name, method=method)
    assert (status, answer["message"]) == (404, answer["message"])
    assert "POST reset" in answer["message"]


async def test_it_takes_the_token_also_an_expired_one(fake: FakeCircleCI, browser: Browser):
    assert (await control(browser, "reset", token=False))[0] == 401
    assert (await control(browser, "reset", token=False, headers={"Authorization": "Nonsense"}))[0] == 401
    fake.expire_token()
    assert (await control(browser, "reset"))[0] == 200
    assert (await browser.send("GET", "/me")).status == 200


async def test_bodies_are_bounded(browser: Browser):
    base = browser.fake.base_url.removesuffix("/api/v1.1")
    reply = await browser.send("POST", "/__fake/seed", base=base, data=io.BytesIO(b"[" + b" " * 2**20 + b"]"))
    assert reply.status == 413


async def test_a_fake_in_a_test_has_no_control_unless_it_is_asked_for():
    async with FakeCircleCI() as fake:
        async with aiohttp.ClientSession() as session:
            url = fake.base_url.removesuffix("/api/v1.1") + "/__fake/reset"
            async with session.post(url, headers={"Circle-Token": fake.token}) as reply:
                assert reply.status == 404


MEMBERS = st.sampled_from(
    [
        *("slug", "build_num", "status", "count", "path", "method", "retry_after", "body", "headers", "pause", "piece"),
        *("after", "executed", "chunked", "projects", "builds", "steps", "tests", "artifacts", "name", "size", "seed"),
        *("text", "base64", "when", "fields", "user", "faults", "fail_next", "reply_next", "drop_next", "trickle_next"),
        *("rate_limit", "requests", "per", "drift", "inserts", "rounds", "env_vars", "checkout_keys"),
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([WEB, "running", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS, inner, max_size=4),
    max_leaves=12,
)


@given(name=st.sampled_from(["seed", "finish", "faults"]), body=VALUES | st.binary(max_size=9))
@settings(deadline=None)
def test_no_body_is_answered_with_more_than_a_refusal(name: str, body: object):
    fake = FakeCircleCI(control=True)
    fake.add_project(WEB)
    request = ReceivedRequest(
        site="api",
        method="POST",
        path=f"/__fake/{name}",
        query_string="",
        segments=(),
        query=(),
        headers={"Circle-Token": fake.token},
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
        operation=None,
    )
    assert ControlledService._answer_control(fake, request).status in {200, 400}
