"""What the pages claim about the package is so."""

import ast
import asyncio
import inspect
import re
import subprocess
import sys
import sysconfig
import tomllib
from functools import cache
from pathlib import Path

import aiohttp
import pytest
from doc_blocks import BLOCKS, ROOT
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from peers.test_pycircleci import ANSWERS, CANNOT, SENDS_NOTHING

import circleci_v1_async
from circleci_v1_async import CircleCIError, CircleCISession, RetryPolicy, ViewOptions, errors, testing
from circleci_v1_async._cli.group import COMMANDS, EXIT_CODES_HELP
from circleci_v1_async._operations import triggers
from tools import cli_page, operations, rooms

DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OPERATIONS = {name for name in dir(CircleCISession) if not name.startswith("_")}
OTHER_NAMES = ["circleci_v1_async.models.model", "circleci_v1_async.testing.pytest_plugin"]
OF_THE_SESSION = {"close", "closed", "from_env", "with_options"}


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its own."""
    below = (DOCS / page).read_text().split(f"# {heading}\n", 1)[1]
    table = re.search(r"^\|.*(?:\n\|.*)*", below, re.MULTILINE)
    assert table is not None
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table[0].splitlines()[2:]]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


class TestTheReference:
    """tools/reference_pages.py expands it, with griffe, which comes with the group `docs`."""

    @pytest.fixture
    def pages(self, monkeypatch: pytest.MonkeyPatch) -> str:
        pytest.importorskip("griffe")
        monkeypatch.syspath_prepend(ROOT / "tools")
        from tools.reference_pages import expand  # noqa: PLC0415 - it needs griffe

        return "\n".join(expand(page.read_text()) for page in sorted((DOCS / "reference").glob("*.md")))

    def test_it_has_every_public_name_once(self, pages: str):
        directives = re.findall(r"^::: (\S+)$", pages, re.MULTILINE)
        names = [f"{module.__name__}.{name}" for module in (circleci_v1_async, testing) for name in module.__all__]
        calls = [f"circleci_v1_async.CircleCISession.{name}" for name in OPERATIONS - OF_THE_SESSION]
        of_the_fake = "circleci_v1_async.testing.FakeCircleCI."
        listed = [name for name in directives if not name.startswith(of_the_fake)]
        assert sorted(listed) == sorted([*names, *calls, *OTHER_NAMES])
        methods = {name for name, _ in inspect.getmembers(testing.FakeCircleCI, callable) if not name.startswith("_")}
        assert methods <= {name.removeprefix(of_the_fake) for name in directives}

    def test_the_table_of_a_build_begins_with_ten_fields_and_has_each_one_once(self, pages: str):
        table = (
            pages.split("::: circleci_v1_async.Build\n", 1)[1].split("| --- | --- | --- |\n", 1)[1].split("\n\n", 1)[0]
        )
        fields = re.findall(r"^\| \[\]\(\)\{#circleci_v1_async\.Build\.(\w+)\}`\1` \| <code>", table, re.MULTILINE)
        public = {name for name in dir(circleci_v1_async.Build) if not name.startswith("_")}
        assert sorted(fields) == sorted(public)
        assert "status" in fields[:10]
        assert fields[10:] == sorted(fields[10:])

    def test_the_tables_of_enums_show_only_members(self, pages: str):
        tables = pages.split("::: circleci_v1_async.TestResult\n", 1)[1].partition(":::")[0]
        assert re.findall(r"^\| `(\w+)` \| `'(\w+)'` \|$", tables, re.MULTILINE) == [
            (member.name, member.value) for member in circleci_v1_async.TestResult
        ]
        assert "__test__" not in pages

    def test_no_description_of_a_result_is_taken_for_its_type(self):
        griffe = pytest.importorskip("griffe")
        objects = [griffe.load("circleci_v1_async", search_paths=[ROOT])]
        for parent in objects:  # it grows
            objects += (member for member in parent.members.values() if not member.is_alias)
        options = {"returns_multiple_items": False, "returns_named_value": False, "warnings": False}
        results = {
            found.path: section.value[0].annotation
            for found in objects
            if found.docstring
            for section in found.docstring.parse("google", **options)
            if section.kind is griffe.DocstringSectionKind.returns
        }
        assert len(results) > 50
        # griffe takes the words before a colon in the first line for a type.
        assert {path: taken for path, taken in results.items() if isinstance(taken, str)} == {}


def test_the_tree_of_errors_is_that_of_the_code():
    (tree,) = [block.source for block in BLOCKS if block.title == "The tree"]
    assert errors.__doc__ is not None
    assert tree.strip() in errors.__doc__


def test_the_commands_and_their_exit_codes_are_those_of_the_command_line():
    commands = [code(row[0])[0].split()[1] for row in rows("cli.md", "Command line")]
    assert sorted(commands) == sorted(COMMANDS)
    codes = re.findall(r"^  (\d+) +(.+)$", EXIT_CODES_HELP, re.MULTILINE)
    assert [tuple(row) for row in rows("cli.md", "Exit codes")] == codes


@pytest.mark.parametrize("page", cli_page.PAGES, ids=lambda page: page.name)
def test_the_pages_about_the_command_show_its_help(page: Path):
    # In a process of its own: commands that have run keep their options.
    program = (
        f"from tools import cli_page; print(cli_page.fill(cli_page.DOCS.joinpath({page.name!r}).read_text()), end='')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)  # noqa: S603
    assert done.stdout == page.read_text(), "run `python tools/cli_page.py`"


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


def test_the_comparison_quotes_what_the_benchmarks_have_measured():
    lines = (ROOT / "benchmarks" / "RESULTS.md").read_text().splitlines()
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    measured = {(row[0], row[1]): row[2] for row in table}
    quoted = [([cell.partition(":")[0] for cell in row[:2]], row[2]) for row in rows("about/comparison.md", "Speed")]
    assert len(quoted) == 3
    for (work, against), share in quoted:
        assert measured[work, against] == share, f"{work}, against {against}: quote {measured[work, against]}"
    assert any(float(share) > 1 for _, share in quoted), "no figure in which another is ahead"
    quarter = next(
        share for (work, against), share in quoted if (against, "`prefetch=4`" in work) == ("pycircleci", True)
    )
    assert 0.2 <= float(quarter) < 0.3, "README.md says that such a walk takes a quarter of pycircleci's time"


def test_the_readme_names_every_operation_once_in_a_table_that_is_generated():
    assert operations.replace_table(README) == README, "run `python tools/operations.py`"
    assert sorted(code(operations.operations_table())) == sorted(OPERATIONS - OF_THE_SESSION)


def test_the_errors_of_the_readme_are_five_that_users_catch():
    names = re.findall(r"^\| `(\w+)` \|", README.split("## Errors", 1)[1], re.MULTILINE)
    assert len(names) == 5
    assert all(issubclass(getattr(circleci_v1_async, name), CircleCIError) for name in names)


def test_the_links_of_the_readme_lead_to_files():
    targets = re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", README)
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_readme_fits_on_a_few_screens():
    assert len(README.splitlines()) <= 150
    snippets = [block for block in BLOCKS if block.page.name == "README.md" and block.program != block.source]
    assert len(snippets) == 4
    assert all(len(block.source.splitlines()) <= 8 for block in snippets)


def test_no_program_is_among_the_pages_so_that_any_generator_can_build_them():
    assert list(DOCS.rglob("*.py")) == []


def test_the_supported_versions_are_those_of_pyproject():
    supported = dict(rows("about/versions.md", "Supported versions"))
    pythons = [found[1] for name in PROJECT["classifiers"] if (found := re.search(r":: (3\.\d+)$", name))]
    assert supported["CPython"] == f"{pythons[0]} to {pythons[-1]}"
    assert PROJECT["requires-python"] == f">={pythons[0]}"
    for requirement in map(Requirement, PROJECT["dependencies"]):
        oldest = supported[requirement.name].removesuffix(" and later")
        assert requirement.specifier == SpecifierSet(f">={oldest}")
    assert f"CPython {pythons[0]} to {pythons[-1]} on Linux or macOS" in README
    assert f"CPython {pythons[0]} or later on Linux or macOS" in (DOCS / "index.md").read_text()
    assert f"Python {pythons[0]} or later" in CONTRIBUTING


def test_the_page_of_options_has_every_option_with_its_default():
    parameters = inspect.signature(CircleCISession).parameters.values()
    defaults = {name.name: name.default for name in parameters if name.name != "token"}
    table = {code(row[0])[0]: row for row in rows("guides/options.md", "Session options")}
    assert table.keys() == defaults.keys()
    for name, (_, default, _, view) in table.items():
        shown = code(default)
        if shown:
            assert eval(shown[0], {"RetryPolicy": RetryPolicy}) == defaults[name]  # noqa: S307 - our own
        assert (view == "yes") is (name in ViewOptions.__annotations__)


class TestTheComparison:
    def test_each_claim_about_this_client_names_a_test(self):
        evidence = rows("about/comparison.md", "Evidence")
        claims = [row[0] for row in rows("about/comparison.md", "Comparison with other clients")]
        # What this client does not do needs no proof.
        assert [row[0] for row in evidence] == claims[1:]
        assert all((ROOT / code(row[1])[0]).is_file() for row in evidence)

    def test_each_other_client_has_a_source(self):
        text = (DOCS / "about" / "comparison.md").read_text()
        heads = re.findall(r"^\| \| this client \| (.+) \|$", text, re.MULTILINE)[0].split(" | ")
        sources = re.findall(
            r"^\| ([\w.-]+) \| `", text.split("| client | source |", 1)[1].split("\n\n", 1)[0], re.MULTILINE
        )
        assert sources == heads


@cache
def texts_of_programs() -> frozenset[str]:
    """All strings of this package, of aiohttp and of asyncio, and of pytest's plugin that runs functions."""
    asyncio_folder = Path(asyncio.__file__).parent
    folders = [ROOT / "circleci_v1_async", Path(aiohttp.__file__).parent, asyncio_folder]
    files = [path for folder in folders for path in folder.rglob("*.py")]
    files += [Path(sysconfig.get_path("purelib"), "_pytest", "python.py")]
    nodes = (node for path in files for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    return frozenset(node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))


