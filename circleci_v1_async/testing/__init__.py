"""A fake CircleCI for tests: a server on loopback that behaves like the API v1.1.

With pytest, use the fixtures `fake_circleci`, a fake without projects, and `circleci`, a session with the fake:

    async def test_the_bot_reports_a_failure(fake_circleci, circleci):
        fake_circleci.add_project("github/acme/web")
        fake_circleci.add_build("github/acme/web", status="failed")
        assert await report(circleci) == "acme/web #1 failed"

Tests can be plain functions, or coroutines that pytest-asyncio or anyio runs. Without pytest, use
`async with FakeCircleCI()`, or `with ThreadedFakeCircleCI()` in synchronous code. For programs in other languages,
`python -m circleci_v1_async.testing` serves the fake in a separate process.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from circleci_v1_async.testing._script.drift import Drift as Drift
    from circleci_v1_async.testing._script.rates import RateLimit as RateLimit
    from circleci_v1_async.testing._server.requests import RequestLog as RequestLog
    from circleci_v1_async.testing._state.files import GeneratedBytes as GeneratedBytes
    from circleci_v1_async.testing._server.wire import ReceivedRequest as ReceivedRequest
    from circleci_v1_async.testing.server import FakeCircleCI as FakeCircleCI
    from circleci_v1_async.testing.threaded import ThreadedFakeCircleCI as ThreadedFakeCircleCI

else:
    # Import names lazily: pytest imports this package for its plugin, in every run.
    _HOMES = {
        "Drift": "_script.drift",
        "RateLimit": "_script.rates",
        "RequestLog": "_server.requests",
        "GeneratedBytes": "_state.files",
        "ReceivedRequest": "_server.wire",
        "FakeCircleCI": "server",
        "ThreadedFakeCircleCI": "threaded",
    }
    __all__ = sorted(_HOMES)  # noqa: PLE0605

    def __getattr__(name):
        """Import a name from its module on first use."""
        from importlib import import_module  # noqa: PLC0415

        if name in {"server", "threaded"}:
            return import_module(f".{name}", __name__)
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f".{_HOMES[name]}", __name__), name)
        return value

    def __dir__():
        """List all names, including names that have not been imported yet."""
        return sorted({*globals(), *__all__})
