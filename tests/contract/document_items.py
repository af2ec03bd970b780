"""Every statement of openapi.yml about an operation, as an item that the client keeps or does not keep.

An item is a call over a socket, and a check of what was sent, returned or raised. The items are made from the
document as it is, without the overlay.
"""

import asyncio
import inspect
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qs, quote

import attrs
from contract import DOCUMENT, METHODS, resolve
from overlay import JSON
from script_server import Received, ScriptServer, reply

from circleci_v1_async import BuildMessage, CircleCISession, InvalidInputError, StatusError
from circleci_v1_async import errors as all_errors

TOKEN = "a-token"
UNKNOWN = "a-value-of-next-year"
TIME = "2026-01-05T09:30:00.123Z"
PATH_VALUES: dict[str, Any] = {"vcs-type": "github", "username": "acme", "project": "web", "build_num": 7}
TEXTS = ("main", "feature/a b#1?x=y&z", "ünï%2F", "SHA256:ab/c+d=")
ERRORS = {400: "BadRequestError", 401: "AuthenticationError", 404: "NotFoundError"}
OTHER_SUCCESS = {200: 201, 201: 200}
WRONG: dict[str, tuple[Any, ...]] = {
    "integer": ("5", 5.5, True),
    "string": (5, b"bytes", ["a"]),
    "object": ("text", 5, ["a"]),
}
Check = Callable[["Scene"], Awaitable[str]]


@attrs.define
class Scene:
    """A session, and the server on the other side.

    Attributes:
        ci: The session.
        server: Answers each request with its script.
    """

    ci: CircleCISession
    server: ScriptServer

    async def call(self, operation: "Operation", body: Any, status: int = 0, **arguments: Any) -> tuple[Any, Received]:
        """Return the result of a call, and the request that it made."""
        self.server.script = [reply(status or operation.success, body)]
        self.server.requests.clear()
        result = await operation.start(self.ci, arguments)
        (request,) = self.server.requests
        return result, request


@attrs.frozen
class Operation:
    """An operation of the document.

    Attributes:
        name: The method of the session.
        verb: The HTTP method.
        path: The path, with placeholders.
        parameters: The parameters, by where they are and their names.
        body: The schema of the request's body.
        success: The documented status of a success.
        statuses: The documented statuses of errors.
        reply: The schema of a successful reply; empty where the document has none.
    """

    name: str
    verb: str
    path: str
    parameters: dict[tuple[str, str], JSON]
    body: JSON
    success: int
    statuses: tuple[int, ...]
    reply: JSON

    def start(self, ci: CircleCISession, arguments: Mapping[str, Any]) -> Awaitable[Any]:
        """Call the method with what the document requires, and with the arguments."""
        values = PATH_VALUES | {
            name: sample(schema) for (place, name), schema in self.parameters.items() if place == "path"
        }
        values = (
            values
            | PATH_VALUES
            | {name: sample(self.body["properties"][name]) for name in self.body.get("required", ())}
        )
        values |= arguments
        project = "/".join(str(values.pop(name)) for name in ("vcs-type", "username", "project"))
        method = getattr(ci, self.name)
        known = inspect.signature(method).parameters
        given = {"project": values.pop("slug", project), **values}
        return method(**{name: value for name, value in given.items() if name in known or name in arguments})


def operations() -> Iterator[Operation]:
    """The operations of the document."""
    for path, methods in DOCUMENT["paths"].items():
        for verb, terms in methods.items():
            parameters = [_resolved(parameter) for parameter in terms.get("parameters", ())]
            success, *statuses = map(int, terms["responses"])
            yield Operation(
                METHODS[terms["operationId"].lower()],
                verb.upper(),
                path,
                {(each["in"], each["name"]): each["schema"] for each in parameters},
                _json_schema(terms.get("requestBody", {})),
                success,
                tuple(statuses),
                _json_schema(terms["responses"][str(success)]),
            )


def _json_schema(content: JSON) -> JSON:
    return _resolved(content.get("content", {}).get("application/json", {}).get("schema", {}))


