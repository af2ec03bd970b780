"""What recorded traffic has shown of the service, and the fake does as well."""

import json

import aiohttp
import pytest
from browser import Browser

from circleci_v1_async.testing import FakeCircleCI

WEB = "github/acme/web"


@pytest.mark.parametrize(
    ("path", "body", "name"),
    [
        ("", {}, "1"),
        ("/tree/feature%2Fx", {}, "1"),
        ("/envvar", {"name": "A B", "value": "x"}, "envvar/A%20B"),
        ("/checkout-key", {"type": "deploy-key"}, "checkout-key/{fingerprint}"),
        ("/token", {"scope": "status", "label": "x"}, "token/{id}"),
    ],
)
async def test_what_was_created_has_an_absolute_address(
    fake: FakeCircleCI, browser: Browser, path: str, body: object, name: str
):
    reply = await browser.send("POST", f"/project/gh/acme/web{path}", json=body)
    assert reply.status == 201
    assert reply.headers["Location"] == f"{fake.base_url}/project/gh/acme/web/{name.format_map(reply.json())}"


async def test_a_pipeline_of_a_tag_keeps_the_tag(browser: Browser):
    await browser.json(f"/project/{WEB}/build", method="POST", json={"tag": "v1"})
    (build,) = await browser.json(f"/project/{WEB}")
    assert (build["vcs_tag"], build["why"], build["branch"]) == ("v1", "api", "main")


async def test_a_pipeline_of_a_tag_and_a_branch_is_refused_in_its_body(browser: Browser):
    answer = await browser.json(f"/project/{WEB}/build", method="POST", json={"tag": "v1", "branch": "main"})
    assert answer["status"] == 400
    assert await browser.nums(f"/project/{WEB}") == []


async def test_no_build_says_that_ssh_is_disabled(fake: FakeCircleCI, browser: Browser):
    fake.add_build(WEB, status="failed")
    await browser.json(f"/project/{WEB}/1/ssh", method="POST")
    assert {build["ssh_disabled"] for build in await browser.json(f"/project/{WEB}")} == {False}


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_enabling_and_disabling_answer_with_the_settings_and_follow_nothing(
    fake: FakeCircleCI, browser: Browser, method: str
):
    fake.add_project("github/acme/new", following=False)
    answer = await browser.json("/project/github/acme/new/enable", method=method)
    assert answer == await browser.json("/project/github/acme/new/settings")
    assert answer["following"] is False
    assert await browser.refusal("/project/github/acme/new/enable", method=method, token=False) == (
        404,
        "Project not found",
    )


class TestForeignRepositories:
    OSS = "github/mozilla/bleach"

    @pytest.fixture(autouse=True)
    def oss(self, fake: FakeCircleCI) -> None:
        fake.add_project(self.OSS, public=True, following=False, foreign=True)
        fake.add_build(self.OSS, status="running")

    async def test_they_can_be_read_and_followed(self, browser: Browser):
        assert await browser.nums(f"/project/{self.OSS}") == [1]
        assert (await browser.json(f"/project/{self.OSS}/follow", method="POST"))["following"] is True
        assert (await browser.json(f"/project/{self.OSS}/unfollow", method="POST"))["following"] is False

    @pytest.mark.parametrize(
        ("method", "path"),
        [("POST", "/checkout-key"), ("POST", "/enable"), ("POST", ""), ("POST", "/1/cancel"), ("GET", "/envvar")],
    )
    async def test_they_cannot_be_changed(self, browser: Browser, method: str, path: str):
        refusal = await browser.refusal(f"/project/{self.OSS}{path}", method=method)
        assert refusal == (403, "Permission denied")
        assert (await browser.send(method, f"/project/{self.OSS}{path}", token=False)).status == 401


class TestBrownout:
    @pytest.mark.parametrize(
        ("query", "before", "during", "after"),
        [
            ("/projects", True, False, False),
            ("/projects?shallow=false", True, True, False),
            ("/projects?shallow=true", False, False, False),
            (f"/project/{WEB}/settings", True, False, False),
            (f"/project/{WEB}/settings?skip-branches=false", True, True, False),
            (f"/project/{WEB}/settings?skip-branches=true", False, False, False),
        ],
    )
    async def test_branches_are_left_out_unless_they_are_asked_for(
        self, fake: FakeCircleCI, browser: Browser, query: str, *, before: bool, during: bool, after: bool
    ):
        async def has_branches() -> bool:
            answer = await browser.json(query)
            return "branches" in (answer[0] if isinstance(answer, list) else answer)

        assert await has_branches() is before
        fake.brownout()
        assert await has_branches() is during
        fake.brownout(on=False)
        assert await has_branches() is before
        fake.after_sunset = True
        assert await has_branches() is after


