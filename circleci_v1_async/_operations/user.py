"""The user who owns the token."""

from circleci_v1_async._core.arguments import check_secret
from circleci_v1_async._core.secret import wrap_secret
from circleci_v1_async.models import User
from circleci_v1_async.request import Request

from .base import Operations


class UserOperations(Operations):
    async def get_current_user(self) -> User:
        """Fetch the user who owns the token. Requires a personal token.

        `GET /me` (openapi.yml: getCurrentUser).

        Raises:
            AuthenticationError: The session has no token, or the token is not a personal token.
        """
        return await self.send(Request("GET", "/me", returns=User))

    async def add_heroku_key(self, apikey: str) -> None:
        """Add a Heroku API key to the user, for deployments. Requires a personal token.

        `POST /user/heroku-key` (documented by CircleCI).

        Args:
            apikey: The Heroku API key. Errors never contain the key.

        Raises:
            AuthenticationError: The session has no personal token.

        Examples:
            ```python
            import os

            await ci.add_heroku_key(os.environ["HEROKU_API_KEY"])
            ```
        """
        apikey = wrap_secret(apikey)
        body = {"apikey": check_secret("apikey", apikey, "a Heroku API key")}
        await self.send(Request("POST", "/user/heroku-key", body=body, returns=None))
