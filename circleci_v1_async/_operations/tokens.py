"""API tokens of projects."""

from typing import Final

import attrs

from circleci_v1_async._core.arguments import check_one_of, check_required_text
from circleci_v1_async._core.secret import RedactedStr
from circleci_v1_async.enums import TokenScope, TokenScopeName
from circleci_v1_async.models import ProjectToken
from circleci_v1_async.request import Request
from circleci_v1_async.slug import ProjectSlug

from .base import Operations
from .paths import PROJECT, project_values

_TOKENS: Final = f"{PROJECT}/token"


class TokenOperations(Operations):
    async def list_project_tokens(self, project: ProjectSlug | str) -> list[ProjectToken]:
        """List the API tokens of a project, without their values. The list is empty if the project has none.

        `GET /project/{project}/token` (seen in use, undocumented). Requires a project administrator's token.

        Raises:
            NotFoundError: The project does not exist, or the token has no access to it.
        """
        return await self.send(Request("GET", _TOKENS, project_values(project), returns=list[ProjectToken]))

    async def create_project_token(
        self, project: ProjectSlug | str, *, scope: TokenScope | TokenScopeName, label: str
    ) -> ProjectToken:
        """Create an API token for a project.

        `POST /project/{project}/token` (seen in use, undocumented). Requires a project administrator's token.

        Args:
            project: The project's slug or URL.
            scope: The permissions of the token: `status`, `view-builds` or `all`.
            label: A human-readable name.

        Returns:
            The new token. This is the only call that returns its value. `token` is a string with a redacted repr, which
            cannot be pickled. `str(created.token)` returns the token in plain text.

        Raises:
            PermissionDeniedError: The session's token has no permission to create tokens.

        Examples:
            ```python
            created = await ci.create_project_token(
                "gh/acme/web", scope="view-builds", label="dashboard"
            )
            print(len(str(created.token)), "characters")
            ```
        """
        body = {
            "scope": check_one_of("scope", check_required_text("scope", scope), TokenScope),
            "label": check_required_text("label", label),
        }
        created = await self.send(Request("POST", _TOKENS, project_values(project), body=body, returns=ProjectToken))
        return attrs.evolve(created, token=None if created.token is None else RedactedStr(created.token))

    async def delete_project_token(self, project: ProjectSlug | str, token_id: str) -> None:
        """Delete an API token of a project. CircleCI rejects requests with a deleted token.

        `DELETE /project/{project}/token/{token_id}` (seen in use, undocumented). Requires an administrator's token.

        Args:
            project: The project's slug or URL.
            token_id: The `id` of the token, not its value.

        Raises:
            NotFoundError: The token does not exist.

        Examples:
            ```python
            for token in await ci.list_project_tokens("gh/acme/web"):
                if token.label == "dashboard" and token.id:
                    await ci.delete_project_token("gh/acme/web", token.id)
            ```
        """
        path_values = {**project_values(project), "token_id": check_required_text("token_id", token_id)}
        await self.send(Request("DELETE", f"{_TOKENS}/{{token_id}}", path_values, returns=None))
