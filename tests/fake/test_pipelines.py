"""What the fake has of API v2: the operations that take the place of triggers and retries."""

from typing import Any

import pytest
from browser import Browser

from circleci_v1_async.testing import FakeCircleCI

WEB = "github/acme/web"


async def post(browser: Browser, path: str, body: object = None, **options: Any) -> tuple[int, dict[str, Any]]:
    base = browser.fake.base_url.removesuffix("/v1.1") + "/v2"
    reply = await browser.send("POST", path, base=base, json=body, **options)
    return reply.status, reply.json()


@pytest.mark.parametrize("after_sunset", [False, True])
async def test_a_pipeline_builds_the_head_of_its_branch_in_a_run_of_its_own(
    fake: FakeCircleCI,
    browser: Browser,
    after_sunset: bool,  # noqa: FBT001
):
    fake.after_sunset = after_sunset
    head = fake.add_build(WEB, branch="cart", subject="Add a cart")
    body = {"definition_id": "2338d0ae-5541-4bbf-88a2-55e9f7281f80", "config": {"branch": "main"}}
    status, pipeline = await post(browser, "/project/gh/acme/web/pipeline/run", body | {"checkout": {"branch": "cart"}})
    assert (status, pipeline["number"], pipeline["state"]) == (201, 2, "created")
    assert pipeline.keys() == {"id", "state", "number", "created_at"}
    build = (await browser.json(f"/project/{WEB}"))[0]
    assert (build["branch"], build["vcs_revision"], build["why"]) == ("cart", head["vcs_revision"], "api")
    assert build["workflows"]["workflow_id"] != head["workflows"]["workflow_id"]


async def test_a_pipeline_of_a_tag_or_of_nothing_builds_the_default_branch(browser: Browser):
    assert (await post(browser, f"/project/{WEB}/pipeline/run", {"config": {"tag": "v1"}}))[0] == 201
    assert (await post(browser, f"/project/{WEB}/pipeline/run"))[0] == 201
    newest, tagged = await browser.json(f"/project/{WEB}")
    assert ((tagged["vcs_tag"], tagged["branch"]), newest["vcs_tag"]) == (("v1", "main"), None)


class TestReruns:
    @pytest.fixture
    def run(self, fake: FakeCircleCI) -> str:
        for job, status in (("lint", "success"), ("test", "failed")):
            build = fake.add_build(WEB, job=job, status=status, branch="cart", revision="a" * 40)
        fake.add_build(WEB, workflow=None)
        return str(build["workflows"]["workflow_id"])

    @pytest.mark.parametrize(
        ("body", "jobs"),
        [({"from_failed": True}, ["test"]), ({}, ["test", "lint"]), (None, ["test", "lint"]), ({"jobs": 1}, ["lint"])],
    )
    async def test_jobs_of_a_workflow_run_again_in_another_run(
        self, fake: FakeCircleCI, browser: Browser, run: str, body: Any, jobs: list[str]
    ):
        fake.after_sunset = True
        if body == {"jobs": 1}:
            body = {"jobs": [(await browser.json(f"/project/{WEB}/1"))["workflows"]["job_id"]]}
        status, rerun = await post(browser, f"/workflow/{run}/rerun", body)
        assert (status, rerun["workflow_id"] != run) == (202, True)
        builds = (await browser.json(f"/project/{WEB}"))[: len(jobs)]
        assert [build["workflows"]["job_name"] for build in builds] == jobs
        assert {build["workflows"]["workflow_id"] for build in builds} == {rerun["workflow_id"]}
        assert {(build["branch"], build["vcs_revision"], build["status"]) for build in builds} == {
            ("cart", "a" * 40, "not_running")
        }

    async def test_nothing_runs_again_where_nothing_failed(self, fake: FakeCircleCI, browser: Browser, run: str):
        fake.finish_build(WEB, 2)
        status, answer = await post(browser, f"/workflow/{run}/rerun", {"from_failed": True})
        assert (status, answer["message"]) == (400, "The workflow has no failed jobs.")


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (f"/project/{WEB}/pipeline/run", {"checkout": {"branch": "a"}, "config": {"tag": "b"}}, 400),
        (f"/project/{WEB}/pipeline/run", {"checkout": "main"}, 400),
        (f"/project/{WEB}/pipeline/run", {"checkout": {"branch": 5}}, 400),
        (f"/project/{WEB}/pipeline/run", {"definition_id": 5}, 400),
        (f"/project/{WEB}/pipeline/run", {"parameters": []}, 400),
        ("/project/gh/acme/none/pipeline/run", {}, 404),
        ("/project/gh/acme/foreign/pipeline/run", {}, 403),
        ("/workflow/none/rerun", {}, 404),
        ("/workflow/{foreign}/rerun", {}, 404),
        ("/workflow/{own}/rerun", {"jobs": "x"}, 400),
    ],
    ids=str,
)
async def test_requests_that_make_no_sense_are_refused(
    fake: FakeCircleCI, browser: Browser, path: str, body: object, status: int
):
    fake.add_project("gh/acme/foreign", foreign=True)
    names = {"foreign": "gh/acme/foreign", "own": WEB}
    runs = {name: fake.add_build(slug)["workflows"]["workflow_id"] for name, slug in names.items()}
    answered, answer = await post(browser, path.format_map(runs), body)
    assert (answered, "message" in answer) == (status, True)
    assert [len(await browser.json(f"/project/{slug}")) for slug in names.values()] == [1, 1]


async def test_they_need_the_token_and_share_the_limit_of_the_api(fake: FakeCircleCI, browser: Browser):
    fake.add_project("gh/acme/oss", public=True)
    for path in ("/workflow/none/rerun", "/project/gh/acme/oss/pipeline/run"):
        assert (await post(browser, path, token=False))[0] == 401
    fake.limit_rate(0)
    base = fake.base_url.removesuffix("/v1.1") + "/v2"
    assert (await browser.send("POST", "/workflow/none/rerun", base=base)).status == 429
    assert {request.site for request in fake.requests} == {"v2"}


async def test_the_rest_of_v2_is_not_there(browser: Browser):
    base = browser.fake.base_url.removesuffix("/v1.1") + "/v2"
    assert (await browser.send("GET", "/me", base=base)).status == 404
