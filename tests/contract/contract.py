"""openapi.yml as something that exchanges can be held against, and the exchanges."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
import attrs
import yaml
from openapi_core import Config, OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest, MockResponse
from overlay import JSON, OVERLAY, Deviation, overlaid
from yarl import URL

from circleci_v1_async import CircleCISession
from circleci_v1_async.testing import FakeCircleCI, ReceivedRequest

Call = Callable[[CircleCISession], Awaitable[Any]]

API = "/api/v1.1"
DOCUMENT: JSON = yaml.safe_load(Path(__file__).with_name("openapi.yml").read_text(encoding="utf-8"))

WEB = "github/acme/web"
SITE = "bitbucket/acme/site"
APP = "circleci/43G3kM5RtfFE7v5sa4nWAU/7iPRkJu4GNVHYdjgAsbP9e"
DORMANT = "github/acme/dormant"
STATUSES = (
    *("success", "fixed", "failed", "canceled", "timedout", "no_tests", "infrastructure_fail", "retried"),
    *("running", "queued", "scheduled", "not_running", "not_run"),
)
RUNNING = STATUSES.index("running") + 1
BRANCH = "feature/a b#1?x.ünï"
SHA256 = "ab/c+d="
PRIVATE_KEY = "-----BEGIN RSA PRIVATE KEY-----\n"

# The names of operations, as the document and as Python write them.
METHODS = {
    name.replace("_", ""): name for name in [*dir(CircleCISession), "list_branch_builds"] if not name.startswith("_")
}


async def _delete_the_ssh_key(ci: CircleCISession) -> None:
    (key,) = {(key.hostname, key.fingerprint) for key in (await ci.get_project_settings(WEB)).ssh_keys}
    await ci.delete_ssh_key(WEB, hostname=key[0], fingerprint=key[1])


async def _delete_the_token(ci: CircleCISession) -> None:
    (token,) = await ci.list_project_tokens(WEB)
    await ci.delete_project_token(WEB, token.id)


# At least one call for each operation; together they use every parameter.
CALLS: dict[str, Call] = {
    "get_current_user": lambda ci: ci.get_current_user(),
    "list_projects": lambda ci: ci.list_projects(),
    "list_projects, shallow": lambda ci: ci.list_projects(shallow=True),
    "list_project_builds": lambda ci: ci.list_project_builds(WEB),
    "list_project_builds, a page": lambda ci: ci.list_project_builds(WEB, filter="running", limit=1, offset=2),
    "list_project_builds, shallow": lambda ci: ci.list_project_builds(WEB, shallow=True),
    "list_project_builds, Bitbucket": lambda ci: ci.list_project_builds(SITE),
    "list_project_builds, GitHub App": lambda ci: ci.list_project_builds(APP),
    "list_project_builds, branch": lambda ci: ci.list_project_builds(WEB, branch=BRANCH),
    "list_project_builds, branch, a page": lambda ci: ci.list_project_builds(
        WEB, branch="main", filter="completed", limit=5, offset=2, shallow=False
    ),
    "list_recent_builds": lambda ci: ci.list_recent_builds(limit=5, offset=1),
    "list_recent_builds, shallow": lambda ci: ci.list_recent_builds(limit=5, shallow=True),
    "list_latest_artifacts": lambda ci: ci.list_latest_artifacts(WEB),
    "list_latest_artifacts, filter": lambda ci: ci.list_latest_artifacts(WEB, branch=BRANCH, filter="running"),
    "trigger_build": lambda ci: ci.trigger_build(WEB),
    "trigger_build, revision": lambda ci: ci.trigger_build(
        WEB, branch="main", revision="c" * 40, parallel=2, build_parameters={"DEPLOY": "no"}, job="build"
    ),
    "trigger_build, tag": lambda ci: ci.trigger_build(WEB, tag="v1.0"),
    "trigger_build, nobody follows": lambda ci: ci.trigger_build(DORMANT),
    "trigger_branch_build": lambda ci: ci.trigger_branch_build(
        WEB, BRANCH, revision="c" * 40, parallel=2, build_parameters={"DEPLOY": "no"}
    ),
    "get_build": lambda ci: ci.get_build(WEB, 1),
    "get_build, running": lambda ci: ci.get_build(WEB, RUNNING),
    "get_build, Bitbucket": lambda ci: ci.get_build(SITE, 1),
    "get_build, not run": lambda ci: ci.get_build(DORMANT, 1),
    "retry_build": lambda ci: ci.retry_build(WEB, 3),
    "get_build, the one that was retried": lambda ci: ci.get_build(WEB, 3),
    "cancel_build": lambda ci: ci.cancel_build(WEB, RUNNING),
    "list_build_artifacts": lambda ci: ci.list_build_artifacts(WEB, 1),
    "list_build_tests": lambda ci: ci.list_build_tests(WEB, 1),
    "add_ssh_key": lambda ci: ci.add_ssh_key(WEB, hostname="deploy.example", private_key=PRIVATE_KEY),
    "list_checkout_keys": lambda ci: ci.list_checkout_keys(WEB),
    "list_checkout_keys, digest": lambda ci: ci.list_checkout_keys(WEB, digest="sha256"),
    "create_checkout_key": lambda ci: ci.create_checkout_key(WEB, "github-user-key"),
    "get_checkout_key": lambda ci: ci.get_checkout_key(WEB, SHA256),
    "delete_checkout_key": lambda ci: ci.delete_checkout_key(WEB, SHA256),
    "follow_project": lambda ci: ci.follow_project(DORMANT),
    "unfollow_project": lambda ci: ci.unfollow_project(DORMANT),
    "enable_project": lambda ci: ci.enable_project(SITE),
    "disable_project": lambda ci: ci.disable_project(SITE),
    "retry_build_with_ssh": lambda ci: ci.retry_build_with_ssh(WEB, 3),
    "add_ssh_users": lambda ci: ci.add_ssh_users(WEB, RUNNING),
    "trigger_pipeline": lambda ci: ci.trigger_pipeline(WEB, branch=BRANCH, revision="c" * 40),
    "trigger_pipeline, tag": lambda ci: ci.trigger_pipeline(WEB, tag="v1.0"),
    "get_project_settings": lambda ci: ci.get_project_settings(WEB),
    "update_project_settings": lambda ci: ci.update_project_settings(WEB, feature_flags={"build-fork-prs": True}),
    "delete_ssh_key": _delete_the_ssh_key,
    "clear_build_cache": lambda ci: ci.clear_build_cache(WEB),
    "add_heroku_key": lambda ci: ci.add_heroku_key("heroku"),
    "add_env_var": lambda ci: ci.add_env_var(WEB, "ADDED", "value"),
    "list_env_vars": lambda ci: ci.list_env_vars(WEB),
    "get_env_var": lambda ci: ci.get_env_var(WEB, "ADDED"),
    "delete_env_var": lambda ci: ci.delete_env_var(WEB, "ADDED"),
    "create_project_token": lambda ci: ci.create_project_token(WEB, scope="status", label="badge"),
    "list_project_tokens": lambda ci: ci.list_project_tokens(WEB),
    "delete_project_token": _delete_the_token,
}


def account(fake: FakeCircleCI) -> None:
    """One of everything that a reply may hold."""
    fake.user |= {"name": None}
    for slug in (WEB, SITE, APP):
        fake.add_project(slug)
    fake.add_project(DORMANT, following=False)
    for number, status in enumerate(STATUSES, start=1):
        fake.add_build(WEB, status=status, steps=("checkout", "pytest"))
        fake.add_step(WEB, number, "deploy", output="done\r\n", status="running" if status == "running" else "success")
    fake.add_build(WEB, branch=BRANCH, why="api", workflow=None, status="scheduled")
    fake.add_artifact(WEB, len(STATUSES) + 1, "latest.txt", b"latest")
    fake.add_build(SITE)
    fake.add_build(APP)
    fake.add_artifact(WEB, 1, "coverage/index.html", b"100 %")
    fake.add_test(WEB, 1, name="test_one", run_time=0.5, classname="TestAll", file="test_all.py")
    fake.add_test(WEB, 1, name="test_two", result="failure", message="assert 1 == 2")
    fake.add_checkout_key(WEB, sha256=SHA256)
    fake.add_ssh_key(WEB, hostname="deploy.example", private_key=PRIVATE_KEY)


@attrs.frozen
class Exchange:
    """A request that the session made, and the fake's reply to it."""

    request: ReceivedRequest
    status: int
    content_type: str
    body: bytes


