"""Checks of bodies, numbers and strings in requests. Values that a reply cannot express are rejected."""

import json
import math
import re
from collections.abc import Iterable, Iterator
from email.parser import BytesParser
from typing import Final, NoReturn, cast
from urllib.parse import parse_qsl

from circleci_v1_async.testing._server.wire import Payload, Reply

BAD_REQUEST: Final = Reply.json_error(400, "Bad request.")
_NESTED: Final = re.compile(r"([^\[\]]+)\[([^\[\]]+)\]")
# This depth is far above the depth of any request to the API, and far below the limit of a recursive encoder.
_MAX_DEPTH: Final = 32
# int() raises for thousands of digits. No number of the service has more than 18 digits.
_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")


class RefusedError(Exception):
    """Raised by an operation that rejects its request with `reply`."""

    def __init__(self, reply: Reply = BAD_REQUEST) -> None:
        super().__init__(reply.status)
        self.reply = reply


def is_text(value: str) -> bool:
    """Return whether `value` can be encoded. JSON and raw bytes in a path can contain lone surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in value)


def parse_integer(value: str) -> int:
    """Return the number in a query or a path.

    Raises:
        RefusedError: The string is not an integer, or has more than 18 digits.
    """
    if not _INTEGER.fullmatch(value):
        raise RefusedError
    return int(value)


def parse_json(text: bytes | str) -> object:
    """Return a JSON value.

    Raises:
        ValueError: The text is not JSON, is nested too deeply, or contains values that JSON cannot express: lone
            surrogates, infinite numbers.
    """
    try:
        value: object = json.loads(text, parse_constant=_refuse, parse_float=_parse_finite)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not _is_sound(value, _MAX_DEPTH):
        raise ValueError("it is nested too deeply, or contains lone surrogates")
    return value


def parse_body(body: bytes) -> Payload:
    """Return the JSON object in a body; an empty object for an empty body or null.

    Raises:
        RefusedError: The body is not a JSON object, or contains values that JSON cannot express: lone surrogates,
            infinite numbers.
    """
    try:
        value = parse_json(body) if body else None
    except ValueError:
        raise RefusedError from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RefusedError
    return cast(Payload, value)


def parse_body_or_form(body: bytes, content_type: str) -> Payload:
    """Return the members of a JSON object or of a form, which some operations of the service accept.

    A form field `name[key]` becomes the member `key` of the object `name`.

    Raises:
        RefusedError: The body is neither a JSON object nor a form.
    """
    try:
        return parse_body(body)
    except RefusedError:
        match content_type.partition(";")[0].strip().lower():
            case "application/x-www-form-urlencoded":
                # Bytes that are not UTF-8 become replacement characters, the same as in paths.
                return _nest(parse_qsl(body.decode("latin-1"), keep_blank_values=True))
            case "multipart/form-data":
                return _nest(_parse_multipart(body, content_type))
            case _:
                raise


def _nest(fields: Iterable[tuple[str, str]]) -> Payload:
    members: Payload = {}
    for name, value in fields:
        nested = _NESTED.fullmatch(name)
        if nested is None:
            members[name] = value
        elif isinstance(inner := members.setdefault(nested[1], {}), dict):
            inner[nested[2]] = value
    return members


def _parse_multipart(body: bytes, content_type: str) -> Iterator[tuple[str, str]]:
    head = f"Content-Type: {content_type}\r\n\r\n".encode(errors="replace")
    for part in BytesParser().parsebytes(head + body).walk():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            yield name, content.decode(errors="replace")


def take_text(body: Payload, name: str) -> str | None:
    """Return a member that is a string, or null, or absent.

    Raises:
        RefusedError: The member has another type.
    """
    value: object = body.get(name)
    if not isinstance(value, str | None):
        raise RefusedError
    return value


def take_texts(body: Payload, *names: str) -> list[str]:
    """Return members that must be strings.

    Raises:
        RefusedError: A member is absent or is not a string.
    """
    values = [value for name in names if isinstance(value := body.get(name), str)]
    if len(values) < len(names):
        raise RefusedError
    return values


def take_count(body: Payload, name: str) -> int | None:
    """Return a member that is a positive integer, or null, or absent. A form contains it as a string.

    Raises:
        RefusedError: The member has another value.
    """
    value: object = body.get(name)
    if isinstance(value, str):
        value = parse_integer(value) if value else None
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise RefusedError
    return value


def take_members(body: Payload, name: str) -> Payload | None:
    """Return a member that is an object, or null, or absent.

    Raises:
        RefusedError: The member has another type.
    """
    value: object = body.get(name)
    if not isinstance(value, dict | None):
        raise RefusedError
    return cast("Payload | None", value)


def _refuse(_constant: str) -> NoReturn:
    raise ValueError("not JSON")


def _parse_finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("too large")
    return number


def _is_sound(value: object, depth: int) -> bool:
    match value:
        case str():
            return is_text(value)
        case dict():
            members = cast("dict[str, object]", value)
            return depth > 0 and all(is_text(key) and _is_sound(item, depth - 1) for key, item in members.items())
        case list():
            return depth > 0 and all(_is_sound(item, depth - 1) for item in cast("list[object]", value))
        case _:
            return True
