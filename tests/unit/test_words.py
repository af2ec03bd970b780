"""The first lines of docstrings are short, and tools/phrases.py finds stiff phrases where they stand."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools import phrases

ROOT = Path(__file__).parents[2]
FOLDERS = ("circleci_v1_async", "benchmarks")
SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
PAGE = """\
# Title

It is told once, and [goes on](x.md) beside it.

```python
told = beside
```

| one | two |
|---|---|
| a cell that is told of a thing | `beside beside beside beside` |
"""
MODULE = '''\
"""A module that is
told of it."""

import logging

# A comment of two lines
# that goes on.
logging.warning("%s: told once more, and more", told)  # noqa: F821 - it goes on
parser.add_argument("--file", help="file beside the program")


def give_hint():
    return "the file is beside the program"
'''


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_first_lines_of_docstrings_are_short(path: Path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            first = node.value.value.strip().partition("\n")[0]
            assert len(first) <= 100, f"line {node.lineno}: {first}"


def test_phrases_are_reported_with_their_kind_and_line_and_code_is_left_out(tmp_path: Path):
    (tmp_path / "page.md").write_text(PAGE)
    (tmp_path / "module.py").write_text(MODULE)
    command = [sys.executable, str(ROOT / "tools" / "phrases.py"), "--all", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert done.returncode == 1
    assert re.findall(r"^(\S+:\d+: .+?): …", done.stdout, re.MULTILINE) == [
        *(
            "module.py:2: tell",
            "module.py:8: tell",
            "module.py:8: once more",
            "module.py:9: beside",
            "module.py:13: beside",
            "module.py:7: go on",
            "module.py:8: go on",
        ),
        *("page.md:3: tell", "page.md:3: go on", "page.md:3: beside", "page.md:11: tell"),
    ]
    kinds = re.findall(r"^(\w+): (\d+) hits", done.stdout, re.MULTILINE)
    assert kinds == [("docs", "4"), ("docstring", "1"), ("comment", "2"), ("message", "4")]


def test_no_ceiling_is_below_its_goal_or_forgotten():
    assert phrases.CEILINGS.keys() == phrases.GOALS.keys()
    assert all(phrases.CEILINGS[kind] >= goal for kind, goal in phrases.GOALS.items())