def _resolved(node: JSON) -> JSON:
    node = resolve(DOCUMENT, node["$ref"]) if "$ref" in node else node
    if "allOf" not in node:
        return node
    properties = [_resolved(part)["properties"] for part in node["allOf"]]
    return {"type": "object", "properties": {name: schema for part in properties for name, schema in part.items()}}


def sample(schema: JSON) -> Any:
    """A JSON value as the document has it."""
    schema = _resolved(schema)
    match schema:
        case {"enum": [first, *_]}:
            return first
        case {"format": "date-time"}:
            return TIME
        case {"type": "array", "items": items}:
            return [sample(items)]
        case {"properties": dict(properties)}:
            return {name: sample(child) for name, child in properties.items()}
        case {"additionalProperties": dict(values)}:
            return {"a key": sample(values)}
    return {"string": "text", "integer": 7, "number": 0.5, "boolean": True, "object": {"a key": "text"}}[schema["type"]]


def complaint(schema: JSON, sent: Any, got: Any) -> str:
    """What is wrong with the value that came of a JSON value; empty if nothing is."""
    schema = _resolved(schema)
    if isinstance(got, BuildMessage):
        # The document has strings; the service sends objects, which strings are made into.
        got = got.message
    match schema:
        case {"format": "date-time"}:
            right = got == datetime(2026, 1, 5, 9, 30, 0, 123_000, tzinfo=UTC) and got.tzinfo is not None
        case {"enum": _}:
            right = isinstance(got, str) and type(got) is not str and got == sent
        case {"type": "array", "items": items}:
            right = isinstance(got, list | tuple) and len(got) == len(sent)
            wrong = [complaint(items, *pair) for pair in zip(sent, got, strict=True)] if right else []
            return next(filter(None, wrong), "" if right else f"expected a list, got {got!r}")
        case {"properties": dict(properties)}:
            wrong = [complaint(properties[name], value, read(got, name)) for name, value in sent.items()]
            return next(filter(None, wrong), "")
        case {"additionalProperties": dict(values)}:
            wrong = [complaint(values, value, got[name]) for name, value in sent.items()]
            return next(filter(None, wrong), "")
        case {"type": "object"}:
            right = got is not None
        case _:
            # A string may be more than the document says: every `status` is one of an open enum.
            kinds = {"integer": int, "number": float, "boolean": bool}
            right = got == sent and (
                isinstance(got, str) if schema["type"] == "string" else type(got) is kinds[schema["type"]]
            )
    return "" if right else f"expected {sent!r} by {schema}, got {got!r}"


def read(model: Any, name: str) -> Any:
    """A property of a reply's object; `None` where the object is absent."""
    return model[name] if isinstance(model, Mapping) else getattr(model, name, None)


def places(schema: JSON, at: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], JSON]]:
    """The properties of a reply, however deep, with the way to each in a sample of the reply."""
    schema = _resolved(schema)
    match schema:
        case {"type": "array", "items": items}:
            yield from places(items, (*at, 0))
        case {"properties": dict(properties)}:
            for name, child in properties.items():
                yield (*at, name), child
                yield from places(child, (*at, name))
        case {"additionalProperties": dict(values)}:
            yield from places(values, (*at, "a key"))


def replaced(value: Any, at: tuple[str | int, ...], new: Any) -> Any:
    """A copy of a JSON value with another value, or none, in one place."""
    if not at:
        return new
    copy, (first, *rest) = value.copy(), at
    if not rest and new is ABSENT:
        del copy[first]
    else:
        copy[first] = replaced(value[first], tuple(rest), new)
    return copy


ABSENT = object()


def reached(value: Any, at: tuple[str | int, ...]) -> Any:
    """What came of the place in a reply, from what a call returned."""
    for step in at:
        value = value[step] if isinstance(step, int) else read(value, step)
    return value


def items() -> Iterator[tuple[str, Check]]:
    """All items by name."""
    for operation in operations():
        makers = (_of_call, _of_path, _of_query, _of_body, _of_statuses, _of_reply)
        for make in makers:
            for name, check in make(operation):
                yield f"{operation.name}: {name}", check


