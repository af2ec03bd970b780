"""What each operation of the API does and answers. The functions are named after the operations."""

from functools import wraps
from operator import attrgetter
from typing import Final

import attrs

from circleci_v1_async.testing import _builds, _payloads, _setup
from circleci_v1_async.testing._builds import Payload
from circleci_v1_async.testing._exchange import API_PREFIX, Reply
from circleci_v1_async.testing._listing import ListQuery
from circleci_v1_async.testing._routing import BAD_REQUEST, Call, Operation, RefusedError, Route, Site
from circleci_v1_async.testing._state import Build

_PIPELINE_CREATED: Final = {"status": 200, "body": "Build created"}
_TAG_OR_BRANCH: Final = {"status": 400, "body": "Only one of branch, revision and tag may be given."}
_GONE: Final = Reply.message(410, "This endpoint has been removed.")


def get_current_user(call: Call) -> Payload:
    call.require_token()
    return _payloads.user(call.account.user, call.followed)


def list_projects(call: Call) -> list[Payload]:
    call.require_token()
    branches = call.query.get("shallow") != "true" and not call.account.after_sunset
    return [_payloads.project(project, branches=branches) for project in call.followed]


def list_recent_builds(call: Call) -> bytes:
    call.require_token()
    return _page(call)


def list_project_builds(call: Call) -> bytes:
    return _page(call)


def list_branch_builds(call: Call) -> bytes:
    return _page(call)


def get_build(call: Call) -> Payload:
    return _builds.detail(call.project, call.build, storage=call.storage)


def trigger_build(call: Call) -> Payload:
    return _trigger(call, branch=call.body.get("branch"))


def trigger_branch_build(call: Call) -> Payload:
    return _trigger(call, branch=call.params["branch"])


def retry_build(call: Call) -> Payload:
    return call.account.retry_build(call.project_to_change.slug, call.build.build_num)


def retry_build_with_ssh(call: Call) -> Payload:
    return call.account.retry_build(call.project_to_change.slug, call.build.build_num, with_ssh=True)


def add_ssh_users(call: Call) -> Payload:
    return call.account.add_ssh_user(call.project_to_change.slug, call.build.build_num)


def trigger_pipeline(call: Call) -> Payload:
    project, body = call.project_to_change, call.body
    branch, revision, tag = (body.get(name) for name in ("branch", "revision", "tag"))
    if tag and (branch or revision):
        return _TAG_OR_BRANCH
    call.account.add_build(project.slug, branch=branch, revision=revision, status="not_running", why="api")
    return _PIPELINE_CREATED


def cancel_build(call: Call) -> Payload:
    return call.account.cancel_build(call.project_to_change.slug, call.build.build_num)


def list_build_artifacts(call: Call) -> list[Payload]:
    return _artifacts(call, call.build)


def list_latest_artifacts(call: Call) -> list[Payload]:
    latest = next(list_query(call).select(call.project.newest_first()), None)
    if latest is None:
        raise RefusedError(Reply.message(404, "Build not found"))
    return _artifacts(call, latest)


def list_build_tests(call: Call) -> Payload:
    return {"tests": call.build.tests, "exceptions": []}


def get_step_output(call: Call) -> object:
    action = call.build.action(call.params["step"], call.params["index"])
    if action is None:
        raise RefusedError(Reply.message(404, "Build not found"))
    output = _builds.step_output(action)
    if call.query.get("file") == "true":
        text = "".join(part["message"] for part in output)
        return Reply(200, text.encode(), {"Content-Type": "text/plain;charset=utf-8"})
    return output


def follow_project(call: Call) -> Payload:
    call.project_to_change.following = True
    return {"following": True, "workflow": False, "first_build": None}


def unfollow_project(call: Call) -> Payload:
    call.project_to_change.following = False
    return {"following": False}


def list_query(call: Call) -> ListQuery:
    """What a request asks of a list."""
    try:
        return ListQuery.of(call.query, branch=call.params.get("branch"))
    except ValueError as error:
        raise RefusedError(BAD_REQUEST) from error


def listed_builds(call: Call) -> list[Build]:
    """The whole list that a request asks for a page of."""
    return list(list_query(call).select(_ordered(call)))


def _page(call: Call) -> bytes:
    query = list_query(call)
    return call.pages.render(query.page(_ordered(call)), shallow=query.shallow)


def _ordered(call: Call) -> list[Build]:
    if "project" in call.params:
        return call.project.newest_first()
    builds = (build for project in call.followed for build in project.builds.values())
    return sorted(builds, key=attrgetter("recency"), reverse=True)


