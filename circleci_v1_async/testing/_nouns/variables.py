"""Environment variables of projects."""

from http import HTTPStatus
from typing import Final

from circleci_v1_async.testing._server.checks import RefusedError, take_texts
from circleci_v1_async.testing._server.routing import PROJECT, Call, Created, Route
from circleci_v1_async.testing._server.wire import OK, Payload, Reply, encode_json
from circleci_v1_async.testing._state.account import Account
from circleci_v1_async.testing._state.projects import Project

_GITHUB_ERROR: Final = {"message": "Not Found", "documentation_url": "https://docs.github.com/rest"}
_NOT_FOUND_AT_GITHUB: Final = Reply.json_error(404, encode_json(_GITHUB_ERROR).decode())
_VARIABLES: Final = f"{PROJECT}/envvar"


class VariableBuilders:
    """Methods that add environment variables to projects."""

    _account: Account

    def add_env_var(self, slug: str, name: str, value: str) -> Payload:
        """Add an environment variable to a project, or replace it.

        Returns:
            The variable as lists show it, with a masked value.
        """
        return _add_env_var(self._account.get_project(slug), name, value)


def _render_env_var(name: str, value: str) -> Payload:
    """Render an environment variable. The service shows at most the last four characters of its value."""
    shown = min(4, len(value) // 2)
    return {"name": name, "value": f"xxxx{value[len(value) - shown :]}"}


def list_env_vars(call: Call) -> list[Payload]:
    return [_render_env_var(name, value) for name, value in _find_project(call).env_vars.items()]


def get_env_var(call: Call) -> Payload:
    name = _require_env_var(call)
    return _render_env_var(name, call.project.env_vars[name])


def add_env_var(call: Call) -> Created:
    project = _find_project(call)
    name, value = take_texts(call.body_or_form, "name", "value")
    return call.make_created(_add_env_var(project, name, value), "envvar", name)


def delete_env_var(call: Call) -> Payload:
    name = _require_env_var(call)
    del call.project.env_vars[name]
    return OK


def _add_env_var(project: Project, name: str, value: str) -> Payload:
    project.env_vars[name] = value
    return _render_env_var(name, value)


def _find_project(call: Call) -> Project:
    """Return the project. Recorded: for an unknown project, the service forwards GitHub's answer."""
    try:
        return call.project_to_change
    except RefusedError as refusal:
        if refusal.reply.status == HTTPStatus.NOT_FOUND and call.params["vcs-type"] in {"github", "gh"}:
            raise RefusedError(_NOT_FOUND_AT_GITHUB) from None
        raise


def _require_env_var(call: Call) -> str:
    name = call.params["var-name"]
    if name not in _find_project(call).env_vars:
        raise RefusedError(Reply.json_error(404, "env var not found"))
    return name


ROUTES: Final = (
    Route("GET", _VARIABLES, list_env_vars),
    Route("POST", _VARIABLES, add_env_var, 201),
    Route("GET", f"{_VARIABLES}/:var-name", get_env_var),
    Route("DELETE", f"{_VARIABLES}/:var-name", delete_env_var),
)
