"""Errors leave without what was inside, and with what their caller was at."""

import asyncio
import traceback
from typing import Any

import pytest

from circleci_v1_async import DownloadError, InvalidInputError, TransportError, User, dumps, loads
from circleci_v1_async._core.tracebacks import TracebackScrubber
from circleci_v1_async.errors import CircleCIError


def fail(error: BaseException, context: BaseException | None = None, *, hidden: bool = False) -> None:
    if context is None:
        raise error
    try:
        fail(context)
    except type(context):
        if hidden:
            raise error from None
        raise error  # noqa: B904 - the context is what this is about


def leave(error: BaseException, context: BaseException | None = None, *, hidden: bool = False) -> BaseException:
    try:
        with TracebackScrubber():
            fail(error, context, hidden=hidden)
    except BaseException as left:  # noqa: BLE001 - cancellations too
        return left
    raise AssertionError


def frames(error: BaseException) -> list[str]:
    return [frame.name for frame in traceback.extract_tb(error.__traceback__)]


@pytest.mark.parametrize("error", [CircleCIError(), TransportError("broke"), asyncio.CancelledError()], ids=repr)
@pytest.mark.parametrize("hidden", [True, False])
def test_an_error_of_ours_leaves_without_frames_and_contexts_from_within(error: BaseException, hidden: bool):  # noqa: FBT001 - a column
    left = leave(error, ValueError(), hidden=hidden)
    assert left is error
    assert frames(left) == []
    assert left.__context__ is None


@pytest.mark.parametrize("hidden", [True, False])
def test_what_the_caller_was_handling_stays_and_is_shown(hidden: bool):  # noqa: FBT001 - a column
    handled = LookupError()
    try:
        raise handled
    except LookupError:
        left = leave(TransportError("broke"), ValueError(), hidden=hidden)
    assert left.__context__ is handled
    assert not left.__suppress_context__
    assert frames(handled)


def test_a_cause_stays_without_its_frames():
    cause = OSError(28, "No space left")
    error = DownloadError("full")

    def write() -> None:
        try:
            fail(cause, ValueError())
        except OSError as failure:
            raise error from failure

    with pytest.raises(DownloadError) as caught, TracebackScrubber():
        write()
    assert caught.value.__cause__ is cause
    assert caught.value.__suppress_context__
    assert (cause.__traceback__, cause.__context__) == (None, None)


def test_an_error_of_others_keeps_its_frames_and_has_none_of_ours_below():
    ours = TransportError("broke")
    left = leave(RuntimeError("limiter"), ours)
    assert frames(left) == ["leave", "fail"]
    assert left.__context__ is ours
    assert (ours.__traceback__, ours.__context__) == (None, None)


def library(name: str) -> Any:
    """A function of a module of that name, which calls what it is given and has a variable."""
    space: dict[str, Any] = {"__name__": name}
    exec("def call(function, *args):\n    held = 's3cret'\n    return function(*args)", space)  # noqa: S102 - our own
    return space["call"]


def variables(error: BaseException) -> dict[str, dict[str, Any]]:
    return {
        frame.f_globals["__name__"]: frame.f_locals
        for frame, _ in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_name in {"call", "fail"}
    }


@pytest.mark.fault(104)
@pytest.mark.parametrize("hidden", [True, False])
def test_an_error_of_others_leaves_the_variables_of_their_frames_and_not_those_of_ours(hidden: bool):  # noqa: FBT001 - a column
    def pass_through() -> None:
        library("circleci_v1_async._calls.caller")(
            library("aiohttp.client"), library("limiter"), library("asyncio.tasks"), fail, RuntimeError()
        )

    def fail_within() -> None:
        if not hidden:
            pass_through()
        try:
            pass_through()
        except RuntimeError:
            raise LookupError from None

    with pytest.raises((RuntimeError, LookupError)) as caught, TracebackScrubber():
        fail_within()
    error = caught.value.__context__ if hidden else caught.value
    assert error is not None
    seen = variables(error)
    assert {name for name, held in seen.items() if "held" in held} == {"limiter"}
    assert set(seen) == {"circleci_v1_async._calls.caller", "aiohttp.client", "limiter", "asyncio.tasks", __name__}


async def test_closing_a_generator_leaves_an_error_alone_that_its_caller_raises():
    async def pieces():
        with TracebackScrubber():
            yield 1

    async def read() -> None:
        generator = pieces()
        async for _ in generator:
            try:
                fail(TransportError("of the loop's own"))
            finally:
                await generator.aclose()

    with pytest.raises(TransportError) as caught:
        await read()
    assert frames(caught.value)[-1] == "fail"


def test_what_is_kept_is_loaded_and_dumped_within_it():
    for call in (lambda: loads("{", User), lambda: dumps([object()])):
        with pytest.raises((CircleCIError, InvalidInputError)) as caught:
            call()
        assert caught.value.__context__ is None
        assert frames(caught.value)[1:] == ["<lambda>"]
