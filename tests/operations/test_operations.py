import inspect

import pytest
from faults.scenes import facing
from operation_rows import PROJECT, ROWS, Row
from script_server import ScriptServer, reply

from circleci_v1_async import CircleCISession, DecodeError, InvalidInputError, Request

# Not one request each: test_watching.py, test_workflows.py, test_downloads.py and test_logs.py are about them.
NO_OPERATIONS = {
    *("send", "send_raw", "close", "download_artifact", "get_build_log", "save_build_log"),
    "save_output",
    *("wait_for_build", "wait_for_commit", "wait_for_workflow", "builds_for_pull_request", "find_latest_build"),
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.operation}: {row.method} {row.target}")
async def test_an_operation_sends_exactly_its_request_and_returns_its_typed_result(row: Row) -> None:
    async with ScriptServer(reply(row.status, row.reply)) as server, CircleCISession(base_url=server.base_url) as ci:
        assert await row.call(ci) == row.result
    (request,) = server.requests
    assert (request.method, request.target, request.json) == (row.method, f"/api/v1.1{row.target}", row.body)


@pytest.mark.fault(33)
@pytest.mark.parametrize("row", [row for row in ROWS if row.result is not None], ids=lambda row: row.target)
async def test_json_of_another_shape_than_promised_is_a_decode_error_at_its_top(row: Row) -> None:
    for value in ({} if isinstance(row.reply, list) else [], "text", 5, 0.5, True, None):
        async with facing(reply(row.status, value)) as scene:
            with pytest.raises(DecodeError) as caught:
                await row.call(scene.ci)
        assert caught.value.path == "$"
        assert len(scene.server.requests) == 1


def test_every_public_coroutine_has_a_row() -> None:
    coroutines = {
        name
        for name, member in inspect.getmembers(CircleCISession, inspect.iscoroutinefunction)
        if not name.startswith("_")
    }
    assert coroutines - NO_OPERATIONS == {row.operation for row in ROWS}


