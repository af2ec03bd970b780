"""What FakeCircleCI promises, seen through a plain aiohttp session: nothing of our client takes part."""

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import pairwise

import aiohttp
import pytest
from browser import JSON, Browser
from yarl import URL

from circleci_v1_async.testing import FakeCircleCI, ReceivedRequest

WEB = "github/acme/web"


@pytest.fixture
async def fake() -> AsyncIterator[FakeCircleCI]:
    async with FakeCircleCI() as fake:
        fake.add_project(WEB)
        yield fake


@pytest.fixture
async def browser(fake: FakeCircleCI) -> AsyncIterator[Browser]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield Browser(fake, session)


class TestBuilding:
    def test_state_can_be_built_before_the_server_starts(self):
        fake = FakeCircleCI()
        fake.add_project(WEB)
        assert [fake.add_build(WEB)["build_num"] for _ in range(3)] == [1, 2, 3]

    def test_a_number_can_be_chosen_and_the_next_one_follows_it(self, fake):
        assert fake.add_build(WEB, build_num=41)["build_num"] == 41
        assert fake.add_build(WEB)["build_num"] == 42

    def test_a_removed_builds_number_is_not_used_again(self, fake):
        fake.add_build(WEB)
        fake.remove_build(WEB, 1)
        assert fake.add_build(WEB)["build_num"] == 2

    @pytest.mark.parametrize("slug", ["acme/web", "svn/acme/web", "github//web", "github/acme/web/1"])
    def test_what_is_no_slug_is_refused(self, slug):
        with pytest.raises(ValueError, match="is not a slug"):
            FakeCircleCI().add_project(slug)

    def test_unknown_projects_and_builds_are_named_in_the_error(self, fake):
        with pytest.raises(KeyError, match="no project github/acme/api"):
            fake.add_build("github/acme/api")
        with pytest.raises(KeyError, match="no build 7 in gh/acme/web"):
            fake.update_build("gh/acme/web", 7, subject="x")

    def test_any_key_of_the_wire_can_be_fixed(self, fake):
        build = fake.add_build(WEB, committer_date="", fields={"novelty": {"a": 1}})
        assert (build["committer_date"], build["novelty"]) == ("", {"a": 1})
        assert fake.update_build(WEB, 1, why="magic", subject="New")["why"] == "magic"
        assert fake.update_build(WEB, 1, body="b")["subject"] == "New"

    def test_a_time_can_be_chosen_in_any_zone(self, fake):
        when = datetime.fromisoformat("2026-03-01T01:00:00+02:00")
        assert fake.add_build(WEB, when=when)["usage_queued_at"] == "2026-02-28T23:00:00.000Z"

    def test_two_fakes_built_alike_are_alike(self):
        def build():
            fake = FakeCircleCI()
            fake.add_project(WEB)
            return [fake.add_build(WEB) for _ in range(9)], fake.add_checkout_key(WEB)

        assert build() == build()

    @pytest.mark.parametrize(
        ("status", "lifecycle", "outcome", "failed"),
        [
            ("success", "finished", "success", False),
            ("fixed", "finished", "success", None),
            ("failed", "finished", "failed", True),
            ("canceled", "finished", "canceled", False),
            ("timedout", "finished", "timedout", None),
            ("no_tests", "finished", "no_tests", None),
            ("infrastructure_fail", "finished", "infrastructure_fail", True),
            ("retried", "finished", "infrastructure_fail", True),
            ("running", "running", None, None),
            ("queued", "queued", None, None),
            ("scheduled", "scheduled", None, None),
            ("not_running", "not_running", None, None),
            ("not_run", "not_run", None, None),
        ],
    )
    def test_a_status_brings_what_belongs_to_it(self, fake, status, lifecycle, outcome, failed):
        build = fake.add_build(WEB, status=status)
        assert (build["lifecycle"], build["outcome"], build["failed"]) == (lifecycle, outcome, failed)
        assert (build["stop_time"] is None) == (outcome is None)
        assert (build["start_time"] is not None) == (lifecycle in {"finished", "running"})
        assert ("queued_at" in build) == (lifecycle in {"finished", "running", "queued"})
        assert ("usage_queued_at" in build) == (status != "not_run")
        assert build["timedout"] == (status == "timedout")
        assert build["canceled"] == (status == "canceled")
        assert build["infrastructure_fail"] == (outcome == "infrastructure_fail")

    def test_a_build_time_is_the_time_between_start_and_stop(self, fake):
        build = fake.add_build(WEB)
        start, stop = (datetime.fromisoformat(build[key]) for key in ("start_time", "stop_time"))
        assert (stop - start).total_seconds() * 1000 == build["build_time_millis"]
        assert fake.add_build(WEB, status="infrastructure_fail")["build_time_millis"] is None

    def test_a_build_remembers_its_branchs_previous_builds_as_they_were(self, fake):
        assert fake.add_build(WEB, status="running")["previous"] is None
        fake.add_build(WEB, status="failed")
        fake.add_build(WEB, status="success", branch="other")
        previous = fake.add_build(WEB)["previous"]
        assert (previous["build_num"], previous["status"]) == (2, "failed")
        fake.finish_build(WEB, 1)
        assert fake.add_build(WEB)["previous"]["build_num"] == 4

    def test_bitbucket_has_no_committer_and_ids_in_braces(self, fake):
        fake.add_project("bb/acme/app")
        build = fake.add_build("bitbucket/acme/app")
        assert (build["committer_name"], build["committer_date"]) == (None, "")
        assert build["user"]["id"].startswith("{")
        assert build["build_url"] == "https://circleci.com/bb/acme/app/1"

    def test_projects_of_the_github_app_have_opaque_ids(self, fake):
        fake.add_project("circleci/Org1d/Proj1d")
        assert fake.add_build("circleci/Org1d/Proj1d")["vcs_url"] == "//circleci.com/Org1d/Proj1d"

    def test_a_build_outside_of_workflows_lacks_their_keys(self, fake):
        assert not {"workflows", "context_ids"} & fake.add_build(WEB, workflow=None).keys()