class TestServer:
    @pytest.fixture
    def fake_options(self) -> dict[str, object]:
        return {"server": True}

    @pytest.mark.parametrize("path", ["/1/retry", "/1/ssh"])
    async def test_it_has_no_reruns(self, fake: FakeCircleCI, browser: Browser, path: str):
        fake.add_build(WEB)
        reply = await browser.send("POST", f"/project/{WEB}{path}")
        assert (reply.status, reply.content_type) == (404, "text/html")

    async def test_it_keeps_its_branches(self, fake: FakeCircleCI, browser: Browser):
        fake.after_sunset = True
        fake.brownout()
        (project,) = await browser.json("/projects")
        assert "branches" in project
        (project,) = await browser.json("/projects?shallow=true")
        assert "branches" not in project


class TestExpiredTokens:
    async def test_one_is_refused_on_public_projects_too(self, fake: FakeCircleCI, browser: Browser):
        fake.add_project("github/acme/open", public=True)
        fake.expire_token()
        for path in ("/me", f"/project/{WEB}", "/project/github/acme/open"):
            assert await browser.refusal(path) == (401, "You must log in first.")
        assert await browser.nums("/project/github/acme/open", token=False) == []

    async def test_a_new_one_can_be_set(self, fake: FakeCircleCI, browser: Browser):
        old = fake.token
        fake.expire_token()
        fake.token = "fresh"
        assert (await browser.json("/me"))["login"] == "ada"
        headers = {"Accept": "application/json", "Authorization": f"Bearer {old}"}
        assert (await browser.send("GET", "/me", token=False, headers=headers)).status == 401


@pytest.mark.parametrize("path", ["/recent-builds", f"/project/{WEB}", f"/project/{WEB}/tree/main"])
async def test_every_list_of_builds_is_shallow_for_true_alone(fake: FakeCircleCI, browser: Browser, path: str):
    fake.add_build(WEB)
    sizes = {value: len((await browser.json(f"{path}?shallow={value}"))[0]) for value in ("true", "false", "True", "")}
    assert sizes == {"true": 32, "false": 55, "True": 55, "": 55}


class TestBuilds:
    async def test_lists_and_single_builds_differ_in_platform_and_ssh(self, fake: FakeCircleCI, browser: Browser):
        fake.add_build(WEB, status="failed")
        listed = await browser.json(f"/project/{WEB}") + await browser.json("/recent-builds")
        assert {(build["platform"], build["ssh_disabled"]) for build in listed} == {("1.0", False)}
        posts = [f"/project/{WEB}", f"/project/{WEB}/tree/main", f"/project/{WEB}/1/retry", f"/project/{WEB}/2/cancel"]
        single = [(await browser.send("POST", path)).json() for path in posts]
        single.append(await browser.json(f"/project/{WEB}/1"))
        assert {(build["platform"], build["ssh_disabled"]) for build in single} == {("2.0", True)}
        # What a test has set holds in both.
        fake.update_build(WEB, 1, platform="3.0")
        assert (await browser.json(f"/project/{WEB}/1"))["platform"] == "3.0"

    async def test_their_keys_come_in_the_order_of_the_service(self, fake: FakeCircleCI, browser: Browser):
        fake.add_build(WEB, fields={"novelty": 1})
        build = await browser.json(f"/project/{WEB}/1")
        keys = list(build)
        assert keys[:6] == [
            *("compare", "previous_successful_build", "build_parameters", "oss", "all_commit_details_truncated"),
            "committer_date",
        ]
        assert keys[-4:] == ["queued_at", "canceled", "author_email", "novelty"]
        (listed,) = await browser.json(f"/project/{WEB}")
        assert list(listed) == [key for key in keys if key in listed]
        assert list(build["all_commit_details"][0])[:3] == ["committer_date", "body", "branch"]

    async def test_each_pipeline_is_another_run_of_its_workflow(self, fake: FakeCircleCI, browser: Browser):
        fake.add_build(WEB, revision="a" * 40)
        for _ in range(2):
            await browser.json(f"/project/{WEB}/build", method="POST", json={"revision": "a" * 40})
        runs = [build["workflows"]["workflow_id"] for build in await browser.json(f"/project/{WEB}")]
        assert len(set(runs)) == 3

    @pytest.mark.parametrize(
        ("project", "reason"), [({"dont_build": "1.0-not-available"}, "1.0-not-available"), ({}, None)]
    )
    async def test_a_retry_may_be_not_run(
        self, fake: FakeCircleCI, browser: Browser, project: dict[str, str], reason: str | None
    ):
        fake.add_project(WEB, **project)
        fake.add_build(WEB, status="failed")
        retry = await browser.json(f"/project/{WEB}/1/retry", method="POST")
        if reason is None:
            retry = fake.update_build(WEB, 2, status="not_run")
        assert (retry["status"], retry["lifecycle"], retry["outcome"]) == ("not_run", "scheduled", None)
        assert (retry["dont_build"], [message["reason"] for message in retry["messages"]]) == (
            reason,
            [reason] if reason else [],
        )
        assert fake.cancel_build(WEB, 2)["status"] == "not_run"


