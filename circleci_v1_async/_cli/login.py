"""The session of a command: by its options, else by the environment."""

import os
from typing import Final

import click

from circleci_v1_async import CircleCISession

__all__ = ["BASE_URL", "open_session"]

BASE_URL: Final = "circleci_v1_async.base_url"
_TOKEN_VARIABLES: Final = ("CIRCLE_TOKEN", "CIRCLECI_TOKEN", "CIRCLECI_CLI_TOKEN")


def open_session(*, needs_token: bool = False) -> CircleCISession:
    """Open a session with the token and the address of the environment, or with the address of `--base-url`.

    Args:
        needs_token: Whether the command is refused without a token. The others read what is public.

    Raises:
        InvalidInputError: A token is needed, and there is none.
    """
    base_url: str | None = click.get_current_context().meta[BASE_URL]
    if needs_token or any(map(os.environ.get, _TOKEN_VARIABLES)):
        return CircleCISession.from_env(base_url=base_url)
    address = base_url or os.environ.get("CIRCLE_API_URL")
    return CircleCISession(base_url=address) if address else CircleCISession()
