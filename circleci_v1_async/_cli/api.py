"""The command that sends any request."""

import json
from typing import IO, Any
from urllib.parse import parse_qsl

import click
from rich.console import Console

from circleci_v1_async import Request
from circleci_v1_async._core.secret import Secret

from .command import Command
from .json_lines import format_json
from .login import open_session
from .pairs import parse_pairs


def _read_body(_ctx: click.Context, _param: click.Parameter, file: IO[str] | None) -> Any:
    if file is None:
        return None
    try:
        with file:
            return Secret(json.load(file))
    except (ValueError, RecursionError):
        raise click.BadParameter("the file is not JSON.") from None


@click.command(cls=Command, example="api '/project/gh/acme/web?limit=3'")
@click.argument("path")
@click.option("-X", "--method", metavar="METHOD", help="The HTTP method.  [default: GET, or POST with a body]")
@click.option(
    "-f",
    "--field",
    "fields",
    multiple=True,
    metavar="KEY=VALUE",
    callback=parse_pairs,
    help="Add a string to the body, or to the query with -X GET. Can be repeated.",
)
@click.option(
    "--input",
    "body",
    type=click.File("r", encoding="utf-8"),
    callback=_read_body,
    help="Read the JSON of the body from a file, or from standard input with -.",
)
@click.pass_obj
async def api(console: Console, path: str, *, method: str | None, fields: dict[str, str], body: Any) -> None:
    """Send a request, and print the JSON of the reply.

    PATH is relative to the API's URL, for example /me. The command prints the JSON unchanged, including any secrets. On
    a terminal, the JSON is indented.
    """
    if fields and body is not None:
        raise click.UsageError("--field and --input cannot be used together.")
    method = (method or ("POST" if fields or body is not None else "GET")).upper()
    path, _, query = path.partition("?")
    parameters = dict(parse_qsl(query, keep_blank_values=True))
    if method in {"GET", "HEAD"}:
        parameters |= fields
    elif fields:
        body = Secret(fields)
    # Escape braces, because they would be placeholders.
    path = "/" + path.lstrip("/").replace("{", "%7B").replace("}", "%7D")
    request: Request[Any] = Request(method, path, query=parameters, body=body)
    async with open_session() as ci:
        reply = await ci.send(request)
    click.echo(format_json(reply, indent=2 if console.is_terminal else None))