class TestLists:
    async def test_a_projects_list_descends_by_number(self, fake, browser):
        for num in (3, 1, 2):
            fake.add_build(WEB, build_num=num)
        assert await browser.nums(f"/project/{WEB}") == [3, 2, 1]

    async def test_gh_and_bb_are_the_same_projects(self, fake, browser):
        fake.add_project("bitbucket/acme/web")
        fake.add_build("bb/acme/web", build_num=9)
        assert await browser.nums("/project/gh/acme/web") == []
        assert await browser.nums("/project/bb/acme/web") == [9]

    async def test_a_page_is_thirty_builds_by_default(self, fake, browser):
        for _ in range(40):
            fake.add_build(WEB)
        assert await browser.nums(f"/project/{WEB}") == list(range(40, 10, -1))

    @pytest.mark.parametrize(("limit", "length"), [(101, 100), (5000, 100), (0, 1), (-3, 1), (7, 7)])
    async def test_a_limit_is_clamped_to_1_to_100(self, fake, browser, limit, length):
        for _ in range(110):
            fake.add_build(WEB)
        assert len(await browser.nums(f"/project/{WEB}?limit={limit}")) == length

    async def test_past_the_end_there_is_an_empty_list(self, fake, browser):
        fake.add_build(WEB)
        assert await browser.nums(f"/project/{WEB}?offset=1") == []
        assert await browser.nums(f"/project/{WEB}?offset=-1") == [1]

    @pytest.mark.parametrize(
        ("name", "nums"),
        [
            ("completed", [7, 6, 5, 1]),
            ("successful", [6, 1]),
            ("failed", [7, 5]),
            ("running", [4, 3, 2]),
        ],
    )
    async def test_a_filter_selects_by_state(self, fake, browser, name, nums):
        for status in ("success", "running", "queued", "scheduled", "failed", "fixed", "timedout", "not_run"):
            fake.add_build(WEB, status=status)
        assert await browser.nums(f"/project/{WEB}?filter={name}") == nums

    @pytest.mark.parametrize("query", ["limit=ten", "offset=", "limit=1_0", "offset=9223372036854775808"])
    async def test_a_parameter_without_meaning_is_a_bad_request(self, browser, query):
        assert await browser.refusal(f"/project/{WEB}?{query}") == (400, "Bad request.")

    @pytest.mark.parametrize("name", ["None", "", "build-insights"])
    async def test_a_filter_that_the_service_does_not_know_selects_everything(self, fake, browser, name):
        for status in ("success", "running", "not_run"):
            fake.add_build(WEB, status=status)
        assert await browser.nums(f"/project/{WEB}?filter={name}") == [3, 2, 1]

    async def test_a_branchs_list_takes_the_name_as_one_segment(self, fake, browser):
        fake.add_build(WEB, branch="feature/a+b %2F")
        fake.add_build(WEB, branch="main")
        assert await browser.nums(f"/project/{WEB}/tree/feature%2Fa+b%20%252F") == [1]
        assert await browser.nums(f"/project/{WEB}?branch=main") == [2]

    async def test_shallow_builds_have_32_keys(self, fake, browser):
        full = fake.add_build(WEB)
        [build] = await browser.json(f"/project/{WEB}?shallow=true")
        assert len(build) == 32
        assert build.keys() - full.keys() == {"fleet", "pull_requests"}

    async def test_a_full_build_is_served_as_add_build_returned_it(self, fake, browser):
        built = fake.add_build(WEB)
        assert await browser.json(f"/project/{WEB}") == [built]
        assert len(built) == 55

    async def test_a_change_shows_in_the_next_reply(self, fake, browser):
        fake.add_build(WEB, status="running")
        await browser.json(f"/project/{WEB}")
        fake.finish_build(WEB, 1)
        [build] = await browser.json(f"/project/{WEB}")
        assert build["status"] == "success"

    async def test_recent_builds_come_by_second_and_within_one_in_any_fixed_order(self, fake, browser):
        fake.add_project("github/acme/api")
        fake.add_project("github/acme/elsewhere", following=False)
        fake.add_build("github/acme/elsewhere")
        for _ in range(12):
            fake.add_build(WEB)
            fake.add_build("github/acme/api")
        builds = await browser.json("/recent-builds?limit=100")
        assert len(builds) == 24
        seconds = [build["usage_queued_at"][:19] for build in builds]
        assert seconds == sorted(seconds, reverse=True)
        nums = [build["build_num"] for build in builds if build["reponame"] == "web"]
        assert any(older < newer for older, newer in pairwise(nums)), "descending, as the service's are not"
        assert builds == await browser.json("/recent-builds?limit=100")
        assert builds[10:15] == await browser.json("/recent-builds?limit=5&offset=10")


