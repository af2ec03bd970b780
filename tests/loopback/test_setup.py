"""What a project is set up with, and pipelines whose replies have a status of their own."""

from collections.abc import AsyncIterator

import pytest
from fake_clock import FakeClock, use
from script_server import ScriptServer, reply

from circleci_v1_async import (
    BadRequestError,
    CircleCISession,
    DecodeError,
    EnvVar,
    GoneError,
    InvalidInputError,
    NotFoundError,
    PipelineResult,
    RateLimitError,
    Request,
    ServerError,
    StatusError,
    TokenScope,
    dumps,
)
from circleci_v1_async.testing import FakeCircleCI

WEB = "github/acme/web"
PRIVATE_KEY = "-----BEGIN RSA PRIVATE KEY-----\n"


@pytest.fixture
async def fake() -> AsyncIterator[FakeCircleCI]:
    async with FakeCircleCI() as fake:
        fake.add_project(WEB)
        yield fake


# Environment variables.


async def test_a_variable_is_added_listed_got_changed_and_deleted(ci: CircleCISession) -> None:
    assert await ci.list_env_vars(WEB) == []
    assert await ci.add_env_var(WEB, "TOKEN", "a-long-value") == EnvVar(name="TOKEN", value="xxxxalue")
    assert await ci.add_env_var(WEB, "TOKEN", "bar") == EnvVar(name="TOKEN", value="xxxxr")
    assert await ci.list_env_vars(WEB) == [EnvVar(name="TOKEN", value="xxxxr")]
    assert await ci.get_env_var(WEB, "TOKEN") == EnvVar(name="TOKEN", value="xxxxr")
    assert (await ci.delete_env_var(WEB, "TOKEN")).message == "ok"
    for call in (ci.get_env_var, ci.delete_env_var):
        with pytest.raises(NotFoundError, match="env var not found"):
            await call(WEB, "TOKEN")


async def test_a_name_with_a_slash_stays_one_segment(fake: FakeCircleCI, ci: CircleCISession) -> None:
    fake.add_env_var(WEB, "A/B?", "x")
    assert (await ci.get_env_var(WEB, "A/B?")).name == "A/B?"


# Tokens.


async def test_a_token_is_made_listed_without_itself_and_deleted(ci: CircleCISession) -> None:
    created = await ci.create_project_token(WEB, scope="view-builds", label="bot")
    assert (created.scope, created.label) == (TokenScope.VIEW_BUILDS, "bot")
    (listed,) = await ci.list_project_tokens(WEB)
    assert (listed.id, listed.scope, listed.label, listed.token) == (created.id, created.scope, "bot", None)
    await ci.delete_project_token(WEB, created.id)
    assert await ci.list_project_tokens(WEB) == []
    with pytest.raises(NotFoundError):
        await ci.delete_project_token(WEB, created.id)


async def test_a_new_token_shows_itself_only_to_those_who_ask(ci: CircleCISession) -> None:
    created = await ci.create_project_token(WEB, scope=TokenScope.ALL, label="bot")
    token = str(created.token)
    assert token.startswith("fake-project-token-")
    assert token not in f"{created!r} {created} {created.token!r} {[created.token]}"
    assert token.encode() in dumps(created)
    assert CircleCISession(created.token)._caller.transport.token.reveal() == token


async def test_a_reply_without_the_token_gives_none() -> None:
    async with ScriptServer(reply(201, {"id": "1a"})) as server, CircleCISession(base_url=server.base_url) as ci:
        assert (await ci.create_project_token(WEB, scope="all", label="bot")).token is None


async def test_a_scope_that_is_not_known_is_kept_in_lists() -> None:
    async with (
        ScriptServer(reply(200, [{"scope": "admin"}])) as server,
        CircleCISession(base_url=server.base_url) as ci,
    ):
        (token,) = await ci.list_project_tokens(WEB)
    assert token.scope == "admin"


# Keys, settings and the rest.