BAD_CALLS = {
    "limit 0": (lambda ci: ci.list_project_builds(PROJECT, limit=0), "limit: expected an integer from 1 to 100"),
    "limit 101": (lambda ci: ci.list_recent_builds(limit=101), "limit: expected an integer from 1 to 100"),
    "limit True": (lambda ci: ci.list_recent_builds(limit=True), "limit: expected an integer from 1 to 100"),
    "limit '9'": (lambda ci: ci.list_recent_builds(limit="9"), "limit: expected an integer from 1 to 100"),
    "offset -1": (lambda ci: ci.list_recent_builds(offset=-1), "offset: expected an integer from 0"),
    "unknown filter": (
        lambda ci: ci.list_project_builds(PROJECT, filter="passing"),
        "filter: expected 'completed' or 'successful' or 'failed' or 'running', got 'passing'",
    ),
    "revision and tag": (
        lambda ci: ci.trigger_build(PROJECT, revision="a", tag="b"),
        "expected revision or tag, got both",
    ),
    "parallel 0": (lambda ci: ci.trigger_build(PROJECT, parallel=0), "parallel: expected an integer from 1"),
    "empty revision": (
        lambda ci: ci.trigger_branch_build(PROJECT, "main", revision=""),
        "revision: expected a non-empty",
    ),
    "empty branch": (lambda ci: ci.trigger_branch_build(PROJECT, ""), "branch: expected a non-empty string"),
    "empty listed branch": (
        lambda ci: ci.list_project_builds(PROJECT, branch=""),
        "branch: expected a non-empty string",
    ),
    "dotted fingerprint": (
        lambda ci: ci.delete_checkout_key(PROJECT, ".."),
        "fingerprint: expected a non-empty string",
    ),
    "build_num 0": (lambda ci: ci.get_build(PROJECT, 0), "build_num: expected an integer from 1, got 0"),
    "build_num None": (lambda ci: ci.get_build(PROJECT, None), "build_num: expected an integer from 1, got None"),
    "no slug": (lambda ci: ci.get_build("acme/web", 1), "expected a project as 'github/org/repo'"),
    "no string": (lambda ci: ci.follow_project(7), "expected a project as 'github/org/repo'"),
    "unknown digest": (lambda ci: ci.list_checkout_keys(PROJECT, digest="sha1"), "digest: expected 'md5' or 'sha256'"),
    "unknown key type": (
        lambda ci: ci.create_checkout_key(PROJECT, "ssh-key"),
        "type: expected 'deploy-key' or 'github-user-key'",
    ),
    "empty key": (
        lambda ci: ci.add_ssh_key(PROJECT, hostname="h", private_key=""),
        "private_key: expected a key in PEM",
    ),
    "a number as parameter": (
        lambda ci: ci.trigger_build(PROJECT, build_parameters={"A": 1}),
        "build_parameters: expected a mapping of strings to strings",
    ),
    "a list as parameters": (
        lambda ci: ci.trigger_branch_build(PROJECT, "main", build_parameters=["A"]),
        "build_parameters: expected a mapping of strings to strings",
    ),
    "tag and branch": (
        lambda ci: ci.trigger_pipeline(PROJECT, tag="v1", branch="main"),
        "expected tag, or branch and revision, got both",
    ),
    "tag and revision": (
        lambda ci: ci.trigger_pipeline(PROJECT, tag="v1", revision="c0ffee"),
        "expected tag, or branch and revision, got both",
    ),
    "no hash": (lambda ci: ci.builds_for_commit(PROJECT, "main"), "sha: expected 7 or more hexadecimal digits"),
    "six digits": (lambda ci: ci.builds_for_commit(PROJECT, "c0ffee"), "sha: expected 7 or more hexadecimal digits"),
    "too many digits": (lambda ci: ci.builds_for_commit(PROJECT, "c" * 65), "sha: expected 7 or more hexadecimal"),
    "bytes for a hash": (lambda ci: ci.builds_for_commit(PROJECT, b"c0ffee7"), "sha: expected 7 or more hexadecimal"),
    "limit -1 on a commit": (
        lambda ci: ci.builds_for_commit(PROJECT, "c" * 40, limit=-1),
        "limit: expected an integer",
    ),
    "a workflow's name": (
        lambda ci: ci.builds_for_workflow(PROJECT, "build-and-test"),
        "workflow_id: expected a UUID such as",
    ),
    "no workflow": (lambda ci: ci.wait_for_workflow(PROJECT, ""), "workflow_id: expected a UUID such as"),
    "a branch to wait for": (lambda ci: ci.wait_for_commit(PROJECT, "main"), "sha: expected 7 or more hexadecimal"),
    "no commit": (lambda ci: ci.wait_for_commit(PROJECT, ""), "sha: expected 7 or more hexadecimal digits"),
    "no hostname": (
        lambda ci: ci.add_ssh_key(PROJECT, hostname=None, private_key="k"),
        "hostname: expected a string, got None",
    ),
    "no hostname to delete": (
        lambda ci: ci.delete_ssh_key(PROJECT, hostname=None, fingerprint="c9"),
        "hostname: expected a string, got None",
    ),
    "no fingerprint": (
        lambda ci: ci.delete_ssh_key(PROJECT, hostname="", fingerprint=""),
        "fingerprint: expected a non-empty string, got ''",
    ),
    "nameless variable": (lambda ci: ci.add_env_var(PROJECT, "", "v"), "name: expected a non-empty string, got ''"),
    "a name and a value": (
        lambda ci: ci.add_env_var(PROJECT, "TOKEN=abc", "v"),
        r"name: expected letters, digits and underscores, not a digit first, got 'TOKEN=\*\*\*'",
    ),
    "a digit first": (lambda ci: ci.add_env_var(PROJECT, "1A", "v"), "not a digit first, got '1A'"),
    "a name with a line": (lambda ci: ci.add_env_var(PROJECT, "A\n", "v"), r"got 'A\\n'"),
    "a name with an umlaut": (lambda ci: ci.add_env_var(PROJECT, "\u00c4", "v"), "expected letters, digits"),
    "a build at a bad address": (lambda ci: ci.get_build("http://[bad"), "expected a project as 'github/org/repo'"),
    "empty value": (lambda ci: ci.add_env_var(PROJECT, "A", ""), "value: expected the value of the variable"),
    "a number as value": (lambda ci: ci.add_env_var(PROJECT, "A", 5), "value: expected the value of the variable"),
    "nameless variable to get": (lambda ci: ci.get_env_var(PROJECT, ""), "name: expected a non-empty string"),
    "empty Heroku key": (lambda ci: ci.add_heroku_key(""), "apikey: expected a Heroku API key"),
    "unknown scope": (
        lambda ci: ci.create_project_token(PROJECT, scope="admin", label="bot"),
        "scope: expected 'status' or 'view-builds' or 'all', got 'admin'",
    ),
    "no scope": (
        lambda ci: ci.create_project_token(PROJECT, scope=None, label="bot"),
        "scope: expected a non-empty string, got None",
    ),
    "no label": (
        lambda ci: ci.create_project_token(PROJECT, scope="all", label=""),
        "label: expected a non-empty string, got ''",
    ),
    "token without id": (lambda ci: ci.delete_project_token(PROJECT, ""), "token_id: expected a non-empty string"),
    "flags in snake case": (
        lambda ci: ci.update_project_settings(PROJECT, feature_flags={"build_fork_prs": True}),
        "feature_flags: expected a mapping from names in kebab case",
    ),
    "no flags": (
        lambda ci: ci.update_project_settings(PROJECT, feature_flags={}),
        "feature_flags: expected a mapping from names in kebab case",
    ),
    "flags without values": (
        lambda ci: ci.update_project_settings(PROJECT, feature_flags=["build-fork-prs"]),
        "feature_flags: expected a mapping from names in kebab case",
    ),
    "a body that JSON has no form for": (
        lambda ci: ci.send(Request("POST", "/x", body={"a": object()})),
        "body: expected values that JSON can hold",
    ),
    "a type that nothing decodes into": (
        lambda ci: ci.send(Request("GET", "/x", returns=object())),
        "returns: expected a model",
    ),
}


@pytest.mark.fault(45)
@pytest.mark.parametrize("name", BAD_CALLS)
async def test_a_bad_argument_is_refused_before_any_request_and_says_what_was_expected(name: str) -> None:
    call, expected = BAD_CALLS[name]
    async with ScriptServer(reply(200, [])) as server, CircleCISession(base_url=server.base_url) as ci:
        with pytest.raises(InvalidInputError, match=expected.replace("(", r"\(")):
            await call(ci)
    assert server.requests == []


def test_a_walk_refuses_bad_arguments_without_a_loop() -> None:
    ci = CircleCISession()
    with pytest.raises(InvalidInputError, match="filter"):
        ci.iter_project_builds(PROJECT, filter="passing")
    with pytest.raises(InvalidInputError, match="page_size"):
        ci.iter_recent_builds(page_size=101)
