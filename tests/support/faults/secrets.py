"""What is secret comes back in a reply, or is at hand when something fails that is not the package's."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

import aiohttp
from script_server import Received, ScriptServer, reply

from circleci_v1_async import (
    BadRequestError,
    CircleCISession,
    DecodeError,
    InvalidInputError,
    NotFoundError,
    ServerError,
    TransportError,
)

from .calls import (
    add_heroku_key,
    add_key,
    add_variable,
    create_token,
    delete,
    get,
    get_build,
    no_session,
    trigger,
    trigger_branch,
)
from .canaries import BUILT, COOKIE, ECHO, OK, TOKEN
from .connections import TWICE
from .scenes import Call, Fault, Place, Scene, here

IN_ANY_HEADER = [("X-Request-Id", TOKEN), ("X-Echo", f"Circle-Token: {TOKEN}"), (TOKEN, "1"), COOKIE]
IN_THE_TYPE = [("Content-Type", f"text/html; token={TOKEN}"), ("X-Circleci-Request-Id", f"id-{TOKEN}")]
SECRETS_SENT: tuple[Call, ...] = (add_key, add_variable, add_heroku_key, trigger, trigger_branch)


def make_from_env(token: str = TOKEN, **options: Any) -> CircleCISession:
    with patch.dict(os.environ, {"CIRCLE_TOKEN": token}):
        return CircleCISession.from_env(**options)


async def _from_env(**options: Any) -> None:
    make_from_env(**options)


def _from_a_callable(token: Any) -> Call:
    async def call(scene: Scene) -> Any:
        async with CircleCISession(lambda: token, base_url=scene.server.base_url) as ci:
            return await ci.get_current_user()

    return call


def _quoting(form: str, status: int = 400) -> Any:
    """A service that quotes what it was sent."""

    async def answer(received: Received, writer: asyncio.StreamWriter) -> None:
        sent = received.body.decode()
        value: str = _innermost(json.loads(sent))
        told: dict[str, Any] = {
            "a message with the value": {"message": f"Not with {value}"},
            "a message with the body": {"message": f"Not with {sent}"},
            "a message with the body, in JSON again": {"message": json.dumps({"message": f"Not with {sent}"})},
            "text with the body": sent.replace("{", "(").encode(),
            "text with the value, escaped": f"Not with {json.dumps(value)}".encode(),
            "a page with the value": f"<html>{value}".encode(),
            "a message of which 500 characters end in the value": {"message": "x" * 470 + value},
            "headers": {"message": "No."},
        }
        headers = [("X-Echo", quote(value)), ("X-Value", " ".join(value.split("\n"))), ("X-Request-Id", quote(sent))]
        writer.write(reply(status, told[form], headers if form == "headers" else ()))
        await writer.drain()

    return answer


def _innermost(value: Any) -> str:
    while isinstance(value, dict):
        value = list(value.values())[-1]
    return str(value)


FORMS = (
    "a message with the value",
    "a message with the body",
    "a message with the body, in JSON again",
    "text with the body",
    "text with the value, escaped",
    "a page with the value",
    "a message of which 500 characters end in the value",
    "headers",
)


class FailingLimiter:
    """A limiter of the user's that fails when it is entered, or when it is left."""

    def __init__(self, *, when_left: bool) -> None:
        self.when_left = when_left

    async def __aenter__(self) -> None:
        if not self.when_left:
            raise LookupError

    async def __aexit__(self, *_: object) -> None:
        if self.when_left:
            raise LookupError


def with_a_failing_hook(signal: str, kind: type[Exception] = LookupError) -> Place:
    async def fail(*_: object) -> None:
        raise kind

    @asynccontextmanager
    async def place(server: ScriptServer) -> AsyncIterator[Mapping[str, Any]]:
        config = aiohttp.TraceConfig()
        getattr(config, signal).append(fail)
        async with aiohttp.ClientSession(trace_configs=[config]) as borrowed, here(server) as places:
            yield {**places, "session": borrowed}

    return place


