"""Errors and warnings for misfits: values that do not fit their type. They never show a value."""

import logging
import re
from collections.abc import Mapping
from types import NoneType
from typing import Any, Final, cast

import attrs
import msgspec
from cattrs import errors

_log = logging.getLogger("circleci_v1_async")

# Errors of hooks, converters and validators for a value that does not fit. All other errors propagate unchanged.
_OF_CATTRS = (errors.BaseValidationError, errors.ForbiddenExtraKeysError, errors.StructureHandlerNotFoundError)
MISFITS: Final = (ValueError, TypeError, msgspec.ValidationError, *_OF_CATTRS)
_JSON_TYPES: Final[Mapping[Any, str]] = {NoneType: "null", bool: "boolean", str: "string", list: "array"}
# msgspec appends the path inside the value to its message.
_PATH_WITHIN: Final = re.compile(r" - at `(?:key` in `)?\$(?P<path>.*)`$")


def json_type(value: object) -> str:
    """Return the name of a JSON value's type."""
    return _JSON_TYPES.get(type(value)) or ("number" if isinstance(value, int | float) else "object")


class MisfitError(TypeError):
    """A value does not fit its type. The message does not contain the value."""


@attrs.frozen(eq=False, repr=False)
class Misfits:
    """The setting that makes every misfit an error, and the log of the first misfit of each kind."""

    strict: bool
    _logged: set[tuple[str, str, str]] = attrs.field(factory=set[tuple[str, str, str]], init=False)

    def drop(self, what: str, value: object, error: Exception) -> None:
        """Log that a value of a model or field is dropped, with its JSON type and the reason."""
        got, (reason, path) = json_type(value), explain(error)
        if (kind := (what, got, reason.partition(", got ")[0])) not in self._logged:
            self._logged.add(kind)
            where = "" if path == "$" else f" at {path}"
            _log.warning("%s: a JSON %s does not fit and is left out: %s%s (logged once)", what, got, reason, where)


def check_misfit(error: Exception) -> None:
    """Raise the first error that is not a misfit, from an error or a cattrs group of errors."""
    # In groups of cattrs, a `KeyError` means that a field is missing.
    if isinstance(error, errors.BaseValidationError):
        for each in cast("Any", error).exceptions:
            check_misfit(each)
    elif not isinstance(error, (*MISFITS, KeyError)):
        raise error


def explain(error: BaseException) -> tuple[str, str]:
    """Return the reason for a misfit and its JSON path. Neither contains a value of the reply."""
    path = "$"
    while isinstance(error, errors.BaseValidationError):
        error = error.exceptions[0]
        for note in getattr(error, "__notes__", ()):
            if isinstance(note, errors.AttributeValidationNote):
                path += f".{note.name}"
            elif isinstance(note, errors.IterableValidationNote):
                # Do not show the keys of objects, because they are part of the reply.
                path += f"[{note.index}]" if isinstance(note.index, int) else "[...]"
    # The message of an error from a hook, or from a validator that msgspec called, can contain the value.
    if not isinstance(error, msgspec.ValidationError | MisfitError) or error.__cause__ is not None:
        return type(error.__cause__ or error).__name__, path
    reason = str(error)
    if (within := _PATH_WITHIN.search(reason)) is not None:
        # Remove the first step of this path, which is the index inside the `Box` of a leaf.
        path += within["path"].removeprefix("[0]")
        reason = reason[: within.start()]
    # Remove the value, which msgspec quotes after an apostrophe.
    return reason.partition(" '")[0], path
