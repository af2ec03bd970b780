"""The code blocks of the documentation, and of docstrings, as values.

`python tests/docs/doc_blocks.py FOLDER` writes down what is Python.

sybil finds them: it has no dependencies of its own, where pytest-examples brings two formatters.

A page says how a block is run, where that is not plain, in comments right above it, which no reader sees:

- `<!-- scene: name -->`: what CircleCI looks like then, and what happens there while the block waits (doc_scenes.py);
- `<!-- server: name -->`: a server that has to run then (doc_servers.py);
- `<!-- not run: reason -->`;
- `<!-- loosely typed: reason -->`: type checkers look at it less strictly than at the others.

A block with `title="some.py"` is a file that other blocks of its page may use. A `text` block with `title="Output"`
is what the block above it prints.

A Python block that awaits outside of a function and names no session of its own stands within
`async with CircleCISession.from_env() as ci:`. Examples in docstrings are such blocks.
"""

import ast
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Final

import attrs
from sybil import Document, Region
from sybil.document import PythonDocStringDocument
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer

__all__ = ["BLOCKS", "PAGES", "ROOT", "Block"]

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = (*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md")
MODULES: Final = sorted((ROOT / "circleci_v1_async").rglob("*.py"))

_FENCES: Final = RawFencedCodeBlockLexer(re.compile(r"[ ]*(?P<language>\w+)(?P<options>[^\n]*)\n"))
_TITLE: Final = re.compile(r'title="([^"]+)"')
# What libraries leave open is not the reader's to see to.
_LOOSELY: Final = "# mypy: allow-untyped-calls\n# pyright: basic, reportGeneralTypeIssues=false\n"
_AWAITING: Final = """\
{imports}

async def main() -> None:
{body}

asyncio.run(main())
"""
_SESSION: Final = "async with CircleCISession.from_env() as ci:\n"
_SCENES_OF_EXAMPLES: Final = {
    "ci.watch_": "a day",
    "ci.wait_for_build": "a build that finishes",
    "ci.wait_for_commit": "a push",
    "ci.wait_for_workflow": "a push",
}
_NOTE: Final = re.compile(r"<!-- ([a-z ]+): (.+?) -->\s*\Z")


@attrs.frozen
class Block:
    """A code block.

    Attributes:
        page: The file that it is in.
        line: The line of its first line of code, from 1.
        language: Such as `python`; of a block without one, nothing.
        title: The name of the file that it is; `None` when it is none.
        source: The code.
        notes: The comments above it.
        output: What it prints; `None` when the page does not say.
    """

    page: Path
    line: int
    language: str
    title: str | None
    source: str
    notes: Mapping[str, str]
    output: str | None = None

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def is_test(self) -> bool:
        """Whether pytest runs it."""
        return self.language == "python" and re.search(r"^(async )?def test_", self.source, re.MULTILINE) is not None

    @property
    def program(self) -> str:
        """The code as a module: within a function if it awaits, and within a session if it has none."""
        try:
            compile(self.source, str(self), "exec", dont_inherit=True)
        except SyntaxError:
            return _program_that_awaits(self.source)
        return self.source

    @property
    def file_name(self) -> str:
        """A name that no other Python block has."""
        return self.title or re.sub(r"\W", "_", f"{self.page.relative_to(ROOT).with_suffix('')}_{self.line}") + ".py"


def _program_that_awaits(source: str) -> str:
    nodes = ast.parse(source).body
    first = next(node.lineno for node in nodes if not isinstance(node, ast.Import | ast.ImportFrom))
    lines = source.splitlines(keepends=True)
    imports, body = "import asyncio\n" + "".join(lines[: first - 1]), "".join(lines[first - 1 :])
    if "CircleCISession" not in source:
        imports += "from circleci_v1_async import CircleCISession\n"
        body = _SESSION + textwrap.indent(body, " " * 4)
    return _AWAITING.format(imports=imports, body=textwrap.indent(body, " " * 4))


def _blocks(page: Path) -> Iterator[Block]:
    document_type = PythonDocStringDocument if page.suffix == ".py" else Document
    document = document_type.parse(str(page), _FENCES)
    regions = [region for _, region in document.regions]
    for region, after in zip_longest(regions, regions[1:]):
        block = _block(page, document.text, region)
        if block.title == "Output":
            continue
        if after is not None and not document.text[region.end : after.start].strip():
            follower = _block(page, document.text, after)
            if follower.title == "Output":
                block = attrs.evolve(block, output=follower.source)
        yield block


def _block(page: Path, text: str, region: Region) -> Block:
    above, notes = text[: region.start], dict[str, str]()
    while note := _NOTE.search(above):
        notes[note[1]] = note[2]
        above = above[: note.start()]
    source = str(region.lexemes["source"])
    if page.suffix == ".py":
        notes.update(("scene", scene) for call, scene in _SCENES_OF_EXAMPLES.items() if call in source)
    title = _TITLE.search(region.lexemes["options"])
    return Block(
        page=page,
        line=text.count("\n", 0, region.start) + 2,
        language=region.lexemes["language"],
        title=title and title[1],
        source=source,
        notes=notes,
    )


BLOCKS: Final = tuple(block for page in (*PAGES, *MODULES) for block in _blocks(page))


def main(folder: Path) -> None:
    """Write every Python block to a file of its own: as it stands for formatters, as a program for type checkers."""
    written, programs = folder / "written", folder / "programs"
    for subfolder in (written, programs):
        subfolder.mkdir(parents=True)
    for block in BLOCKS:
        if block.language == "python":
            head = _LOOSELY if "loosely typed" in block.notes else ""
            (written / block.file_name).write_text(block.source, encoding="utf-8")
            (programs / block.file_name).write_text(f"{head}# {block}\n{block.program}", encoding="utf-8")
    (programs / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict", "pythonVersion": "3.11"}')


if __name__ == "__main__":
    main(Path(sys.argv[1]))
