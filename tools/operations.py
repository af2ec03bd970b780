"""List the operations of `CircleCISession` by noun, and keep the README's table of them up to date.

`python tools/operations.py` rewrites the table. A noun is a module of `circleci_v1_async/_operations`. Its operations
are the public methods of the classes that the module defines, in the order of the source.
"""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from circleci_v1_async import _operations
from circleci_v1_async._operations.base import Operations

__all__ = ["operations_by_noun", "operations_table", "replace_table"]

README: Final = Path(__file__).parents[1] / "README.md"
_HEAD: Final = "| noun | operations |\n|---|---|\n"
_TABLE: Final = re.compile(re.escape(_HEAD) + r"(?:\|.*\n)+")
_ANY_ENDPOINT: Final = "base"


def operations_by_noun() -> dict[str, list[str]]:
    """Return the names of the operations by the module that defines them, the modules in alphabetical order."""
    nouns = (module.name for module in pkgutil.iter_modules(_operations.__path__))
    return {noun: names for noun in nouns if (names := list(_operations_of(noun)))}


def _operations_of(noun: str) -> Iterator[str]:
    module = importlib.import_module(f"{_operations.__name__}.{noun}")
    for _, cls in inspect.getmembers(module, inspect.isclass):
        if issubclass(cls, Operations) and cls.__module__ == module.__name__:
            yield from (name for name, member in vars(cls).items() if callable(member) and not name.startswith("_"))


def operations_table() -> str:
    """Return the README's table: a row for each noun, and a last row for the methods that reach any endpoint."""
    nouns = operations_by_noun()
    any_endpoint = nouns.pop(_ANY_ENDPOINT)
    rows = [*((noun.replace("_", " "), names) for noun, names in nouns.items()), ("any other endpoint", any_endpoint)]
    return _HEAD + "".join(f"| {noun} | {' · '.join(f'`{name}`' for name in names)} |\n" for noun, names in rows)


def replace_table(text: str) -> str:
    """Return a text with its table of operations up to date."""
    return _TABLE.sub(operations_table(), text)


if __name__ == "__main__":
    README.write_text(replace_table(README.read_text(encoding="utf-8")), encoding="utf-8")
