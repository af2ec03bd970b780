"""The operations of the API, each a function with the operation's name, and their routes."""

from functools import wraps
from operator import attrgetter
from typing import Final, Literal, cast

import attrs

from circleci_v1_async.testing._build_payloads import Payload, render_build_detail, render_step_output
from circleci_v1_async.testing._payloads import (
    render_artifact,
    render_checkout_key,
    render_env_var,
    render_project,
    render_project_token,
    render_settings,
    render_user,
)
from circleci_v1_async.testing._routing import BAD_REQUEST, Call, ListQuery, Operation, RefusedError, Route, Site
from circleci_v1_async.testing._state import Build, CheckoutKey
from circleci_v1_async.testing._wire import API_PREFIX, Reply

_PIPELINE_CREATED: Final = {"status": 200, "body": "Build created"}
_TAG_OR_BRANCH: Final = {"status": 400, "body": "Only one of branch, revision and tag may be given."}
_GONE: Final = Reply.json_error(410, "This endpoint has been removed.")


def get_current_user(call: Call) -> Payload:
    call.require_token()
    return render_user(call.account.user, call.followed_projects)


def list_projects(call: Call) -> list[Payload]:
    call.require_token()
    branches = call.query.get("shallow") != "true" and not call.account.after_sunset
    return [render_project(project, branches=branches) for project in call.followed_projects]


def list_recent_builds(call: Call) -> bytes:
    call.require_token()
    return _render_page(call)


def list_project_builds(call: Call) -> bytes:
    return _render_page(call)


def list_branch_builds(call: Call) -> bytes:
    return _render_page(call)


def get_build(call: Call) -> Payload:
    return render_build_detail(call.project, call.build, addresses=call.addresses)


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
    return _render_artifacts(call, call.build)


def list_latest_artifacts(call: Call) -> list[Payload]:
    latest = next(parse_list_query(call).select(call.project.list_builds_newest_first()), None)
    if latest is None:
        raise RefusedError(Reply.json_error(404, "Build not found"))
    return _render_artifacts(call, latest)


def list_build_tests(call: Call) -> Payload:
    return {"tests": call.build.tests, "exceptions": []}


def get_step_output(call: Call) -> object:
    action = call.build.find_action(call.params["step"], call.params["index"])
    if action is None:
        raise RefusedError(Reply.json_error(404, "Build not found"))
    output = render_step_output(action)
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


def parse_list_query(call: Call) -> ListQuery:
    """Parse the parameters of a request for a list, or refuse the request."""
    try:
        return ListQuery.parse(call.query, branch=call.params.get("branch"))
    except ValueError as error:
        raise RefusedError(BAD_REQUEST) from error


def select_listed_builds(call: Call) -> list[Build]:
    """Return the whole list that a request asks for a page of."""
    return list(parse_list_query(call).select(_sort_builds(call)))


def _render_page(call: Call) -> bytes:
    query = parse_list_query(call)
    return call.pages.render(query.take_page(_sort_builds(call)), shallow=query.shallow)


def _sort_builds(call: Call) -> list[Build]:
    if "project" in call.params:
        return call.project.list_builds_newest_first()
    builds = (build for project in call.followed_projects for build in project.builds.values())
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


def _render_artifacts(call: Call, build: Build) -> list[Payload]:
    return [
        render_artifact(build, artifact.path, artifact.node_index, addresses=call.addresses)
        for artifact in build.artifacts.values()
    ]


_INVALID_KEY: Final = Reply.json_error(400, "it looks like private key is invalid key.  Double check")
_OK: Final = {"message": "ok"}
_SCOPES: Final = frozenset({"status", "view-builds", "all"})


def add_ssh_key(call: Call) -> str:
    project = call.project_to_change
    hostname, private_key = _require_strings(call, "hostname", "private_key")
    if not (private_key.startswith("-----BEGIN ") and "PRIVATE KEY-----" in private_key):
        raise RefusedError(_INVALID_KEY)
    call.account.add_ssh_key(project.slug, hostname=hostname, private_key=private_key)
    return ""