class TestOneBuild:
    async def test_a_build_comes_with_its_steps(self, fake, browser):
        fake.add_build(WEB, status="failed", steps=["Spin up environment", "Preparing", "checkout", "pytest"])
        fake.add_step(WEB, 1, "pytest", step=102, index=1, output="ok", fields={"name_of": "x"})
        build = await browser.json(f"/project/{WEB}/1")
        assert [step["name"] for step in build["steps"]] == ["Spin up environment", "Preparing", "checkout", "pytest"]
        assert [step["actions"][0]["step"] for step in build["steps"]] == [0, 99, 101, 102]
        first, second = build["steps"][3]["actions"]
        assert (first["index"], first["status"], first["exit_code"], first["failed"]) == (0, "failed", 1, True)
        assert (second["index"], second["exit_code"], second["name_of"]) == (1, 0, "x")
        assert len(first) == 21
        assert build["picard"]["executor"] == "docker"
        assert "string" in build["circle_yml"]

    async def test_running_and_unpublished_actions_have_output_and_no_address(self, fake, browser):
        fake.add_build(WEB, status="running")
        fake.add_step(WEB, 1, "lost", output="x", published=False)
        fake.add_step(WEB, 1, "long", output="x", status="running")
        fake.add_step(WEB, 1, "mute")
        actions = [step["actions"][0] for step in (await browser.json(f"/project/{WEB}/1"))["steps"]]
        assert [action["has_output"] for action in actions] == [True, True, False]
        assert not any("output_url" in action for action in actions)
        assert (actions[1]["end_time"], actions[1]["run_time_millis"]) == (None, None)
        fake.finish_build(WEB, 1, "canceled")
        actions = [step["actions"][0] for step in (await browser.json(f"/project/{WEB}/1"))["steps"]]
        assert (actions[1]["status"], actions[1]["canceled"]) == ("canceled", True)
        assert "output_url" in actions[1]

    async def test_the_output_route_gives_json_or_a_plain_file(self, fake, browser):
        fake.add_build(WEB)
        fake.add_step(WEB, 1, "pytest", output="1 passed\n")
        [part] = await browser.json(f"/project/{WEB}/1/output/0/0")
        assert part["message"] == "1 passed\n"
        reply = await browser.send("GET", f"/project/{WEB}/1/output/0/0?file=true")
        assert (reply.content_type, reply.text) == ("text/plain", "1 passed\n")
        assert await browser.refusal(f"/project/{WEB}/1/output/7/0") == (404, "Build not found")

    async def test_the_latest_artifacts_are_those_of_the_latest_build_that_matches(self, fake, browser):
        for status, branch in (("success", "main"), ("failed", "main"), ("success", "dev")):
            num = fake.add_build(WEB, status=status, branch=branch)["build_num"]
            fake.add_artifact(WEB, num, f"{num}.log", b"")
        latest = f"/project/{WEB}/latest/artifacts"
        for query, path in (("", "3.log"), ("?branch=main", "2.log"), ("?branch=main&filter=successful", "1.log")):
            assert [artifact["path"] for artifact in await browser.json(latest + query)] == [path]
        assert await browser.refusal(f"{latest}?branch=none") == (404, "Build not found")
        fake.add_build(WEB)
        assert await browser.json(latest) == []

    async def test_tests_come_with_exceptions_which_are_always_none(self, fake, browser):
        fake.add_build(WEB)
        fake.add_test(WEB, 1, name="test_it", result="failure", message="no", run_time=1)
        answer = await browser.json(f"/project/{WEB}/1/tests")
        assert answer["exceptions"] == []
        [test] = answer["tests"]
        assert (test["name"], test["result"], test["message"], test["run_time"]) == ("test_it", "failure", "no", 1)
        assert len(test) == 8


