"""pycircleci, a client that was not written here, takes the fake for the service: in every method that it has.

A method that is new in pycircleci fails here until it has a row.
"""

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pycircleci.api import Api
from requests import HTTPError

from circleci_v1_async.testing import FakeCircleCI

Call = Callable[[Api], Any]

WEB = ("acme", "web")
FAILED, PASSED, RUNNING = 1, 2, 3
PRIVATE_KEY = "-----BEGIN RSA PRIVATE KEY-----\nbm9ib2R5J3M=\n-----END RSA PRIVATE KEY-----\n"
ARTIFACT = b"\x00\x01 not text \xff" * 1000


def account(fake: FakeCircleCI) -> None:
    slug = "github/acme/web"
    fake.add_project(slug)
    fake.add_build(slug, build_num=FAILED, status="failed", steps=("checkout", "pytest"))
    fake.add_build(slug, build_num=PASSED, subject="Mend it")
    fake.add_build(slug, build_num=RUNNING, status="running", branch="dev")
    fake.add_artifact(slug, PASSED, "dist/web.tar.gz", ARTIFACT)
    fake.add_test(slug, FAILED, name="test_it", result="failure")
    fake.add_checkout_key(slug, sha256="abcd=")
    fake.add_env_var(slug, "DEPLOY_KEY", "s3cret-4321")


def numbers(builds: list[dict[str, Any]]) -> list[int]:
    return [build["build_num"] for build in builds]


# What each method makes of the account, and what it should. After a comma: another way to call it.
ANSWERS: dict[str, tuple[Call, Any]] = {
    "get_user_info": (lambda api: api.get_user_info()["login"], "ada"),
    "me": (lambda api: api.me()["num_projects_followed"], 1),
    "get_projects": (lambda api: [project["reponame"] for project in api.get_projects()], ["web"]),
    "follow_project": (lambda api: api.follow_project(*WEB)["following"], True),
    "get_project_build_summary": (lambda api: numbers(api.get_project_build_summary(*WEB)), [3, 2, 1]),
    "get_project_build_summary, a page": (
        lambda api: numbers(api.get_project_build_summary(*WEB, limit=1, offset=1, shallow=True)),
        [2],
    ),
    "get_project_build_summary, filter": (
        lambda api: numbers(api.get_project_build_summary(*WEB, status_filter="failed")),
        [FAILED],
    ),
    "get_project_build_summary, branch": (
        lambda api: numbers(api.get_project_build_summary(*WEB, branch="dev")),
        [RUNNING],
    ),
    "get_recent_builds": (lambda api: sorted(numbers(api.get_recent_builds(limit=3, shallow=True))), [1, 2, 3]),
    "get_build_info": (
        lambda api: [step["name"] for step in api.get_build_info(*WEB, FAILED)["steps"]],
        ["checkout", "pytest"],
    ),
    "get_artifacts": (lambda api: [file["path"] for file in api.get_artifacts(*WEB, PASSED)], ["dist/web.tar.gz"]),
    "get_latest_artifact": (
        lambda api: [file["path"] for file in api.get_latest_artifact(*WEB, branch="main")],
        ["dist/web.tar.gz"],
    ),
    "get_test_metadata": (
        lambda api: [(test["name"], test["result"]) for test in api.get_test_metadata(*WEB, FAILED)["tests"]],
        [("test_it", "failure")],
    ),
    "retry_build": (lambda api: api.retry_build(*WEB, FAILED)["retry_of"], FAILED),
    "retry_build, with SSH": (lambda api: api.retry_build(*WEB, FAILED, ssh=True)["retry_of"], FAILED),
    "cancel_build": (lambda api: api.cancel_build(*WEB, RUNNING)["status"], "canceled"),
    "add_ssh_user": (lambda api: api.add_ssh_user(*WEB, RUNNING)["build_num"], RUNNING),
    "trigger_build": (lambda api: api.trigger_build(*WEB, branch="dev")["branch"], "dev"),
    "trigger_build, tag": (
        lambda api: api.trigger_build(*WEB, tag="v1", params={"build_parameters": {"A": "1"}})["build_parameters"],
        {"A": "1"},
    ),
    "add_ssh_key": (lambda api: api.add_ssh_key(*WEB, PRIVATE_KEY, hostname="deploy.example"), ""),
    "list_checkout_keys": (lambda api: [key["preferred"] for key in api.list_checkout_keys(*WEB)], [True]),
    "create_checkout_key": (lambda api: api.create_checkout_key(*WEB, "github-user-key")["type"], "github-user-key"),
    "get_checkout_key": (lambda api: api.get_checkout_key(*WEB, "SHA256:abcd=")["type"], "deploy-key"),
    "delete_checkout_key": (lambda api: api.delete_checkout_key(*WEB, "SHA256:abcd="), {"message": "ok"}),
    "list_envvars": (
        lambda api: api.list_envvars(*WEB),
        [{"name": "DEPLOY_KEY", "value": "xxxx4321"}],
    ),
    "add_envvar": (lambda api: api.add_envvar(*WEB, "NEW", "value-5678"), {"name": "NEW", "value": "xxxx5678"}),
    "get_envvar": (lambda api: api.get_envvar(*WEB, "DEPLOY_KEY")["value"], "xxxx4321"),
    "delete_envvar": (lambda api: api.delete_envvar(*WEB, "DEPLOY_KEY"), {"message": "ok"}),
    "get_project_settings": (lambda api: api.get_project_settings(*WEB)["reponame"], "web"),
    "update_project_settings": (
        lambda api: api.update_project_settings(*WEB, {"feature_flags": {"build-prs-only": True}}),
        "",
    ),
}