def _of_call(operation: Operation) -> Iterator[tuple[str, Check]]:
    async def is_documented(_: Scene) -> str:
        method = getattr(CircleCISession, operation.name)
        text = re.sub(r"\{vcs-type\}/\{username\}/\{project\}", "{project}", operation.path)
        right = inspect.iscoroutinefunction(method) and f"`{operation.verb} {text}" in (method.__doc__ or "")
        return "" if right else f"expected a coroutine function whose docstring names {operation.verb} {text}"

    async def sends_the_token(scene: Scene) -> str:
        _, request = await scene.call(operation, sample_reply(operation))
        right = request.method == operation.verb and request.headers.get("Circle-Token") == TOKEN
        return "" if right and TOKEN not in request.target else f"{request}"

    yield "method", is_documented
    yield "token", sends_the_token


def sample_reply(operation: Operation, body: Any = None) -> Any:
    """A reply as the document has it, or a body that has no schema."""
    return body if body is not None else (sample(operation.reply) if operation.reply else "")


def _of_path(operation: Operation) -> Iterator[tuple[str, Check]]:
    for (place, name), schema in operation.parameters.items():
        if place != "path":
            continue
        kind = schema["type"]
        for value in schema.get(
            "enum", (1, 7, 2**31) if kind == "integer" else TEXTS[:1] if name in PATH_VALUES else TEXTS
        ):
            yield f"path {name} = {value!r}", _sends_path(operation, name, value)
        if name == "build_num":
            for value in (0, -1, *WRONG[kind]):
                yield f"path {name} = {value!r} is rejected", _rejects(operation, name, value)
        elif name not in PATH_VALUES:
            for value in ("", *WRONG[kind]):
                yield f"path {name} = {value!r} is rejected", _rejects(operation, name, value)
    if ("path", "project") in operation.parameters:
        for value in ("", "acme/web", "gitx/acme/web", 5, None):
            yield f"path project = {value!r} is rejected", _rejects(operation, "slug", value)


def _sends_path(operation: Operation, name: str, value: Any) -> Check:
    async def check(scene: Scene) -> str:
        body = sample_reply(operation)
        if name == "build_num" and isinstance(body, dict) and "build_num" in body:
            body["build_num"] = value
        _, request = await scene.call(operation, body, **{name: value})
        values = PATH_VALUES | {key: sample(schema) for (_, key), schema in operation.parameters.items()}
        values = values | PATH_VALUES | {name: value}
        path = re.sub(r"\{([\w-]+)\}", lambda match: quote(str(values[match[1]]), safe=""), operation.path)
        sent = request.target.partition("?")[0].removeprefix("/api/v1.1")
        return "" if sent == path else f"expected {path}, sent {sent}"

    return check


def _rejects(operation: Operation, name: str, value: Any) -> Check:
    async def check(scene: Scene) -> str:
        scene.server.requests.clear()
        try:
            await operation.start(scene.ci, {name: value})
        except InvalidInputError:
            return "a request was sent" if scene.server.requests else ""
        return "accepted"

    return check


def _of_query(operation: Operation) -> Iterator[tuple[str, Check]]:
    for (place, name), schema in operation.parameters.items():
        if place != "query":
            continue
        low, high = schema.get("minimum"), schema.get("maximum")
        accepted = schema.get("enum") or (
            TEXTS if schema["type"] == "string" else [x for x in (low, low + 1, high) if x is not None]
        )
        rejected = [*WRONG[schema["type"]], *([UNKNOWN] if "enum" in schema else [])]
        rejected += [low - 1] if low is not None else []
        rejected += [high + 1] if high is not None else []
        for value in accepted:
            yield f"query {name} = {value!r}", _sends_query(operation, name, str(value), **{name: value})
        for value in rejected:
            yield f"query {name} = {value!r} is rejected", _rejects(operation, name, value)
        default = schema.get("default", low)
        yield f"query {name} is left out", _sends_query(operation, name, None if default is None else str(default))


def _sends_query(operation: Operation, name: str, expected: str | None, **arguments: Any) -> Check:
    async def check(scene: Scene) -> str:
        _, request = await scene.call(operation, sample_reply(operation), **arguments)
        # A branch of a list is part of the path, which is another operation of the service.
        sent = parse_qs(request.target.partition("?")[2], keep_blank_values=True).get(name, [None])[0]
        return "" if sent == expected else f"expected {expected!r}, sent {sent!r}"

    return check