class TestActions:
    async def test_a_triggered_build_waits_and_knows_no_commit(self, fake, browser):
        body = {"branch": "dev", "revision": "c0ffee", "parallel": 4, "build_parameters": {"A": "1"}}
        build = await browser.json(f"/project/{WEB}", method="POST", json=body, status=201)
        assert (build["branch"], build["vcs_revision"], build["parallel"]) == ("dev", "c0ffee", 4)
        assert (build["status"], build["why"], build["build_parameters"]) == ("not_running", "api", {"A": "1"})
        assert (build["subject"], build["committer_date"]) == (None, None)
        assert "queued_at" not in build
        assert fake.finish_build(WEB, build["build_num"])["subject"] == "Make it so"

    async def test_triggering_needs_no_body_and_a_branch_takes_the_paths(self, browser):
        build = await browser.json(f"/project/{WEB}/tree/feature%2Fx", method="POST", status=201)
        assert build["branch"] == "feature/x"
        build = await browser.json(f"/project/{WEB}", method="POST", json={"tag": "v1"}, status=201)
        assert (build["branch"], build["vcs_tag"]) == ("main", "v1")

    async def test_a_build_that_nobody_follows_never_runs(self, fake, browser):
        fake.add_project("gh/acme/lonely", following=False)
        build = await browser.json("/project/gh/acme/lonely", method="POST", status=201)
        assert (build["status"], build["dont_build"]) == ("not_run", "no-followers")
        assert build["messages"][0]["reason"] == "no-followers"

    async def test_a_retry_is_a_new_build_of_the_same_revision(self, fake, browser):
        old = fake.add_build(WEB, status="failed", branch="dev", subject="Break it")
        new = await browser.json(f"/project/{WEB}/1/retry", method="POST")
        assert (new["retry_of"], new["why"], new["build_num"]) == (1, "retry", 2)
        assert (new["vcs_revision"], new["branch"], new["subject"]) == (old["vcs_revision"], "dev", "Break it")
        assert (await browser.json(f"/project/{WEB}/1"))["retries"] == [2]

    async def test_canceling_ends_a_running_build_and_names_who_did_it(self, fake, browser):
        fake.add_build(WEB, status="running", steps=["sleep"])
        build = await browser.json(f"/project/{WEB}/1/cancel", method="POST")
        assert (build["status"], build["lifecycle"], build["canceler"]["login"]) == ("canceled", "finished", "ada")
        assert (await browser.json(f"/project/{WEB}/1"))["steps"][0]["actions"][0]["status"] == "canceled"

    async def test_a_build_that_is_canceled_while_it_waits_never_starts(self, fake, browser):
        fake.add_build(WEB, status="queued")
        build = await browser.json(f"/project/{WEB}/1/cancel", method="POST")
        assert (build["status"], build["outcome"], build["lifecycle"]) == ("canceled", "canceled", "scheduled")
        assert (build["start_time"], build["stop_time"] is None) == (None, False)
        assert fake.update_build(WEB, 1, status="success")["lifecycle"] == "finished"

    @pytest.mark.parametrize("status", ["success", "not_run"])
    async def test_canceling_what_is_over_changes_nothing(self, fake, browser, status):
        before = fake.add_build(WEB, status=status)
        single = {"platform": "2.0", "ssh_disabled": True}
        assert await browser.json(f"/project/{WEB}/1/cancel", method="POST") == before | single

    async def test_following_shows_a_project_to_its_follower(self, fake, browser):
        fake.add_project("gh/acme/new", following=False)
        answer = await browser.json("/project/gh/acme/new/follow", method="POST")
        assert answer == {"following": True, "workflow": False, "first_build": None}
        assert [project["reponame"] for project in await browser.json("/projects")] == ["web", "new"]

    @pytest.mark.parametrize("operation", ["", "/1/retry", "/tree/main"])
    async def test_operations_that_will_end_say_when(self, fake, browser, operation):
        fake.add_build(WEB)
        reply = await browser.send("POST", f"/project/{WEB}{operation}")
        assert reply.headers["Sunset"] == "Mon, 01 Feb 2027 00:00:00 GMT"
        assert "Deprecation" in reply.headers

    @pytest.mark.parametrize(
        "body", [b"{", b"[]", b'"text"', b"\xff", b'{"revision":"c0ffee","tag":"v1"}'], ids=range(5)
    )
    async def test_a_body_without_meaning_is_a_bad_request(self, browser, body):
        assert await browser.refusal(f"/project/{WEB}", method="POST", data=body) == (400, "Bad request.")


class TestKeys:
    KEYS = f"/project/{WEB}/checkout-key"

    async def test_a_key_is_created_listed_got_and_deleted(self, browser):
        key = await browser.json(self.KEYS, method="POST", json={"type": "deploy-key"}, status=201)
        assert (key["type"], key["login"], key["preferred"]) == ("deploy-key", None, True)
        assert len(key["fingerprint"].split(":")) == 16
        assert await browser.json(self.KEYS) == [key]
        path = f"{self.KEYS}/{key['fingerprint']}"
        assert await browser.json(path) == key
        assert await browser.json(path, method="DELETE") == {"message": "ok"}
        assert await browser.refusal(path) == (404, "checkout key not found")
        assert await browser.json(self.KEYS) == []

    async def test_the_newest_key_is_preferred(self, fake, browser):
        fake.add_checkout_key(WEB)
        fake.add_checkout_key(WEB, type="github-user-key")
        keys = await browser.json(self.KEYS)
        assert [(key["login"], key["preferred"]) for key in keys] == [("ada", True), (None, False)]

    async def test_a_key_answers_to_both_fingerprints(self, fake, browser):
        fake.add_checkout_key(WEB)
        [key] = await browser.json(f"{self.KEYS}?digest=sha256")
        blob = base64.b64decode(key["public_key"].split()[1])
        assert blob.startswith(b"\x00\x00\x00\x07ssh-rsa")
        assert len(base64.b64decode(key["fingerprint"])) == 32
        for prefix in ("", "SHA256:"):
            path = URL(key["fingerprint"]).human_repr()
            quoted = prefix + path.replace("/", "%2F").replace("+", "%2B")
            assert await browser.json(f"{self.KEYS}/{quoted}?digest=sha256") == key

    async def test_a_fingerprints_slash_stays_in_its_segment_and_is_recorded_as_it_came(self, fake, browser):
        fake.add_checkout_key(WEB, sha256="ab/c+d=")
        await browser.json(f"{self.KEYS}/SHA256:ab%2Fc+d=")
        [request] = fake.requests
        assert request.path == f"/api/v1.1{self.KEYS}/SHA256:ab%2Fc+d="
        assert request.segments[-1] == "SHA256:ab/c+d="
        assert (await browser.send("GET", f"{self.KEYS}/ab/c+d=")).status == 404

    async def test_a_key_of_an_unknown_type_is_a_bad_request(self, browser):
        assert await browser.refusal(self.KEYS, method="POST", json={"type": "skeleton"}) == (400, "Bad request.")

    async def test_an_ssh_key_is_taken_with_an_empty_string_and_shown_by_its_project(self, browser):
        pem = "-----BEGIN RSA PRIVATE KEY-----\nnone\n-----END RSA PRIVATE KEY-----\n"
        body = {"hostname": "acme.example", "private_key": pem}
        assert await browser.json(f"/project/{WEB}/ssh-key", method="POST", json=body) == ""
        [project] = await browser.json("/projects")
        [key] = project["ssh_keys"]
        assert key["hostname"] == "acme.example"
        assert "none" not in json.dumps(project)

    async def test_an_invalid_ssh_key_is_refused_in_the_services_words(self, browser):
        path = f"/project/{WEB}/ssh-key"
        status, message = await browser.refusal(path, method="POST", json={"hostname": "", "private_key": "x"})
        assert (status, message) == (400, "it looks like private key is invalid key.  Double check")
        assert await browser.refusal(path, method="POST", json={"hostname": ""}) == (400, "Bad request.")


