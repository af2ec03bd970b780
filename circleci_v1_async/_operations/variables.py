"""Environment variables of projects."""

from typing import Final

from circleci_v1_async._core.arguments import check_secret, check_variable_name
from circleci_v1_async._core.secret import wrap_secret
from circleci_v1_async.models import EnvVar, Message
from circleci_v1_async.request import Request
from circleci_v1_async.slug import ProjectSlug

from .base import Operations
from .paths import PROJECT, project_values

__all__ = ["VariableOperations"]

_VARIABLES: Final = f"{PROJECT}/envvar"
_VARIABLE: Final = f"{_VARIABLES}/{{name}}"


class VariableOperations(Operations):
    """Environment variables of projects. The service shows no more of a value than its end."""

    async def list_env_vars(self, project: ProjectSlug | str) -> list[EnvVar]:
        """The environment variables of a project, their values masked. Empty when there are none.

        `GET /project/{project}/envvar` (documented by CircleCI).

        An item that does not fit is left out, so the list may be shorter than the list that was sent.

        Raises:
            NotFoundError: The project does not exist, or the token may not see it.
        """
        return await self.send(Request("GET", _VARIABLES, project_values(project), returns=list[EnvVar]))

    async def get_env_var(self, project: ProjectSlug | str, name: str) -> EnvVar:
        """One environment variable of a project, its value masked.

        `GET /project/{project}/envvar/{name}` (documented by CircleCI).

        Raises:
            NotFoundError: There is no such variable.
        """
        return await self.send(Request("GET", _VARIABLE, {**project_values(project), "name": name}, returns=EnvVar))

    async def add_env_var(self, project: ProjectSlug | str, name: str, value: str) -> EnvVar:
        """Give a project an environment variable.

        `POST /project/{project}/envvar` (documented by CircleCI).

        Args:
            project: A slug or URL of it.
            name: The variable's name: letters, digits and underscores, not a digit first.
            value: The variable's value, not empty. No error shows it.

        Returns:
            The variable, its value masked.

        Examples:
            ```python
            variable = await ci.add_env_var("gh/acme/web", "DEPLOY_KEY", "s3cret-1234")
            print(variable.value)  # xxxx1234
            ```
        """
        value = wrap_secret(value)
        body = {
            "name": check_variable_name("name", name),
            "value": check_secret("value", value, "the value of the variable"),
        }
        return await self.send(Request("POST", _VARIABLES, project_values(project), body=body, returns=EnvVar))

    async def delete_env_var(self, project: ProjectSlug | str, name: str) -> Message:
        """Delete an environment variable of a project.

        `DELETE /project/{project}/envvar/{name}` (documented by CircleCI).

        Returns:
            A confirmation, `ok`.

        Raises:
            NotFoundError: There is no such variable.

        Examples:
            ```python
            await ci.delete_env_var("gh/acme/web", "DEPLOY_KEY")
            ```
        """
        return await self.send(Request("DELETE", _VARIABLE, {**project_values(project), "name": name}, returns=Message))
