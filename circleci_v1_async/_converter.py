"""Bytes into models and back: the only module that knows cattrs and msgspec.

There is one parser, msgspec, and one rule for values that hold no model (a "leaf"): `msgspec.convert`. The fast way
decodes the bytes straight into the models. What it refuses goes through cattrs, which takes apart only models and
containers of models, so that one wrong value costs its own field and nothing else. Both ways end in the same parser
and the same rule, and so cannot disagree.
"""

import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from enum import Enum
from functools import cache
from typing import Any, TypeVar, cast, get_args, get_origin
from urllib.parse import quote, unquote

import attrs
import msgspec
from cattrs import BaseValidationError, Converter
from cattrs.cols import homogenous_tuple_structure_factory, list_structure_factory
from cattrs.cols import mapping_structure_factory as _mapping_structure_factory  # pyright: ignore[reportUnknownVariableType]
from cattrs.errors import AttributeValidationNote
from cattrs.gen import make_dict_structure_fn, override

from ._secret import SecretBytes
from .errors import DecodeError, InvalidInputError
from .models import BuildMessage, FollowResult, Project, ProjectSettings

__all__ = ["Decoder", "dumps", "encode", "error_message", "loads", "make_converter"]

T = TypeVar("T")
Hook = Callable[[Any, Any], Any]
Report = Callable[[type, str, str], None]

_log = logging.getLogger("circleci_v1_async")

_BOM = b"\xef\xbb\xbf"
_SHOWN_OF_HTML = 200
_TRUNCATED = "Input data was truncated"  # msgspec's words
_SHOWN_OF_MESSAGE = 500
# An escape sequence; the second alternative is half of a surrogate pair that has lost the other half.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
# What a field is called on the wire at times. msgspec would drop it, and so decodes none of these straight.
_OTHER_NAMES: Mapping[Any, tuple[str, str]] = {
    # By servers of 2016 and 2017.
    FollowResult: ("followed", "following"),
    # Settings are half in kebab case.
    ProjectSettings: ("vcs-type", "vcs_type"),
}
# msgspec adds the path within the value to its message.
_PATH_WITHIN = re.compile(r" - at `(?:key in )?\$(?P<path>.*)`$")


def _ignore(_model: type, _field: str, _got: str) -> None:
    """Report to nobody."""


def _origin(annotation: Any) -> Any:
    """The class of a container, or the annotation itself."""
    return get_origin(annotation) or annotation


@cache
def _holds_model(annotation: Any) -> bool:
    """Whether cattrs is to take values of this type apart. Everything else is a leaf."""
    if attrs.has(_origin(annotation)):
        return True
    return any(_holds_model(argument) for argument in get_args(annotation))


def _fields(model: Any) -> "tuple[attrs.Attribute[Any], ...]":
    """The fields of a model, which may be a user's, with their types for real."""
    fields: tuple[attrs.Attribute[Any], ...] = attrs.fields(attrs.resolve_types(model))
    return fields


def _default_maker(default: Any) -> Callable[[], Any]:
    """What gives a field's default, which a user's model may make anew each time."""
    factory: Any = attrs.Factory
    return default.factory if isinstance(default, factory) else lambda: default


