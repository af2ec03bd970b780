"""Bytes into models and back.

There is one parser, msgspec, and one rule for values that hold no model (a "leaf"): `msgspec.convert`. The fast way
decodes the bytes straight into the models. What it refuses goes through the structure hooks of `_tolerant`, which take
apart only models and containers of models, so that one wrong value costs its own field and nothing else. Both ways end
in the same parser and the same rule, and so cannot disagree.
"""

import json
import logging
import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import quote, unquote

import attrs
import msgspec

from circleci_v1_async._core.secret import Secret, wrap_secret
from circleci_v1_async._core.tracebacks import TracebackScrubber
from circleci_v1_async.errors import DecodeError, InvalidInputError
from circleci_v1_async.models import OTHER_NAMES, Build, Project

if TYPE_CHECKING:
    from cattrs import Converter

__all__ = ["HTML", "TRUNCATED", "Decoder", "dumps", "encode", "find_fields", "loads"]

T = TypeVar("T")

_log = logging.getLogger("circleci_v1_async")

_BOM = b"\xef\xbb\xbf"
HTML = "HTML instead of JSON"
TRUNCATED = "Input data was truncated"  # msgspec's words
_BLANK_DATE = b'"committer_date":""'
# As long as the other, which spares a second look through the body, and no field's name.
_RENAMED = "committer-date"
_RENAMED_DATE = b'"committer-date":""'
# An escape sequence; the second alternative is half of a surrogate pair that has lost the other half.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


@cache
def _json_decoder(annotation: Any) -> "msgspec.json.Decoder[Any]":
    return msgspec.json.Decoder(annotation)


@attrs.define(eq=False)
class Decoder:
    """Decodes replies, and says each kind of wrong value once.

    Args:
        strict: Refuse a wrong value in an optional field.
        reported: The kinds of wrong values that were already said; shared to say them once together.
    """

    strict: bool = False
    reported: set[tuple[type, str, str]] = attrs.field(factory=set[tuple[type, str, str]])
    _converter: "Converter | None" = attrs.field(default=None, init=False)

    @staticmethod
    def check(returns: Any) -> None:
        """Refuse a type that nothing can be decoded into.

        Raises:
            InvalidInputError: It is none that msgspec knows.
        """
        try:
            _json_decoder(returns)
        except TypeError as error:
            raise InvalidInputError(
                f"returns: expected a model, a container of models or a JSON type; {error}"
            ) from None

    def decode(self, body: bytes, returns: type[T]) -> T:
        """The body as that type.

        Raises:
            DecodeError: It is not JSON, or not that type.
        """
        try:
            value: T = self._decode(body.removeprefix(_BOM), returns)
            _decode_branch_names(value)
        except DecodeError as error:
            raise DecodeError(error.reason, error.path, len(body)) from None
        except UnicodeDecodeError as error:
            raise DecodeError(f"Invalid UTF-8 (byte {error.start})", "$", len(body)) from None
        except RecursionError:
            raise DecodeError("Nested too deeply", "$", len(body)) from None
        except msgspec.MsgspecError as error:
            reason = _not_json(body.removeprefix(_BOM)) or str(error)
            raise DecodeError(reason, "$", len(body), truncated=reason == TRUNCATED) from None
        return value

    def _decode(self, body: bytes, returns: Any) -> Any:
        # msgspec does not look into fields that are not modelled; this does, at a fraction of the price.
        if not body.isascii():
            body.decode()
        if returns not in OTHER_NAMES:
            decoder = _json_decoder(returns)
            try:
                return decoder.decode(body)
            except msgspec.ValidationError:
                if (builds := _decode_blank_dates(body, decoder)) is not None:
                    return builds
            except msgspec.MsgspecError:
                body = _without_lone_surrogates(body)
        # Most programs never get here, and cattrs takes its time to import.
        from .tolerant import make_converter, structure_body  # noqa: PLC0415

        if self._converter is None:
            self._converter = make_converter(strict=self.strict, report=self._report)
        return structure_body(body, returns, self._converter)

    def _report(self, model: type, field: str, got: str) -> None:
        kind = (model, field, got)
        if kind not in self.reported:
            self.reported.add(kind)
            _log.warning(
                "%s.%s: a JSON %s is none of its values and is left out (said once)", model.__name__, field, got
            )


@cache
def _fields_by_key(model: Any) -> dict[str, str]:
    kind = msgspec.inspect.type_info(model)
    if not isinstance(kind, msgspec.inspect.StructType | msgspec.inspect.DataclassType):
        raise TypeError(f"got {model!r}")
    return {field.encode_name: field.name for field in kind.fields}


def find_fields(argument: str, model: Any) -> Mapping[str, str]:
    """Return the attributes of a class, by the keys of JSON that fill them.

    Args:
        argument: The argument's name, for the error.
        model: An attrs class, a Struct or a dataclass.

    Raises:
        InvalidInputError: It is none of these, or has a field that JSON cannot fill.
    """
    try:
        _json_decoder(model)
        return _fields_by_key(model)
    except (TypeError, NameError) as error:
        expected = "an attrs class, a msgspec Struct or a dataclass"
        raise InvalidInputError(f"{argument}: expected {expected}; {error}") from None