def delete_ssh_key(call: Call) -> str:
    project = call.project_to_change
    hostname, fingerprint = _require_strings(call, "hostname", "fingerprint")
    if not call.account.delete_ssh_key(project.slug, hostname=hostname, fingerprint=fingerprint):
        raise RefusedError(Reply.json_error(404, "ssh key not found"))
    return ""


def list_checkout_keys(call: Call) -> list[Payload]:
    return [render_checkout_key(key, digest=_choose_digest(call)) for key in call.project.checkout_keys]


def create_checkout_key(call: Call) -> Payload:
    project = call.project_to_change
    match call.body.get("type"):
        case "deploy-key" | "github-user-key" as type_:
            return call.account.add_checkout_key(project.slug, type=type_)
        case _:
            raise RefusedError(BAD_REQUEST)


def get_checkout_key(call: Call) -> Payload:
    return render_checkout_key(_find_checkout_key(call), digest=_choose_digest(call))


def delete_checkout_key(call: Call) -> Payload:
    call.project_to_change.checkout_keys.remove(_find_checkout_key(call))
    return _OK


def list_env_vars(call: Call) -> list[Payload]:
    return [render_env_var(name, value) for name, value in call.project_to_change.env_vars.items()]


def get_env_var(call: Call) -> Payload:
    name = _require_env_var(call)
    return render_env_var(name, call.project.env_vars[name])


def add_env_var(call: Call) -> Payload:
    project = call.project_to_change
    name, value = _require_strings(call, "name", "value")
    return call.account.add_env_var(project.slug, name, value)


def delete_env_var(call: Call) -> Payload:
    name = _require_env_var(call)
    del call.project.env_vars[name]
    return _OK


def list_project_tokens(call: Call) -> list[Payload]:
    return [render_project_token(token) for token in call.project_to_change.tokens]


def create_project_token(call: Call) -> Payload:
    project = call.project_to_change
    scope, label = _require_strings(call, "scope", "label")
    if scope not in _SCOPES:
        raise RefusedError(BAD_REQUEST)
    return call.account.add_project_token(project.slug, scope=scope, label=label)


def delete_project_token(call: Call) -> Payload:
    tokens = call.project_to_change.tokens
    token = next((token for token in tokens if token.id == call.params["token-id"]), None)
    if token is None:
        raise RefusedError(Reply.json_error(404, "token not found"))
    tokens.remove(token)
    return _OK


def get_project_settings(call: Call) -> Payload:
    branches = call.query.get("skip-branches") != "true" and not call.account.after_sunset
    return render_settings(call.project_to_change, branches=branches)


def update_project_settings(call: Call) -> str:
    flags = call.project_to_change.feature_flags
    new: object = call.body.get("feature_flags")
    if not isinstance(new, dict):
        raise RefusedError(BAD_REQUEST)
    flags.update(cast("Payload", new))
    return ""


def clear_build_cache(call: Call) -> Payload:
    _ = call.project_to_change
    return {"status": "build dependency caches deleted"}


def add_heroku_key(call: Call) -> Reply:
    call.require_token()
    (call.account.user["heroku_api_key"],) = _require_strings(call, "apikey")
    # Recorded: an empty JSON string, sent as plain text.
    return Reply(200, b'""', {"Content-Type": "text/plain;charset=utf-8"})


def _require_strings(call: Call, *names: str) -> list[str]:
    values = [value for name in names if isinstance(value := call.body.get(name), str)]
    if len(values) < len(names):
        raise RefusedError(BAD_REQUEST)
    return values


def _require_env_var(call: Call) -> str:
    name = call.params["name"]
    if name not in call.project_to_change.env_vars:
        raise RefusedError(Reply.json_error(404, "env var not found"))
    return name


def _find_checkout_key(call: Call) -> CheckoutKey:
    fingerprint = call.params["fingerprint"]
    key = next((key for key in call.project.checkout_keys if key.matches_fingerprint(fingerprint)), None)
    if key is None:
        raise RefusedError(Reply.json_error(404, "checkout key not found"))
    return key


def _choose_digest(call: Call) -> Literal["md5", "sha256"]:
    return "sha256" if call.query.get("digest") == "sha256" else "md5"


