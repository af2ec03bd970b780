"""What recorded traffic has shown of the service, and the fake does as well."""

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
