"""Faces of rooms: the modules from which users import what a room's files define."""

import sys
from types import FunctionType

__all__ = ["show_as_home"]


def show_as_home(face: str) -> None:
    """Set `__module__` of a face's public classes and functions, as reprs, tracebacks and pickles show it."""
    names = vars(sys.modules[face])
    for name in names["__all__"]:
        if isinstance(value := names[name], type | FunctionType):
            value.__module__ = face
