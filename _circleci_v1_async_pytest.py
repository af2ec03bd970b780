"""The pytest plugin of circleci_v1_async, found through its entry point.

It lies outside of the package, so that pytest, which imports it in every run, does not import the package with it.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from circleci_v1_async import CircleCISession
    from circleci_v1_async.testing import FakeCircleCI


@pytest.fixture
def fake_circleci() -> "Iterator[FakeCircleCI]":
    """A fake CircleCI on loopback, without projects until the test adds some: `circleci_v1_async.testing.FakeCircleCI`.

    A thread serves it, so that asynchronous and synchronous tests may use it alike.
    """
    from circleci_v1_async.testing import ThreadedFakeCircleCI  # noqa: PLC0415 - imported for whom needs it

    with ThreadedFakeCircleCI() as fake:
        yield fake


@pytest.fixture
def circleci(fake_circleci: "FakeCircleCI") -> "Iterator[CircleCISession]":
    """A `circleci_v1_async.CircleCISession` with `fake_circleci`, for one event loop; closed at the end."""
    from circleci_v1_async.testing._plugin import open_session  # noqa: PLC0415 - as above

    with open_session(fake_circleci) as ci:
        yield ci
