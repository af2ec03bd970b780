"""circleci.py, on PyPI as `circleci`, takes the fake for the service, in every method that it has.

A method that is new in it fails here until it has a row, and so does one that cannot pass and is not in the guide.
"""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from said import read_exceptions

from circleci_v1_async.testing import FakeCircleCI

pytest.importorskip("circleci", reason="needs the environment of tests/peers/run.py")

from circleci.api import Api
from circleci.experimental import Experimental
from circleci.sdk import SDK
from requests import HTTPError

WEB = ("acme", "web")
FAILED, PASSED, RUNNING = 1, 2, 3
PRIVATE_KEY = "-----BEGIN RSA PRIVATE KEY-----\nbm9ib2R5J3M=\n-----END RSA PRIVATE KEY-----\n"


def account(fake: FakeCircleCI) -> None:
    slug = "github/acme/web"
    fake.add_project(slug)
    fake.add_build(slug, build_num=FAILED, status="failed", steps=("checkout", "pytest"))
    fake.add_build(slug, build_num=PASSED, subject="Mend it")
    fake.add_build(slug, build_num=RUNNING, status="running", branch="dev")
    fake.add_artifact(slug, PASSED, "dist/web.tar.gz", b"\x00\xff" * 1000)
    fake.add_test(slug, FAILED, name="test_it", result="failure")
    fake.add_checkout_key(slug, sha256="abcd")
    fake.add_env_var(slug, "DEPLOY_KEY", "s3cret-4321")


def numbers(builds: list[dict[str, Any]]) -> list[int]:
    return [build["build_num"] for build in builds]


# What each method makes of the account, and what it should. After a comma: another way to call it.
ANSWERS: dict[str, tuple[Callable[[Api], Any], Any]] = {
    "get_user_info": (lambda api: api.get_user_info()["login"], "ada"),
    "get_projects": (lambda api: [project["reponame"] for project in api.get_projects()], ["web"]),
    "follow_project": (lambda api: api.follow_project(*WEB)["following"], True),
    "get_project_build_summary": (lambda api: numbers(api.get_project_build_summary(*WEB)), [3, 2, 1]),
    "get_project_build_summary, filter": (
        lambda api: numbers(api.get_project_build_summary(*WEB, limit=5, status_filter="failed")),
        [FAILED],
    ),
    "get_project_build_summary, branch": (
        lambda api: numbers(api.get_project_build_summary(*WEB, branch="dev")),
        [RUNNING],
    ),
    "get_recent_builds": (lambda api: len(api.get_recent_builds(limit=2, offset=1)), 2),
    "get_build_info": (lambda api: len(api.get_build_info(*WEB, FAILED)["steps"]), 2),
    "get_artifacts": (lambda api: [file["path"] for file in api.get_artifacts(*WEB, PASSED)], ["dist/web.tar.gz"]),
    "get_latest_artifact": (lambda api: len(api.get_latest_artifact(*WEB, branch="main")), 1),
    "get_latest_artifact, any branch": (lambda api: len(api.get_latest_artifact(*WEB)), 1),
    "retry_build": (lambda api: api.retry_build(*WEB, FAILED)["retry_of"], FAILED),
    "retry_build, with SSH": (lambda api: api.retry_build(*WEB, FAILED, ssh=True)["retry_of"], FAILED),
    "cancel_build": (lambda api: api.cancel_build(*WEB, RUNNING)["status"], "canceled"),
    "add_ssh_user": (lambda api: api.add_ssh_user(*WEB, RUNNING)["build_num"], RUNNING),
    "trigger_build": (lambda api: api.trigger_build(*WEB, branch="dev")["branch"], "dev"),
    "trigger_build, parameters": (
        lambda api: api.trigger_build(*WEB, params={"build_parameters": {"A": "1"}})["build_parameters"],
        {"A": "1"},
    ),
    "add_ssh_key, hostname": (lambda api: api.add_ssh_key(*WEB, PRIVATE_KEY, hostname="deploy.example"), ""),
    "list_checkout_keys": (lambda api: len(api.list_checkout_keys(*WEB)), 1),
    "create_checkout_key": (lambda api: api.create_checkout_key(*WEB, "github-user-key")["login"], "ada"),
    "get_checkout_key": (lambda api: api.get_checkout_key(*WEB, "abcd")["type"], "deploy-key"),
    "delete_checkout_key": (lambda api: api.delete_checkout_key(*WEB, "abcd"), {"message": "ok"}),
    "clear_cache": (lambda api: api.clear_cache(*WEB), {"status": "build dependency caches deleted"}),
    "add_heroku_key": (lambda api: api.add_heroku_key("heroku"), ""),
    "get_test_metadata": (lambda api: api.get_test_metadata(*WEB, FAILED)["tests"][0]["name"], "test_it"),
    "list_envvars": (lambda api: api.list_envvars(*WEB), [{"name": "DEPLOY_KEY", "value": "xxxx4321"}]),
    "add_envvar": (lambda api: api.add_envvar(*WEB, "NEW", "value-5678"), {"name": "NEW", "value": "xxxx5678"}),
    "get_envvar": (lambda api: api.get_envvar(*WEB, "DEPLOY_KEY")["value"], "xxxx4321"),
    "delete_envvar": (lambda api: api.delete_envvar(*WEB, "DEPLOY_KEY"), {"message": "ok"}),
    "retry_no_cache": (lambda api: Experimental(api.token, api.url).retry_no_cache(*WEB, FAILED)["retry_of"], FAILED),
}


def download(api: Api, folder: Path) -> None:
    (artifact,) = api.get_artifacts(*WEB, PASSED)
    path = api.download_artifact(artifact["url"], destdir=str(folder))
    assert Path(path).read_bytes() == b"\x00\xff" * 1000


# What cannot pass, by its name in the guide.
CANNOT: dict[str, Callable[[Api, Path], object]] = {
    "download_artifact": download,
    "add_ssh_key without a hostname": lambda api, _: api.add_ssh_key(*WEB, PRIVATE_KEY),
}


@pytest.fixture
def fake(fake_circleci: FakeCircleCI) -> FakeCircleCI:
    account(fake_circleci)
    return fake_circleci


@pytest.fixture
def api(fake: FakeCircleCI) -> Api:
    return Api(fake.token, fake.base_url)


@pytest.mark.parametrize("row", ANSWERS)
def test_a_method_gets_from_the_fake_what_it_gets_from_the_service(row: str, api: Api):
    call, expected = ANSWERS[row]
    assert call(api) == expected


def test_it_waits_until_no_other_build_runs(api: Api, fake: FakeCircleCI, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("circleci.sdk.time.sleep", lambda _: fake.finish_build("github/acme/web", RUNNING))
    SDK(api).build_singleton(*WEB)
    assert len(fake.requests) == 2


@pytest.mark.parametrize("call", CANNOT)
def test_what_the_guide_says_cannot_pass_does_not(call: str, api: Api, tmp_path: Path):
    with pytest.raises((HTTPError, AssertionError)):
        CANNOT[call](api, tmp_path)


def test_what_cannot_pass_is_what_the_guide_says():
    assert CANNOT.keys() == read_exceptions("circleci.py").keys()


def test_every_method_has_a_row():
    methods = {
        name
        for kind in (Api, Experimental)
        for name, _ in inspect.getmembers(kind, inspect.isfunction)
        if name[0] != "_"
    }
    assert {row.partition(",")[0] for row in ANSWERS} | {row.partition(" ")[0] for row in CANNOT} == methods
