"""What the package shows to its users."""

import ast
import importlib
import inspect
import pickle
import pkgutil
import subprocess
import sys
from importlib.metadata import version
from types import FunctionType, ModuleType
from typing import get_type_hints

import pytest

import circleci_v1_async
from circleci_v1_async import BuildEvent, BuildSummary, LogLine, WatchCursor, testing

PUBLIC = sorted(
    module.name
    for module in pkgutil.walk_packages(circleci_v1_async.__path__, f"{circleci_v1_async.__name__}.")
    if not any(part.startswith("_") for part in module.name.split("."))
)
EVERY_MODULE = pytest.mark.parametrize("name", [circleci_v1_async.__name__, *PUBLIC])


def case_aware(names: list[str]) -> list[str]:
    """Ruff's order: constants, classes, the rest."""
    return sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))


def test_all_is_exactly_what_the_package_imports_by_name():
    # Names of rarely used modules are there once they were asked for.
    assert all(getattr(circleci_v1_async, name) is not None for name in circleci_v1_async.__all__)
    assert set(circleci_v1_async.__all__) <= set(dir(circleci_v1_async))
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = circleci_v1_async.nonsense


@pytest.mark.parametrize("package", [circleci_v1_async, testing], ids=lambda module: module.__name__)
def test_type_checkers_see_the_names_that_programs_find_and_in_the_same_modules(package: ModuleType):
    (block,) = [node for node in ast.parse(inspect.getsource(package)).body if isinstance(node, ast.If)]
    seen = {
        alias.asname: (node.module or "").removeprefix(f"{package.__name__}.")
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == package._HOMES


def test_the_modules_that_users_name_are_there_without_an_import_of_their_own():
    program = """
import circleci_v1_async as package
assert package.errors.NotFoundError is package.NotFoundError and package.walk.PageWalk is package.PageWalk
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)  # noqa: S603 - our own
    assert circleci_v1_async.__getattr__("errors") is importlib.import_module("circleci_v1_async.errors")
    assert testing.__getattr__("server") is importlib.import_module("circleci_v1_async.testing.server")
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = testing.nonsense
    assert set(testing.__all__) <= set(dir(testing))
    assert importlib.import_module("circleci_v1_async.__main__").main


def test_names_of_rarely_used_modules_are_imported_when_they_are_asked_for():
    program = """
import sys
import circleci_v1_async as package
assert {n for n in sys.modules if n.startswith(package.__name__)} == {package.__name__, f"{package.__name__}._version"}
late = {f"circleci_v1_async.{name}" for name in ("artifacts", "logs", "walk", "watch")}
assert package.CircleCISession and package.Build and not late & sys.modules.keys()
assert set(package.__all__) <= set(dir(package))
assert package.LogLine is sys.modules["circleci_v1_async.logs"].LogLine
assert late & sys.modules.keys() == {"circleci_v1_async.logs"}
try:
    package.nonsense
except AttributeError as error:
    assert str(error) == "module 'circleci_v1_async' has no attribute 'nonsense'"
from circleci_v1_async import *
assert late <= sys.modules.keys() and BuildWatch
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)  # noqa: S603 - our own


@EVERY_MODULE
def test_a_public_class_or_function_names_the_module_that_users_import_it_from(name: str):
    module = importlib.import_module(name)
    homes = {"circleci_v1_async", *PUBLIC}
    for public in getattr(module, "__all__", []):
        value = getattr(module, public)
        if isinstance(value, type | FunctionType):
            assert value.__module__ in homes
            assert pickle.loads(pickle.dumps(value)) is value  # noqa: S301 - our own
            if isinstance(value, type) and issubclass(value, BuildSummary | BuildEvent | WatchCursor | LogLine):
                assert get_type_hints(value)


@EVERY_MODULE
def test_all_is_sorted_and_names_what_is_there(name: str):
    module = importlib.import_module(name)
    names = getattr(module, "__all__", [])
    assert list(names) == case_aware(names)
    assert len(set(names)) == len(names)
    for public in names:
        assert hasattr(module, public)


@pytest.mark.parametrize("name", ["artifacts", "enums", "errors", "models", "slug"])
def test_all_names_of_a_module_of_values_are_the_packages_own(name: str):
    module = importlib.import_module(f"circleci_v1_async.{name}")
    internal = {"model"}
    assert set(module.__all__) - internal <= set(circleci_v1_async.__all__)


