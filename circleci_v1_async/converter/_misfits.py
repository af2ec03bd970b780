"""Values that do not fit their type: the errors and warnings, which never show a value."""

import logging
import re
from types import NoneType
from typing import Any, Final

import attrs
import msgspec
from cattrs.errors import (
    AttributeValidationNote,
    BaseValidationError,
    ForbiddenExtraKeysError,
    IterableValidationNote,
    StructureHandlerNotFoundError,
)

__all__ = ["JSON_TYPES", "MISFITS", "MisfitError", "Misfits", "add_note", "check_misfit", "explain"]

_log = logging.getLogger("circleci_v1_async")

# Errors of hooks, converters and validators for a value that does not fit. All others leave the call unchanged.
MISFITS: Final = (
    *(ValueError, TypeError, msgspec.ValidationError),
    *(BaseValidationError, ForbiddenExtraKeysError, StructureHandlerNotFoundError),
)
JSON_TYPES: Final = dict(
    zip(
        (NoneType, bool, str, int, float, list, dict),
        ("null", "boolean", "string", "number", "number", "array", "object"),
        strict=True,
    )
)
# msgspec adds the path within the value to its message.
_PATH_WITHIN: Final = re.compile(r" - at `(?:key in )?\$(?P<path>.*)`$")


class MisfitError(TypeError):
    """A value does not fit its type. The message does not contain the value."""


@attrs.frozen
class Misfits:
    """Knows whether a misfit is an error, and otherwise logs the first misfit of each kind.

    Attributes:
        strict: Whether a misfit in an optional field, a list or a mapping is an error.
    """

    strict: bool
    _logged: set[tuple[str, str, str]] = attrs.field(factory=set[tuple[str, str, str]], init=False)

    def drop(self, what: str, value: object, error: Exception) -> None:
        """Log that a value of this model or field is left out: its JSON type and the reason."""
        got, (reason, path) = JSON_TYPES.get(type(value), "value"), explain(error)
        if (kind := (what, got, reason.partition(", got ")[0])) not in self._logged:
            self._logged.add(kind)
            where = "" if path == "$" else f" at {path}"
            _log.warning("%s: a JSON %s does not fit and is left out: %s%s (logged once)", what, got, reason, where)


def check_misfit(error: Exception) -> None:
    """Raise the first error in a group of cattrs that is not a misfit. A `KeyError` stands for a missing field."""
    rest: Any = error.split((*MISFITS, KeyError))[1] if isinstance(error, BaseValidationError) else None
    while isinstance(rest, BaseExceptionGroup):
        rest = rest.exceptions[0]
    if rest is not None:
        raise rest


def add_note(error: Exception, note: str) -> Exception:
    """Return the error with a note about its place, which has to be one of cattrs."""
    error.add_note(note)
    return error


def explain(error: BaseException) -> tuple[str, str]:
    """Return the reason for a misfit and its JSON path. Neither contains a value of the reply."""
    path = "$"
    while isinstance(error, BaseValidationError):
        error = error.exceptions[0]
        for note in getattr(error, "__notes__", ()):
            if isinstance(note, AttributeValidationNote):
                path += f".{note.name}"
            elif isinstance(note, IterableValidationNote):
                # The keys of objects are part of the reply.
                path += f"[{note.index}]" if isinstance(note.index, int) else "[...]"
    # The text of an error from a hook, or from a validator that msgspec called, may contain the value.
    if not isinstance(error, msgspec.ValidationError | MisfitError) or error.__cause__ is not None:
        return type(error.__cause__ or error).__name__, path
    reason = str(error)
    if (within := _PATH_WITHIN.search(reason)) is not None:
        # The first step of this path leads into the box of a leaf.
        path += within["path"].removeprefix("[0]")
        reason = reason[: within.start()]
    # msgspec quotes the value after an apostrophe.
    return reason.partition(" '")[0], path
