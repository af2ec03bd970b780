"""One row for each operation: the call, the request that it makes, a reply, and what comes back."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import attrs

from circleci_v1_async import (
    Action,
    Artifact,
    Branch,
    BranchBuild,
    Build,
    BuildDetail,
    BuildMessage,
    BuildStatus,
    CacheResult,
    CheckoutKey,
    CircleCISession,
    EnvVar,
    FollowResult,
    Lifecycle,
    Message,
    Outcome,
    PipelineResult,
    Project,
    ProjectSettings,
    ProjectToken,
    SSHKey,
    Step,
    TestMetadata,
    TestResult,
    TokenScope,
    User,
    VcsType,
    Workflow,
)

PROJECT = "gh/acme/web"
PATH = "/project/github/acme/web"
RUN = "8b3f1c9e-52a4-4d0c-9a77-1f0e6b2d4c58"


class Row(NamedTuple):
    call: Callable[[CircleCISession], Awaitable[Any]]
    method: str
    target: str
    reply: Any
    result: Any
    body: Any = None
    status: int = 200

    @property
    def operation(self) -> str:
        return self.call.__code__.co_names[0]


KEY = {
    "public_key": "ssh-rsa AAAA acme",
    "type": "deploy-key",
    "fingerprint": "c9:0b:1c:4f:d5:65:56:b9:ad:88:f9:81:2b:37:74:2f",
    "preferred": True,
    "time": "2026-09-21T17:29:21.042Z",
    "login": None,
}
TYPED_KEY = CheckoutKey(**{**KEY, "time": datetime(2026, 9, 21, 17, 29, 21, 42_000, UTC)})
BUILD = {
    "build_num": 7,
    "build_url": "https://circleci.com/gh/acme/web/7",
    "vcs_url": "https://github.com/acme/web",
    "status": "running",
    "lifecycle": "running",
    "outcome": None,
    "start_time": "2026-11-02T08:15:00.250Z",
    "stop_time": None,
    "committer_date": "2026-11-02T09:14:58+01:00",
    "messages": [{"type": "warning", "message": "Not on a branch."}],
}
TYPED_BUILD = Build(
    build_num=7,
    build_url="https://circleci.com/gh/acme/web/7",
    vcs_url="https://github.com/acme/web",
    status=BuildStatus.RUNNING,
    lifecycle=Lifecycle.RUNNING,
    start_time=datetime(2026, 11, 2, 8, 15, 0, 250_000, UTC),
    committer_date=datetime(2026, 11, 2, 8, 14, 58, tzinfo=UTC),
    messages=(BuildMessage(type="warning", message="Not on a branch."),),
)
ARTIFACT = {
    "path": "coverage/index.html",
    "pretty_path": "coverage/index.html",
    "node_index": 0,
    "url": "https://output.circle-artifacts.com/output/job/1/artifacts/0/coverage/index.html",
}

ROWS = [
    Row(
        lambda ci: ci.get_current_user(),
        "GET",
        "/me",
        {"login": "ada", "name": None, "all_emails": ["ada@acme.example"], "days_left_in_trial": -9, "new_key": 1},
        User(login="ada", all_emails=("ada@acme.example",), days_left_in_trial=-9),
    ),
    Row(
        lambda ci: ci.list_projects(),
        "GET",
        "/projects",
        [
            {
                "vcs_url": "https://github.com/acme/web",
                "branches": {"fix%2F1%2E2": {"recent_builds": [{"build_num": 4, "outcome": "success"}]}},
            }
        ],
        [
            Project(
                vcs_url="https://github.com/acme/web",
                branches={"fix/1.2": Branch(recent_builds=(BranchBuild(build_num=4, outcome=Outcome.SUCCESS),))},
            )
        ],
    ),
    Row(lambda ci: ci.list_projects(shallow=True), "GET", "/projects?shallow=true", [], []),
    Row(lambda ci: ci.list_project_builds(PROJECT), "GET", f"{PATH}?limit=30&offset=0", [BUILD], [TYPED_BUILD]),
    Row(
        lambda ci: ci.list_project_builds(PROJECT, filter="failed", limit=1, offset=2, shallow=False),
        "GET",
        f"{PATH}?limit=1&offset=2&filter=failed&shallow=false",
        [],
        [],
    ),
    Row(
        lambda ci: ci.list_project_builds(PROJECT, branch="feature/x"),
        "GET",
        f"{PATH}/tree/feature%2Fx?limit=30&offset=0",
        [],
        [],
    ),
    Row(lambda ci: ci.list_recent_builds(), "GET", "/recent-builds?limit=30&offset=0", [BUILD], [TYPED_BUILD]),
    Row(
        lambda ci: ci.list_recent_builds(limit=100, offset=5, shallow=True),
        "GET",
        "/recent-builds?limit=100&offset=5&shallow=true",
        [],
        [],
    ),
    Row(lambda ci: ci.trigger_build(PROJECT), "POST", PATH, BUILD, TYPED_BUILD, status=201),
    Row(
        lambda ci: ci.trigger_build(
            PROJECT, branch="main", revision="c0ffee", parallel=2, build_parameters={"FULL": "1"}, job="test"
        ),
        "POST",
        PATH,
        BUILD,
        TYPED_BUILD,
        {"branch": "main", "revision": "c0ffee", "parallel": 2, "build_parameters": {"FULL": "1"}, "job": "test"},
        201,
    ),
    Row(lambda ci: ci.trigger_build(PROJECT, tag="v1"), "POST", PATH, BUILD, TYPED_BUILD, {"tag": "v1"}, 201),
    Row(
        lambda ci: ci.trigger_branch_build(PROJECT, "a b#1?x"),
        "POST",
        f"{PATH}/tree/a%20b%231%3Fx",
        BUILD,
        TYPED_BUILD,
        status=201,
    ),
    Row(
        lambda ci: ci.trigger_branch_build(PROJECT, "main", revision="c0ffee", parallel=3, build_parameters={"A": "b"}),
        "POST",
        f"{PATH}/tree/main",
        BUILD,
        TYPED_BUILD,
        {"revision": "c0ffee", "parallel": 3, "build_parameters": {"A": "b"}},
        201,
    ),
    Row(
        lambda ci: ci.get_build(PROJECT, 7),
        "GET",
        f"{PATH}/7",
        {"build_num": 7, "steps": [{"name": "Tests", "actions": [{"name": "Tests", "step": 102, "exit_code": 1}]}]},
        BuildDetail(build_num=7, steps=(Step(name="Tests", actions=(Action(name="Tests", step=102, exit_code=1),)),)),
    ),
    Row(lambda ci: ci.retry_build(PROJECT, 6), "POST", f"{PATH}/6/retry", BUILD, TYPED_BUILD),
    Row(lambda ci: ci.retry_build_with_ssh(PROJECT, 6), "POST", f"{PATH}/6/ssh", BUILD, TYPED_BUILD),
    Row(lambda ci: ci.add_ssh_users(PROJECT, 7), "POST", f"{PATH}/7/ssh-users", BUILD, TYPED_BUILD),
    Row(
        lambda ci: ci.trigger_pipeline(PROJECT, branch="main", revision="c0ffee"),
        "POST",
        f"{PATH}/build",
        {"status": 200, "body": "Build created"},
        PipelineResult(status=200, body="Build created"),
        {"branch": "main", "revision": "c0ffee"},
    ),
    Row(
        lambda ci: ci.trigger_pipeline(PROJECT, tag="v1"),
        "POST",
        f"{PATH}/build",
        {"status": 201},
        PipelineResult(status=201),
        {"tag": "v1"},
    ),
    Row(
        lambda ci: ci.builds_for_commit(PROJECT, "C0FFEE7", branch="main"),
        "GET",
        f"{PATH}/tree/main?limit=100&offset=0",
        [{**BUILD, "build_num": 8}, {**BUILD, "vcs_revision": "c0ffee70"}],
        [attrs.evolve(TYPED_BUILD, vcs_revision="c0ffee70")],
    ),
    Row(
        lambda ci: ci.builds_for_workflow(PROJECT, RUN.upper(), branch="main"),
        "GET",
        f"{PATH}/tree/main?limit=100&offset=0",
        [{**BUILD, "build_num": 8}, {**BUILD, "workflows": {"workflow_id": RUN}}],
        [attrs.evolve(TYPED_BUILD, workflows=Workflow(workflow_id=RUN))],
    ),
    Row(lambda ci: ci.cancel_build(PROJECT, 7), "POST", f"{PATH}/7/cancel", BUILD, TYPED_BUILD),
    Row(
        lambda ci: ci.list_build_artifacts(PROJECT, 7), "GET", f"{PATH}/7/artifacts", [ARTIFACT], [Artifact(**ARTIFACT)]
    ),
    Row(lambda ci: ci.list_latest_artifacts(PROJECT), "GET", f"{PATH}/latest/artifacts", [], []),
    Row(
        lambda ci: ci.list_latest_artifacts(PROJECT, branch="ünï", filter="running"),
        "GET",
        f"{PATH}/latest/artifacts?branch=%C3%BCn%C3%AF&filter=running",
        [ARTIFACT],
        [Artifact(**ARTIFACT)],
    ),
    Row(
        lambda ci: ci.list_build_tests(PROJECT, 7),
        "GET",
        f"{PATH}/7/tests",
        {"tests": [{"name": "it adds", "result": "failure", "run_time": 1, "message": "2 != 3"}], "exceptions": []},
        [TestMetadata(name="it adds", result=TestResult.FAILURE, run_time=1.0, message="2 != 3")],
    ),
    Row(
        lambda ci: ci.list_failed_tests(PROJECT, 7),
        "GET",
        f"{PATH}/7/tests",
        {"tests": [{"name": "it adds", "result": "failure"}, {"name": "it is", "result": "success"}], "exceptions": []},
        [TestMetadata(name="it adds", result=TestResult.FAILURE)],
    ),
    Row(
        lambda ci: ci.delete_ssh_key(PROJECT, hostname="", fingerprint="c9:0b"),
        "DELETE",
        f"{PATH}/ssh-key",
        "",
        None,
        {"hostname": "", "fingerprint": "c9:0b"},
    ),
    Row(
        lambda ci: ci.add_ssh_key(PROJECT, hostname="deploy.acme.example", private_key="-----BEGIN KEY-----"),
        "POST",
        f"{PATH}/ssh-key",
        "",
        None,
        {"hostname": "deploy.acme.example", "private_key": "-----BEGIN KEY-----"},
    ),
    Row(lambda ci: ci.list_checkout_keys(PROJECT), "GET", f"{PATH}/checkout-key", [KEY], [TYPED_KEY]),
    Row(
        lambda ci: ci.list_checkout_keys(PROJECT, digest="sha256"), "GET", f"{PATH}/checkout-key?digest=sha256", [], []
    ),
    Row(
        lambda ci: ci.create_checkout_key(PROJECT, "deploy-key"),
        "POST",
        f"{PATH}/checkout-key",
        KEY,
        TYPED_KEY,
        {"type": "deploy-key"},
        201,
    ),
    Row(
        lambda ci: ci.get_checkout_key(PROJECT, "SHA256:ab/c+d="),
        "GET",
        f"{PATH}/checkout-key/SHA256%3Aab%2Fc%2Bd%3D",
        KEY,
        TYPED_KEY,
    ),
    Row(
        lambda ci: ci.delete_checkout_key(PROJECT, "c9:0b"),
        "DELETE",
        f"{PATH}/checkout-key/c9%3A0b",
        {"message": "ok"},
        Message(message="ok"),
    ),
    Row(
        lambda ci: ci.follow_project("circleci/43G3kM5RtfFE/7v5sa4nWAU"),
        "POST",
        "/project/circleci/43G3kM5RtfFE/7v5sa4nWAU/follow",
        {"following": True, "workflow": False, "first_build": None},
        FollowResult(following=True, workflow=False),
    ),
    Row(
        lambda ci: ci.unfollow_project(PROJECT),
        "POST",
        f"{PATH}/unfollow",
        {"following": False},
        FollowResult(following=False),
    ),
    Row(
        lambda ci: ci.enable_project(PROJECT),
        "POST",
        f"{PATH}/enable",
        {"vcs-type": "github", "reponame": "web", "following": False},
        ProjectSettings(vcs_type=VcsType.GITHUB, reponame="web", following=False),
    ),
    Row(
        lambda ci: ci.disable_project(PROJECT),
        "DELETE",
        f"{PATH}/enable",
        {"vcs-type": "github", "reponame": "web", "following": True},
        ProjectSettings(vcs_type=VcsType.GITHUB, reponame="web", following=True),
    ),
    Row(
        lambda ci: ci.get_project_settings(PROJECT),
        "GET",
        f"{PATH}/settings?skip-branches=true",
        {"vcs-type": "github", "reponame": "web", "following": True, "feature_flags": {"build-fork-prs": False}},
        ProjectSettings(
            vcs_type=VcsType.GITHUB, reponame="web", following=True, feature_flags={"build-fork-prs": False}
        ),
    ),
    Row(
        lambda ci: ci.get_project_settings(PROJECT, ssh_key_digest="sha256"),
        "GET",
        f"{PATH}/settings?skip-branches=true&ssh-key-digest=sha256",
        {"ssh_keys": [{"hostname": "", "fingerprint": "SHA256:NPj4IcXxqQEKGXOghi/QbG2sohoNfvZ30JwCcdSSNM0"}]},
        ProjectSettings(
            ssh_keys=(SSHKey(hostname="", fingerprint="SHA256:NPj4IcXxqQEKGXOghi/QbG2sohoNfvZ30JwCcdSSNM0"),)
        ),
    ),
    Row(
        lambda ci: ci.update_project_settings(PROJECT, feature_flags={"build-fork-prs": True}),
        "PUT",
        f"{PATH}/settings",
        "",
        None,
        {"feature_flags": {"build-fork-prs": True}},
    ),
    Row(
        lambda ci: ci.clear_build_cache(PROJECT),
        "DELETE",
        f"{PATH}/build-cache",
        {"status": "build dependency caches deleted"},
        CacheResult(status="build dependency caches deleted"),
    ),
    Row(lambda ci: ci.add_heroku_key("secret"), "POST", "/user/heroku-key", "", None, {"apikey": "secret"}),
    Row(
        lambda ci: ci.list_env_vars(PROJECT),
        "GET",
        f"{PATH}/envvar",
        [{"name": "TOKEN", "value": "xxxx1234"}],
        [EnvVar(name="TOKEN", value="xxxx1234")],
    ),
    Row(
        lambda ci: ci.get_env_var(PROJECT, "TOKEN"),
        "GET",
        f"{PATH}/envvar/TOKEN",
        {"name": "TOKEN", "value": "xxxx1234"},
        EnvVar(name="TOKEN", value="xxxx1234"),
    ),
    Row(
        lambda ci: ci.add_env_var(PROJECT, "TOKEN", "secret1234"),
        "POST",
        f"{PATH}/envvar",
        {"name": "TOKEN", "value": "xxxx1234"},
        EnvVar(name="TOKEN", value="xxxx1234"),
        {"name": "TOKEN", "value": "secret1234"},
        201,
    ),
    Row(
        lambda ci: ci.delete_env_var(PROJECT, "A/B"),
        "DELETE",
        f"{PATH}/envvar/A%2FB",
        {"message": "ok"},
        Message(message="ok"),
    ),
    Row(
        lambda ci: ci.list_project_tokens(PROJECT),
        "GET",
        f"{PATH}/token",
        [{"id": "1a", "label": "badge", "scope": "status", "token": None}],
        [ProjectToken(id="1a", label="badge", scope=TokenScope.STATUS)],
    ),
    Row(
        lambda ci: ci.create_project_token(PROJECT, scope=TokenScope.VIEW_BUILDS, label="bot"),
        "POST",
        f"{PATH}/token",
        {"id": "1a", "label": "bot", "scope": "view-builds", "token": "secret"},
        ProjectToken(id="1a", label="bot", scope=TokenScope.VIEW_BUILDS, token="secret"),
        {"scope": "view-builds", "label": "bot"},
        201,
    ),
    Row(lambda ci: ci.delete_project_token(PROJECT, "1a"), "DELETE", f"{PATH}/token/1a", {"message": "ok"}, None),
]
