"""Test results of builds."""

from typing import Any, ClassVar

from circleci_v1_async.enums import TestResult

from ._model import Model, model

__all__ = ["TestMetadata"]


@model(kw_only=True)
class TestMetadata(Model):
    """The result of one test."""

    __test__: ClassVar[bool] = False  # otherwise, pytest would collect the class because of its name

    name: str | None = None
    """Name of the test."""

    classname: str | None = None
    """Class or module of the test; can be empty."""

    file: str | None = None
    """File that contains the test; often null."""

    result: TestResult | None = None
    """Result of the test."""

    message: str | None = None
    """Message of the failure; null if the test did not fail."""

    run_time: float | None = None
    """Duration in seconds."""

    source: str | None = None
    """Test framework, or `unknown`."""

    source_type: str | None = None
    """Always the same as `source` in the replies seen so far."""


@model(kw_only=True)
class TestReport(Model):
    """The reply that contains the test results of a build."""

    __test__: ClassVar[bool] = False  # otherwise, pytest would collect the class because of its name

    tests: tuple[TestMetadata, ...] = ()
    """Test results, in the service's order."""

    exceptions: tuple[Any, ...] = ()
    """Problems with the test result files. Always empty in the replies seen so far."""
