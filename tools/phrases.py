"""Find phrases that make the project's English hard to read: `python tools/phrases.py [--all]`.

The checker reads the Markdown pages, and the docstrings, comments and messages of the Python files. Code, inline code
and URLs do not count. For each kind of text it compares the number of hits per 1,000 words with a ceiling, and exits
with 1 if a ceiling is exceeded. `--all` lists every hit, with its place and some advice.

A hit is a hint. Rewrite the sentence so that a stranger understands it at the first reading.
"""

import argparse
import ast
import io
import re
import sys
import tokenize
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Literal, NamedTuple

Kind = Literal["docs", "docstring", "comment", "message"]

# Maximum number of hits per 1,000 words. Lower a ceiling whenever the text has become better, down to the goal.
CEILINGS: Final[dict[Kind, float]] = {"docs": 2, "docstring": 4, "comment": 4, "message": 2}
GOALS: Final[dict[Kind, float]] = {"docs": 2, "docstring": 4, "comment": 4, "message": 2}

ROOT: Final = Path(__file__).parents[1]
_FOLDERS: Final = ("circleci_v1_async", "benchmarks", "docs", "tools", ".")
_SKIPPED: Final = {"CHANGELOG.md"}
_REPORTING: Final = frozenset(
    {
        *("critical", "debug", "error", "exception", "info", "log", "warn", "warning"),  # logging and warnings
        *("argument", "echo", "option", "secho"),  # click
        *("ArgumentParser", "add_argument", "add_parser", "addoption"),  # argparse and pytest
    }
)


class Phrase(NamedTuple):
    """A phrase to avoid.

    Attributes:
        name: Name of the phrase in the report.
        advice: Wording to use instead.
        pattern: Pattern that finds the phrase.
    """

    name: str
    advice: str
    pattern: re.Pattern[str]


def load_phrases() -> list[Phrase]:
    """Return the phrases of `phrases.toml`."""
    rows = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))["phrases"]
    return [
        Phrase(row["name"], row["advice"], re.compile(row["pattern"], 0 if row.get("case") else re.IGNORECASE))
        for row in rows
    ]


_WORD: Final = re.compile(r"[A-Za-z][A-Za-z'’-]*")  # noqa: RUF001 - both apostrophes occur
_NEW_PARAGRAPH: Final = re.compile(r"(?:[-*+] |\d+\. |#|>|\w+: |\w+ \(.*\): |:::|!!!|\?\?\?)")
_MARKER: Final = re.compile(r"^(?:[-*+] +|\d+\. +|#+ +|> *|:::.*)")
_SECTION: Final = re.compile(r"(?:Args|Returns|Raises|Attributes|Yields|Examples?|Note):+")

Line = tuple[int, str]


class Paragraph(NamedTuple):
    """A paragraph of text without code.

    Attributes:
        path: File that contains it.
        kind: Kind of text.
        lines: Numbers and texts of its lines.
    """

    path: Path
    kind: Kind
    lines: list[Line]

    @property
    def text(self) -> str:
        """The lines, joined with spaces."""
        return " ".join(text for _, text in self.lines)

    def line_at(self, offset: int) -> int:
        """Return the number of the line that contains a character of `text`."""
        for number, text in self.lines:
            offset -= len(text) + 1
            if offset < 0:
                return number
        return self.lines[-1][0]


def _without_code(text: str) -> str:
    text = re.sub(r"!?\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])", r"\1", text)
    text = re.sub(r"`{1,2}[^`]*`{1,2}", "X", text)
    text = re.sub(r"https?://\S+|<[^>\s][^>]*>|\{[^}]*\}", "X", text)
    return re.sub(r"[*_]{1,2}(?=\S)|(?<=\S)[*_]{1,2}", "", text)


def _paragraphs(path: Path, kind: Kind, lines: Iterable[Line]) -> Iterator[Paragraph]:
    """Join lines that belong together. Blank lines, list items, headings, sections and table rows separate."""
    block: list[Line] = []
    for number, line in (*lines, (0, "")):
        stripped = line.strip()
        is_blank = not stripped or re.fullmatch(r"[-=~^#|: ]+", stripped) or _SECTION.fullmatch(stripped)
        if block and (is_blank or stripped.startswith("|") or _NEW_PARAGRAPH.match(stripped)):
            yield Paragraph(path, kind, block)
            block = []
        if is_blank:
            continue
        if stripped.startswith("|"):
            cells = (_without_code(cell).strip() for cell in re.split(r"(?<!\\)\|", stripped.strip("|")))
            yield from (Paragraph(path, kind, [(number, cell)]) for cell in cells if len(_WORD.findall(cell)) > 3)  # noqa: PLR2004 - a phrase
            continue
        stripped = _MARKER.sub("", stripped)
        if kind == "docstring":
            stripped = re.sub(r"^\w+(?: \(.*?\))?: (?=\S)", "", stripped)
        block.append((number, _without_code(stripped)))


