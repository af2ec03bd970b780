"""A fake CircleCI for tests: a real server on loopback that behaves as the API v1.1 does."""

from circleci_v1_async.testing._drift import Drift
from circleci_v1_async.testing._exchange import ReceivedRequest
from circleci_v1_async.testing.server import FakeCircleCI

__all__ = ["Drift", "FakeCircleCI", "ReceivedRequest"]