def _json_type(value: object) -> str:
    """The name of a JSON value's type."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "string"
        case int() | float():
            return "number"
        case list():
            return "array"
        case _:
            return "object"


@cache
def _leaf(annotation: Any) -> Hook:
    """The one rule for values that hold no model.

    msgspec keeps what it knows of a type only for classes, hence a class for each annotation: five times faster.
    """
    box: Any = msgspec.defstruct("Box", [("value", annotation)], array_like=True, gc=False)
    return lambda value, _annotation: msgspec.convert((value,), box).value


@cache
def _blank_time_remover(annotation: Any) -> Callable[[Any], None] | None:  # noqa: C901 - one case for each kind of type
    """What replaces, in place, the empty strings that Bitbucket's builds have for times by null.

    Every build of a page may have one, and all of them are to be decoded at once all the same.
    """
    origin = _origin(annotation)
    if attrs.has(origin):
        fields = _fields(origin)
        times = tuple(field.name for field in fields if "datetime.datetime" in str(field.type))
        nested = tuple(
            (field.name, clean) for field in fields if (clean := _blank_time_remover(cast("Any", field.type)))
        )

        def clean_model(value: Any) -> None:
            if isinstance(value, dict):
                value = cast("dict[str, Any]", value)
                for name in times:
                    if value.get(name) == "":
                        value[name] = None
                for name, clean in nested:
                    clean(value.get(name))

        return clean_model if times or nested else None

    for argument in get_args(annotation):
        if (clean_item := _blank_time_remover(argument)) is not None:
            break
    else:
        return None

    def clean_items(value: Any) -> None:
        # pyright and mypy differ on what an isinstance makes of Any.
        items: Any = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        for item in items:
            clean_item(item)

    is_container = isinstance(origin, type) and issubclass(origin, list | tuple | Mapping)
    return clean_items if is_container else clean_item


def _of_kind(kind: type, name: str, structure: Hook) -> Hook:
    """A hook that refuses what is not that kind of JSON value: a string can be iterated, but is no list."""

    def check(value: Any, annotation: Any) -> Any:
        if not isinstance(value, kind):
            raise TypeError(f"Expected `{name}`, got `{_json_type(value)}`")
        return structure(value, annotation)

    return check


def make_converter(  # noqa: C901 - a list of hooks
    *, strict: bool = False, report: Report = _ignore
) -> Converter:
    """A cattrs converter for the models.

    Args:
        strict: Refuse a wrong value in an optional field. Otherwise the field keeps its default.
        report: Called with the model, the field's name and the JSON type for each wrong value that was let pass.
    """
    converter = Converter(prefer_attrib_converters=False)

    def field_hook(model: type, field: "attrs.Attribute[Any]") -> Hook:
        annotation: Any = field.type
        inner: Hook = converter.get_structure_hook(annotation) if _holds_model(annotation) else _leaf(annotation)
        if field.default is attrs.NOTHING:
            return inner

        default = _default_maker(field.default)

        def structure(value: Any, annotation: Any) -> Any:
            # Null is how the service says that there is nothing, whatever the field.
            if value is None:
                return default()
            if strict:
                return inner(value, annotation)
            try:
                return inner(value, annotation)
            except (msgspec.ValidationError, BaseValidationError, TypeError, ValueError):
                report(model, field.name, _json_type(value))
                return default()

        return structure

    # One model at a time: msgspec takes it whole, and only what it refuses is taken apart field by field.
    def model_factory(model: Any) -> Hook:
        by_field = make_dict_structure_fn(
            model,
            converter,
            **cast("Any", {field.name: override(struct_hook=field_hook(model, field)) for field in _fields(model)}),
        )

        def structure(value: Any, _annotation: Any) -> Any:
            try:
                return msgspec.convert(value, model)
            except msgspec.ValidationError:
                return by_field(value, model)

        return _of_kind(dict, "object", structure)

    # openapi.yml has the messages of a build as strings, the service sends objects.
    def message_factory(model: Any) -> Hook:
        structure = model_factory(model)
        return lambda value, annotation: (
            BuildMessage(message=value) if isinstance(value, str) else structure(value, annotation)
        )

    def renaming_factory(model: Any) -> Hook:
        structure = model_factory(model)
        other, name = _OTHER_NAMES[model]
        return lambda value, annotation: structure(
            {name: value[other], **value} if isinstance(value, dict) and other in value else value, annotation
        )

    def list_factory(annotation: Any) -> Hook:
        return _of_kind(list, "array", list_structure_factory(annotation, converter))

    def tuple_factory(annotation: Any) -> Hook:
        return _of_kind(list, "array", homogenous_tuple_structure_factory(annotation, converter))

    def mapping_factory(annotation: Any) -> Hook:
        item: Any = get_args(annotation)[1]
        structure = cast("Any", _mapping_structure_factory)
        return _of_kind(dict, "object", structure(dict[str, item], converter, structure_to=dict))

    # The last one registered is asked first.
    converter.register_structure_hook_factory(attrs.has, model_factory)
    converter.register_structure_hook_factory(lambda kind: kind is BuildMessage, message_factory)
    converter.register_structure_hook_factory(lambda kind: kind in _OTHER_NAMES, renaming_factory)
    converter.register_structure_hook_factory(lambda kind: _origin(kind) is list, list_factory)
    converter.register_structure_hook_factory(lambda kind: _origin(kind) is tuple, tuple_factory)
    converter.register_structure_hook_factory(
        lambda kind: isinstance(_origin(kind), type) and issubclass(_origin(kind), Mapping), mapping_factory
    )
    converter.register_structure_hook_factory(lambda kind: not _holds_model(kind), _leaf)
    # Classes for which cattrs has hooks that coerce, and that come before all factories.
    for kind in (str, bytes, int, float, Enum):
        converter.register_structure_hook(kind, lambda value, annotation: _leaf(annotation)(value, annotation))
    return converter


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
    _lazy_converter: Converter | None = attrs.field(default=None, init=False)

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
        failure: DecodeError
        try:
            value = self._decode(body.removeprefix(_BOM), returns)
            return cast("T", _with_branch_names(value, unquote))
        except BaseValidationError as error:
            reason, path = _explain(error)
            failure = DecodeError(reason, path, len(body))
        except UnicodeDecodeError as error:
            failure = DecodeError(f"Invalid UTF-8 (byte {error.start})", "$", len(body))
        except RecursionError:
            failure = DecodeError("Nested too deeply", "$", len(body))
        except msgspec.ValidationError as error:
            reason, path = _explain(error)
            failure = DecodeError(reason, path, len(body))
        except msgspec.MsgspecError as error:
            reason = _not_json(body.removeprefix(_BOM)) or str(error)
            failure = DecodeError(reason, "$", len(body), truncated=reason == _TRUNCATED)
        except (TypeError, ValueError) as error:
            reason, path = _explain(error)
            failure = DecodeError(reason, path, len(body))
        # Raised here, so that the frames that hold the body are not part of it.
        raise failure

    def _decode(self, body: bytes, returns: Any) -> Any:
        # msgspec does not look into fields that are not modelled; this does, at a fraction of the price.
        body.decode()
        straight = returns not in _OTHER_NAMES
        if straight:
            try:
                return _json_decoder(returns).decode(body)
            except msgspec.ValidationError:
                pass
            except msgspec.MsgspecError:
                body = _without_lone_surrogates(body)
        value = msgspec.json.decode(body)
        if (remove_blank_times := _blank_time_remover(returns)) is not None:
            remove_blank_times(value)
            if straight:
                # On most pages of Bitbucket's builds that was all.
                with suppress(msgspec.ValidationError):
                    return msgspec.convert(value, returns)
        return self._converter.structure(value, returns)

    @property
    def _converter(self) -> Converter:
        if self._lazy_converter is None:
            self._lazy_converter = make_converter(strict=self.strict, report=self._report)
        return self._lazy_converter

    def _report(self, model: type, field: str, got: str) -> None:
        kind = (model, field, got)
        if kind not in self.reported:
            self.reported.add(kind)
            _log.warning(
                "%s.%s: a JSON %s is none of its values and is left out (said once)", model.__name__, field, got
            )


def _without_lone_surrogates(body: bytes) -> bytes:
    """The JSON text with escapes of lone surrogates as U+FFFD, which is what they stand for."""
    return _ESCAPE.sub(lambda match: rb"\ufffd" if match[1] else match[0], body)


def _explain(error: BaseException, path: str = "$") -> tuple[str, str]:
    """What is wrong, and where, without showing any value."""
    while isinstance(error, BaseValidationError):
        error = error.exceptions[0]
        for note in getattr(error, "__notes__", ()):
            if isinstance(note, AttributeValidationNote):
                path += f".{note.name}"
            else:
                # Of an item. Keys of objects are part of the body.
                path += f"[{note.index}]" if isinstance(note.index, int) else "[...]"
    if isinstance(error, KeyError):
        return f"Object missing required field `{error.args[0]}`", path
    reason = str(error)
    if (within := _PATH_WITHIN.search(reason)) is not None:
        # The first step of that path is into the box that a leaf is checked in.
        path += within["path"].removeprefix("[0]")
        reason = reason[: within.start()]
    # What msgspec quotes after an apostrophe is the value.
    return reason.partition(" '")[0], path


def _not_json(body: bytes) -> str:
    if not body.strip():
        return "The body is empty"
    excerpt = _html_excerpt(body.decode(errors="replace"))
    return f"HTML instead of JSON: {excerpt}" if excerpt else ""


def _html_excerpt(text: str) -> str:
    text = text.lstrip("\ufeff \t\r\n")
    return " ".join(text[:_SHOWN_OF_HTML].split()) if text.startswith("<") else ""


def error_message(body: bytes) -> str:
    """What an error reply says, at most 500 characters.

    The `message` of a JSON object, unwrapped when it is itself such an object (GitHub's errors come through that
    way); text as it is; the beginning of an HTML page. Nothing of any other JSON, which may hold secrets.
    """
    text = body.decode(errors="replace").lstrip("\ufeff").strip()
    message = _message_within(text)
    if message is None:
        return _html_excerpt(text) or ("" if text[:1] in {"{", "[", '"'} else text[:_SHOWN_OF_MESSAGE])
    while (inner := _message_within(message)) is not None:
        message = inner
    return message[:_SHOWN_OF_MESSAGE]


def _message_within(text: str) -> str | None:
    if not text.startswith("{"):
        return None
    try:
        value = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None
    message = value.get("message")
    return message if isinstance(message, str) else None


def _encode_branch_name(name: str) -> str:
    return quote(name, safe="").replace(".", "%2E")


def _with_branch_names(value: Any, rename: Callable[[str], str]) -> Any:
    """The service percent-encodes the names of branches where they are keys."""
    match value:
        case Project(branches=branches) if branches:
            return attrs.evolve(value, branches={rename(name): branch for name, branch in branches.items()})
        case [Project(), *_]:
            renamed = [_with_branch_names(item, rename) for item in cast("Iterable[Any]", value)]
            return tuple(renamed) if isinstance(value, tuple) else renamed
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
        # The error itself may quote the value, which may be a secret. So would a traceback that shows variables.
        del body
    raise InvalidInputError(
        "body: expected what JSON can hold: strings, numbers, booleans, null, lists, dicts with string keys"
    )


def _plain(value: object) -> object:
    """What an encoder knows, for a mapping that is no dict, and for a subclass of `str`."""
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
    try:
        return msgspec.json.encode(_with_branch_names(model, _encode_branch_name), enc_hook=_plain)
    except (TypeError, ValueError, RecursionError):
        # As in `encode`.
        pass
    raise InvalidInputError("dumps: expected a model, or a list of them, with what JSON can hold")


def loads(data: bytes | str, type: type[T]) -> T:
    """The model that `dumps` wrote, or that the service sent.

    Args:
        data: JSON.
        type: A model, or a container such as `list[Build]`.

    Raises:
        DecodeError: It is not JSON, or not that type.
        InvalidInputError: Nothing can be decoded into that type.
    """
    Decoder.check(type)
    # From here on it is in no traceback that shows variables.
    data = SecretBytes(data.encode(errors="surrogatepass") if isinstance(data, str) else data)
    return Decoder().decode(data, type)