class TestUserAndProjects:
    async def test_the_user_has_what_the_service_tells_of_one(self, fake, browser):
        fake.user["name"] = None
        user = await browser.json("/me")
        assert (user["login"], user["name"], user["heroku_api_key"]) == ("ada", None, "fake-heroku-key")
        assert user["identities"]["github"]["user?"] is True
        assert (user["num_projects_followed"], list(user["projects"])) == (1, ["https://github.com/acme/web"])
        assert len(user) == 34

    async def test_a_projects_branches_have_encoded_names_and_mangled_workflows(self, fake, browser):
        for status in ("failed", "success", "fixed", "running"):
            fake.add_build(WEB, branch="bump/pry-0.12", status=status)
        fake.add_build(WEB, workflow=None)
        [project] = await browser.json("/projects")
        branch = project["branches"]["bump%2Fpry-0%2E12"]
        assert [build["build_num"] for build in branch["recent_builds"]] == [3, 2, 1]
        assert [build["build_num"] for build in branch["running_builds"]] == [4]
        assert (branch["last_success"]["build_num"], branch["last_non_success"]["build_num"]) == (3, 1)
        assert branch["latest_workflows"]["build_and_test"]["status"] == "running"
        assert branch["latest_completed_workflows"]["build_and_test"]["status"] == "success"
        assert project["branches"]["main"]["latest_workflows"] == {}
        assert not project["branches"]["main"]["is_using_workflows"]
        assert "last_non_success" not in project["branches"]["main"]

    async def test_shallow_projects_have_no_branches(self, browser):
        [project] = await browser.json("/projects?shallow=true")
        assert "branches" not in project
        assert (project["following"], project["default_branch"]) == (True, "main")


class TestAccess:
    @pytest.mark.parametrize("path", ["/me", "/projects", "/recent-builds"])
    async def test_ones_own_things_need_the_right_token(self, browser, path):
        assert await browser.refusal(path, token=False) == (401, "You must log in first.")
        wrong = {**JSON, "Circle-Token": "wrong"}
        assert await browser.refusal(path, token=False, headers=wrong) == (401, "You must log in first.")

    async def test_a_private_project_without_a_token_looks_like_none(self, fake, browser):
        fake.add_build(WEB)
        for path in (f"/project/{WEB}", f"/project/{WEB}/1", "/project/gh/acme/nothing"):
            assert await browser.refusal(path, token=False) == (404, "Project not found")

    async def test_a_public_project_is_read_by_all_and_changed_by_its_people(self, fake, browser):
        fake.add_project(WEB, public=True)
        fake.add_build(WEB)
        assert await browser.nums(f"/project/{WEB}", token=False) == [1]
        for path in ("", "/1/cancel", "/follow", "/checkout-key"):
            refusal = await browser.refusal(f"/project/{WEB}{path}", method="POST", token=False)
            assert refusal == (401, "You must log in first.")

    @pytest.mark.parametrize(
        "authorization",
        [
            "Bearer fake-circle-token",
            "bearer fake-circle-token",
            f"Basic {base64.b64encode(b'fake-circle-token:').decode()}",
        ],
    )
    async def test_a_token_may_be_a_bearer_or_a_basic_user_name(self, browser, authorization):
        await browser.json("/me", token=False, headers={**JSON, "Authorization": authorization})

    async def test_a_token_in_the_query_still_works_and_is_seen(self, fake, browser):
        await browser.json(f"/me?circle-token={fake.token}", token=False)
        assert fake.requests[0].query == (("circle-token", fake.token),)

    @pytest.mark.parametrize("authorization", ["Bearer ", "Basic ?", "Basic /w==", "Digest x"])
    async def test_a_malformed_authorization_is_a_bad_request(self, browser, authorization):
        headers = {**JSON, "Authorization": authorization}
        assert await browser.refusal("/me", token=False, headers=headers) == (400, "Malformed Authorization header.")

    async def test_an_unknown_build_is_not_found(self, browser):
        assert await browser.refusal(f"/project/{WEB}/7") == (404, "Build not found")

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/nothing"),
            ("PUT", "/me"),
            ("GET", "/project/github//web"),
            ("GET", f"/project/{WEB}/seven"),
            ("GET", f"/project/{WEB}/1/artifacts/0/x/y"),
        ],
    )
    async def test_an_unknown_route_is_a_page_for_people(self, browser, method, path):
        reply = await browser.send(method, path)
        assert (reply.status, reply.content_type) == (404, "text/html")
        assert 8_000 < len(reply.body) < 9_000

    async def test_a_path_outside_of_the_api_is_an_unknown_route(self, fake, browser):
        assert (await browser.send("GET", "/x", base=fake.base_url[:-5])).status == 404

    async def test_a_trailing_slash_redirects_and_repeats_the_query(self, fake, browser):
        reply = await browser.send("GET", f"/project/{WEB}/?circle-token=x")
        assert (reply.status, reply.body) == (302, b"")
        assert reply.headers["Location"] == f"{fake.base_url}/project/{WEB}?circle-token=x"
        assert (await browser.send("GET", "/me/")).headers["Location"] == f"{fake.base_url}/me"

    async def test_a_get_with_a_body_is_forbidden(self, browser):
        assert (await browser.send("GET", "/me", json={})).status == 403


