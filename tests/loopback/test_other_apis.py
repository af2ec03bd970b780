"""Requests to API versions beside v1.1."""

import pytest
from script_server import ScriptServer, reply

from circleci_v1_async import (
    CircleCISession,
    InvalidInputError,
    ProjectSlug,
    Request,
    RetryPolicy,
    ServerError,
)

RERUN = Request("POST", "/api/v2/workflow/{id}/rerun", {"id": "8b3f 1c9e"}, body={"from_failed": True})


async def test_a_path_in_api_is_sent_below_what_stands_before_the_api_in_the_base_url() -> None:
    async with ScriptServer(reply(202, {"workflow_id": "a"})) as server:
        origin = server.base_url.removesuffix("/api/v1.1")
        for prefix in ("", "/circle/ci"):
            async with CircleCISession("a-token", base_url=f"{origin}{prefix}/api/v1.1") as ci:
                assert await ci.send(RERUN) == {"workflow_id": "a"}
        assert [request.target for request in server.requests] == [
            "/api/v2/workflow/8b3f%201c9e/rerun",
            "/circle/ci/api/v2/workflow/8b3f%201c9e/rerun",
        ]
        assert {request.headers["Circle-Token"] for request in server.requests} == {"a-token"}
        assert {request.body for request in server.requests} == {b'{"from_failed":true}'}


@pytest.mark.parametrize("path", ["", "/v1.1", "/api/v1", "/api/v1.1/project"])
async def test_a_base_url_that_does_not_tell_where_other_apis_are_is_refused_before_any_request(path: str) -> None:
    async with ScriptServer() as server:
        base_url = server.base_url.removesuffix("/api/v1.1") + (path or "/proxy")
        async with CircleCISession(base_url=base_url) as ci:
            for send in (ci.send, ci.send_raw):
                with pytest.raises(InvalidInputError, match="expected a base_url that ends in"):
                    await send(RERUN)
        assert server.requests == []


def test_a_slug_fills_the_project_of_another_api_too() -> None:
    request = Request("GET", "/api/v2/project/{project}/settings", {"project": "gh/acme/web"})
    assert request.path_values == {"project": ProjectSlug("github", "acme", "web")}
    assert request.target == "/api/v2/project/github/acme/web/settings"
    with pytest.raises(InvalidInputError, match="expected a project"):
        Request("GET", "/api/v2/project/{project}", {"project": "web"})


async def test_retries_and_redaction_are_as_always() -> None:
    async with ScriptServer(reply(503, {"message": "no a-token"})) as server:
        async with CircleCISession("a-token", base_url=server.base_url, retry=RetryPolicy(base=0)) as ci:
            with pytest.raises(ServerError) as caught:
                await ci.send(Request("GET", "/api/v2/me"))
            assert len(server.requests) == caught.value.attempts == 3
            assert "a-token" not in str(caught.value)
            with pytest.raises(ServerError):
                await ci.send(RERUN)
            assert len(server.requests) == 4