SENDS_NOTHING: dict[str, tuple[Call, Any]] = {
    "ppj": (lambda api: api.ppj({}), None),
    "ppr": (lambda api: api.ppr(), None),
    "owner_slug": (lambda api: api.owner_slug("acme"), "github/acme"),
    "project_slug": (lambda api: api.project_slug(*WEB), "github/acme/web"),
    "split_project_slug": (lambda api: api.split_project_slug("github/acme/web"), ("github", *WEB)),
    "validate_api_version": (lambda api: api.validate_api_version(), "v1.1"),
}

V2 = """
    add_context add_context_envvar add_schedule approve_job cancel_job cancel_workflow continue_pipeline delete_context
    delete_context_envvar delete_schedule get_context get_context_envvars get_contexts get_flaky_tests get_job_details
    get_pipeline get_pipeline_config get_pipeline_workflow get_pipelines get_project get_project_branches
    get_project_pipeline get_project_pipelines get_project_workflow_job_metrics get_project_workflow_jobs_metrics
    get_project_workflow_metrics get_project_workflow_test_metrics get_project_workflows_metrics get_schedule
    get_schedules get_user_collaborations get_user_id_info get_workflow get_workflow_jobs rerun_workflow
    trigger_pipeline update_schedule
"""
# The methods that a fake of v1.1 cannot answer: what their requests begin with, and why.
CANNOT: dict[str, tuple[str, str]] = {
    **dict.fromkeys(V2.split(), ("/api/v2/", "API v2")),
    "get_user_repos": ("/api/v1.1//user/repos/", "undocumented endpoint"),
}


@pytest.fixture
def fake(fake_circleci: FakeCircleCI) -> FakeCircleCI:
    account(fake_circleci)
    return fake_circleci


@pytest.fixture
def api(fake: FakeCircleCI) -> Iterator[Api]:
    api = Api(fake.token, fake.base_url.removesuffix("/v1.1"))
    yield api
    api._session.close()


@pytest.mark.parametrize("row", ANSWERS)
def test_a_method_gets_from_the_fake_what_it_gets_from_the_service(row: str, api: Api):
    call, expected = ANSWERS[row]
    assert call(api) == expected


def test_an_artifact_is_downloaded_to_its_last_byte(api: Api, tmp_path: Path):
    (artifact,) = api.get_artifacts(*WEB, PASSED)
    path = api.download_artifact(artifact["url"], destdir=str(tmp_path))
    assert Path(path) == tmp_path / "web.tar.gz"
    assert Path(path).read_bytes() == ARTIFACT


def test_what_is_wrong_is_an_error_with_the_status_of_the_service(api: Api):
    with pytest.raises(HTTPError, match="404 Client Error"):
        api.get_build_info(*WEB, 999)
    api.token = "wrong"
    with pytest.raises(HTTPError, match="401 Client Error"):
        api.me()


def test_what_the_guide_excepts_is_so(api: Api):
    with pytest.raises(HTTPError, match="400 Client Error"):
        api.add_ssh_key(*WEB, PRIVATE_KEY)
    assert all("vcs_type" in build for build in api.get_recent_builds(shallow=True))


@pytest.mark.parametrize("row", SENDS_NOTHING)
def test_a_method_for_oneself_sends_nothing(row: str, api: Api, fake: FakeCircleCI):
    call, expected = SENDS_NOTHING[row]
    assert call(api) == expected
    assert not fake.requests


@pytest.mark.parametrize("method", CANNOT)
def test_a_method_that_cannot_pass_asks_for_what_is_not_of_v1_1(method: str, api: Api, fake: FakeCircleCI):
    prefix, _reason = CANNOT[method]
    parameters = inspect.signature(getattr(api, method)).parameters.values()
    required = [parameter.name for parameter in parameters if parameter.default is parameter.empty]
    with pytest.raises(HTTPError, match="404 Client Error"):
        getattr(api, method)(**{name: {} if name == "settings" else "x" for name in required})
    assert [request.path.startswith(prefix) for request in fake.requests] == [True]


def test_every_method_has_a_row():
    methods = {name for name, _ in inspect.getmembers(Api, inspect.isfunction) if not name.startswith("_")}
    answered = {row.partition(",")[0] for row in ANSWERS} | {"download_artifact"}
    assert sorted([*answered, *SENDS_NOTHING, *CANNOT]) == sorted(methods)