def _of_body(operation: Operation) -> Iterator[tuple[str, Check]]:
    required = set(operation.body.get("required", ()))
    for name, schema in operation.body.get("properties", {}).items():
        values = schema.get("enum") or {"string": TEXTS, "integer": (1, 8), "object": ({}, {"A": "b"})}[schema["type"]]
        for value in values:
            yield f"body {name} = {value!r}", _sends_body(operation, name, value)
        for value in [*WRONG[schema["type"]], *([UNKNOWN] if "enum" in schema else [])]:
            yield f"body {name} = {value!r} is rejected", _rejects(operation, name, value)
        if name not in required:
            yield f"body {name} is left out", _sends_body(operation, name, None)


def _sends_body(operation: Operation, name: str, value: Any) -> Check:
    async def check(scene: Scene) -> str:
        _, request = await scene.call(operation, sample_reply(operation), **({} if value is None else {name: value}))
        sent = (request.json or {}).get(name)
        return "" if sent == value else f"expected {value!r}, sent {sent!r}"

    return check


def _of_statuses(operation: Operation) -> Iterator[tuple[str, Check]]:
    for status in (operation.success, OTHER_SUCCESS[operation.success]):
        yield f"status {status}", _returns(operation, status)
    for status in operation.statuses:
        yield f"status {status}", _raises(operation, status)


def _returns(operation: Operation, status: int) -> Check:
    async def check(scene: Scene) -> str:
        body = sample_reply(operation)
        result, _ = await scene.call(operation, body, status)
        return complaint(operation.reply, body, unwrapped(operation, result)) if operation.reply else f"{result or ''}"

    return check


def unwrapped(operation: Operation, result: Any) -> Any:
    """What a call returned, in the form of the document: `list_build_tests` returns the list alone."""
    return {"tests": result} if operation.name == "list_build_tests" else result


def _raises(operation: Operation, status: int) -> Check:
    async def check(scene: Scene) -> str:
        try:
            await scene.call(operation, {"message": "No."}, status)
        except StatusError as error:
            right = type(error) is getattr(all_errors, ERRORS[status]) and error.status == status
            return "" if right and "No." in str(error) else repr(error)
        return "no error"

    return check


def _of_reply(operation: Operation) -> Iterator[tuple[str, Check]]:
    for at, schema in places(operation.reply):
        name = ".".join(map(str, at))
        for value in _resolved(schema).get("enum", [sample(schema)]):
            yield f"reply {name} = {value!r}", _decodes(operation, at, schema, value)
        if "enum" in _resolved(schema):
            yield f"reply {name} is unknown", _decodes(operation, at, schema, UNKNOWN)
        for value, word in ((None, "null"), (ABSENT, "absent")):
            yield f"reply {name} is {word}", _decodes_to_nothing(operation, at, value)


def _decodes(operation: Operation, at: tuple[str | int, ...], schema: JSON, value: Any) -> Check:
    async def check(scene: Scene) -> str:
        body = replaced(sample_reply(operation), at, value)
        result, _ = await scene.call(operation, body)
        return complaint(schema, value, reached(unwrapped(operation, result), at))

    return check


def _decodes_to_nothing(operation: Operation, at: tuple[str | int, ...], value: Any) -> Check:
    async def check(scene: Scene) -> str:
        result, _ = await scene.call(operation, replaced(sample_reply(operation), at, value))
        got = reached(unwrapped(operation, result), at)
        return "" if got in (None, (), []) else f"expected nothing, got {got!r}"

    return check


@cache
def outcomes() -> dict[str, str]:
    """The complaint about each item by its name; empty where the client keeps the document's word."""
    return asyncio.run(_outcomes())


async def _outcomes() -> dict[str, str]:
    found: dict[str, str] = {}
    async with ScriptServer(reply()) as server, CircleCISession(TOKEN, base_url=server.base_url) as ci:
        scene = Scene(ci, server)
        for name, check in items():
            try:
                found[name] = await check(scene)
            except Exception as error:  # noqa: BLE001 - an item that fails is a complaint
                found[name] = repr(error)
    return found
