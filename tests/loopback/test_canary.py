"""No secret is in any text that the package makes, or that others make of what it leaves behind."""

import asyncio
import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cli_runner import run
from faults import FAULTS, bodies, connections, statuses
from faults import secrets as faults_of_secrets
from faults.canaries import CANARIES, MARKS, TOKEN
from faults.scenes import Fault, here
from faults.secrets import SECRETS_SENT, make_from_env
from reporters import REPORTERS, Sentry, Texts, by_itself, raised

from circleci_v1_async import CircleCIError, CircleCISession, DecodeError, Request, User, loads
from circleci_v1_async._calls.caller import Caller
from circleci_v1_async._transport import transport as _transport
from circleci_v1_async.request import Reply


def leaks(texts: Texts) -> list[tuple[str, str]]:
    return [(name, where) for where, text in texts for name, mark in MARKS.items() if mark in text]


def texts_of_record(record: logging.LogRecord) -> Texts:
    yield f"log of {record.name}", f"{record.getMessage()} {vars(record)}"
    if record.exc_info and record.exc_info[1]:
        yield from by_itself(record.exc_info[1])


class Search:
    """Has all reporters report errors, and says how many reports were searched."""

    def __init__(self, sentry: Sentry, record_property: Callable[[str, object], None]) -> None:
        self.sentry = sentry
        self.record_property = record_property

    def leaks(self, error: BaseException | None) -> list[tuple[str, str]]:
        """What reporters tell of an error, and sentry-sdk of what was logged."""
        found = leaks(self.sentry.sent())
        if error is not None:
            reporters = (self.sentry.report, *REPORTERS.values())
            for report in reporters:
                found += leaks(report(error))
            self.record_property("searched", len(reporters))
        return found


@pytest.fixture
def search(record_property: Callable[[str, object], None]) -> Iterator[Search]:
    with Sentry() as sentry:
        yield Search(sentry, record_property)


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
    send = Caller.send

    async def keep_and_send(self: Caller, request: Request[Any]) -> Any:
        kept.append(request)
        return await send(self, request)

    monkeypatch.setattr(Caller, "send", keep_and_send)
    monkeypatch.setattr(_transport, "Reply", kept.keep(Reply))
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
    fault: Fault, kept: Kept, search: Search, caplog: pytest.LogCaptureFixture
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
            session = repr(scene.ci) + repr(vars(scene.ci)) + repr(scene.ci._caller.transport) + str(scene.ci)

    assert (type(caught) if caught else None) is fault.raises
    assert search.leaks(caught) == []

    def texts() -> Texts:
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


# One fault of each row of the table in which a server answers, or fails to.
BEHAVIOURS = {
    fault.row: fault
    for module in (bodies, connections, statuses, faults_of_secrets)
    for fault in reversed(module.FAULTS)
    if fault.raises is not None and (fault.script or fault.place is not here)
}


@pytest.mark.fault(42)
@pytest.mark.parametrize("fault", BEHAVIOURS.values(), ids=lambda fault: f"{fault.row}: {fault.name}")
async def test_no_secret_is_in_reports_of_any_way_in_with_a_token_of_the_environment(
    fault: Fault, search: Search
) -> None:
    options = {**fault.options, "timeout": 0.2}
    for call in SECRETS_SENT:
        async with fault._replace(options=options, make=make_from_env).scene() as scene:
            caught: BaseException | None = None
            try:
                await call(scene)
            except Exception as error:  # noqa: BLE001 - those of limiters too
                caught = error
        assert search.leaks(caught) == [], call.__name__


@pytest.mark.fault(100)
@pytest.mark.parametrize("address", ["http://ci.acme.example", "ci", "https://ci.acme.example/api/v1.1"])
def test_no_secret_is_in_reports_of_commands_that_fail(
    address: str, search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_session: CircleCISession) -> None:
        raise LookupError

    monkeypatch.setenv("CIRCLE_TOKEN", TOKEN)
    monkeypatch.setenv("CIRCLE_API_URL", address)
    monkeypatch.setattr(CircleCISession, "get_current_user", fail)
    result = run("whoami")
    assert isinstance(result.exception, SystemExit | LookupError)
    assert search.leaks(result.exception) == []
    assert leaks(iter([("output", result.output)])) == []


@pytest.mark.fault(42)
@pytest.mark.parametrize(
    "data", [f'{{"heroku_api_key": "{TOKEN}"', f'["{TOKEN}"]', f'{{"heroku_api_key": "{TOKEN}"'.encode()]
)
@pytest.mark.parametrize("kind", [User, object()])
def test_no_secret_is_in_what_is_left_of_kept_json_that_cannot_be_loaded(
    data: str | bytes, kind: type, search: Search
) -> None:
    with pytest.raises(CircleCIError) as caught:
        loads(data, kind)
    assert isinstance(caught.value, DecodeError) == (kind is User)
    assert search.leaks(caught.value) == []


@pytest.mark.fault(42)
@pytest.mark.parametrize(("method", "path"), [("get", "/me"), ("POST", "me"), ("POST", "/{name}")])
def test_no_secret_is_in_what_is_left_of_a_request_that_cannot_be_made(method: str, path: str, search: Search) -> None:
    with pytest.raises(CircleCIError) as caught:
        Request(method, path, body={"value": CANARIES["env value"]})
    assert search.leaks(caught.value) == []


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
def test_a_secret_that_is_there_would_be_seen(error: BaseException, search: Search) -> None:
    assert search.leaks(error) != []