@cache
def exchanges() -> dict[str, Exchange]:
    """What comes of `CALLS`."""
    return asyncio.run(_exchanges())


async def _exchanges() -> dict[str, Exchange]:
    requests: dict[str, ReceivedRequest] = {}
    async with FakeCircleCI() as fake, CircleCISession(fake.token, base_url=fake.base_url) as ci:
        account(fake)
        for name, call in CALLS.items():
            await call(ci)
            requests[name] = fake.requests[-1]
    # The same again from nothing, past the session, which keeps no bytes.
    async with FakeCircleCI() as fake, aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        account(fake)
        return {name: await _replayed(request, fake, session) for name, request in requests.items()}


async def _replayed(request: ReceivedRequest, fake: FakeCircleCI, session: aiohttp.ClientSession) -> Exchange:
    target = request.path.removeprefix(API) + (f"?{request.query_string}" if request.query_string else "")
    headers = {name: value for name, value in request.headers.items() if name != "Host"}
    url = URL(fake.base_url + target, encoded=True)
    async with session.request(request.method, url, data=request.body or None, headers=headers) as reply:
        return Exchange(request, reply.status, reply.headers["Content-Type"], await reply.read())


class Contract:
    """The document with some deviations.

    It is closed: what it does not mention, neither side may send.
    """

    def __init__(self, overlay: Iterable[Deviation] = OVERLAY) -> None:
        self.document = _closed(overlaid(DOCUMENT, overlay))
        # A test of its own checks that the document is valid: it takes a second.
        self._openapi = OpenAPI.from_dict(self.document, Config(spec_validator_cls=None))

        self.operations: dict[str, JSON] = {
            METHODS.get(operation["operationId"].lower(), operation["operationId"]): self._resolved(operation)
            for methods in self.document["paths"].values()
            for operation in methods.values()
        }

    def terms(self, exchange: Exchange) -> JSON:
        """All that the contract says of an exchange's operation, references resolved."""
        return self.operations.get(exchange.request.operation or "", {})

    def _resolved(self, node: Any) -> Any:
        match node:
            case {"$ref": str(pointer)}:
                return self._resolved(resolve(self.document, pointer))
            case dict():
                return {key: self._resolved(value) for key, value in node.items()}
            case list():
                return [self._resolved(item) for item in node]
            case _:
                return node

    def objection(self, exchange: Exchange) -> Exception | None:
        """What is wrong with an exchange, if something is."""
        try:
            self.check_request(exchange)
            self.check_reply(exchange)
        except (OpenAPIError, AssertionError) as error:
            return error
        return None

    def check_request(self, exchange: Exchange) -> None:
        """Raise what is wrong with the request."""
        self._openapi.validate_request(_as_request(exchange.request))
        # openapi-core lets these pass.
        terms = self.terms(exchange)
        known = {parameter["name"] for parameter in terms.get("parameters", ()) if parameter["in"] == "query"}
        assert dict(exchange.request.query).keys() <= known, "query parameters that the contract does not have"
        assert not exchange.request.body or "requestBody" in terms, "a body that the contract does not have"

    def check_reply(self, exchange: Exchange) -> None:
        """Raise what is wrong with the reply."""
        reply = MockResponse(exchange.body, exchange.status, content_type=exchange.content_type)
        self._openapi.validate_response(_as_request(exchange.request), reply)
        has_content = "content" in self.terms(exchange)["responses"][str(exchange.status)]
        assert has_content or not exchange.body, "a body that the contract does not have"


