"""Reporters of errors as services run them: each makes texts of an error, which are searched for secrets."""

import io
import json
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import sentry_sdk
import structlog
from rich.traceback import Traceback
from sentry_sdk.envelope import Envelope
from sentry_sdk.integrations.aiohttp import AioHttpIntegration
from sentry_sdk.transport import Transport
from structlog.tracebacks import ExceptionDictTransformer

from circleci_v1_async import CircleCIError

# Where a text was found, and the text.
Texts = Iterator[tuple[str, str]]

TESTS = str(Path(__file__).parents[1])


def is_callers_own(filename: str) -> bool:
    """The variables of the tests are secrets by intention: those of a user's own functions."""
    return filename.startswith(TESTS)


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error and everything that hangs on it, also what is not shown."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        if (each := waiting.pop()) is not None and id(each) not in seen:
            seen.add(id(each))
            waiting += [each.__cause__, each.__context__, *getattr(each, "exceptions", ())]
            yield each


def by_itself(error: BaseException) -> Texts:
    for each in chain(error):
        name = type(each).__name__
        yield f"str of {name}", str(each)
        yield f"repr of {name}", repr(each)
        yield f"args of {name}", repr(each.args)
        yield f"attributes of {name}", repr(vars(each))
        yield f"notes of {name}", repr(getattr(each, "__notes__", ()))
        if hasattr(each, "headers"):
            yield f"headers of {name}", repr(list(each.headers.items()))


def by_pickle(error: BaseException) -> Texts:
    for each in chain(error):
        if isinstance(each, CircleCIError):
            for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
                yield f"pickle of {type(each).__name__}", pickle.dumps(each, protocol).decode("latin-1")


def by_traceback(error: BaseException) -> Texts:
    for each in chain(error):
        report = traceback.TracebackException.from_exception(each, capture_locals=True)
        yield f"traceback of {type(each).__name__}", "".join(report.format_exception_only())
        for frame in report.stack:
            if not is_callers_own(frame.filename):
                yield f"{frame.filename}:{frame.lineno} {frame.name}", f"{frame.line} {frame.locals}"


def by_logging(error: BaseException) -> Texts:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.handle(logging.LogRecord("app", logging.ERROR, "", 0, "It failed: %r", (error,), exc_info(error)))
    yield "log with exc_info", written.getvalue()


def by_rich(error: BaseException) -> Texts:
    for each in chain(error):
        for stack in Traceback.extract(*exc_info(each), show_locals=True).stacks:
            yield f"rich's {stack.exc_type}", f"{stack.exc_value} {getattr(stack, 'notes', '')}"
            for frame in stack.frames:
                if not is_callers_own(frame.filename):
                    # Not rendered, which would break lines within secrets.
                    shown = {name: str(node) for name, node in (frame.locals or {}).items()}
                    yield f"{frame.filename}:{frame.lineno} {frame.name}", f"{frame.line} {shown}"


def by_structlog(error: BaseException) -> Texts:
    for each in chain(error):
        yield from of_structlog(structlog.processors.dict_tracebacks(None, "error", {"exc_info": each})["exception"])


def by_structlog_without_rich(error: BaseException) -> Texts:
    for each in chain(error):
        yield from of_structlog(ExceptionDictTransformer(show_locals=True, use_rich=False)(exc_info(each)))


def of_structlog(stacks: list[dict[str, Any]]) -> Texts:
    for stack in stacks:
        frames = stack.pop("frames")
        yield f"structlog's {stack['exc_type']}", json.dumps(stack, default=repr)
        for frame in frames:
            if not is_callers_own(frame["filename"]):
                yield f"{frame['filename']}:{frame['lineno']} {frame['name']}", json.dumps(frame)


class Letterbox(Transport):
    """What sentry-sdk would send."""

    def __init__(self) -> None:
        super().__init__()
        self.envelopes: list[Envelope] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        self.envelopes.append(envelope)


class Sentry:
    """sentry-sdk as it is by default, but that it sends nothing and looks for no frameworks of the web."""

    def __init__(self) -> None:
        self.letterbox = Letterbox()

    def __enter__(self) -> Self:
        sentry_sdk.init(
            "https://key@sentry.invalid/1",
            transport=self.letterbox,
            auto_enabling_integrations=False,
            integrations=[AioHttpIntegration()],
        )
        return self

    def __exit__(self, *_: object) -> None:
        sentry_sdk.get_client().close()
        sentry_sdk.get_global_scope().set_client(None)
        for scope in (sentry_sdk.get_isolation_scope(), sentry_sdk.get_current_scope()):
            scope.clear()

    def report(self, error: BaseException) -> Texts:
        assert sentry_sdk.capture_exception(error) is not None
        yield from self.sent()

    def sent(self) -> Texts:
        """What was sent since, also by itself on account of logs."""
        while self.letterbox.envelopes:
            for item in self.letterbox.envelopes.pop(0).items:
                yield from of_sentry(json.loads(item.payload.get_bytes()))


def of_sentry(event: dict[str, Any]) -> Texts:
    for breadcrumb in event.get("breadcrumbs", {}).get("values", ()):
        # sentry-sdk writes down by itself where each request goes, as the guide says.
        breadcrumb.get("data", {}).pop("http.query", None)
    for value in event.get("exception", {}).get("values", ()):
        frames = value.pop("stacktrace", {}).get("frames", ())
        for frame in frames:
            if not is_callers_own(frame["abs_path"]):
                yield f"{frame['abs_path']}:{frame['lineno']} {frame['function']}", json.dumps(frame)
    yield "sentry's event", json.dumps(event)


def exc_info(error: BaseException) -> Any:
    return type(error), error, error.__traceback__


REPORTERS: dict[str, Callable[[BaseException], Texts]] = {
    "the error itself": by_itself,
    "pickle": by_pickle,
    "traceback": by_traceback,
    "logging": by_logging,
    "rich": by_rich,
    "structlog": by_structlog,
    "structlog without rich": by_structlog_without_rich,
}


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
