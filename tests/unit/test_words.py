"""The words of docstrings and comments: they begin with a verb or a noun, and first lines are short."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("circleci_v1_async", "benchmarks")
SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
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


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_comments_begin_with_a_verb_or_a_noun(path: Path):
    last_line = 0
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        if token.type == tokenize.COMMENT:
            line, column = token.start
            # The second line of a comment may begin with any word.
            is_first = line != last_line + 1 or token.line[:column].strip()
            last_line = line
            assert not (is_first and ODD.match(token.string.lstrip("#: "))), f"line {line}: {token.string}"
