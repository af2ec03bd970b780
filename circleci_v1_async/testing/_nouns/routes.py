"""The routes of the API."""

from functools import wraps
from typing import Final

import attrs

from circleci_v1_async.testing._nouns import steps as builds
from circleci_v1_async.testing._nouns import user as projects
from circleci_v1_async.testing._server.checks import RefusedError
from circleci_v1_async.testing._server.routing import Call, Operation, Route, Site
from circleci_v1_async.testing._server.wire import API_PREFIX, Reply

_GONE: Final = Reply.json_error(410, "This endpoint has been removed.")

_PROJECT: Final = "/project/:vcs-type/:username/:repo"
_BUILD: Final = f"{_PROJECT}/:build-num"
_KEYS: Final = f"{_PROJECT}/checkout-key"
_VARIABLES: Final = f"{_PROJECT}/envvar"
_TOKENS: Final = f"{_PROJECT}/token"
# CircleCI has announced that these endpoints will answer 410 from that day on.
_SUNSET_HEADERS: Final = {"Deprecation": "@1777593600", "Sunset": "Mon, 01 Feb 2027 00:00:00 GMT"}


def _make_route(method: str, path: str, operation: Operation, status: int = 200) -> Route:
    return Route(method, path, operation, status, {"X-Route": API_PREFIX + path})


def _make_sunset_route(
    method: str, path: str, operation: Operation, status: int = 200, *, cloud_only: bool = False
) -> Route:
    """Make the route of an operation that announces its sunset, and answers 410 after it."""

    @wraps(operation)
    def answer_until_sunset(call: Call) -> object:
        if call.account.after_sunset:
            raise RefusedError(_GONE)
        return operation(call)

    route = _make_route(method, path, answer_until_sunset, status)
    return attrs.evolve(route, headers={**route.headers, **_SUNSET_HEADERS}, cloud_only=cloud_only)


API: Final = Site(
    API_PREFIX,
    (
        _make_route("GET", "/me", projects.get_current_user),
        _make_route("GET", "/projects", projects.list_projects),
        _make_route("GET", "/recent-builds", builds.list_recent_builds),
        _make_route("GET", _PROJECT, builds.list_project_builds),
        _make_route("GET", f"{_PROJECT}/tree/:branch", builds.list_branch_builds),
        _make_sunset_route("POST", _PROJECT, builds.trigger_build, 201),
        _make_sunset_route("POST", f"{_PROJECT}/tree/:branch", builds.trigger_branch_build, 201),
        _make_route("GET", _BUILD, builds.get_build),
        _make_sunset_route("POST", f"{_BUILD}/retry", builds.retry_build, cloud_only=True),
        _make_sunset_route("POST", f"{_BUILD}/ssh", builds.retry_build_with_ssh, cloud_only=True),
        _make_sunset_route("POST", f"{_PROJECT}/build", builds.trigger_pipeline),
        _make_route("POST", f"{_BUILD}/cancel", builds.cancel_build),
        _make_route("POST", f"{_BUILD}/ssh-users", builds.add_ssh_users),
        _make_route("GET", f"{_BUILD}/artifacts", builds.list_build_artifacts),
        _make_route("GET", f"{_BUILD}/tests", builds.list_build_tests),
        _make_route("GET", f"{_BUILD}/output/:step/:index", builds.get_step_output),
        _make_route("GET", f"{_PROJECT}/latest/artifacts", builds.list_latest_artifacts),
        _make_route("POST", f"{_PROJECT}/ssh-key", projects.add_ssh_key),
        _make_route("DELETE", f"{_PROJECT}/ssh-key", projects.delete_ssh_key),
        _make_route("GET", _KEYS, projects.list_checkout_keys),
        _make_route("POST", _KEYS, projects.create_checkout_key, 201),
        _make_route("GET", f"{_KEYS}/:fingerprint", projects.get_checkout_key),
        _make_route("DELETE", f"{_KEYS}/:fingerprint", projects.delete_checkout_key),
        _make_route("GET", _VARIABLES, projects.list_env_vars),
        _make_route("POST", _VARIABLES, projects.add_env_var, 201),
        _make_route("GET", f"{_VARIABLES}/:var-name", projects.get_env_var),
        _make_route("DELETE", f"{_VARIABLES}/:var-name", projects.delete_env_var),
        _make_route("GET", _TOKENS, projects.list_project_tokens),
        _make_route("POST", _TOKENS, projects.create_project_token, 201),
        _make_route("DELETE", f"{_TOKENS}/:token-id", projects.delete_project_token),
        _make_route("GET", f"{_PROJECT}/settings", projects.get_project_settings),
        _make_route("PUT", f"{_PROJECT}/settings", projects.update_project_settings),
        _make_route("DELETE", f"{_PROJECT}/build-cache", projects.clear_build_cache),
        _make_route("POST", "/user/heroku-key", projects.add_heroku_key),
        _make_route("POST", f"{_PROJECT}/enable", projects.enable_project),
        _make_route("DELETE", f"{_PROJECT}/enable", projects.disable_project),
        _make_route("POST", f"{_PROJECT}/follow", projects.follow_project),
        _make_route("POST", f"{_PROJECT}/unfollow", projects.unfollow_project),
    ),
)
LISTS: Final = frozenset({"list_recent_builds", "list_project_builds", "list_branch_builds"})
