"""The session of a command: by options, the environment, or the settings of CircleCI's own command."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, cast

import attrs
import click
import yaml
from yarl import URL

from circleci_v1_async import CircleCISession, InvalidInputError
from circleci_v1_async._core.secret import Secret
from circleci_v1_async._transport.environment import (
    TOKEN_VARIABLES,
    complete_address,
    read_allow_http,
    read_base_url,
    read_token,
)
from circleci_v1_async._transport.urls import get_origin

__all__ = ["BASE_URL", "open_session"]

BASE_URL: Final = "circleci_v1_async.base_url"


@attrs.frozen
class Login:
    """A token and the address that it is for.

    Attributes:
        base_url: The API's address.
        token: The token.
    """

    base_url: str
    token: Secret[str]


@asynccontextmanager
async def open_session(*, needs_token: bool = False) -> AsyncGenerator[CircleCISession, None]:
    """Open a session by the options and the environment; without a token there, by `~/.circleci/cli.yml`.

    Args:
        needs_token: Whether the command is refused without a token. The others read what is public.

    Raises:
        InvalidInputError: A token is needed, and there is none, or none for that address.
    """
    option: str | None = click.get_current_context().meta[BASE_URL]
    base_url = option or read_base_url()
    file = Path.home() / ".circleci" / "cli.yml"
    if read_token() is not None:
        ci = CircleCISession.from_env(base_url=option, trust_env=True)
    elif login := await asyncio.to_thread(_read_login, file):
        address = choose_base_url(login, base_url, file)
        ci = CircleCISession(cast("str", login.token), base_url=address, trust_env=True, allow_http=read_allow_http())
    elif needs_token:
        raise InvalidInputError(f"expected a token in one of {', '.join(TOKEN_VARIABLES)}, or in {file}; there is none")
    else:
        ci = CircleCISession.from_env(anonymous=True, base_url=option, trust_env=True)
    async with ci:
        yield ci


def choose_base_url(login: Login, base_url: str | None, file: Path) -> str:
    """Return the address to use a login at: the given one, if the login is for its origin.

    Raises:
        InvalidInputError: It is for another one, which its token must not be sent to.
    """
    if base_url is None:
        return login.base_url
    if get_origin(URL(base_url)) != get_origin(URL(login.base_url)):
        raise InvalidInputError(
            f"expected a token for {URL(base_url).host} in CIRCLE_TOKEN: the one of {file} is for "
            f"{URL(login.base_url).host} and goes nowhere else"
        )
    return base_url


def parse_login(text: str) -> Login | None:
    """Return the login of a settings file; `None` when it lacks the host or the token, or is no YAML."""
    try:
        settings: Any = yaml.safe_load(text)
    except yaml.YAMLError:
        return None
    match settings:
        case {"host": str(host), "token": str(token)} if host and token:
            return Login(complete_address(host), Secret(token))
        case _:
            return None


def _read_login(file: Path) -> Login | None:
    try:
        return parse_login(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        return None