class TestForms:
    async def test_json_is_compact_for_those_who_ask_for_it(self, fake, browser):
        fake.add_build(WEB, subject="grün")
        reply = await browser.send("GET", f"/project/{WEB}")
        assert reply.headers["Content-Type"] == "application/json;charset=utf-8"
        body = reply.body
        assert body == json.dumps(json.loads(body), ensure_ascii=False, separators=(",", ":")).encode()

    async def test_json_is_indented_and_called_text_for_others(self, browser):
        reply = await browser.send("GET", "/me", headers={"Accept": "*/*"})
        assert reply.headers["Content-Type"] == "text/plain;charset=utf-8"
        assert '\n  "login" : "ada",\n' in reply.text

    async def test_edn_is_for_those_who_ask_for_nothing(self, fake, browser):
        fake.add_build(WEB)
        reply = await browser.send("GET", f"/project/{WEB}", headers={"Accept": ""})
        text = reply.text
        assert text.startswith("[{:compare nil, ")
        assert ":job-name nil, " in text
        assert ":usage-queued-at #<DateTime 2026-01-05T09:00:00.000Z>, " in text
        assert ":status :success, " in text
        assert ':branch "main", ' in text

    async def test_every_answer_has_ids_a_cookie_and_its_route(self, browser):
        first, second = await browser.send("GET", f"/project/{WEB}"), await browser.send("GET", "/nothing")
        assert first.headers["X-Route"] == "/api/v1.1/project/:vcs-type/:username/:repo"
        assert first.headers["X-Request-Id"] != second.headers["X-Request-Id"]
        for reply in (first, second):
            assert reply.headers["X-Circleci-Request-Id"]
            assert reply.headers["Set-Cookie"].startswith("ring-session=")


class TestRecord:
    async def test_requests_are_recorded_in_order_as_they_came(self, fake, browser):
        await browser.send("GET", f"/project/{WEB}/tree/a%2Fb%7e?limit=1&x=%2F&limit=2")
        await browser.send("POST", f"/project/{WEB}", json={"branch": "dev"})
        await browser.send("GET", "/nothing")
        first, second, third = fake.requests
        assert (first.method, first.operation) == ("GET", "list_branch_builds")
        assert first.path == f"/api/v1.1/project/{WEB}/tree/a%2Fb%7e"
        assert first.segments == ("api", "v1.1", "project", "github", "acme", "web", "tree", "a/b~")
        assert first.query_string == "limit=1&x=%2F&limit=2"
        assert first.query == (("limit", "1"), ("x", "/"), ("limit", "2"))
        assert first.headers["circle-token"] == fake.token
        assert first.json is None
        assert (second.operation, second.json) == ("trigger_build", {"branch": "dev"})
        assert third.operation is None
        fake.clear_requests()
        assert fake.requests == []

    async def test_a_request_cannot_be_changed_and_shows_no_headers(self, fake, browser):
        await browser.send("GET", "/me")
        assert fake.token not in repr(fake.requests[0])
        with pytest.raises(AttributeError):
            fake.requests[0].method = "POST"


class TestScript:
    @pytest.mark.parametrize(
        ("status", "content_type", "body"),
        [
            (401, "application/json", b'{"message":"You must log in first."}'),
            (429, "text/plain", b"Rate limited."),
            (500, "application/json", b'{"message":"An internal server error occurred."}'),
            (503, "text/html", b"503 Service Temporarily Unavailable"),
            (599, "text/html", b"599 Error"),
        ],
    )
    async def test_a_failure_has_the_services_body(self, fake, browser, status, content_type, body):
        fake.fail_next(status)
        reply = await browser.send("GET", "/me")
        assert (reply.status, reply.content_type) == (status, content_type)
        assert body in reply.body
        assert (await browser.send("GET", "/me")).status == 200

    async def test_a_failure_may_say_when_to_come_back_and_have_another_body(self, fake, browser):
        fake.fail_next(429, retry_after=3, body=b"slow down")
        reply = await browser.send("GET", "/me")
        assert (reply.headers["Retry-After"], reply.body) == ("3", b"slow down")

    async def test_a_failed_request_does_nothing(self, fake, browser):
        fake.fail_next(502, count=2)
        for status in (502, 502, 201):
            assert (await browser.send("POST", f"/project/{WEB}")).status == status
        assert await browser.nums(f"/project/{WEB}") == [1]

    async def test_failures_wait_for_the_request_that_they_are_for(self, fake, browser):
        fake.fail_next(500, method="POST")
        fake.fail_next(503, path=f"/project/{WEB}/7")
        assert (await browser.send("GET", "/me")).status == 200
        assert (await browser.send("GET", f"/project/{WEB}/7/tests")).status == 503
        assert (await browser.send("POST", f"/project/{WEB}")).status == 500

    async def test_a_reply_can_be_any_bytes(self, fake, browser):
        fake.reply_next(b"\xef\xbb\xbf[]", status=203, headers={"Content-Type": "text/x"}, count=2)
        for _ in range(2):
            reply = await browser.send("GET", "/me")
            assert (reply.status, reply.content_type, reply.body) == (203, "text/x", b"\xef\xbb\xbf[]")

    @pytest.mark.parametrize(("executed", "builds"), [(False, []), (True, [1])])
    async def test_a_dropped_request_may_have_taken_effect(self, fake, browser, executed, builds):
        fake.drop_next(executed=executed)
        with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
            await browser.send("POST", f"/project/{WEB}")
        assert await browser.nums(f"/project/{WEB}") == builds

    async def test_a_truncated_reply_breaks_off_in_its_body(self, fake, browser):
        fake.truncate_next()
        with pytest.raises(aiohttp.ClientPayloadError):
            await browser.send("GET", "/me")
        assert (await browser.send("GET", "/me")).status == 200