def _trigger(call: Call, *, branch: str | None) -> Payload:
    project, body = call.project_to_change, call.body
    if body.get("revision") and body.get("tag"):
        raise RefusedError(BAD_REQUEST)
    return call.account.trigger_build(
        project.slug,
        branch=branch,
        revision=body.get("revision"),
        tag=body.get("tag"),
        parallel=body.get("parallel"),
        build_parameters=body.get("build_parameters"),
    )


def _artifacts(call: Call, build: Build) -> list[Payload]:
    return [
        _payloads.artifact(build, artifact.path, artifact.node_index, storage=call.storage)
        for artifact in build.artifacts.values()
    ]


_PROJECT: Final = "/project/:vcs-type/:username/:project"
_BUILD: Final = f"{_PROJECT}/:build-num"
_KEYS: Final = f"{_PROJECT}/checkout-key"
_VARIABLES: Final = f"{_PROJECT}/envvar"
_TOKENS: Final = f"{_PROJECT}/token"
# Announced: from that day on these endpoints answer 410.
_SUNSET: Final = {"Deprecation": "@1777593600", "Sunset": "Mon, 01 Feb 2027 00:00:00 GMT"}


def _route(method: str, path: str, operation: Operation, status: int = 200) -> Route:
    return Route(method, path, operation, status, {"X-Route": API_PREFIX + path})


def _ending(method: str, path: str, operation: Operation, status: int = 200) -> Route:
    """The route of an operation that ends. It says so, and one day there is nothing but that."""

    @wraps(operation)
    def until_then(call: Call) -> object:
        if call.account.after_sunset:
            raise RefusedError(_GONE)
        return operation(call)

    route = _route(method, path, until_then, status)
    return attrs.evolve(route, headers={**route.headers, **_SUNSET})


API: Final = Site(
    API_PREFIX,
    (
        _route("GET", "/me", get_current_user),
        _route("GET", "/projects", list_projects),
        _route("GET", "/recent-builds", list_recent_builds),
        _route("GET", _PROJECT, list_project_builds),
        _route("GET", f"{_PROJECT}/tree/:branch", list_branch_builds),
        _ending("POST", _PROJECT, trigger_build, 201),
        _ending("POST", f"{_PROJECT}/tree/:branch", trigger_branch_build, 201),
        _route("GET", _BUILD, get_build),
        _ending("POST", f"{_BUILD}/retry", retry_build),
        _ending("POST", f"{_BUILD}/ssh", retry_build_with_ssh),
        _ending("POST", f"{_PROJECT}/build", trigger_pipeline),
        _route("POST", f"{_BUILD}/cancel", cancel_build),
        _route("POST", f"{_BUILD}/ssh-users", add_ssh_users),
        _route("GET", f"{_BUILD}/artifacts", list_build_artifacts),
        _route("GET", f"{_BUILD}/tests", list_build_tests),
        _route("GET", f"{_BUILD}/output/:step/:index", get_step_output),
        _route("GET", f"{_PROJECT}/latest/artifacts", list_latest_artifacts),
        _route("POST", f"{_PROJECT}/ssh-key", _setup.add_ssh_key),
        _route("DELETE", f"{_PROJECT}/ssh-key", _setup.delete_ssh_key),
        _route("GET", _KEYS, _setup.list_checkout_keys),
        _route("POST", _KEYS, _setup.create_checkout_key, 201),
        _route("GET", f"{_KEYS}/:fingerprint", _setup.get_checkout_key),
        _route("DELETE", f"{_KEYS}/:fingerprint", _setup.delete_checkout_key),
        _route("GET", _VARIABLES, _setup.list_env_vars),
        _route("POST", _VARIABLES, _setup.add_env_var, 201),
        _route("GET", f"{_VARIABLES}/:name", _setup.get_env_var),
        _route("DELETE", f"{_VARIABLES}/:name", _setup.delete_env_var),
        _route("GET", _TOKENS, _setup.list_project_tokens),
        _route("POST", _TOKENS, _setup.create_project_token, 201),
        _route("DELETE", f"{_TOKENS}/:token-id", _setup.delete_project_token),
        _route("GET", f"{_PROJECT}/settings", _setup.get_project_settings),
        _route("PUT", f"{_PROJECT}/settings", _setup.update_project_settings),
        _route("DELETE", f"{_PROJECT}/build-cache", _setup.clear_build_cache),
        _route("POST", "/user/heroku-key", _setup.add_heroku_key),
        _route("POST", f"{_PROJECT}/follow", follow_project),
        _route("POST", f"{_PROJECT}/unfollow", unfollow_project),
    ),
)
LISTS: Final = frozenset({"list_recent_builds", "list_project_builds", "list_branch_builds"})