def quotes() -> list[str]:
    """The texts in the first columns of the page about troubleshooting: in quotes, or as code of several words."""
    page = (DOCS / "guides" / "troubleshooting.md").read_text()
    cells = re.findall(r"^\| (.+?) \|", page, re.MULTILINE)
    quoted = [text for cell in cells for text in re.findall(r'"([^"]+)"', cell)]
    return quoted + [text for cell in cells for text in code(cell) if re.search(r"\w \w", text)]


def test_each_error_that_troubleshooting_names_is_public():
    page = (DOCS / "guides" / "troubleshooting.md").read_text()
    table_rows = "".join(re.findall(r"^\|.+", page, re.MULTILINE))
    names = {name for name in code(table_rows) if re.fullmatch(r"\w+Error", name)} - {"AttributeError"}
    assert len(names) > 3
    assert [name for name in names if not hasattr(circleci_v1_async, name)] == []


@pytest.mark.parametrize("quote", quotes())
def test_each_text_that_troubleshooting_quotes_is_in_the_code(quote: str):
    parts = [part.strip() for part in quote.split("…") if part.strip()]
    assert parts
    assert [part for part in parts if not any(part in text for text in texts_of_programs())] == []


def test_the_table_of_rooms_is_that_of_the_code():
    assert rooms.replace_table(CONTRIBUTING) == CONTRIBUTING, "run `python tools/rooms.py`"