class TestChange:
    async def test_hooks_run_before_each_reply_and_may_be_coroutines(self, fake, browser):
        fake.add_build(WEB, status="running")
        seen = []

        @fake.before_reply
        def note(request: ReceivedRequest) -> None:
            seen.append(request.operation)

        @fake.before_reply
        async def finish(request: ReceivedRequest) -> None:
            await asyncio.sleep(0)
            if request.operation == "get_build" and seen.count("get_build") == 2:
                fake.finish_build(WEB, 1)

        statuses = [(await browser.json(f"/project/{WEB}/1"))["status"] for _ in range(3)]
        assert statuses == ["running", "success", "success"]
        fake.fail_next(500)
        await browser.send("GET", "/me")
        assert seen == ["get_build"] * 3

    async def test_what_a_hook_returns_is_ignored(self, fake, browser):
        fake.before_reply(lambda _: fake.add_build(WEB))
        assert await browser.nums(f"/project/{WEB}") == [1]

    def test_drift_needs_a_project(self, fake):
        with pytest.raises(KeyError, match="call add_project first"):
            fake.drift("github/acme/api")

    async def test_drift_is_the_same_for_the_same_seed(self):
        assert await self.walk(seed=1) == await self.walk(seed=1)
        assert await self.walk(seed=1) != await self.walk(seed=2)

    async def walk(self, *, seed):
        pages = []
        async with FakeCircleCI() as fake, aiohttp.ClientSession() as session:
            fake.add_project(WEB)
            for _ in range(60):
                fake.add_build(WEB)
            fake.drift(WEB, seed=seed, inserts=1.5, removals=1.5)
            browser = Browser(fake, session)
            for offset in range(0, 50, 10):
                pages.append(await browser.nums(f"/project/{WEB}?limit=10&offset={offset}"))  # noqa: PERF401
        return pages

    async def test_survivors_are_the_builds_that_every_served_version_held(self, fake, browser):
        for _ in range(40):
            fake.add_build(WEB)
        drift = fake.drift(WEB, inserts=1, removals=3)
        versions = []
        for _ in range(4):
            await browser.json(f"/project/{WEB}?limit=1")
            versions.append(set(await self.everything(browser, drift)))
        assert drift.served == 4
        assert drift.survivors == {("https://github.com/acme/web", num) for num in set.intersection(*versions)}
        assert len(versions[-1]) == 40 + 4 - 12
        drift.reset()
        assert (drift.served, drift.survivors) == (0, frozenset())

    async def everything(self, browser, drift):
        """The whole list, read while the drift looks away."""
        served, survivors = drift.served, drift.survivors
        drift.rounds = 0
        nums = await browser.nums(f"/project/{WEB}?limit=100")
        drift.rounds, drift.served, drift.survivors = None, served, survivors
        return nums

    async def test_what_leaves_a_running_list_has_finished(self, fake, browser):
        for _ in range(10):
            fake.add_build(WEB, status="running")
        fake.drift(WEB, removals=2, inserts=1, rounds=1)
        for _ in range(2):
            assert len(await browser.nums(f"/project/{WEB}?filter=running")) == 9
        assert len(await browser.nums(f"/project/{WEB}")) == 11

    async def test_a_build_that_fails_late_enters_a_failed_list_in_the_middle(self, fake, browser):
        for num in range(1, 41):
            fake.add_build(WEB, status="running" if num % 2 else "failed")
        fake.drift(WEB, seed=3, finishes=8, inserts=1, rounds=1)
        nums = await browser.nums(f"/project/{WEB}?filter=failed&limit=100")
        assert nums[0] == 41
        assert any(num % 2 for num in nums[1:])

    async def test_a_branchs_list_gets_builds_of_the_branch(self, fake, browser):
        fake.drift(WEB, inserts=1)
        assert await browser.nums(f"/project/{WEB}/tree/dev%2Fx") == [1]
        assert set(await browser.nums("/recent-builds")) == {1, 2}


