"""Every code block of the documentation does what the page says, against a fake CircleCI."""

import ast
import asyncio
import importlib.util
import json
import logging
import os
import re
import subprocess
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path

import pytest
from doc_blocks import BLOCKS, PAGES, ROOT, Block
from doc_scenes import SCENES
from doc_servers import SERVERS
from doc_sessions import run_session
from packaging.requirements import Requirement

from circleci_v1_async import CircleCISession, session
from circleci_v1_async._core.clock import Clock
from circleci_v1_async.testing import FakeCircleCI

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT, GROUPS = PYPROJECT["project"], PYPROJECT["dependency-groups"]
PYTEST = (
    *(sys.executable, "-m", "pytest", "-q", "-W", "error"),
    *(f"-pno:{plugin}" for plugin in ("cacheprovider", "xdist", "anyio", "hypothesispytest", "pytest_cov", "randomly")),
    # A recorded test finds no recording beside it yet.
    "--circleci-record",
    *("-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function"),
)
PRIVATE_KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----\n"
# What is to be installed is looked at, and not installed.
SHELL = """
set -euo pipefail
pip() { printf '%s\\n' "$@" >pip.log; }
"""


class SceneIsOver(KeyboardInterrupt):
    """What Ctrl+C would do."""


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.fixture(autouse=True)
def logs() -> Iterator[None]:
    """Leave logging as it was: blocks set it up as programs do."""
    root, ours = logging.getLogger(), logging.getLogger("circleci_v1_async")
    handlers, levels = root.handlers[:], (root.level, ours.level)
    yield
    root.handlers[:] = handlers
    for logger, level in zip((root, ours), levels, strict=True):
        logger.setLevel(level)


@pytest.fixture(autouse=True)
def environment(fake_circleci: FakeCircleCI, monkeypatch: pytest.MonkeyPatch) -> None:
    # A scene scripts what one of its blocks asks for.
    fake_circleci.allow_unused_faults = True
    monkeypatch.setenv("CIRCLE_TOKEN", fake_circleci.token)
    monkeypatch.setenv("CIRCLE_API_URL", fake_circleci.base_url)
    # Examples read these.
    monkeypatch.setenv("HEROKU_API_KEY", "a-heroku-key")
    monkeypatch.setenv("DEPLOY_KEY", PRIVATE_KEY)
    # How this run is run is nothing to the runs within it.
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    # Lines of processes that print at the same time stay whole.
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    # Nothing of this is to reach the service, from a session without a token either.
    monkeypatch.setitem(CircleCISession.__init__.__kwdefaults__, "base_url", fake_circleci.base_url)


def clock_of(scene: Iterator[None]) -> Callable[[], Clock]:
    """A clock by which nobody waits: the scene goes on instead, and at its end whoever waits is interrupted."""

    waited = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal waited
        if seconds > 0 and await asyncio.to_thread(next, scene, StopIteration) is StopIteration:
            raise SceneIsOver
        waited += seconds
        await asyncio.sleep(0)

    return partial(Clock, monotonic=lambda: time.monotonic() + waited, sleep=sleep)


def lay_out_files(block: Block) -> None:
    """Put the files of a block's page where the block can use them."""
    for other in BLOCKS:
        if other.page == block.page and other.title is not None:
            Path(other.title).write_text(other.source)


def missing(block: Block) -> list[str]:
    """The libraries that a recipe uses and that are not installed here."""
    recipe = [other for other in BLOCKS if other.page == block.page and other.language == "python"]
    nodes = [node for other in recipe for node in ast.walk(ast.parse(other.source))]
    modules = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    modules |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    files = {Path(other.title).stem for other in recipe if other.title}
    names = {module.partition(".")[0] for module in modules} - files
    return sorted(name for name in names if importlib.util.find_spec(name) is None)


def run_python(block: Block) -> None:
    if block.is_test:
        Path("test_block.py").write_text(block.source)
        run(*PYTEST, "test_block.py")
        return
    # Not under the page's name: if a module's docstring ran before the module, coverage would not measure the module.
    code = compile("\n" * (block.line - 1) + block.program, str(block), "exec")
    with suppress(SceneIsOver):
        exec(code, {"__name__": "__main__" if block.title is None else Path(block.title).stem})  # noqa: S102 - our own


def run_shell(block: Block) -> None:
    run("bash", "-c", SHELL + block.source)
    if (log := Path("pip.log")).exists():
        command, *requirements = log.read_text().splitlines()
        assert command == "install"
        for requirement in map(Requirement, requirements):
            if requirement.name == PROJECT["name"]:
                assert requirement.extras <= PROJECT["optional-dependencies"].keys()
            else:
                assert requirement.name in {Requirement(other).name for other in GROUPS["recipes"]}


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603 - our own
    assert done.returncode == 0, done.stdout + done.stderr
    sys.stdout.write(done.stdout)


RUNNERS: dict[str, Callable[[Block], object]] = {
    "python": run_python,
    "shell": run_shell,
    "console": lambda block: run_session(block.source),
    "toml": lambda block: tomllib.loads(block.source),
    "json": lambda block: json.loads(block.source),
    "text": lambda _: None,
    "mermaid": lambda _: None,
}


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_does_what_the_page_says(
    block: Block, fake_circleci: FakeCircleCI, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    if reason := block.notes.get("not run"):
        pytest.skip(reason)
    if block.page.parent.name == "recipes" and (lacking := missing(block)):
        pytest.skip(f"needs {', '.join(lacking)}")
    lay_out_files(block)
    scene = SCENES[block.notes.get("scene", "acme")](fake_circleci)
    next(scene)
    monkeypatch.setattr(session, "Clock", clock_of(scene))
    with SERVERS[block.notes["server"]]() if "server" in block.notes else nullcontext({}) as variables:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        RUNNERS[block.language](block)
    if block.output is not None:
        assert capsys.readouterr().out == block.output


def test_nearly_every_block_is_run():
    kept = [block for block in BLOCKS if "not run" in block.notes]
    assert len(kept) <= len(BLOCKS) / 20


def test_every_call_that_is_more_than_a_get_has_an_example():
    plain = {name for name in dir(CircleCISession) if re.match("_|get_|list_|close", name)}
    more = set(dir(CircleCISession)) - plain | {"get_build_log", "list_failed_tests"}
    examples = "".join(block.source for block in BLOCKS if block.page.suffix == ".py")
    assert [name for name in sorted(more) if f".{name}(" not in examples] == []


def test_every_note_belongs_to_a_block_and_is_known():
    for page in PAGES:
        noted = sum(len(block.notes) for block in BLOCKS if block.page == page)
        assert len(re.findall(r"<!-- (?:scene|server|not run|loosely typed): ", page.read_text())) == noted
    assert {name for block in BLOCKS for name in block.notes} <= {"scene", "server", "not run", "loosely typed"}


def test_a_files_name_is_its_own():
    names = Counter(block.file_name for block in BLOCKS if block.language == "python")
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_code_fits_beside_both_menus_of_the_site(block: Block):
    if block.language != "mermaid":
        assert [line for line in block.source.splitlines() if len(line) > 85] == []
