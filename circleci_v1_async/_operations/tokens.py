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

__all__ = ["TokenOperations"]

_TOKENS: Final = f"{PROJECT}/token"


class TokenOperations(Operations):
    """API tokens of projects. They take a token of somebody who administers the project."""

    async def list_project_tokens(self, project: ProjectSlug | str) -> list[ProjectToken]:
        """The API tokens of a project, without the tokens themselves. Empty when there are none.

        `GET /project/{project}/token` (seen in use, undocumented).

        An item that does not fit is left out, so the list may be shorter than the list that was sent.

        Raises:
            NotFoundError: The project does not exist, or the token may not see it.
        """
        return await self.send(Request("GET", _TOKENS, project_values(project), returns=list[ProjectToken]))

    async def create_project_token(
        self, project: ProjectSlug | str, *, scope: TokenScope | TokenScopeName, label: str
    ) -> ProjectToken:
        """Make an API token of a project.

        `POST /project/{project}/token` (seen in use, undocumented).

        Args:
            project: A slug or URL of it.
            scope: What it may do: `status`, `view-builds` or `all`.
            label: A name for people.

        Returns:
            The token, this once, since nothing gives it again. Its `token` is a string that does not show itself. Its
            repr is redacted, and it does not pickle. `str(created.token)` is the token in clear.

        Raises:
            PermissionDeniedError: The token in use may not do it.

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
        """Delete an API token of a project. Whoever uses it is refused from then on.

        `DELETE /project/{project}/token/{token_id}` (seen in use, undocumented).

        Args:
            project: A slug or URL of it.
            token_id: The `id` of the token, not the token itself.

        Raises:
            NotFoundError: There is no such token.

        Examples:
            ```python
            for token in await ci.list_project_tokens("gh/acme/web"):
                if token.label == "dashboard" and token.id:
                    await ci.delete_project_token("gh/acme/web", token.id)
            ```
        """
        path_values = {**project_values(project), "token_id": check_required_text("token_id", token_id)}
        await self.send(Request("DELETE", f"{_TOKENS}/{{token_id}}", path_values, returns=None))