_PROJECT: Final = "/project/:vcs-type/:username/:project"
_BUILD: Final = f"{_PROJECT}/:build-num"
_KEYS: Final = f"{_PROJECT}/checkout-key"
_VARIABLES: Final = f"{_PROJECT}/envvar"
_TOKENS: Final = f"{_PROJECT}/token"
# CircleCI has announced that these endpoints will answer 410 from that day on.
_SUNSET_HEADERS: Final = {"Deprecation": "@1777593600", "Sunset": "Mon, 01 Feb 2027 00:00:00 GMT"}


def _make_route(method: str, path: str, operation: Operation, status: int = 200) -> Route:
    return Route(method, path, operation, status, {"X-Route": API_PREFIX + path})


def _make_sunset_route(method: str, path: str, operation: Operation, status: int = 200) -> Route:
    """Make the route of an operation that announces its sunset, and answers 410 after it."""

    @wraps(operation)
    def answer_until_sunset(call: Call) -> object:
        if call.account.after_sunset:
            raise RefusedError(_GONE)
        return operation(call)

    route = _make_route(method, path, answer_until_sunset, status)
    return attrs.evolve(route, headers={**route.headers, **_SUNSET_HEADERS})


API: Final = Site(
    API_PREFIX,
    (
        _make_route("GET", "/me", get_current_user),
        _make_route("GET", "/projects", list_projects),
        _make_route("GET", "/recent-builds", list_recent_builds),
        _make_route("GET", _PROJECT, list_project_builds),
        _make_route("GET", f"{_PROJECT}/tree/:branch", list_branch_builds),
        _make_sunset_route("POST", _PROJECT, trigger_build, 201),
        _make_sunset_route("POST", f"{_PROJECT}/tree/:branch", trigger_branch_build, 201),
        _make_route("GET", _BUILD, get_build),
        _make_sunset_route("POST", f"{_BUILD}/retry", retry_build),
        _make_sunset_route("POST", f"{_BUILD}/ssh", retry_build_with_ssh),
        _make_sunset_route("POST", f"{_PROJECT}/build", trigger_pipeline),
        _make_route("POST", f"{_BUILD}/cancel", cancel_build),
        _make_route("POST", f"{_BUILD}/ssh-users", add_ssh_users),
        _make_route("GET", f"{_BUILD}/artifacts", list_build_artifacts),
        _make_route("GET", f"{_BUILD}/tests", list_build_tests),
        _make_route("GET", f"{_BUILD}/output/:step/:index", get_step_output),
        _make_route("GET", f"{_PROJECT}/latest/artifacts", list_latest_artifacts),
        _make_route("POST", f"{_PROJECT}/ssh-key", add_ssh_key),
        _make_route("DELETE", f"{_PROJECT}/ssh-key", delete_ssh_key),
        _make_route("GET", _KEYS, list_checkout_keys),
        _make_route("POST", _KEYS, create_checkout_key, 201),
        _make_route("GET", f"{_KEYS}/:fingerprint", get_checkout_key),
        _make_route("DELETE", f"{_KEYS}/:fingerprint", delete_checkout_key),
        _make_route("GET", _VARIABLES, list_env_vars),
        _make_route("POST", _VARIABLES, add_env_var, 201),
        _make_route("GET", f"{_VARIABLES}/:name", get_env_var),
        _make_route("DELETE", f"{_VARIABLES}/:name", delete_env_var),
        _make_route("GET", _TOKENS, list_project_tokens),
        _make_route("POST", _TOKENS, create_project_token, 201),
        _make_route("DELETE", f"{_TOKENS}/:token-id", delete_project_token),
        _make_route("GET", f"{_PROJECT}/settings", get_project_settings),
        _make_route("PUT", f"{_PROJECT}/settings", update_project_settings),
        _make_route("DELETE", f"{_PROJECT}/build-cache", clear_build_cache),
        _make_route("POST", "/user/heroku-key", add_heroku_key),
        _make_route("POST", f"{_PROJECT}/follow", follow_project),
        _make_route("POST", f"{_PROJECT}/unfollow", unfollow_project),
    ),
)
LISTS: Final = frozenset({"list_recent_builds", "list_project_builds", "list_branch_builds"})