async def test_an_ssh_key_is_deleted_by_its_host_and_fingerprint(ci: CircleCISession) -> None:
    for hostname in ("deploy.example", ""):
        await ci.add_ssh_key(WEB, hostname=hostname, private_key=PRIVATE_KEY)
    key, _ = (await ci.get_project_settings(WEB)).ssh_keys
    assert key.fingerprint is not None
    await ci.delete_ssh_key(WEB, hostname="deploy.example", fingerprint=key.fingerprint)
    assert [left.hostname for left in (await ci.get_project_settings(WEB)).ssh_keys] == [""]
    with pytest.raises(NotFoundError):
        await ci.delete_ssh_key(WEB, hostname="deploy.example", fingerprint=key.fingerprint)


async def test_settings_are_read_and_changed(ci: CircleCISession) -> None:
    before = await ci.get_project_settings(WEB)
    assert (str(before.slug), before.vcs_type, before.following) == (WEB, "github", True)
    assert before.feature_flags is not None
    assert "build-fork-prs" not in before.feature_flags
    await ci.update_project_settings(WEB, feature_flags={"build-fork-prs": True})
    after = await ci.get_project_settings(WEB)
    assert after.feature_flags == {**before.feature_flags, "build-fork-prs": True}


async def test_settings_come_without_branches_for_those_who_ask_so(fake: FakeCircleCI, ci: CircleCISession) -> None:
    fake.add_build(WEB)
    whole = await ci.send(Request("GET", f"/project/{WEB}/settings"))
    assert set(whole["branches"]) == {"main"}
    assert whole["vcs-type"] == "github"
    await ci.get_project_settings(WEB)
    assert fake.requests[-1].query == (("skip-branches", "true"),)


async def test_whoever_unfollows_a_project_sees_it_no_more(ci: CircleCISession) -> None:
    assert (await ci.unfollow_project(WEB)).following is False
    assert await ci.list_projects() == []


async def test_a_servers_former_word_for_following_is_read_when_unfollowing() -> None:
    async with ScriptServer(reply(200, {"followed": False})) as server, CircleCISession(base_url=server.base_url) as ci:
        assert (await ci.unfollow_project(WEB)).following is False


async def test_a_cache_is_cleared(ci: CircleCISession) -> None:
    assert (await ci.clear_build_cache(WEB)).status == "build dependency caches deleted"


async def test_the_users_heroku_key_is_set(ci: CircleCISession) -> None:
    await ci.add_heroku_key("a-heroku-key")
    assert (await ci.get_current_user()).heroku_api_key == "a-heroku-key"


async def test_the_user_gets_into_a_build_by_ssh(fake: FakeCircleCI, ci: CircleCISession) -> None:
    fake.add_build(WEB, status="running")
    (user,) = (await ci.add_ssh_users(WEB, 1)).ssh_users
    assert (user.login, user.type) == ("ada", "github")
    again = await ci.retry_build_with_ssh(WEB, 1)
    assert (again.retry_of, len(again.ssh_users), again.ssh_disabled) == (1, 1, False)
    assert (await ci.retry_build(WEB, 1)).ssh_users == ()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/envvar", {"name": "A"}),
        ("POST", "/envvar", {"name": "A", "value": 1}),
        ("POST", "/token", {"scope": "admin", "label": "bot"}),
        ("POST", "/token", {"scope": "all"}),
        ("DELETE", "/ssh-key", {"hostname": ""}),
        ("PUT", "/settings", {}),
        ("PUT", "/settings", {"feature_flags": ["build-fork-prs"]}),
    ],
)
async def test_the_fake_refuses_a_body_without_meaning(ci: CircleCISession, method: str, path: str, body: dict) -> None:
    with pytest.raises(BadRequestError):
        await ci.send(Request(method, f"/project/{WEB}{path}", body=body, idempotent=False))