class TestForms:
    FIELDS = (
        ("build_parameters[CIRCLE_JOB]", "deploy"),
        ("build_parameters[A]", "b"),
        ("revision", ""),
        ("parallel", "2"),
    )

    @pytest.mark.parametrize("path", ["", "/tree/main"])
    @pytest.mark.parametrize("multipart", [False, True])
    async def test_a_build_is_triggered(self, browser: Browser, path: str, multipart: bool):  # noqa: FBT001
        form = aiohttp.FormData(default_to_multipart=multipart)
        for name, value in self.FIELDS:
            form.add_field(name, value)
        if multipart:
            form.add_field("config", b"version: 2\n\xff", filename="config.yml")
        build = await browser.json(f"/project/{WEB}{path}", method="POST", status=201, data=form)
        assert (build["build_parameters"], build["parallel"]) == ({"CIRCLE_JOB": "deploy", "A": "b"}, 2)

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            (
                (("build_parameters", "a"), ("build_parameters[A]", "b")),
                "Invalid build_parameters value: must be a map",
            ),
            ((("parallel", "two"),), "Bad request."),
        ],
    )
    async def test_one_that_makes_no_sense_is_refused(
        self, browser: Browser, fields: tuple[tuple[str, str], ...], message: str
    ):
        assert await browser.refusal(f"/project/{WEB}", method="POST", data=fields) == (400, message)

    @pytest.mark.parametrize("body", [b"", b"--x", b"--x\r\n\r\n\r\n--x--", b"\xff" * 20])
    async def test_a_broken_one_is_no_error_of_the_service(self, browser: Browser, body: bytes):
        headers = {"Content-Type": "multipart/form-data; boundary=x", "Accept": "application/json"}
        assert (await browser.send("POST", f"/project/{WEB}", data=body, headers=headers)).status == 201


class TestTokens:
    async def test_a_wrong_one_is_refused_where_none_is_needed(self, fake: FakeCircleCI, browser: Browser):
        fake.add_project("gh/acme/oss", public=True)
        fake.add_build("gh/acme/oss")
        wrong = {"Accept": "application/json", "Circle-Token": "wrong"}
        for path in ("", "/1", "/1/artifacts"):
            assert (await browser.send("GET", f"/project/gh/acme/oss{path}", token=False)).status == 200
            refusal = await browser.refusal(f"/project/gh/acme/oss{path}", token=False, headers=wrong)
            assert refusal == (401, "You must log in first.")
        assert (await browser.refusal(f"/project/{WEB}", token=False, headers=wrong))[0] == 404


async def test_variables_of_an_unknown_project_get_githubs_answer(browser: Browser):
    for method, path in (("GET", ""), ("POST", ""), ("GET", "/A"), ("DELETE", "/A")):
        status, message = await browser.refusal(f"/project/gh/acme/none/envvar{path}", method=method)
        assert (status, json.loads(message)["message"]) == (404, "Not Found")
    assert await browser.refusal("/project/bb/acme/none/envvar") == (404, "Project not found")
    fake = browser.fake
    fake.add_project("gh/acme/foreign", foreign=True)
    assert (await browser.refusal("/project/gh/acme/foreign/envvar"))[0] == 403


async def test_replies_have_the_services_headers(browser: Browser):
    headers = (await browser.send("GET", "/me")).headers
    assert headers["Strict-Transport-Security"] == "max-age=15724800"
    assert headers["X-Frame-Options"] == "DENY"
    assert {"X-Circleci-Identity", "X-Client-Trace-Id"} <= headers.keys()


