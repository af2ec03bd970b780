"""Keep the table of rooms in CONTRIBUTING.md up to date: `python tools/rooms.py` rewrites it.

A room is a folder or a module of the package. The order is the one of the import contract in `pyproject.toml`, from top
to bottom. A room's purpose is the first line of its docstring.
"""

import ast
import re
import tomllib
from pathlib import Path
from typing import Final

__all__ = ["list_rooms", "replace_table", "rooms_table"]

ROOT: Final = Path(__file__).parents[1]
PACKAGE: Final = ROOT / "circleci_v1_async"
CONTRIBUTING: Final = ROOT / "CONTRIBUTING.md"
_HEAD: Final = "| room | purpose |\n|---|---|\n"
_TABLE: Final = re.compile(re.escape(_HEAD) + r"(?:\|.*\n)+")


def list_rooms() -> list[list[str]]:
    """Return the rooms of each floor, the top floor first."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    house = next(contract for contract in contracts if contract.get("containers") == [PACKAGE.name])
    return [floor.split(" | ") for floor in house["layers"]]


def _purpose(room: str) -> str:
    module, package = PACKAGE / f"{room}.py", PACKAGE / room / "__init__.py"
    source = (module if module.exists() else package).read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0].replace("|", "\\|")


def rooms_table() -> str:
    """Return the table of rooms and their purposes."""
    return _HEAD + "".join(f"| `{room}` | {_purpose(room)} |\n" for floor in list_rooms() for room in floor)


def replace_table(text: str) -> str:
    """Return a text with its table of rooms up to date."""
    return _TABLE.sub(lambda _: rooms_table(), text)


if __name__ == "__main__":
    CONTRIBUTING.write_text(replace_table(CONTRIBUTING.read_text(encoding="utf-8")), encoding="utf-8")
