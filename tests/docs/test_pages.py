"""What the pages claim about the package is so."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from doc_blocks import BLOCKS, ROOT
from peers.test_pycircleci import ANSWERS, CANNOT, SENDS_NOTHING

import circleci_v1_async
from circleci_v1_async import CircleCISession, errors, testing
from circleci_v1_async._cli.group import COMMANDS, EXIT_CODES_HELP
from circleci_v1_async._operations import triggers

DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text()
OPERATIONS = {name for name in dir(CircleCISession) if not name.startswith("_")}
OF_THE_SESSION = {"close", "closed", "from_env", "with_options"}


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its own."""
    below = (DOCS / page).read_text().split(f"# {heading}\n", 1)[1]
    table = re.search(r"^\|.*(?:\n\|.*)*", below, re.MULTILINE)
    assert table is not None
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table[0].splitlines()[2:]]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def directives() -> Iterator[str]:
    for page in sorted((DOCS / "reference").glob("*.md")):
        yield from re.findall(r"^::: (\S+)$", page.read_text(), re.MULTILINE)


def test_the_reference_has_every_public_name_once():
    names = [f"{module.__name__}.{name}" for module in (circleci_v1_async, testing) for name in module.__all__]
    calls = [f"circleci_v1_async.CircleCISession.{name}" for name in OPERATIONS - OF_THE_SESSION]
    assert sorted(directives()) == sorted([*names, *calls, "circleci_v1_async.testing.pytest_plugin"])


def test_the_tree_of_errors_is_that_of_the_code():
    (tree,) = [block.source for block in BLOCKS if block.title == "The tree"]
    assert errors.__doc__ is not None
    assert tree.strip() in errors.__doc__


def test_the_commands_and_their_exit_codes_are_those_of_the_command_line():
    commands = [code(row[0])[0].split()[1] for row in rows("cli.md", "Command line")]
    assert sorted(commands) == sorted(COMMANDS)
    codes = re.findall(r"^  (\d+) +(.+)$", EXIT_CODES_HELP, re.MULTILINE)
    assert [tuple(row) for row in rows("cli.md", "Exit codes")] == codes


def test_the_calls_that_end_and_their_replacements_are_those_of_the_code():
    _branches, started, retried = rows("guides/after-the-sunset.md", "What to use after the sunset")
    for row, sunset in ((started, triggers._TRIGGERS_END), (retried, triggers._RERUNS_END)):
        assert row[0] == str(sunset.on)
        assert " or ".join(code(row[2])) == sunset.replacement
    source = Path(triggers.__file__).read_text()
    ending = re.findall(r"async def (\w+)(?:(?!async def).)*?sunset=", source, re.DOTALL)
    assert sorted(ending) == sorted(code(started[1]) + code(retried[1]))


class TestTheWayFromPycircleci:
    def test_every_call_that_passes_against_the_fake_says_what_it_is_here(self):
        table = rows("guides/pycircleci.md", "Method by method")
        theirs = {name for row in table for name in code(row[0])} - {"last_response"}
        assert theirs == {row.partition(",")[0] for row in ANSWERS} | SENDS_NOTHING.keys() | {"download_artifact"}
        ours = [code(row[1])[0] for row in table if code(row[1])]
        assert set(ours) <= OPERATIONS | {"ProjectSlug", "print"}

    def test_every_call_that_cannot_is_there_with_its_reason(self):
        table = rows("guides/pycircleci.md", "Methods of API v2")
        reasons = {name: row[1].partition(":")[0] for row in table for name in code(row[0])}
        assert reasons == {name: reason for name, (_, reason) in CANNOT.items()}


@pytest.mark.parametrize("page", sorted((DOCS / "recipes").glob("*.md")), ids=lambda page: page.name)
def test_a_recipe_fits_on_two_screens(page: Path):
    assert len(page.read_text().splitlines()) <= 100


def test_the_readme_quotes_what_the_benchmarks_have_measured():
    def cells(text: str) -> list[list[str]]:
        lines = [line for line in text.splitlines() if line.startswith("|")]
        return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]

    measured = {(row[0], row[1]): row[4] for row in cells((ROOT / "benchmarks" / "RESULTS.md").read_text()) if row[5:]}
    readme = README.split("Measured cost,", 1)[1].split("\n## ", 1)[0]
    quoted = [([cell.partition(":")[0] for cell in row[:2]], row[2]) for row in cells(readme)[2:]]
    assert len(quoted) == 3
    for (work, against), share in quoted:
        assert measured[work, against] == share
    assert any(float(share) > 1 for _, share in quoted), "no figure in which another is ahead"


def test_the_readme_names_every_operation_once():
    table = README.split("| noun | operations |", 1)[1].split("\n\n", 1)[0]
    assert sorted(code(table)) == sorted(OPERATIONS - OF_THE_SESSION)


def test_the_links_of_the_readme_lead_to_files():
    targets = re.findall(r"\]\((?!https?:)([^)]+)\)", README)
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_readme_fits_on_a_few_screens():
    assert len(README.splitlines()) <= 150
    snippets = [block for block in BLOCKS if block.page.name == "README.md" and block.program != block.source]
    assert len(snippets) == 6
    assert all(len(block.source.splitlines()) <= 8 for block in snippets)


def test_no_program_is_among_the_pages_so_that_any_generator_can_build_them():
    assert list(DOCS.rglob("*.py")) == []