def _without_blocks(lines: Iterable[Line]) -> Iterator[Line]:
    """Blank out fenced and indented code, HTML, directives and examples of the prompt."""
    fenced = False
    for number, line in lines:
        is_fence = line.strip().startswith(("```", "~~~"))
        fenced ^= is_fence
        is_code = fenced or is_fence or re.match(r"\s*(?:<|:::|\[!\[|>>>|├|│|└)", line)
        yield number, "" if is_code else line


def _markdown(path: Path) -> Iterator[Paragraph]:
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    yield from _paragraphs(path, "docs", _without_blocks(lines))


def _python(path: Path) -> Iterator[Paragraph]:
    source = path.read_text(encoding="utf-8")
    seen: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines = enumerate(node.value.value.split("\n"), node.lineno)
            yield from _paragraphs(path, "docstring", _without_blocks(lines))
        for line, message in _messages(node, seen):
            yield Paragraph(path, "message", [(line, _without_code(message))])
    yield from _comments(path, source)


def _messages(node: ast.AST, seen: set[int]) -> Iterator[Line]:
    """Yield the strings that a raise, an error or a log call passes on, and the strings that a function returns."""
    call = node.exc if isinstance(node, ast.Raise) else node
    if isinstance(node, ast.Return):
        if not isinstance(node.value, ast.Constant | ast.JoinedStr):
            return
        call = node.value
    elif isinstance(call, ast.Call):
        name = ast.unparse(call.func).rpartition(".")[2]
        if not (isinstance(node, ast.Raise) or name.endswith(("Error", "Warning")) or name in _REPORTING):
            return
    else:
        return
    for part in ast.walk(call):
        if isinstance(part, ast.JoinedStr):
            text = "".join(str(value.value) if isinstance(value, ast.Constant) else "X" for value in part.values)
        elif isinstance(part, ast.Constant) and isinstance(part.value, str):
            text = part.value
        else:
            continue
        if id(part) not in seen and len(_WORD.findall(text)) > 2:  # noqa: PLR2004 - shorter strings are names
            yield part.lineno, text
        seen.update(id(value) for value in ast.walk(part))


def _comments(path: Path, source: str) -> Iterator[Paragraph]:
    block: list[Line] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        number = token.start[0]
        text = re.sub(r"^(?:noqa|type|pyright|pragma|fmt)\b\S*[^-]*(?: - )?", "", token.string.lstrip("#: "))
        if block and number != block[-1][0] + 1:
            yield from _paragraphs(path, "comment", block)
            block = []
        block.append((number, text))
    yield from _paragraphs(path, "comment", block)


def find_paragraphs(root: Path) -> Iterator[Paragraph]:
    """Yield every paragraph of a checkout that the ceilings apply to."""
    for folder in _FOLDERS:
        files = (root / folder).glob("*" if folder == "." else "**/*")
        for path in sorted(path for path in files if path.name not in _SKIPPED):
            if path.suffix == ".md":
                yield from _markdown(path)
            elif path.suffix == ".py":
                yield from _python(path)


def main() -> int:
    """Print the hits per 1,000 words of each kind of text. Return 1 if a ceiling is exceeded, and 0 otherwise."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="list every hit")
    parser.add_argument("root", nargs="?", type=Path, default=ROOT, help="folder of the checkout")
    options = parser.parse_args()
    phrases = load_phrases()
    words, hits = Counter[Kind](), Counter[Kind]()
    for paragraph in find_paragraphs(options.root):
        words[paragraph.kind] += len(_WORD.findall(paragraph.text))
        for phrase in phrases:
            for found in phrase.pattern.finditer(paragraph.text):
                hits[paragraph.kind] += 1
                if options.all:
                    place = f"{paragraph.path.relative_to(options.root)}:{paragraph.line_at(found.start())}"
                    around = paragraph.text[max(0, found.start() - 40) : found.end() + 40]
                    sys.stdout.write(f"{place}: {phrase.name}: …{around}… (use: {phrase.advice})\n")
    is_exceeded = False
    for kind, ceiling in CEILINGS.items():
        rate = 1000 * hits[kind] / max(words[kind], 1)
        is_exceeded |= rate > ceiling
        verdict = "too many" if rate > ceiling else "ok"
        sys.stdout.write(
            f"{kind}: {hits[kind]} hits in {words[kind]:,} words: {rate:.1f} per 1,000"
            f" (ceiling {ceiling:g}, goal {GOALS[kind]:g}): {verdict}\n"
        )
    return int(is_exceeded)


if __name__ == "__main__":
    sys.exit(main())
