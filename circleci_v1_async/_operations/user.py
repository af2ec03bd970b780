"""The user whom the token belongs to."""

from circleci_v1_async._core.arguments import check_secret
from circleci_v1_async._core.secret import wrap_secret
from circleci_v1_async.models import User
from circleci_v1_async.request import Request

from .base import Operations

__all__ = ["UserOperations"]


class UserOperations(Operations):
    """The user whom the token belongs to."""

    async def get_current_user(self) -> User:
        """The user whom the token belongs to. It must be a personal token.

        `GET /me` (openapi.yml: getCurrentUser).

        Raises:
            AuthenticationError: There is no token, or it is not a personal one.
        """
        return await self.send(Request("GET", "/me", returns=User))

    async def add_heroku_key(self, apikey: str) -> None:
        """Give the user a Heroku API key to deploy with. It takes a personal token.

        `POST /user/heroku-key` (documented by CircleCI).

        Args:
            apikey: The key. It is in no error.

        Raises:
            AuthenticationError: There is no personal token.

        Examples:
            ```python
            import os

            await ci.add_heroku_key(os.environ["HEROKU_API_KEY"])
            ```
        """
        apikey = wrap_secret(apikey)
        body = {"apikey": check_secret("apikey", apikey, "a Heroku API key")}
        await self.send(Request("POST", "/user/heroku-key", body=body, returns=None))
