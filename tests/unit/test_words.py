"""The words of docstrings: a first line that is short, and begins with a verb or a noun."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for folder in ("circleci_v1_async", "benchmarks") for path in (ROOT / folder).rglob("*.py"))
ODD = re.compile(r"(?:What|Whatever|Who|Whoever|Whose|Whom|Nobody|How)\b")


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The docstrings of a module, its classes, functions and fields."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_docstrings_begin_with_a_verb_or_a_noun_and_a_short_line(path: Path):
    for line, text in docstrings(ast.parse(path.read_text())):
        first = text.strip().partition("\n")[0]
        assert not ODD.match(first), f"line {line}: {first}"
        assert len(first) <= 100, f"line {line}: {first}"
