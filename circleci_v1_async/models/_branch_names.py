"""The names of branches, which the service percent-encodes where they are keys."""

from collections.abc import Iterable
from typing import Any, cast
from urllib.parse import quote, unquote

import attrs

from .projects import Project

__all__ = ["decode_branch_names", "encode_branch_names"]


def decode_branch_names(value: Any) -> None:
    """Decode the names of branches in projects, in place. Any other value stays as it is."""
    match value:
        case Project(branches=dict() as branches):
            if any("%" in name for name in branches):
                decoded = {_decode(name): branch for name, branch in branches.items()}
                branches.clear()
                branches.update(decoded)
        case [Project(), *_]:
            for item in cast("Iterable[Any]", value):
                decode_branch_names(item)
        case _:
            pass


def _decode(name: str) -> str:
    # Slashes are most of what is encoded, and `unquote` takes ten times as long.
    name = name.replace("%2F", "/")
    return unquote(name) if "%" in name else name


def encode_branch_names(value: Any) -> Any:
    """Return projects with names of branches as the service writes them, any other value as it is."""
    match value:
        case Project(branches=branches) if branches:
            encoded = {quote(name, safe="").replace(".", "%2E"): branch for name, branch in branches.items()}
            return attrs.evolve(value, branches=encoded)
        case [Project(), *_]:
            return [encode_branch_names(item) for item in cast("Iterable[Any]", value)]
        case _:
            return value