class TestKeys:
    @pytest.mark.parametrize("head", ["", "\n", " \r\n\t"])
    async def test_a_private_key_may_begin_with_white_space(self, browser: Browser, head: str):
        body = {"hostname": "a", "private_key": f"{head}-----BEGIN RSA PRIVATE KEY-----\nx"}
        assert (await browser.send("POST", f"/project/{WEB}/ssh-key", json=body)).status == 200

    async def test_a_test_can_say_what_it_needs_to_know(self, fake: FakeCircleCI, browser: Browser):
        key = {"fingerprint": "c9:0b", "public_key": "ssh-ed25519 AAAA", "login": "grace"}
        fake.add_checkout_key(WEB, sha256="abc", **key)
        assert {name: (await browser.json(f"/project/{WEB}/checkout-key/c9:0b"))[name] for name in key} == key
        assert (await browser.json(f"/project/{WEB}/checkout-key?digest=sha256"))[0]["fingerprint"] == "abc"
        fake.add_ssh_key(WEB, hostname="a", fingerprint="aa:bb", public_key="ssh-rsa B")
        (stored,) = (await browser.json(f"/project/{WEB}/settings"))["ssh_keys"]
        assert stored == {"hostname": "a", "public_key": "ssh-rsa B", "fingerprint": "aa:bb"}
        assert fake.delete_ssh_key(WEB, hostname="a", fingerprint="aa:bb")
        token = fake.add_project_token(WEB, token_id="id-1", token="t0ken")
        assert (token["id"], token["token"]) == ("id-1", "t0ken")


class TestDepth:
    @pytest.fixture
    def fake_options(self) -> dict[str, int]:
        return {"max_offset": 2}

    async def test_offsets_beyond_the_deepest_are_refused(self, fake: FakeCircleCI, browser: Browser):
        for _ in range(4):
            fake.add_build(WEB)
        assert await browser.nums(f"/project/{WEB}?offset=2") == [2, 1]
        for path in (f"/project/{WEB}", f"/project/{WEB}/tree/main", "/recent-builds"):
            assert await browser.refusal(f"{path}?offset=3") == (400, "No more builds to download")

    def test_it_is_a_number(self):
        with pytest.raises(ValueError, match="max_offset: expected a number from 0"):
            FakeCircleCI(max_offset=-1)


class TestLogs:
    async def test_the_address_of_a_truncated_output_has_its_end_only(self, fake: FakeCircleCI, browser: Browser):
        fake.add_build(WEB)
        fake.add_step(WEB, 1, "long", output="a" * 5 + "b" * 400_000, truncated=True)
        fake.add_step(WEB, 1, "silent", truncated=True, output_url="https://nowhere.invalid/")
        (action,) = (await browser.json(f"/project/{WEB}/1"))["steps"][0]["actions"]
        assert action["truncated"]
        (stored,) = (await browser.send("GET", "", base=action["output_url"], token=False)).json()
        assert (stored["truncated"], stored["message"]) == (True, "b" * 400_000)
        whole = await browser.send("GET", f"/project/{WEB}/1/output/0/0?file=true")
        assert len(whole.body) == 400_005

    async def test_credentials_behind_addresses_may_expire(self, fake: FakeCircleCI, browser: Browser):
        fake.add_build(WEB)
        fake.add_step(WEB, 1, "step", output="x")

        async def find_url() -> str:
            (action,) = (await browser.json(f"/project/{WEB}/1"))["steps"][0]["actions"]
            return action["output_url"]

        url = await find_url()
        fake.expire_signatures(credentials=True)
        reply = await browser.send("GET", "", base=url, token=False)
        assert (reply.status, b"<Code>ExpiredToken</Code>" in reply.body) == (400, True)
        assert (await browser.send("GET", "", base=await find_url(), token=False)).status == 200
        fake.expire_signatures()
        assert (await browser.send("GET", "", base=url, token=False)).status == 403


def test_a_retry_and_ssh_access_can_be_played_without_a_request():
    fake = FakeCircleCI()
    fake.add_project(WEB)
    fake.add_build(WEB, status="failed")
    assert fake.retry_build(WEB, 1)["retry_of"] == 1
    assert fake.add_ssh_user(WEB, 2)["ssh_disabled"] is False
