"""Results of the tests that builds ran."""

from typing import Final

from circleci_v1_async.enums import TestResult
from circleci_v1_async.models import BuildSummary, TestMetadata, TestReport
from circleci_v1_async.request import Request
from circleci_v1_async.slug import ProjectSlug

from .base import Operations
from .paths import BUILD, build_values

__all__ = ["TestResultOperations"]

_NO_FAILURE: Final = frozenset({TestResult.SUCCESS, TestResult.SKIPPED})


class TestResultOperations(Operations):
    """Results of the tests that builds ran."""

    async def list_build_tests(
        self, project: ProjectSlug | str | BuildSummary, build_num: int | None = None
    ) -> list[TestMetadata]:
        """The results of a build's tests. Empty when it stored none.

        `GET /project/{project}/{build_num}/tests` (openapi.yml: listBuildTests).

        An item that does not fit is left out, so the list may be shorter than the list that was sent.

        Raises:
            NotFoundError: There is no such build, or the token may not see it.
        """
        report = await self.send(Request("GET", f"{BUILD}/tests", build_values(project, build_num), returns=TestReport))
        return list(report.tests)

    async def list_failed_tests(
        self, project: ProjectSlug | str | BuildSummary, build_num: int | None = None
    ) -> list[TestMetadata]:
        """The tests of a build that failed. Empty when none did, or when it stored no results.

        One request, that of `list_build_tests`. A test has failed if its result is neither `success` nor `skipped`,
        also when this package does not know the result, or when there is none.

        An item that does not fit is left out, so the list may be shorter than the list that was sent.

        Raises:
            NotFoundError: There is no such build, or the token may not see it.

        Examples:
            ```python
            for test in await ci.list_failed_tests("gh/acme/web", 7):
                print(test.file, test.name, test.message)
            ```
        """
        return [test for test in await self.list_build_tests(project, build_num) if test.result not in _NO_FAILURE]
