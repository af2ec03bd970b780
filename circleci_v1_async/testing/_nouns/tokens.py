"""API tokens of projects."""

from typing import Final

from circleci_v1_async.testing._server.checks import RefusedError, take_texts
from circleci_v1_async.testing._server.routing import PROJECT, Call, Created, Route
from circleci_v1_async.testing._server.wire import OK, Payload, Reply
from circleci_v1_async.testing._state.account import Account
from circleci_v1_async.testing._state.arguments import check_choice
from circleci_v1_async.testing._state.digests import make_stable_uuid
from circleci_v1_async.testing._state.projects import Project, ProjectToken

_SCOPES: Final = ("status", "view-builds", "all")
_TOKENS: Final = f"{PROJECT}/token"


class TokenBuilders:
    """Methods that add API tokens to projects."""

    _account: Account

    def add_project_token(
        self,
        slug: str,
        *,
        scope: str = "view-builds",
        label: str = "token",
        token_id: str | None = None,
        token: str | None = None,
    ) -> Payload:
        """Add an API token to a project. The fake does not accept it in requests.

        Args:
            slug: The project's slug.
            scope: The permissions: status, view-builds or all.
            label: The token's label.
            token_id: The token's ID, a UUID; by default an invented one.
            token: The token itself, which the service shows only once; by default an invented one.

        Returns:
            The service's answer. No other answer contains the token.

        Raises:
            KeyError: The project does not exist.
            ValueError: The scope is unknown.
        """
        check_choice("scope", scope, _SCOPES)
        return _add_token(
            self._account, self._account.get_project(slug), scope=scope, label=label, token_id=token_id, value=token
        )


def _render_token(token: ProjectToken) -> Payload:
    """Render a project's token as lists show it, without its value."""
    return {"id": token.id, "label": token.label, "scope": token.scope}


def list_project_tokens(call: Call) -> list[Payload]:
    return [_render_token(token) for token in call.project_to_change.tokens]


def create_project_token(call: Call) -> Created:
    project = call.project_to_change
    scope, label = take_texts(call.body, "scope", "label")
    if scope not in _SCOPES:
        raise RefusedError
    token = _add_token(call.account, project, scope=scope, label=label)
    return call.make_created(token, "token", token["id"])


def delete_project_token(call: Call) -> Payload:
    tokens = call.project_to_change.tokens
    token = next((token for token in tokens if token.id == call.params["token-id"]), None)
    if token is None:
        raise RefusedError(Reply.json_error(404, "token not found"))
    tokens.remove(token)
    return OK


def _add_token(
    account: Account,
    project: Project,
    *,
    scope: str,
    label: str,
    token_id: str | None = None,
    value: str | None = None,
) -> Payload:
    account.created += 1
    token = ProjectToken(token_id or make_stable_uuid("token", account.created), label, scope)
    project.tokens.append(token)
    return _render_token(token) | {"token": value or f"fake-project-token-{account.created}"}


ROUTES: Final = (
    Route("GET", _TOKENS, list_project_tokens),
    Route("POST", _TOKENS, create_project_token, 201),
    Route("DELETE", f"{_TOKENS}/:token-id", delete_project_token),
)
