"""Expand the short directives of the reference, and describe each page: a hook of mkdocs.

- `::: operations builds` becomes one directive of mkdocstrings per operation of `_operations/builds.py`.
- `::: models builds` becomes a table of fields per public class of `models/builds.py`.
- `::: enums` becomes a table of values per public enum.
- `::: fake state` becomes one directive per method of `FakeCircleCI` that changes the served state.
- `::: fake control` becomes one directive per other documented member of `FakeCircleCI`.

A page without its own description gets its first sentence, for search engines and previews. The search of the site
shows guides and recipes first, and pages about the project last.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import griffe
from operations import operations_by_noun

import circleci_v1_async

if TYPE_CHECKING:
    from mkdocs.structure.pages import Page

__all__ = ["expand", "on_page_markdown"]

ROOT: Final = Path(__file__).parents[1]
PACKAGE: Final = "circleci_v1_async"
# The fields that most programs read. They are the first rows of a table; the other fields follow in alphabetical order.
MOST_USED: Final = {
    "Build": (
        *("build_num", "status", "is_success", "is_failure", "is_finished"),
        *("branch", "subject", "job", "duration", "build_url"),
    )
}
SEARCH_BOOSTS: Final = {"guides": 4, "recipes": 4, "about": 0.5, "changelog.md": 0.5, "contributing.md": 0.5}
_CHANGES_STATE: Final = re.compile("(?:add|cancel|delete|finish|remove|retry|update)_")
_DIRECTIVE: Final = re.compile(r"^::: (operations|models|enums|fake)(?: (\w+))?$", re.MULTILINE)
_FIRST_SENTENCE: Final = re.compile(r"^(?=[A-Z`\[])(?:.|\n(?!\n))+?[.:](?=\s)", re.MULTILINE)


def on_page_markdown(markdown: str, *, page: "Page", **_: Any) -> str:
    """Return a page's Markdown with the directives expanded."""
    page.meta.setdefault("description", _describe(markdown))
    folder = page.file.src_uri.partition("/")[0]
    page.meta.setdefault("search", {"boost": SEARCH_BOOSTS.get(folder, 1)})
    return expand(markdown)


def expand(markdown: str) -> str:
    """Return Markdown in which each short directive is replaced by what it stands for."""
    return _DIRECTIVE.sub(lambda found: "\n\n".join(_EXPANSIONS[found[1]](found[2])), markdown)


def _describe(markdown: str) -> str:
    sentence = _FIRST_SENTENCE.search(markdown)
    text = sentence[0] if sentence else circleci_v1_async.__name__
    return " ".join(re.sub(r"\[([^]]*)\](?:\([^)]*\)|\[[^]]*\])|[`*]", r"\1", text).split()).removesuffix(":")


def _operations(noun: str) -> Iterator[str]:
    for name in operations_by_noun()[noun]:
        yield f"::: {PACKAGE}.CircleCISession.{name}"


def _models(noun: str) -> Iterator[str]:
    for cls in _public_classes(f"models.{noun}"):
        rows = [_field(cls.name, name, member) for name, member in _sorted_fields(cls)]
        yield _class_with_table(cls, ["field", "type", "meaning"], rows)


def _enums(_: str | None) -> Iterator[str]:
    for cls in _public_classes("enums"):
        members = [(name, member) for name, member in cls.attributes.items() if not name.startswith("_")]
        values = [[f"`{name}`", f"`{member.value}`"] for name, member in members if member.value]
        yield _class_with_table(cls, ["name", "value"], values)


def _fake(part: str) -> Iterator[str]:
    fake = _package()["testing.server.FakeCircleCI"]
    for name, member in sorted({**fake.inherited_members, **fake.members}.items()):
        is_public = not name.startswith("_") and member.docstring is not None
        if is_public and bool(_CHANGES_STATE.match(name)) is (part == "state"):
            yield f"::: {PACKAGE}.testing.FakeCircleCI.{name}"


_EXPANSIONS: Final = {"operations": _operations, "models": _models, "enums": _enums, "fake": _fake}


@cache
def _package() -> griffe.Module:
    package = griffe.load(PACKAGE, search_paths=[ROOT])
    if not isinstance(package, griffe.Module):
        raise TypeError(f"{PACKAGE}: expected a module, got {package.kind.value}")
    return package


def _public_classes(module: str) -> list[griffe.Class]:
    names = set(circleci_v1_async.__all__)
    return sorted(
        (cls for cls in _package()[module].classes.values() if cls.name in names and not cls.is_alias),
        key=lambda cls: cls.name,
    )


def _sorted_fields(cls: griffe.Class) -> list[tuple[str, griffe.Attribute]]:
    """Return the public fields and properties. A class adds to its base class, unless its table has a first part."""
    first = MOST_USED.get(cls.name, ())
    members = {**cls.inherited_members, **cls.members} if first or not _documented_bases(cls) else cls.members
    fields = {name: member for name, member in members.items() if member.is_attribute and not name.startswith("_")}
    return [(name, fields.pop(name)) for name in first] + (sorted(fields.items()) if first else list(fields.items()))


def _documented_bases(cls: griffe.Class) -> list[str]:
    return [str(base) for base in cls.bases if str(base) in circleci_v1_async.__all__]


def _class_with_table(cls: griffe.Class, heads: list[str], rows: list[list[str]]) -> str:
    directive = f"::: {PACKAGE}.{cls.name}\n    options:\n      members: false\n"
    base = (
        ""
        if cls.name in MOST_USED
        else "".join(f"Has the fields of {_link(name)}, and:\n\n" for name in _documented_bases(cls))
    )
    if not rows:
        return directive
    table = [heads, ["---"] * len(heads), *rows]
    return f"{directive}\n{base}" + "".join(f"| {' | '.join(cells)} |\n" for cells in table)


def _field(owner: str, name: str, member: griffe.Attribute) -> list[str]:
    meaning = " ".join(member.docstring.value.split()) if member.docstring else ""
    anchor = f"[](){{#{PACKAGE}.{owner}.{name}}}"
    return [f"{anchor}`{name}`", _type(str(member.annotation)), meaning.replace("|", "&#124;")]


def _type(annotation: str) -> str:
    """Return a type as code in which public names are links."""
    escaped = annotation.replace("[", "&#91;").replace("|", "&#124;")
    return f"<code>{re.sub(r'[A-Za-z]+', lambda found: _link(found[0]), escaped)}</code>"


def _link(name: str) -> str:
    return f"[{name}][{PACKAGE}.{name}]" if name in circleci_v1_async.__all__ else name