async def test_what_a_project_is_set_up_with_is_shown_to_nobody_without_a_token(fake: FakeCircleCI) -> None:
    fake.add_project("gh/acme/open", public=True)
    async with CircleCISession(base_url=fake.base_url) as anonymous:
        for call in (anonymous.list_env_vars, anonymous.list_project_tokens, anonymous.get_project_settings):
            with pytest.raises(StatusError, match="answered 401"):
                await call("gh/acme/open")


# Pipelines.


async def test_a_pipeline_is_triggered_and_starts_builds(ci: CircleCISession) -> None:
    assert await ci.trigger_pipeline(WEB, branch="dev") == PipelineResult(status=200, body="Build created")
    (build,) = await ci.list_project_builds(WEB)
    assert (build.branch, build.why) == ("dev", "api")


async def test_an_error_within_a_success_is_an_error(ci: CircleCISession) -> None:
    # Past the session's own check, of which the fake knows nothing.
    request = Request("POST", f"/project/{WEB}/build", body={"tag": "v1", "branch": "main"}, returns=PipelineResult)
    with pytest.raises(BadRequestError, match=r"answered 400: Only one of branch, revision and tag") as caught:
        await ci.send(request)
    assert (caught.value.status, caught.value.attempts, caught.value.request.body) == (400, 1, None)
    assert caught.value.request_id is not None
    assert await ci.list_project_builds(WEB) == []


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, StatusError),
        (404, NotFoundError),
        (410, GoneError),
        (500, ServerError),
        (302, StatusError),
        (0, StatusError),
    ],
)
async def test_whatever_is_no_success_within_is_the_error_of_its_status_and_is_sent_once(
    status: int, kind: type[StatusError]
) -> None:
    async with ScriptServer(reply(200, {"status": status, "body": "No."})) as server:
        async with CircleCISession("token-nobody-sees", base_url=server.base_url) as ci:
            with pytest.raises(kind, match=f"answered {status}: No"):
                await ci.trigger_pipeline(WEB)
        assert len(server.requests) == 1


async def test_a_429_within_is_waited_out_like_any_other() -> None:
    script = [reply(200, {"status": 429}, [("Retry-After", "2")]), reply(200, {"status": 201})]
    clock = FakeClock()
    async with ScriptServer(*script) as server, CircleCISession(base_url=server.base_url) as ci:
        assert (await use(ci, clock).trigger_pipeline(WEB)).status == 201
    assert clock.slept == [2.0]


async def test_a_429_within_that_lasts_says_how_often_it_was_tried() -> None:
    async with ScriptServer(reply(200, {"status": 429, "body": "Slow down"})) as server:
        async with CircleCISession(base_url=server.base_url) as ci:
            with pytest.raises(RateLimitError, match="Slow down") as caught:
                await use(ci, FakeClock()).trigger_pipeline(WEB)
    # It has waited for as long as a call waits because of 429s.
    assert caught.value.attempts == len(server.requests) == 7


async def test_a_message_within_is_told_without_the_token() -> None:
    async with ScriptServer(reply(200, {"status": 400, "body": "Not with token-nobody-sees"})) as server:
        async with CircleCISession("token-nobody-sees", base_url=server.base_url) as ci:
            with pytest.raises(BadRequestError, match=r"Not with \*\*\*"):
                await ci.trigger_pipeline(WEB)


@pytest.mark.parametrize("body", [{}, {"status": "200"}, {"body": "Build created"}, {"status": None}])
async def test_a_reply_that_does_not_say_how_it_went_is_none(body: dict) -> None:
    async with ScriptServer(reply(200, body)) as server, CircleCISession(base_url=server.base_url) as ci:
        with pytest.raises(DecodeError, match="executed the request"):
            await ci.trigger_pipeline(WEB)


async def test_a_secret_that_is_refused_is_not_shown(ci: CircleCISession) -> None:
    for call in (ci.add_env_var(WEB, "A", ["shown"]), ci.add_heroku_key(b"shown")):
        with pytest.raises(InvalidInputError) as caught:
            await call
        assert "shown" not in str(caught.value)