def imports(room: str) -> set[str]:
    """The rooms that a room imports, by their paths or by public names."""
    package = ROOT / "circleci_v1_async"
    files = [package / f"{room}.py"] if (package / f"{room}.py").exists() else [*(package / room).rglob("*.py")]
    source = "".join(path.read_text() for path in files)
    public = " ".join(re.findall(r"from circleci_v1_async import (\([^)]*\)|.+)", source))
    homes = {circleci_v1_async._HOMES.get(name, "").partition(".")[0] for name in re.findall(r"\w+", public)}
    return homes | set(re.findall(r"(?:from \.|from \.\.|circleci_v1_async\.)(\w+)", source))


def test_the_arrows_of_the_house_are_imports_and_point_down():
    floors = {room: number for number, floor in enumerate(rooms.list_rooms()) for room in floor}
    (picture,) = [
        block.source for block in BLOCKS if block.page.name == "CONTRIBUTING.md" and block.language == "mermaid"
    ]
    arrows = re.findall(r"^    (\w+) --> (\w+)$", picture, re.MULTILINE)
    assert len(arrows) >= 20
    assert [arrow for arrow in arrows if floors[arrow[0]] >= floors[arrow[1]]] == []
    assert [(above, below) for above, below in arrows if below not in imports(above)] == []


def test_the_files_that_an_endpoint_touches_exist_and_are_nine_at_most():
    steps = re.findall(
        r"^\d\. \*\*`([^`]+)`\*\*", CONTRIBUTING.split("## An endpoint, step by step", 1)[1], re.MULTILINE
    )
    assert 0 < len(steps) <= 9
    assert [step for step in steps if not (ROOT / step).exists()] == []