class TestLife:
    async def test_a_reply_can_take_its_time_and_still_shows_the_list_as_it_was(self, fake, browser):
        fake.delay = lambda request: 0.05 if dict(request.query).get("offset") == "0" else 0.0
        fake.add_build(WEB)
        arrived = asyncio.Event()
        fake.before_reply(lambda _: arrived.set())
        slow = asyncio.create_task(browser.nums(f"/project/{WEB}?offset=0"))
        await arrived.wait()
        fake.add_build(WEB)
        assert await browser.nums(f"/project/{WEB}?offset=1") == [1]
        assert not slow.done()
        assert await slow == [1]

    async def test_closing_does_not_wait_for_idle_connections_or_slow_replies(self, browser, fake, caplog):
        caplog.set_level(logging.DEBUG)
        await browser.send("GET", "/me")
        fake.delay = 3600
        arrived = asyncio.Event()
        fake.before_reply(lambda _: arrived.set())
        slow = asyncio.create_task(browser.send("POST", f"/project/{WEB}"))
        await arrived.wait()
        async with asyncio.timeout(5):
            await fake.close()
            with pytest.raises(aiohttp.ClientError):
                await slow
        assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []

    async def test_a_client_that_gives_up_is_not_worth_a_warning(self, browser, fake, caplog):
        fake.delay = 0.02
        with pytest.raises(TimeoutError):
            await browser.send("POST", f"/project/{WEB}", timeout=aiohttp.ClientTimeout(total=0.005))
        await fake.close()
        assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []

    async def test_a_fake_is_started_once_and_has_no_address_before(self, fake):
        with pytest.raises(RuntimeError, match="already started"):
            await fake.start()
        with pytest.raises(RuntimeError, match="no URL before it is started"):
            _ = FakeCircleCI().base_url

    async def test_closing_twice_is_closing_once(self, fake):
        await fake.close()
        await fake.close()

    async def test_a_fake_that_is_started_again_has_its_state(self, fake, browser):
        fake.add_build(WEB)
        await fake.close()
        await fake.start()
        assert await browser.nums(f"/project/{WEB}") == [1]

    async def test_two_fakes_do_not_know_each_other(self, fake):
        async with FakeCircleCI("other", host="localhost") as other:
            assert other.base_url != fake.base_url
            assert other.base_url.startswith("http://localhost:")
            with pytest.raises(KeyError):
                other.add_build(WEB)

    def test_times_are_the_fakes_own(self):
        fake = FakeCircleCI()
        fake.add_project(WEB)
        assert datetime.fromisoformat(fake.add_build(WEB)["usage_queued_at"]) < datetime(2026, 2, 1, tzinfo=UTC)


class TestTypos:
    @pytest.mark.parametrize(
        ("build", "complaint"),
        [
            (lambda fake: fake.add_build(WEB, status="sucess"), r"^status: expected one of .*, got 'sucess' \(did you"),
            (lambda fake: fake.add_build(WEB, brnch="x"), r"^brnch: unknown field \(did you mean 'branch'\?\); pass"),
            (lambda fake: fake.update_build(WEB, 1, status="sucess"), "^status: expected one of"),
            (lambda fake: fake.update_build(WEB, 1, brnch="x"), "^brnch: unknown field"),
            (lambda fake: fake.finish_build(WEB, 1, "sucess"), "^status: expected one of"),
            (lambda fake: fake.finish_build(WEB, 1, "running"), "^status: expected one of"),
            (lambda fake: fake.add_checkout_key(WEB, type="deploy_key"), "^type: expected one of .*did you mean"),
            (lambda fake: fake.add_project_token(WEB, scope="view-build"), "^scope: expected one of .*did you mean"),
            (
                lambda fake: fake.add_step(WEB, 1, "a", status="fixed"),
                "^status: expected one of",
            ),
            (lambda fake: fake.add_step(WEB, 1, "a", ouput="x"), "^ouput: unknown field"),
            (lambda fake: fake.add_output(WEB, 1, "a", status="passed"), "^status: expected one of"),
            (
                lambda fake: fake.add_test(WEB, 1, name="a", result="passed"),
                "^result: expected one of",
            ),
            (
                lambda fake: fake.add_test(WEB, 1, name="a", runtime=1),
                "^runtime: unknown field",
            ),
        ],
    )
    def test_they_are_refused_and_change_nothing(self, build, complaint: str):
        fake = FakeCircleCI()
        fake.add_project(WEB)
        before = fake.add_build(WEB, steps=["checkout"])
        with pytest.raises(ValueError, match=complaint):
            build(fake)
        assert fake.update_build(WEB, 1) == before
        assert fake.add_build(WEB)["build_num"] == 2

    async def test_fields_of_ones_own_are_sent_as_they_are(self, fake, browser):
        fake.add_build(WEB, fields={"status": "on_hold", "brnch": "x"})
        fake.update_build(WEB, 1, fields={"lifecycle": "new"})
        fake.add_step(WEB, 1, "a", fields={"status": "odd"})
        fake.add_test(WEB, 1, name="a", fields={"result": "odd"})
        build = await browser.json(f"/project/{WEB}/1")
        assert (build["status"], build["brnch"], build["lifecycle"]) == ("on_hold", "x", "new")
        assert build["steps"][0]["actions"][0]["status"] == "odd"
        assert (await browser.json(f"/project/{WEB}/1/tests"))["tests"][0]["result"] == "odd"

    def test_every_key_of_a_reply_can_be_given_by_name(self, fake):
        build = fake.add_build(WEB, steps=["checkout"])
        names = build.keys() - {"branch", "build_num", "status", "subject", "why"}
        assert fake.add_build(WEB, **dict.fromkeys(names, 1)).items() >= dict.fromkeys(names, 1).items()