def _as_request(received: ReceivedRequest) -> MockRequest:
    return MockRequest(
        "https://circleci.com",
        received.method,
        received.path,
        args=dict(received.query),
        headers=dict(received.headers),
        data=received.body,
        content_type=received.headers.get("Content-Type", ""),
    )


def resolve(document: JSON, pointer: str) -> Any:
    """What a reference within the document points at."""
    node: Any = document
    for key in pointer.removeprefix("#/").split("/"):
        node = node[int(key)] if isinstance(node, list) else node[key.replace("~1", "/").replace("~0", "~")]
    return node


def _closed(document: JSON) -> JSON:
    """Objects with no other properties than those that are listed, unless the document says that there may be."""
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        if "allOf" in schema:
            # The parts cannot be closed each by itself.
            parts = [resolve(document, part["$ref"]) if "$ref" in part else part for part in schema["allOf"]]
            schemas[name] = {"type": "object", "properties": {k: v for p in parts for k, v in p["properties"].items()}}
    _close(document)
    return document


def _close(node: Any) -> None:
    if isinstance(node, dict):
        if isinstance(node.get("properties"), dict) and node.get("type") in ("object", ["object", "null"]):
            node.setdefault("additionalProperties", False)
        for child in node.values():
            _close(child)
    elif isinstance(node, list):
        for child in node:
            _close(child)


CONTRACT = Contract()