FAULTS = [
    *(
        Fault(100, f"a token of the environment and {name}", (), lambda _scene, o=options: _from_env(**o), kind, 0)
        for name, options, kind in (
            ("an address of http", {"base_url": "http://ci.acme.example"}, InvalidInputError),
            ("an address that is none", {"base_url": "ci"}, InvalidInputError),
            ("no place for a call", {"concurrency": 0}, InvalidInputError),
            ("no time for a call", {"timeout": -1}, InvalidInputError),
            ("an option that is none", {"retries": 3}, TypeError),
            ("a line feed", {"token": f"{TOKEN}\n"}, InvalidInputError),
        )
    ),
    *(
        Fault(100, f"a token and {name}", (), lambda _scene, o=options: no_session(TOKEN, **o), InvalidInputError, 0)
        for name, options in (
            ("a session that is none", {"session": object()}),
            ("a limiter that is none", {"limiter": object()}),
            ("a retry policy that is none", {"retry": 3}),
        )
    ),
    *(
        Fault(100, f"a token of a callable {name}", (OK,), _from_a_callable(token), InvalidInputError, 0)
        for name, token in (("with a line feed", f"{TOKEN}\n"), ("of bytes", TOKEN.encode()), ("in a list", [TOKEN]))
    ),
    Fault(
        100,
        "a token of a callable that is refused",
        (reply(400, {"message": ECHO}, IN_ANY_HEADER),),
        _from_a_callable(TOKEN),
        BadRequestError,
        1,
    ),
    *(
        Fault(102, f"the token in the headers of {name}", (reply(*answer),), call, kind, requests, slept)
        for name, answer, call, kind, requests, slept in (
            ("a refusal of a GET", (400, {"message": ECHO}, IN_ANY_HEADER), get, BadRequestError, 1, ()),
            ("a refusal of a POST", (400, b"No.", IN_ANY_HEADER), add_key, BadRequestError, 1, ()),
            ("a failure of a DELETE", (503, b"", IN_THE_TYPE), delete, ServerError, 3, (0.5, 1.0)),
            ("what is not there", (404, b"<html>", IN_THE_TYPE), get_build, NotFoundError, 1, ()),
            ("a page for a reply", (200, b"<html>", IN_THE_TYPE), get, DecodeError, 1, ()),
            ("a broken reply to a POST", (200, b"{", IN_THE_TYPE), create_token, DecodeError, 1, ()),
        )
    ),
    *(
        Fault(103, f"{form} that {call.__name__} sent is refused", (_quoting(form),), call, BadRequestError, 1)
        for form in FORMS
        for call in SECRETS_SENT
    ),
    *(
        Fault(103, f"a page that quotes what {call.__name__} sent", (_quoting(FORMS[5], 200),), call, DecodeError, 1)
        for call in (add_variable, trigger, trigger_branch)
    ),
    *(
        Fault(
            104,
            f"{call.__name__} while a limiter fails that is {how}",
            (OK,),
            call,
            LookupError,
            int(when_left),
            options={"limiter": FailingLimiter(when_left=when_left)},
        )
        for call in (get, *SECRETS_SENT)
        for how, when_left in (("entered", False), ("left", True))
    ),
    *(
        Fault(
            104,
            f"{call.__name__} while a hook of {signal} fails",
            (OK,),
            call,
            LookupError,
            requests,
            place=with_a_failing_hook(signal),
        )
        for call in (get, *SECRETS_SENT)
        for signal, requests in (("on_request_start", 0), ("on_request_headers_sent", 0))
    ),
    *(
        Fault(
            104,
            f"{call.__name__} while a hook of {signal} raises a {kind.__name__}",
            (BUILT,),
            call,
            TransportError if is_wrapped and kind is OSError else kind,
            requests,
            TWICE if is_wrapped and kind is OSError and call is get_build else (),
            place=with_a_failing_hook(signal, kind),
        )
        for call in (get_build, add_key)
        for kind in (ValueError, RuntimeError, KeyError, OSError)
        for signal, requests, is_wrapped in (
            ("on_request_start", 0, False),
            ("on_connection_create_start", 0, True),
            ("on_request_headers_sent", 0, True),
            ("on_request_end", 1, False),
        )
    ),
]
