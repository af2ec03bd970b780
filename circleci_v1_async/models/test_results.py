"""Results of the tests that builds ran."""

from typing import Any, ClassVar

from circleci_v1_async.enums import TestResult

from ._model import Model, model

__all__ = ["TestMetadata"]


@model(kw_only=True)
class TestMetadata(Model):
    """The result of one test."""

    __test__: ClassVar[bool] = False  # pytest would collect a class of this name

    name: str | None = None
    """Name of the test."""

    classname: str | None = None
    """Class or module of the test; may be empty."""

    file: str | None = None
    """File that holds the test; often null."""

    result: TestResult | None = None
    """Result of the test."""

    message: str | None = None
    """Message of the failure; null when the test did not fail."""

    run_time: float | None = None
    """Duration in seconds."""

    source: str | None = None
    """Test framework, or `unknown`."""

    source_type: str | None = None
    """Same as `source` when seen."""


@model(kw_only=True)
class TestReport(Model):
    """The object that holds the tests of a build in a reply."""

    __test__: ClassVar[bool] = False  # pytest would collect a class of this name

    tests: tuple[TestMetadata, ...] = ()
    """Results of the tests, in the order of the service."""

    exceptions: tuple[Any, ...] = ()
    """Problems with the files of results. Always empty when seen."""
