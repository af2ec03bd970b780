"""A fake CircleCI for tests: a server on loopback that behaves as the API v1.1 does.

With pytest, ask for the fixtures `fake_circleci`, a fake without projects, and `circleci`, a session with it:

    async def test_the_bot_tells_of_a_failure(fake_circleci, circleci):
        fake_circleci.add_project("github/acme/web")
        fake_circleci.add_build("github/acme/web", status="failed")
        assert await report(circleci) == "acme/web #1 failed"

The test may be run by pytest-asyncio or by anyio, or be a plain function. Without pytest, use
`async with FakeCircleCI()`, or `with ThreadedFakeCircleCI()` in synchronous code. For programs in other languages,
`python -m circleci_v1_async.testing` serves the fake as a process of its own.
"""

from circleci_v1_async.testing._drift import Drift
from circleci_v1_async.testing._rates import RateLimit
from circleci_v1_async.testing._requests import RequestLog
from circleci_v1_async.testing._state import GeneratedBytes
from circleci_v1_async.testing._wire import ReceivedRequest
from circleci_v1_async.testing.server import FakeCircleCI
from circleci_v1_async.testing.threaded import ThreadedFakeCircleCI

__all__ = [
    "Drift",
    "FakeCircleCI",
    "GeneratedBytes",
    "RateLimit",
    "ReceivedRequest",
    "RequestLog",
    "ThreadedFakeCircleCI",
]
