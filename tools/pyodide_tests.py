"""Run the unit tests by CPython 3.14 in WebAssembly: `nox -s pyodide` starts it, inside Pyodide.

There are neither processes nor sockets, and the event loop is JavaScript's. Tests that need one of them are left out,
and so are tests of deep nesting, since WebAssembly's stack is small.
"""

import inspect
import os
import re
import sys
from collections.abc import Generator
from pathlib import Path
from zipfile import ZipFile

WHEELS = Path("/wheels")
PROJECT = Path("/project")
SITE = "/site"
# These need an event loop, file descriptors of folders, or libraries that are not for WebAssembly.
NEEDS_MORE = ("model_classes", "models", "part_file", "rate_limits", "screen", "secret")
TOO_DEEP = re.compile(r"deep|nest|recurs|\[\[\[\[")
MISSING = re.compile("emscripten does not support processes|stack switching not supported")

for wheel in WHEELS.glob("*.whl"):
    with ZipFile(wheel) as archive:
        archive.extractall(SITE)
sys.path[:0] = [SITE, str(PROJECT / "tests" / "support")]
sys.path.append(str(PROJECT))
os.chdir(PROJECT)

import pytest  # noqa: E402 - from the wheels
from effort import register_profiles  # noqa: E402 - from the tests

register_profiles()


def needs_event_loop(item: pytest.Function) -> bool:
    """Return whether a test, or a fixture that it uses, is a coroutine."""
    definitions = item._fixtureinfo.name2fixturedefs.values()  # noqa: SLF001 - the names alone are public
    functions = [item.function, *(fixture.func for fixtures in definitions for fixture in fixtures)]
    return any(inspect.iscoroutinefunction(each) or inspect.isasyncgenfunction(each) for each in functions)


class Selection:
    """A pytest plugin that leaves out what cannot run here."""

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Function]) -> None:
        """Deselect coroutines and deep nesting."""
        kept: list[pytest.Function] = []
        left_out: list[pytest.Function] = []
        for item in items:
            (left_out if TOO_DEEP.search(item.nodeid) or needs_event_loop(item) else kept).append(item)
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Generator[None]:
        """Skip a test that starts a process, or runs an event loop of its own."""
        try:
            yield
        except (OSError, RuntimeError) as error:
            if not MISSING.search(str(error)):
                raise
            pytest.skip("needs processes or an event loop")


sys.stdout.write(f"CPython {sys.version}\n")
OPTIONS = f"""
    -q -c {os.devnull} --rootdir={PROJECT} --confcutdir={PROJECT}/tests/unit --import-mode=importlib
    -p no:cacheprovider -o markers=fault(row) --tb=short tests/unit
"""
ignored = [f"--ignore=tests/unit/test_{name}.py" for name in NEEDS_MORE]
result = pytest.main([*OPTIONS.split(), *ignored], plugins=[Selection()])
