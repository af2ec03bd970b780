"""The pytest plugin of circleci_v1_async, which pytest finds through an entry point.

The module is outside of the package, so that pytest, which imports it in every run, does not import the package too.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from circleci_v1_async import CircleCISession
    from circleci_v1_async.testing import FakeCircleCI


@pytest.fixture
def fake_circleci(request: pytest.FixtureRequest) -> "Iterator[FakeCircleCI]":
    """A fake CircleCI on loopback, without projects: a `circleci_v1_async.testing.FakeCircleCI`.

    A thread serves it, so that asynchronous and synchronous tests can use it. A test that passes although some of the
    faults that it has scripted met no request is an error, unless it sets `fake_circleci.allow_unused_faults = True`.
    """
    from circleci_v1_async.testing import ThreadedFakeCircleCI  # noqa: PLC0415 - imported only when the fixture is used

    failed_before = request.session.testsfailed
    with ThreadedFakeCircleCI() as fake:
        yield fake
    if request.session.testsfailed == failed_before and not fake.allow_unused_faults:
        fake.assert_faults_used()


@pytest.fixture
def circleci(fake_circleci: "FakeCircleCI") -> "Iterator[CircleCISession]":
    """A `circleci_v1_async.CircleCISession` with the fake, for one event loop; closed after the test."""
    from circleci_v1_async.testing._plugin import open_session  # noqa: PLC0415 - as above

    with open_session(fake_circleci) as ci:
        yield ci
