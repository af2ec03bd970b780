"""Faces of rooms: the public modules that export the definitions in a room's files."""

import sys
from types import FunctionType


def show_as_home(face: str) -> None:
    """Set `__module__` of a face's public classes and functions, for reprs, tracebacks and pickles."""
    names = vars(sys.modules[face])
    for name in names["__all__"]:
        if isinstance(value := names[name], type | FunctionType):
            value.__module__ = face