def _decode_blank_dates(body: bytes, decoder: "msgspec.json.Decoder[Any]") -> Any:
    """Decode Bitbucket's builds, whose `committer_date` may be `""`; return None if more is wrong."""
    # Quotes are escaped within a string: this is a key with its value.
    if _BLANK_DATE not in body:
        return None
    try:
        value = decoder.decode(body.replace(_BLANK_DATE, _RENAMED_DATE))
    except msgspec.ValidationError:
        return None
    builds: list[object]
    match value:
        case Build():
            builds = [value]
        case [Build(), *_]:
            builds = cast("list[object]", value)
        case _:
            return None
    return value if all(map(_has_own_parameters, builds)) else None


def _has_own_parameters(build: object) -> bool:
    """Whether no build parameter was renamed with the dates: users give them any name."""
    return isinstance(build, Build) and (not build.build_parameters or _RENAMED not in str(build.build_parameters))


def _without_lone_surrogates(body: bytes) -> bytes:
    """The JSON text with escapes of lone surrogates as U+FFFD, which is what they stand for."""
    return _ESCAPE.sub(lambda match: rb"\ufffd" if match[1] else match[0], body)


def _not_json(body: bytes) -> str:
    text = body.lstrip()
    return "The body is empty" if not text else HTML if text.startswith(b"<") else ""


def _decode_branch_names(value: Any) -> None:
    """Decode the names of branches, which the service percent-encodes where they are keys, in place."""
    match value:
        case Project(branches=dict() as branches):
            if any("%" in name for name in branches):
                decoded = {_decode_branch_name(name): branch for name, branch in branches.items()}
                branches.clear()
                branches.update(decoded)
        case [Project(), *_]:
            for item in cast("Iterable[Any]", value):
                _decode_branch_names(item)
        case _:
            pass


def _decode_branch_name(name: str) -> str:
    # A slash is mostly all that is encoded, and `unquote` takes ten times as long.
    name = name.replace("%2F", "/")
    return unquote(name) if "%" in name else name


def _with_encoded_branch_names(value: Any) -> Any:
    match value:
        case Project(branches=branches) if branches:
            encoded = {quote(name, safe="").replace(".", "%2E"): branch for name, branch in branches.items()}
            return attrs.evolve(value, branches=encoded)
        case [Project(), *_]:
            return [_with_encoded_branch_names(item) for item in cast("Iterable[Any]", value)]
        case _:
            return value


def encode(body: Any) -> bytes:
    """The body of a request as JSON.

    Raises:
        InvalidInputError: It holds something that JSON has no form for.
    """
    try:
        # Not by msgspec, which makes NaN null and a set a list.
        return json.dumps(body, allow_nan=False, ensure_ascii=False, separators=(",", ":"), default=_plain).encode()
    except (TypeError, ValueError, RecursionError):
        raise InvalidInputError(
            "body: expected what JSON can hold: strings, numbers, booleans, null, lists, dicts with string keys"
        ) from None


def _plain(value: object) -> object:
    """Return a secret's value, a dict for any mapping, and a plain `str` for a subclass of it."""
    if isinstance(value, Secret):
        return cast("Secret[object]", value).reveal()
    if isinstance(value, Mapping):
        return dict(cast("Mapping[object, object]", value))
    if isinstance(value, str):
        return str(value)
    raise TypeError


def dumps(model: Any) -> bytes:
    """A model, or a list of them, as JSON in the shape of the wire, for keeping. `loads` gives it back.

    Everything is written, secrets too: `User.heroku_api_key`, `Action.output_url`. Fields that were absent are null or
    empty lists.

    Raises:
        InvalidInputError: It holds something that JSON has no form for.
    """
    with TracebackScrubber():
        try:
            return msgspec.json.encode(_with_encoded_branch_names(model), enc_hook=_plain)
        except (TypeError, ValueError, RecursionError):
            raise InvalidInputError("dumps: expected a model, or a list of them, with what JSON can hold") from None


# One for all: a converter for what does not fit takes milliseconds to make.
_LOADS = Decoder()


def loads(data: bytes | str, type: type[T]) -> T:
    """The model that `dumps` wrote, or that the service sent.

    Args:
        data: JSON.
        type: A model, or a container such as `list[Build]`.

    Raises:
        DecodeError: It is not JSON, or not that type.
        InvalidInputError: Nothing can be decoded into that type.
    """
    data = wrap_secret(data)
    Decoder.check(type)
    with TracebackScrubber():
        return _LOADS.decode(_encoded(cast("Secret[bytes | str]", data).reveal()), type)


def _encoded(data: bytes | str) -> bytes:
    return data.encode(errors="surrogatepass") if isinstance(data, str) else bytes(data)