def test_the_names_that_other_peoples_code_relies_on_are_there():
    expected = """
        CircleCISession ProjectSlug Request PageWalk Retry RetryPolicy dumps loads
        User Project Branch Build BuildDetail BuildSummary BranchBuild Step Action Node Artifact TestMetadata
        CheckoutKey FollowResult Message
        CircleCIError InvalidInputError SessionClosedError TransportError RequestTimeoutError RedirectError
        BodyTooLargeError StatusError BadRequestError AuthenticationError PermissionDeniedError NotFoundError GoneError
        RateLimitError ServerError DecodeError PaginationDriftError WaitTimeoutError DownloadError UnsafePathError
        OffsetRefusedError PathConflictError TruncatedError UsageError Response
        BuildWatch BuildEvent WatchCursor CursorFile WalkOptions
    """
    assert set(expected.split()) <= set(circleci_v1_async.__all__)


def test_a_call_imports_no_module_even_if_it_fails_or_values_do_not_fit():
    program = """
import asyncio, json, logging, sys
from contextlib import suppress
from circleci_v1_async import BadRequestError, CircleCISession, make_converter
logging.disable()
body = json.dumps([{"build_num": 1, "branch": 5, "messages": ["a"]}, {}]).encode()
async def answer(reader, writer):
    if b"/me " in await reader.readuntil(b"\\r\\n\\r\\n"):
        status, sent = b"400 Bad Request", b"<title>a &#39; b</title>"
    else:
        status, sent = b"200 OK", body
    writer.write(b"HTTP/1.1 %b\\r\\nContent-Length: %d\\r\\n\\r\\n" % (status, len(sent)) + sent)
    await writer.drain()
    writer.close()
async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    for converter in None, make_converter():
        async with CircleCISession(base_url=base_url, converter=converter) as ci:
            before = {*sys.modules}
            (build,) = await ci.list_recent_builds()
            assert build.branch is None and build.messages
            with suppress(BadRequestError):
                await ci.get_current_user()
                raise AssertionError
            assert before == {*sys.modules}, {*sys.modules} - before
    server.close()
asyncio.run(main())
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=60)  # noqa: S603 - our own


@EVERY_MODULE
def test_every_module_can_be_imported_first_without_a_warning(name: str):
    subprocess.run([sys.executable, "-W", "error", "-c", f"import {name}"], check=True, timeout=60)  # noqa: S603 - our own


def test_importing_the_package_starts_no_event_loop_and_loads_nothing_that_most_programs_never_need():
    code = """
import sys
sys.modules.update(dict.fromkeys(["click", "rich", "hypothesis", "pytest"]))
import asyncio, circleci_v1_async
assert asyncio._get_running_loop() is None
assert "circleci_v1_async.testing" not in sys.modules
assert "circleci_v1_async._cli" not in sys.modules
assert not {"aiohttp", "cattrs", "msgspec"} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)  # noqa: S603 - our own


def public_objects() -> dict[str, object]:
    """Modules, what they export, and the public methods and properties that those define here."""
    found: dict[str, object] = {}
    for module_name in (circleci_v1_async.__name__, *PUBLIC):
        module = importlib.import_module(module_name)
        found[module_name] = module
        for name in getattr(module, "__all__", [name for name in vars(module) if not name.startswith("_")]):
            value = getattr(module, name)
            is_ours = getattr(value, "__module__", "").startswith(circleci_v1_async.__name__)
            if not is_ours or not (inspect.isclass(value) or inspect.isfunction(value)):
                continue
            found[f"{module_name}.{name}"] = value
            for method, member in vars(value).items() if inspect.isclass(value) else ():
                if not method.startswith("_") and isinstance(
                    member, property | classmethod | staticmethod | type(public_objects)
                ):
                    found[f"{module_name}.{name}.{method}"] = member
    return found


@pytest.mark.parametrize(
    ("name", "value"), public_objects().items(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_public_name_has_a_docstring_of_its_own(name: str, value: object):
    doc = value.__dict__.get("__doc__") if inspect.isclass(value) else getattr(value, "__doc__", None)
    assert doc, name


def test_the_version_is_that_of_the_distribution():
    assert circleci_v1_async.__version__ == version("circleci-v1-async")


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("verdict", ["Verdict"]),
        ("walk", ["PageWalk", "WalkOptions"]),
        ("watch", ["BuildEvent", "BuildWatch", "CursorFile", "WatchCursor"]),
    ],
)
def test_a_public_module_names_what_users_hold_and_no_more(module: str, names: list[str]):
    assert importlib.import_module(f"circleci_v1_async.{module}").__all__ == names
    assert set(names) <= set(circleci_v1_async.__all__)
