"""Environment variables of projects. The service only returns the end of each value."""

from typing import Final

from circleci_v1_async._core.arguments import check_secret, check_variable_name
from circleci_v1_async._core.secret import wrap_secret
from circleci_v1_async.models import EnvVar, Message
from circleci_v1_async.request import Request
from circleci_v1_async.slug import ProjectSlug

from .base import Operations
from .paths import PROJECT, project_values

_VARIABLES: Final = f"{PROJECT}/envvar"
_VARIABLE: Final = f"{_VARIABLES}/{{name}}"


class VariableOperations(Operations):
    async def list_env_vars(self, project: ProjectSlug | str) -> list[EnvVar]:
        """List a project's environment variables, with masked values. The list is empty if there are none.

        `GET /project/{project}/envvar` (documented by CircleCI).

        Raises:
            NotFoundError: The project does not exist, or the token has no access to it.
        """
        return await self.send(Request("GET", _VARIABLES, project_values(project), returns=list[EnvVar]))

    async def get_env_var(self, project: ProjectSlug | str, name: str) -> EnvVar:
        """Fetch an environment variable of a project, with a masked value.

        `GET /project/{project}/envvar/{name}` (documented by CircleCI).

        Raises:
            NotFoundError: The variable does not exist.
        """
        return await self.send(Request("GET", _VARIABLE, {**project_values(project), "name": name}, returns=EnvVar))

    async def add_env_var(self, project: ProjectSlug | str, name: str, value: str) -> EnvVar:
        """Add an environment variable to a project.

        `POST /project/{project}/envvar` (documented by CircleCI).

        Args:
            project: The project's slug or URL.
            name: The variable's name: letters, digits and underscores. The first character cannot be a digit.
            value: The variable's value, which cannot be empty. Errors never contain the value.

        Returns:
            The variable, with a masked value.

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
            A confirmation. Its `message` is `ok`.

        Raises:
            NotFoundError: The variable does not exist.

        Examples:
            ```python
            await ci.delete_env_var("gh/acme/web", "DEPLOY_KEY")
            ```
        """
        return await self.send(Request("DELETE", _VARIABLE, {**project_values(project), "name": name}, returns=Message))
