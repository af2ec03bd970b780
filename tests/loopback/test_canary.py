"""No secret is in any text that the package makes, or that others make of what it leaves behind."""

import asyncio
import logging
import pickle
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from faults import FAULTS
from faults.canaries import CANARIES, TOKEN
from faults.scenes import Fault

from circleci_v1_async import CircleCIError, DecodeError, Request, User, _transport, loads
from circleci_v1_async._calls import Calls
from circleci_v1_async.request import Response

TESTS = str(Path(__file__).parents[1])


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error and all that hangs on it, also what is not shown."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        if (each := waiting.pop()) is not None and id(each) not in seen:
            seen.add(id(each))
            waiting += [each.__cause__, each.__context__, *getattr(each, "exceptions", ())]
            yield each


def texts_of(error: BaseException) -> Iterator[tuple[str, str]]:
    """All that an error shows of itself, and what a reporter makes of it that prints local variables."""
    for each in chain(error):
        name = type(each).__name__
        yield f"str of {name}", str(each)
        yield f"repr of {name}", repr(each)
        yield f"args of {name}", repr(each.args)
        yield f"attributes of {name}", repr(vars(each))
        yield f"notes of {name}", repr(getattr(each, "__notes__", ()))
        if hasattr(each, "headers"):
            yield f"headers of {name}", repr(list(each.headers.items()))
        if isinstance(each, CircleCIError):
            for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
                yield f"pickle of {name}", pickle.dumps(each, protocol).decode("latin-1")
        report = traceback.TracebackException.from_exception(each, capture_locals=True)
        yield f"traceback of {name}", "".join(report.format_exception_only())
        for frame in report.stack:
            # What the caller's own frames hold is the caller's.
            if not frame.filename.startswith(TESTS):
                yield (
                    f"traceback of {name}, {frame.filename}:{frame.lineno} {frame.name}",
                    f"{frame.line} {frame.locals}",
                )


def texts_of_record(record: logging.LogRecord) -> Iterator[tuple[str, str]]:
    yield f"log of {record.name}", f"{record.getMessage()} {vars(record)}"
    if record.exc_info and record.exc_info[1]:
        yield from texts_of(record.exc_info[1])


def leaks(texts: Iterator[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, where) for where, text in texts for name, canary in CANARIES.items() if canary[:-2] in text]


class Kept(list[Any]):
    """Requests and replies as they pass."""

    def keep(self, make: Callable[..., Any]) -> Callable[..., Any]:
        def made(*args: Any, **kwargs: Any) -> Any:
            self.append(make(*args, **kwargs))
            return self[-1]

        return made


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Kept:
    kept = Kept()
    send = Calls.send

    async def keep_and_send(self: Calls, request: Request[Any]) -> Any:
        kept.append(request)
        return await send(self, request)

    monkeypatch.setattr(Calls, "send", keep_and_send)
    monkeypatch.setattr(_transport, "Response", kept.keep(Response))
    return kept


@pytest.fixture
async def talkative_loop() -> None:
    """asyncio says all that it can: also each callback, as if it were slow."""
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 0


@pytest.mark.fault(42)
@pytest.mark.usefixtures("talkative_loop")
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.row}: {fault.name}")
async def test_no_secret_is_in_anything_that_is_left_of_a_fault(
    fault: Fault, kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caught: BaseException | None = None
    result: Any = None
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        async with fault.scene() as scene:
            try:
                result = await fault.call(scene)
            except BaseException as error:  # noqa: BLE001 - cancellations too
                caught = error
            session = repr(scene.ci) + repr(vars(scene.ci)) + repr(scene.ci._calls.transport) + str(scene.ci)

    assert (type(caught) if caught else None) is fault.raises

    def texts() -> Iterator[tuple[str, str]]:
        if caught is not None:
            yield from texts_of(caught)
        if not isinstance(result, dict):
            # Asked for as it is, JSON is what the service sends.
            yield "result", repr(result)
        yield "session", session
        yield from ((type(each).__name__, f"{each} {each!r}") for each in kept)
        yield from (("warning", f"{warning.message} {warning!r}") for warning in warned)
        for record in caplog.records:
            yield from texts_of_record(record)

    assert leaks(texts()) == []
    # They were there to be leaked. The URL of a log is all the credentials that it takes.
    for received in scene.server.requests:
        assert received.headers.get("Circle-Token") == TOKEN or CANARIES["presigned URL"] in received.target
    assert len(scene.server.requests) == fault.requests


@pytest.mark.fault(42)
@pytest.mark.parametrize(
    "data", [f'{{"heroku_api_key": "{TOKEN}"', f'["{TOKEN}"]', f'{{"heroku_api_key": "{TOKEN}"'.encode()]
)
def test_no_secret_is_in_what_is_left_of_kept_json_that_cannot_be_loaded(data: str | bytes) -> None:
    with pytest.raises(DecodeError) as caught:
        loads(data, User)
    assert leaks(texts_of(caught.value)) == []


def raised(error: BaseException, **local: Any) -> BaseException:
    """The error as it comes out of a frame that is not of these tests."""
    code = compile("def fail(error, **local):\n    raise error", "library.py", "exec")
    space: dict[str, Any] = {}
    exec(code, space)  # noqa: S102 - our own
    try:
        space["fail"](error, **local)
    except BaseException as again:  # noqa: BLE001
        return again
    raise AssertionError


def caused(error: BaseException) -> BaseException:
    outer = ValueError()
    outer.__context__ = error
    outer.__suppress_context__ = True
    return outer


def noted(error: BaseException) -> BaseException:
    error.add_note(f"with {TOKEN}")
    return error


@pytest.mark.parametrize(
    "error",
    [
        ValueError(TOKEN),
        CircleCIError({"key": [TOKEN]}),
        caused(ValueError(TOKEN)),
        noted(ValueError()),
        raised(ValueError(), headers={"Circle-Token": TOKEN}),
        caused(raised(ValueError(), body=TOKEN.encode())),
        ExceptionGroup("", [ValueError(TOKEN)]),
    ],
    ids=["args", "deep in args", "context that is not shown", "note", "frame", "frame of the context", "group"],
)
def test_a_secret_that_is_there_would_be_seen(error: BaseException) -> None:
    assert leaks(texts_of(error))
