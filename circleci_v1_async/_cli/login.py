"""A command's session, from options, the environment, or the settings of CircleCI's own command."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, cast

import attrs
import click
import yaml

from circleci_v1_async import CircleCISession, InvalidInputError, RetryPolicy
from circleci_v1_async._core.secret import Secret
from circleci_v1_async._transport.environment import (
    CLOUD_URL,
    TOKEN_VARIABLES,
    complete_address,
    read_allow_http,
    read_base_url,
    read_token,
)
from circleci_v1_async._transport.urls import get_origin, parse_base_url

from .seconds import SECONDS

_OPTIONS: Final = "circleci_v1_async.session"
_TIMEOUT: Final = 60
_RETRIES: Final = 2
_FILE_LIMIT: Final = 2**16  # bytes: a larger file is not a settings file
_STRING: Final = "tag:yaml.org,2002:str"


@attrs.frozen
class Login:
    """A token and its base URL.

    Attributes:
        base_url: The API's base URL.
        token: The token.
    """

    base_url: str
    token: Secret[str]


@attrs.frozen
class _SessionOptions:
    """A command's options for its session.

    Attributes:
        base_url: The API's base URL; `None` to use the environment.
        retries: Maximum number of times to resend a request.
        request_timeout: Maximum number of seconds for one exchange.
    """

    base_url: str | None = None
    retries: int = _RETRIES
    request_timeout: float = _TIMEOUT


def session_options() -> list[click.Option]:
    """Return the session options that all commands have."""

    def keep(ctx: click.Context, param: click.Parameter, value: Any) -> None:
        options: _SessionOptions = ctx.meta.get(_OPTIONS, _SessionOptions())
        ctx.meta[_OPTIONS] = attrs.evolve(options, **{param.name or "": value})

    return [
        click.Option(
            ["--base-url"],
            metavar="URL",
            expose_value=False,
            callback=keep,
            help="The API's URL, instead of CIRCLE_API_URL.",
        ),
        click.Option(
            ["--retries"],
            type=click.IntRange(0, 100),
            metavar="N",
            default=_RETRIES,
            show_default=True,
            expose_value=False,
            callback=keep,
            help="Maximum number of times that a request is resent.",
        ),
        click.Option(
            ["--request-timeout"],
            type=SECONDS,
            default=_TIMEOUT,
            show_default=True,
            expose_value=False,
            callback=keep,
            help="Maximum duration of one attempt.",
        ),
    ]


@asynccontextmanager
async def open_session(*, needs_token: bool = False) -> AsyncGenerator[CircleCISession, None]:
    """Open a session from the options and the environment; without a token, from `~/.circleci/cli.yml`.

    Args:
        needs_token: Whether to reject the command without a token. Public data needs no token.

    Raises:
        InvalidInputError: A token is needed, and there is no token, or no token for the base URL.
    """
    options: _SessionOptions = click.get_current_context().meta[_OPTIONS]
    base_url = read_base_url() if options.base_url is None else options.base_url
    token: Secret[str] | None = read_token()
    if token is None:
        file = _find_settings()
        login = None if file is None else await asyncio.to_thread(_read_login, file)
        if login is not None:
            base_url = choose_base_url(login, base_url, f"{file}")
            token = login.token
        elif needs_token:
            place = "" if file is None else f", or in {file}"
            raise InvalidInputError(f"expected a token in one of {', '.join(TOKEN_VARIABLES)}{place}; there is none")
    async with CircleCISession(
        cast("str | None", token),
        base_url=CLOUD_URL if base_url is None else base_url,
        timeout=options.request_timeout,
        retry=RetryPolicy(attempts=options.retries + 1),
        trust_env=True,
        allow_http=read_allow_http(),
    ) as ci:
        yield ci


def _find_settings() -> Path | None:
    try:
        return Path.home() / ".circleci" / "cli.yml"
    except RuntimeError:
        # Containers may run as a user without a home folder.
        return None


def choose_base_url(login: Login, base_url: str | None, file: str) -> str:
    """Return the base URL to use a login with: the given URL, if the login is for its origin.

    Raises:
        InvalidInputError: The login is for another origin, and its token must not be sent to the given URL; or a URL is
            invalid.
    """
    if base_url is None:
        return login.base_url
    wanted, own = parse_base_url(base_url, with_token=False), parse_base_url(login.base_url, with_token=False)
    if get_origin(wanted) != get_origin(own):
        raise InvalidInputError(
            f"expected a token for {wanted.host} in CIRCLE_TOKEN: the token in {file} is only for {own.host}"
        )
    return base_url


def parse_login(text: str) -> Login | None:
    """Return the login of a settings file; `None` if it lacks the host or the token, or is not YAML."""
    try:
        # Only compose: constructing values of other types can raise any exception, or take very long.
        root = yaml.compose(text, yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return None
    settings = dict(_list_strings(root))
    if not settings.get("host") or not settings.get("token"):
        return None
    return Login(complete_address(settings["host"]), Secret(settings["token"]))


def _list_strings(root: yaml.Node | None) -> Iterator[tuple[str, str]]:
    """Yield the entries of a mapping that have string values."""
    for key, value in root.value if isinstance(root, yaml.MappingNode) else ():
        if isinstance(key, yaml.ScalarNode) and isinstance(value, yaml.ScalarNode) and value.tag == _STRING:
            yield key.value, value.value


def _read_login(file: Path) -> Login | None:
    try:
        # Reading a pipe or a device might never end.
        if not file.is_file():
            return None
        with file.open("rb") as settings:
            data = settings.read(_FILE_LIMIT + 1)
        return parse_login(data.decode()) if len(data) <= _FILE_LIMIT else None
    except (OSError, ValueError):
        return None
